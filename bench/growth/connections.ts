// From ten to ten thousand connections at a time: what a message costs.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { startGateway } from './gateway.ts';
import { type Relayed, relay, Sink } from './sink.ts';
import type { Stand } from './stand.ts';
import { median, met, percent, printTable, progress, spread } from './table.ts';

const goal = 0.25;

export interface ConnectionsOptions {
  readonly connections: readonly number[];
  readonly perConnection: number;
  /** Each run has at least so many messages, and each connection at least `perConnection`. */
  readonly least: number;
  readonly rounds: number;
}

export async function measureConnections(stand: Stand, options: ConnectionsOptions): Promise<void> {
  const { connections, perConnection, least, rounds } = options;
  const sink = await Sink.start(stand);
  const config = `routes:\n  - { domain: dest.example, to: ["127.0.0.1:${sink.port}"] }`;
  const gateway = await startGateway(stand, { name: 'connections', config });
  try {
    progress('connections: warm-up');
    await relay(stand, gateway, sink, { connections: 100, perConnection, total: least });
    const runs = new Map<number, Relayed[]>(connections.map((count) => [count, []]));
    for (let round = 1; round <= rounds; round++) {
      // Up and down in turns: what drifts meets the few and the many alike.
      for (const count of round % 2 === 1 ? connections : connections.toReversed()) {
        progress(`connections: round ${round} of ${rounds}, ${count}`);
        const total = Math.max(least, count * perConnection);
        runs.get(count)?.push(await relay(stand, gateway, sink, { connections: count, perConnection, total }));
      }
    }
    const costs = [...runs.values()].map((of) => median(of.map(({ cpu }) => cpu)));
    const base = costs[0] ?? Number.NaN;
    const range = Math.max(...costs) / Math.min(...costs) - 1;
    printTable(
      `connections: 5 KB, ${perConnection} messages a connection, TLS both sides`,
      [
        'connections',
        'CPU ms per message',
        `of ${connections[0] ?? '-'} connections`,
        'relayed/s',
        'messages',
        'missing/rejected/connections lost',
      ],
      [...runs].map(([count, of], index) => [
        count.toLocaleString('en-US'),
        spread(of.map(({ cpu }) => cpu)),
        percent((costs[index] ?? Number.NaN) / base),
        spread(of.map(({ rate }) => rate)),
        of.map(({ acknowledged }) => acknowledged.toLocaleString('en-US')).join(' + '),
        of.map((run) => `${run.acknowledged - run.arrived}/${run.rejects}/${run.lost}`).join(', '),
      ]),
    );
    process.stdout.write(
      `\nDearest over cheapest: ${percent(range)} more; goal: within ${percent(goal)}: ${met(range <= goal)}. ` +
        `Peak RSS ${Math.round(gateway.resident().peak)} MiB.\n`,
    );
  } finally {
    await gateway.stop();
    await sink.stop();
    rmSync(join(stand.directory, 'connections'), { recursive: true, force: true });
  }
}
