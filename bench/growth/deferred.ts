// A million deferred messages: start-up, new mail beside them, pages of the queue, memory.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Backlog, destinationAt, forgetCache, recipientAt, senderAt, writeBacklog } from './backlog.ts';
import { dataOf, type RunningGateway, startGateway } from './gateway.ts';
import { type Relayed, relay, Sink, type Work } from './sink.ts';
import type { Stand } from './stand.ts';
import { figure, median, met, percent, printTable, progress, type Row, spread } from './table.ts';
import { Terminal } from './terminal.ts';

const goals = { startUp: 5000, share: 0.8, page: 100, resident: 600 };
const screenRows = 50;
const repetitions = 5;

export interface DeferredOptions extends Backlog {
  readonly seconds: number;
  readonly rounds: number;
}

export async function measureDeferred(stand: Stand, options: DeferredOptions): Promise<void> {
  const { count, destinations, seconds, rounds } = options;
  const sink = await Sink.start(stand);
  const running: RunningGateway[] = [];
  // The queued domains have no route: nothing is shared with the destination of the new mail.
  const config = `routes:\n  - { domain: dest.example, to: ["127.0.0.1:${sink.port}"] }`;
  const start = async (name: string) => {
    const gateway = await startGateway(stand, { name, config });
    running.push(gateway);
    return gateway;
  };
  try {
    const spool = join(dataOf(stand, 'full'), 'spool');
    writeBacklog(spool, options);

    progress('deferred: start-up');
    const cold = forgetCache(spool);
    const first = await start('full');
    await first.stop();
    const full = await start('full');
    const empty = await start('empty');
    const rested = { full: full.resident().now, empty: empty.resident().now };
    const pages = await readPages(full, options);

    const work: Work = { connections: 50, perConnection: 100, seconds };
    progress('deferred: warm-up');
    for (const gateway of [empty, full]) await relay(stand, gateway, sink, { ...work, seconds: warmUp(seconds) });
    const rates: Record<'empty' | 'full', Relayed[]> = { empty: [], full: [] };
    for (let round = 1; round <= rounds; round++) {
      progress(`deferred: new mail, round ${round} of ${rounds}, empty queue`);
      rates.empty.push(await relay(stand, empty, sink, work));
      progress(`deferred: new mail, round ${round} of ${rounds}, ${count} in the queue`);
      rates.full.push(await relay(stand, full, sink, work));
    }
    progress('deferred: pages under load');
    const loaded = await pageUnderLoad(stand, full, sink, { ...work, seconds: warmUp(seconds) });

    const share = median(rates.full.map(({ rate }) => rate)) / median(rates.empty.map(({ rate }) => rate));
    const peak = full.resident().peak;
    const slowest = Math.max(...pages.map(({ times }) => median(times)));
    printTable(
      `deferred: ${count.toLocaleString('en-US')} messages for ${destinations.toLocaleString('en-US')} destination(s)`,
      ['figure', 'empty queue', 'full queue', 'goal', ''],
      [
        startRow(`start-up, ${cold ? 'file not in the page cache' : 'page cache as it was'}, ms`, first),
        startRow('start-up, file in the page cache, ms', full, empty),
        [
          'new mail, relayed/s',
          spread(rates.empty.map(({ rate }) => rate)),
          spread(rates.full.map(({ rate }) => rate)),
          `${percent(goals.share)} of empty`,
          `${percent(share)}: ${met(share >= goals.share)}`,
        ],
        [
          'new mail, CPU s per 1,000',
          spread(rates.empty.map(({ cpu }) => cpu)),
          spread(rates.full.map(({ cpu }) => cpu)),
          '',
          '',
        ],
        ...pages.map(({ what, times }): Row => [`page: ${what}, ms`, '', spread(times), '', '']),
        ['the slowest page, its median, ms', '', figure(slowest), `under ${goals.page}`, met(slowest < goals.page)],
        ['page: all, first, under load, ms', '', spread(loaded), '', ''],
        ['RSS after start-up, MiB', figure(rested.empty), figure(rested.full), '', ''],
        [
          'RSS, peak, MiB',
          figure(empty.resident().peak),
          figure(peak),
          `under ${goals.resident}`,
          met(peak < goals.resident),
        ],
        faults(rates),
      ],
    );
  } finally {
    for (const gateway of running) await gateway.stop();
    await sink.stop();
    for (const name of ['full', 'empty']) rmSync(join(stand.directory, name), { recursive: true, force: true });
  }
}

