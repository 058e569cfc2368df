// One destination is down with thousands of messages; what becomes of the 99 others.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningGateway, startGateway } from './gateway.ts';
import { fillQueue, freePort, type Relayed, relay, Sink, type Work } from './sink.ts';
import type { Stand } from './stand.ts';
import { median, met, percent, printTable, progress, spread } from './table.ts';

const goal = 0.95;
const others = 99;

export interface DownOptions {
  /** Messages for the destination that is down. */
  readonly backlog: number;
  readonly seconds: number;
  readonly rounds: number;
}

export async function measureDown(stand: Stand, { backlog, seconds, rounds }: DownOptions): Promise<void> {
  const sink = await Sink.start(stand);
  const closed = await freePort();
  const names = Array.from({ length: others + 1 }, (_, index) => `d${index}.example`);
  // Domains that share a route share a destination unless they have an entry of their own. Short waits: retries and probes
  // of the one that is down shall fall into the measured time.
  const config = [
    'routes:',
    ...names.map((name, index) => `  - { domain: ${name}, to: ["127.0.0.1:${index === 0 ? closed : sink.port}"] }`),
    'destinations:',
    ...names.map((name) => `  - { domain: ${name}, tls: preferred }`),
    'retry: { first: 5s, maximum: 30s, probe: 1s }',
  ].join('\n');
  const running: RunningGateway[] = [];
  try {
    const start = async (name: string) => {
      const gateway = await startGateway(stand, { name, config });
      running.push(gateway);
      return gateway;
    };
    const [without, beside] = [await start('down-without'), await start('down-with')];
    progress(`down: ${backlog} messages for d0.example`);
    const queue: Work = { connections: 50, perConnection: 100, total: backlog, domains: { first: 0, count: 1 } };
    const queued = await fillQueue(stand, beside, sink, queue);

    const work: Work = { connections: 50, perConnection: 100, seconds, domains: { first: 1, count: others } };
    progress('down: warm-up');
    for (const gateway of [without, beside]) {
      await relay(stand, gateway, sink, { ...work, seconds: Math.min(5, seconds) });
    }
    const runs: Record<'without' | 'beside', Relayed[]> = { without: [], beside: [] };
    for (let round = 1; round <= rounds; round++) {
      progress(`down: round ${round} of ${rounds}, all up`);
      runs.without.push(await relay(stand, without, sink, work));
      progress(`down: round ${round} of ${rounds}, one down`);
      runs.beside.push(await relay(stand, beside, sink, work));
    }
    const rate = (of: readonly Relayed[]) => of.map((run) => run.rate);
    const share = median(rate(runs.beside)) / median(rate(runs.without));
    const row = (what: string, of: readonly Relayed[]) => [
      what,
      spread(rate(of)),
      spread(of.map(({ cpu }) => cpu)),
      of.map((run) => `${run.acknowledged - run.arrived}/${run.rejects}/${run.lost}`).join(', '),
    ];
    printTable(
      `down: ${queued.toLocaleString('en-US')} messages for one destination that is down, mail for ${others} others`,
      ['queue', 'relayed/s', 'CPU s per 1,000', 'missing/rejected/connections lost', 'goal', ''],
      [
        [...row('empty', runs.without), '', ''],
        [...row('one down', runs.beside), `${percent(goal)} of empty`, `${percent(share)}: ${met(share >= goal)}`],
      ],
    );
  } finally {
    for (const gateway of running) await gateway.stop();
    await sink.stop();
    for (const name of ['down-without', 'down-with']) {
      rmSync(join(stand.directory, name), { recursive: true, force: true });
    }
  }
}
