// What becomes of the whole gateway as things grow: its queue, a destination that is down, connections, commits, previews, hellos.
//   npm run bench -- growth [deferred] [down] [connections] [commit] [dashboards] [preview] [variety]   all without a name
//     --seconds 10         of each timed run, after a warm-up
//     --rounds 2           of each comparison, in turns
//     --count 1000000      deferred: messages in the queue (8 GB of disk for a million)
//     --destinations 1     deferred: of how many destinations; a list (1,100000) for one table each
//     --backlog 10000      down: messages for the destination that is down
//     --connections 10,100,1000,10000    connections: how many at a time
//     --per-connection 20  connections: messages on each before it is closed
//     --dashboards 20      dashboards: pages that are open at a time
//     --peers 50000        preview: peers that were seen
//     --hellos 2000        preview: their distinct hellos
//     --variety 200000     variety: hellos in a minute
//     --mail-rate 500      variety: messages a second meanwhile
//     --messages 20000     connections: least number of messages a run
//     --directory DIR      where queues are written; bench/run/growth without
// A gateway is started as bench/adapters/postern does it. Tables go to standard output, progress to standard error; the exit
// status is 0 whatever the figures are, 1 where a part could not be measured.
import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { messageOf } from '../src/errors.ts';
import { measureCommit } from './growth/commit.ts';
import { measureConnections } from './growth/connections.ts';
import { measureDashboards } from './growth/dashboards.ts';
import { measureDeferred } from './growth/deferred.ts';
import { measureDown } from './growth/down.ts';
import { measurePreview } from './growth/preview.ts';
import { prepareStand } from './growth/stand.ts';
import { measureVariety } from './growth/variety.ts';

const parts = ['deferred', 'down', 'connections', 'commit', 'dashboards', 'preview', 'variety'] as const;

function refuse(text: string): never {
  process.stderr.write(`bench: ${text}\n`);
  process.exit(2);
}

function wholeNumbers(name: string, text: string): number[] {
  const numbers = text.split(',').map(Number);
  if (numbers.every((number) => Number.isInteger(number) && number > 0)) return numbers;
  return refuse(`--${name} "${text}": whole numbers above 0 were expected`);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '2' },
    count: { type: 'string', default: '1000000' },
    destinations: { type: 'string', default: '1' },
    backlog: { type: 'string', default: '10000' },
    connections: { type: 'string', default: '10,100,1000,10000' },
    'per-connection': { type: 'string', default: '20' },
    messages: { type: 'string', default: '20000' },
    dashboards: { type: 'string', default: '20' },
    peers: { type: 'string', default: '50000' },
    hellos: { type: 'string', default: '2000' },
    variety: { type: 'string', default: '200000' },
    'mail-rate': { type: 'string', default: '500' },
    directory: { type: 'string' },
  },
});
const number = (name: Exclude<keyof typeof values, 'directory'>) => wholeNumbers(name, values[name])[0] ?? 1;
const unknown = positionals.find((word) => !parts.some((part) => part === word));
if (unknown !== undefined) refuse(`"${unknown}" is none of ${parts.join(', ')}`);
const wanted = parts.filter((part) => positionals.length === 0 || positionals.includes(part));
const [seconds, rounds] = [number('seconds'), number('rounds')];
const [count, backlog, least] = [number('count'), number('backlog'), number('messages')];
const destinations = wholeNumbers('destinations', values.destinations);
const connections = wholeNumbers('connections', values.connections);
if (rounds > 8) refuse('--rounds: at most 8');
if (rounds * connections.length > 24) refuse('--connections: at most 24 runs in all rounds');

const stand = prepareStand(values.directory);
process.stdout.write(`${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores\n`);

const measure = {
  deferred: async () => {
    for (const among of destinations) await measureDeferred(stand, { count, destinations: among, seconds, rounds });
  },
  down: () => measureDown(stand, { backlog, seconds, rounds }),
  connections: () => measureConnections(stand, { connections, perConnection: number('per-connection'), least, rounds }),
  commit: () => measureCommit(stand, { seconds, rounds }),
  preview: () => measurePreview(stand, { seconds, rounds, peers: number('peers'), hellos: number('hellos') }),
  variety: () =>
    measureVariety(stand, { hellos: number('variety'), seconds: 60, rounds, mailRate: number('mail-rate') }),
  dashboards: () => measureDashboards(stand, { seconds, rounds, dashboards: number('dashboards') }),
};
for (const part of wanted) {
  try {
    await measure[part]();
  } catch (error) {
    // The others can still be measured.
    process.stderr.write(`bench: ${part} could not be measured: ${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}