const warmUp = (seconds: number) => Math.min(5, seconds);

function startRow(what: string, full: RunningGateway, empty?: RunningGateway): Row {
  const took = full.readyAfter;
  const beside = empty === undefined ? '' : figure(empty.readyAfter);
  return [what, beside, figure(took), `under ${figure(goals.startUp)}`, met(took < goals.startUp)];
}

function faults({ empty, full }: Readonly<Record<'empty' | 'full', readonly Relayed[]>>): Row {
  const of = (runs: readonly Relayed[]) =>
    runs.map((run) => `${run.acknowledged - run.arrived}/${run.rejects}/${run.lost}`).join(', ');
  return ['missing/rejected/connections lost', of(empty), of(full), '', ''];
}

interface Page {
  readonly what: string;
  readonly times: readonly number[];
}

/** What an administrator at a terminal waits for, several times each. */
async function readPages(gateway: RunningGateway, backlog: Backlog): Promise<Page[]> {
  const { count, destinations } = backlog;
  const terminal = await Terminal.open(gateway.data, screenRows);
  const last = count - 1;
  const commands: readonly (readonly [string, string])[] = [
    ['all, first', 'showrecipients 5'],
    ['of a destination', `showrecipients 1 ${destinationAt(destinations - 1)}`],
    ['of a sender', `showrecipients 2 ${senderAt(last)}`],
    ['of the last recipient', `showrecipients 3 ${recipientAt(last, backlog)}`],
    ['of the last message', `showrecipients 4 ${count}`],
    ['hoststatus all', 'hoststatus all'],
    ['status', 'status'],
  ];
  const pages = new Map<string, number[]>();
  const note = (what: string, took: number) => {
    const times = pages.get(what) ?? [];
    times.push(took);
    pages.set(what, times);
  };
  progress('deferred: pages');
  try {
    for (let round = 0; round < repetitions; round++) {
      for (const [what, command] of commands) {
        let screen = await terminal.enter(command);
        if (/^Error|^Unknown/m.test(screen.text)) throw new Error(`"${command}" failed: ${screen.text}`);
        note(what, screen.took);
        // Screens that end a batch of the listing wait for the next query.
        for (let more = 0; what === 'all, first' && screen.more && more < 40; more++) {
          screen = await terminal.enter('');
          note('all, the next 40 screens', screen.took);
        }
        if (screen.more) await terminal.enter('q');
      }
    }
  } finally {
    terminal.close();
  }
  return [...pages].map(([what, times]) => ({ what, times }));
}

async function pageUnderLoad(stand: Stand, gateway: RunningGateway, sink: Sink, work: Work): Promise<number[]> {
  const terminal = await Terminal.open(gateway.data, screenRows);
  const times: number[] = [];
  let busy = true;
  const load = relay(stand, gateway, sink, work).finally(() => {
    busy = false;
  });
  try {
    // The first half second is handshakes; what comes after the end of the load is not under load.
    const end = performance.now() + (work.seconds ?? 0) * 1000 - 250;
    await sleep(500);
    while (busy && performance.now() < end) {
      const { took, more } = await terminal.enter('showrecipients 5');
      times.push(took);
      if (more) await terminal.enter('q');
      await sleep(250);
    }
    await load;
  } finally {
    terminal.close();
  }
  return times;
}
