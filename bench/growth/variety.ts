// 200,000 distinct ClientHellos in a minute while mail flows at a steady rate: what hostile variety does to mail and to ledger.db.
import { once } from 'node:events';
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunningGateway, startGateway } from './gateway.ts';
import { type Relayed, relay, Sink, start, type Work } from './sink.ts';
import type { Stand } from './stand.ts';
import { met, percent, printTable, progress, spread } from './table.ts';

const goal = 0.9;
/** Small, so that its end is reached. */
const bound = 64 * 1024 * 1024;
/** The history writes every 10 s at the latest. */
const settle = 12_000;

export interface VarietyOptions {
  readonly hellos: number;
  readonly seconds: number;
  readonly rounds: number;
  /** Messages a second. */
  readonly mailRate: number;
}

interface Flood {
  readonly refused: number;
  readonly failed: number;
  readonly seconds: number;
}

const kinds = ['none', 'same', 'distinct'] as const;
const titles = { none: 'no hellos', same: 'one hello, again and again', distinct: 'all different' };

export async function measureVariety(
  stand: Stand,
  { hellos, seconds, rounds, mailRate }: VarietyOptions,
): Promise<void> {
  const sink = await Sink.start(stand);
  const config = `dns: { reverse: false }\nroutes:\n  - { domain: dest.example, to: ["127.0.0.1:${sink.port}"] }`;
  const gateway = await startGateway(stand, { name: 'variety', config, limits: `history: ${bound / 1024 / 1024}MiB` });
  try {
    const work: Work = { connections: 50, perConnection: 100, total: mailRate * seconds, rate: mailRate };
    progress('variety: warm-up');
    await relay(stand, gateway, sink, { connections: 50, perConnection: 100, seconds: 3 });
    const runs = { none: [] as Relayed[], same: [] as Relayed[], distinct: [] as Relayed[] };
    const floods = { same: [] as Flood[], distinct: [] as Flood[] };
    for (let round = 1; round <= rounds; round++) {
      for (const kind of kinds) {
        progress(`variety: round ${round} of ${rounds}, ${titles[kind]}`);
        const mail = relay(stand, gateway, sink, work);
        const flood = kind === 'none' ? null : sendHellos(stand, gateway, { hellos, seconds, kind, seed: round });
        runs[kind].push(await mail);
        const sent = await flood;
        if (sent !== null && kind !== 'none') floods[kind].push(sent);
      }
    }
    await sleep(settle);
    const size = sizeOf(gateway);
    const rate = (of: readonly Relayed[]) => spread(of.map((run) => run.rate));
    const cpu = (of: readonly Relayed[]) => spread(of.map((run) => run.cpu));
    // The worst pair.
    const share = Math.min(...runs.distinct.map((run, index) => run.rate / (runs.none[index]?.rate ?? Number.NaN)));
    const missing = kinds.flatMap((kind) => runs[kind]).reduce((sum, run) => sum + run.acknowledged - run.arrived, 0);
    const of = (list: readonly Flood[]) =>
      `${spread(list.map(({ refused }) => refused))} in ${spread(list.map((flood) => flood.seconds))} s, ${list.reduce((sum, { failed }) => sum + failed, 0)} without an answer`;
    const megabytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
    printTable(
      `variety: ${hellos.toLocaleString('en-US')} hellos in ${seconds} s beside ${mailRate} messages a second`,
      ['run', 'hellos', 'relayed/s', 'CPU s per 1,000 messages, hellos included', 'goal', ''],
      [
        [titles.none, '', rate(runs.none), cpu(runs.none), '', ''],
        [titles.same, of(floods.same), rate(runs.same), cpu(runs.same), '', ''],
        [
          titles.distinct,
          of(floods.distinct),
          rate(runs.distinct),
          cpu(runs.distinct),
          `rate within ${percent(1 - goal)}; nothing missing; ledger.db under ${megabytes(bound)}`,
          `${percent(share)} (worst pair): ${met(share >= goal)}; ${missing}: ${met(missing === 0)}; ${megabytes(size)}: ${met(size <= bound)}`,
        ],
      ],
    );
  } finally {
    await gateway.stop();
    await sink.stop();
    rmSync(join(stand.directory, 'variety'), { recursive: true, force: true });
  }
}

function sizeOf({ data }: RunningGateway): number {
  return ['ledger.db', 'ledger.db-wal'].reduce(
    (sum, name) => sum + (statSync(join(data, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}

interface FloodOptions {
  readonly hellos: number;
  readonly seconds: number;
  readonly kind: 'same' | 'distinct';
  readonly seed: number;
}

async function sendHellos(
  { programs }: Stand,
  { port }: RunningGateway,
  { hellos, seconds, kind, seed }: FloodOptions,
): Promise<Flood> {
  const words = { port, total: hellos, seconds, conns: 64, distinct: kind === 'distinct' ? 1 : 0, seed };
  const child = start(
    join(programs, 'hellos'),
    Object.entries(words).flatMap(([name, value]) => [`--${name}`, String(value)]),
  );
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  await once(child, 'close');
  if (!output.startsWith('{')) throw new Error('hellos ended without a report');
  return JSON.parse(output) as Flood;
}
