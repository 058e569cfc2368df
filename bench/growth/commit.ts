// New TLS settings every second while mail flows.
import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startGateway } from './gateway.ts';
import { type Relayed, relay, Sink, type Work } from './sink.ts';
import type { Stand } from './stand.ts';
import { median, met, percent, printTable, progress, spread } from './table.ts';

const goal = 0.95;
const launcher = new URL('../../bin/postern.mjs', import.meta.url).pathname;
const confirmation = 'Changes committed: ';
/** TLS 1.1-1.3 and 1.2-1.3, as the menu of `sslconfig` numbers them: each commit changes something. */
const selections = ['1-3', '1-2'];

export interface CommitOptions {
  readonly seconds: number;
  readonly rounds: number;
}

/** `postern shell` on a pipe that stays open. */
class Administrator {
  readonly #child: ChildProcess;
  /** From the command to its confirmation, ms. */
  readonly times: number[] = [];
  #output = '';
  #commits = 0;
  #began = 0;

  constructor(data: string) {
    this.#child = spawn(process.execPath, [launcher, 'shell', '--data', data], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdin?.on('error', () => undefined); // where it has ended, `commit` says what is missing
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.#output += chunk.toString();
    });
  }

  /** Resolves when the gateway has confirmed. Rejects where it refuses or is silent for 10 s. */
  async commit(): Promise<void> {
    const selection = selections[this.#commits++ % selections.length];
    this.#output = '';
    this.#began = performance.now();
    // The cipher string stays (Enter), the menu is left (Enter).
    this.#child.stdin?.write(`sslconfig INBOUND ${selection}\n\n\ncommit "bench" N\n`);
    while (!this.#output.includes(confirmation)) {
      if (performance.now() - this.#began > 10_000) throw new Error(`not committed: ${this.#output}`);
      await sleep(2);
    }
    this.times.push(performance.now() - this.#began);
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin?.end();
    await gone;
  }
}

export async function measureCommit(stand: Stand, { seconds, rounds }: CommitOptions): Promise<void> {
  const sink = await Sink.start(stand);
  const config = `routes:\n  - { domain: dest.example, to: ["127.0.0.1:${sink.port}"] }`;
  const gateway = await startGateway(stand, { name: 'commit', config });
  const administrator = new Administrator(gateway.data);
  try {
    const work: Work = { connections: 50, perConnection: 100, seconds };
    progress('commit: warm-up');
    await relay(stand, gateway, sink, { ...work, seconds: Math.min(5, seconds) });
    const runs: Record<'still' | 'changing', Relayed[]> = { still: [], changing: [] };
    for (let round = 1; round <= rounds; round++) {
      progress(`commit: round ${round} of ${rounds}, no commits`);
      runs.still.push(await relay(stand, gateway, sink, work));
      progress(`commit: round ${round} of ${rounds}, a commit a second`);
      let busy = true;
      const committing = everySecond(administrator, () => busy);
      const run = relay(stand, gateway, sink, work).finally(() => {
        busy = false;
      });
      const [relayed] = await Promise.all([run, committing]);
      runs.changing.push(relayed);
    }
    const rate = (of: readonly Relayed[]) => of.map((run) => run.rate);
    const share = median(rate(runs.changing)) / median(rate(runs.still));
    const dropped = runs.changing.reduce(
      (sum, run) => sum + run.rejects + run.lost + run.acknowledged - run.arrived,
      0,
    );
    const row = (what: string, commits: string, of: readonly Relayed[]) => [
      what,
      commits,
      spread(rate(of)),
      spread(of.map(({ cpu }) => cpu)),
      of.map((run) => `${run.acknowledged - run.arrived}/${run.rejects}/${run.lost}`).join(', '),
    ];
    const { times } = administrator;
    printTable(
      'commit: new TLS settings every second under load',
      ['run', 'commits', 'relayed/s', 'CPU s per 1,000', 'missing/rejected/connections lost', 'goal', ''],
      [
        [...row('no commits', '0', runs.still), '', ''],
        [
          ...row('a commit a second', String(times.length), runs.changing),
          `rate within ${percent(1 - goal)}; nothing dropped`,
          `${percent(share)}: ${met(share >= goal)}; ${dropped}: ${met(dropped === 0)}`,
        ],
      ],
    );
    const first = runs.changing.find((run) => run.firstError !== '')?.firstError;
    process.stdout.write(
      `\nA commit took ${spread(times)} ms, from the command to its confirmation (${times.length} commits).\n` +
        (first === undefined ? '' : `First error: ${first}\n`),
    );
  } finally {
    await administrator.close();
    await gateway.stop();
    await sink.stop();
    rmSync(join(stand.directory, 'commit'), { recursive: true, force: true });
  }
}

async function everySecond(administrator: Administrator, busy: () => boolean): Promise<void> {
  for (let next = performance.now() + 1000; ; next += 1000) {
    await sleep(Math.max(0, next - performance.now()));
    if (!busy()) return;
    await administrator.commit();
  }
}
