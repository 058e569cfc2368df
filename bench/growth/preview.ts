// One preview after the other, each of settings that nobody asked for before, while mail flows.
import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { populate } from '../population.ts';
import { dataOf, startGateway } from './gateway.ts';
import { type Relayed, relay, Sink, type Work } from './sink.ts';
import type { Stand } from './stand.ts';
import { median, met, percent, printTable, progress, spread } from './table.ts';

const goal = 0.95;
const launcher = new URL('../../bin/postern.mjs', import.meta.url).pathname;

export interface PreviewOptions {
  readonly seconds: number;
  readonly rounds: number;
  readonly peers: number;
  readonly hellos: number;
}

/** `postern shell` on a pipe that stays open. */
class Administrator {
  readonly #child: ChildProcess;
  /** From the command to its last line, ms. */
  readonly times: number[] = [];
  #output = '';
  #asked = 0;

  constructor(data: string) {
    this.#child = spawn(process.execPath, [launcher, 'shell', '--data', data], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdin?.on('error', () => undefined); // where it has ended, `preview` says what is missing
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.#output += chunk.toString();
    });
  }

  /** Of a cipher string that is new: every hello is replayed. Rejects where it is silent for a minute. */
  async preview(busy: () => boolean): Promise<void> {
    const ciphers = `ECDHE+AESGCM${':ECDHE+CHACHA20'.repeat(++this.#asked)}`;
    this.#output = '';
    const began = performance.now();
    this.#child.stdin?.write(`sslconfig INBOUND 2\n${ciphers}\n\npreview\n`);
    while (!/ breaks\.\n| would break\.\n/.test(this.#output)) {
      if (!busy()) return;
      if (performance.now() - began > 60_000) throw new Error(`no preview: ${this.#output}`);
      await sleep(5);
    }
    this.times.push(performance.now() - began);
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin?.end();
    await Promise.race([gone, sleep(5_000, undefined, { ref: false })]);
    this.#child.kill('SIGKILL');
  }
}

export async function measurePreview(stand: Stand, { seconds, rounds, peers, hellos }: PreviewOptions): Promise<void> {
  const sink = await Sink.start(stand);
  const config = `routes:\n  - { domain: dest.example, to: ["127.0.0.1:${sink.port}"] }`;
  progress(`preview: ${peers} peers with ${hellos} hellos of 30 days are written`);
  populate(join(dataOf(stand, 'preview'), 'ledger.db'), { peers, hellos, days: 30 });
  const gateway = await startGateway(stand, { name: 'preview', config });
  const administrator = new Administrator(gateway.data);
  try {
    const work: Work = { connections: 50, perConnection: 100, seconds };
    progress('preview: warm-up');
    await relay(stand, gateway, sink, { ...work, seconds: Math.min(5, seconds) });
    await administrator.preview(() => true);
    administrator.times.length = 0;
    const runs: Record<'still' | 'beside', Relayed[]> = { still: [], beside: [] };
    const once = async (kind: 'still' | 'beside', round: number) => {
      progress(`preview: round ${round} of ${rounds}, ${kind === 'still' ? 'none' : 'one after the other'}`);
      let busy = kind === 'beside';
      const asking = (async () => {
        while (busy) await administrator.preview(() => busy);
      })();
      runs[kind].push(
        await relay(stand, gateway, sink, work).finally(() => {
          busy = false;
        }),
      );
      await asking;
      // What was asked last is still answered.
      if (kind === 'beside') await administrator.preview(() => true);
    };
    for (let round = 1; round <= rounds; round++) {
      // In turns: the machine may become slower or faster meanwhile.
      const order = round % 2 === 1 ? (['still', 'beside'] as const) : (['beside', 'still'] as const);
      for (const kind of order) await once(kind, round);
    }
    const shares = runs.beside.map((run, index) => run.rate / (runs.still[index]?.rate ?? Number.NaN));
    const share = median(shares);
    const row = (what: string, of: readonly Relayed[]) => [
      what,
      spread(of.map((run) => run.rate)),
      spread(of.map(({ cpu }) => cpu)),
    ];
    printTable(
      `preview: ${peers.toLocaleString('en-US')} peers, ${hellos.toLocaleString('en-US')} hellos, one preview after the other under load`,
      ['run', 'relayed/s', 'CPU s per 1,000', 'goal', ''],
      [
        [...row('none', runs.still), '', ''],
        [
          ...row('one after the other', runs.beside),
          `rate within ${percent(1 - goal)}`,
          `${percent(share)} (median of ${rounds} pairs: ${shares.map(percent).join(', ')}): ${met(share >= goal)}`,
        ],
      ],
    );
    const { times } = administrator;
    if (times.length > 0) process.stdout.write(`\nA preview took ${spread(times.map((ms) => ms / 1000))} s.\n`);
  } finally {
    await administrator.close();
    await gateway.stop();
    await sink.stop();
    rmSync(join(stand.directory, 'preview'), { recursive: true, force: true });
  }
}
