// Memory of the whole gateway while a queue of big messages fills and empties: the destination is down first, then up.
//   node bench/memory.ts [--count 10000] [--size 1048576] [--connections 20] [--directory DIR]
// It needs `count` times `size` bytes of disk below DIR (the system's temporary directory), which it leaves empty again.
// Prints resident memory over time and its highest value; status 1 where that is 400 MB or more, or a message is missing.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startLoad } from '../test/gateway/load.ts';
import { startSink } from '../test/gateway/sink.ts';

const bound = 400;
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '10000' },
    size: { type: 'string', default: String(1024 * 1024) },
    connections: { type: 'string', default: '20' },
    directory: { type: 'string', default: tmpdir() },
  },
});
const count = Number(values.count);
const launcher = new URL('../bin/postern.mjs', import.meta.url).pathname;
const say = (text: string) => process.stdout.write(`${text}\n`);

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Resident memory in MB. */
function resident(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024);
}

const directory = mkdtempSync(join(values.directory, 'postern-memory-'));
const undo: (() => unknown)[] = [() => rmSync(directory, { recursive: true, force: true })];
const context = { after: (step: () => unknown) => undo.push(step) };
process.on('SIGINT', () => {
  rmSync(directory, { recursive: true, force: true });
  process.exit(130);
});
try {
  const port = await freePort();
  const sink = await startSink(context);
  await sink.down();
  const config = join(directory, 'gateway.yaml');
  writeFileSync(
    config,
    `hostname: gw.example.com
gui: { ports: [] }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${port}, tls: off }
accept: [example.com]
routes:
  - { domain: "*", to: ["127.0.0.1:${sink.port}"] }
retry: { first: 5s, maximum: 10s, probe: 1s }
dns: { reverse: false }
`,
  );
  const args = [launcher, 'serve', '--data', join(directory, 'data'), '--config', config];
  const gateway = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = new Promise<number | null>((resolve) => gateway.once('exit', resolve));
  undo.push(async () => {
    gateway.kill();
    await exited;
  });
  await new Promise<void>((resolve) => gateway.stdout.once('data', () => resolve()));
  const pid = gateway.pid ?? 0;
  const began = performance.now();
  const report = (what: string, done: number) =>
    say(
      `${((performance.now() - began) / 1000).toFixed(0).padStart(5)} s  ${what} ${String(done).padStart(6)}  ` +
        `resident ${String(resident(pid, 'VmRSS')).padStart(4)} MB, at most ${resident(pid, 'VmHWM')} MB`,
    );
  report('started  ', 0);
  const load = startLoad(context, {
    port,
    connections: Number(values.connections),
    messages: count,
    size: Number(values.size),
    prefix: 'm',
  });
  const every = 5000;
  let full = false;
  load.done.then(
    () => {
      full = true;
    },
    () => undefined,
  );
  while (!full) {
    await Promise.race([sleep(every), load.done]);
    report('queued   ', load.acknowledged.size);
  }
  if (load.refused.length + load.broken.length > 0) say(`refused: ${load.refused[0]}; broken: ${load.broken[0]}`);
  await sink.up();
  const patience = performance.now() + 1_800_000;
  while (sink.arrived.size < load.acknowledged.size && performance.now() < patience) {
    await sleep(every);
    report('delivered', sink.arrived.size);
  }
  const missing = [...load.acknowledged.keys()].filter((id) => !sink.arrived.has(id)).length;
  const highest = resident(pid, 'VmHWM');
  say(
    `${load.acknowledged.size} messages of ${values.size} bytes acknowledged, ${missing} missing, ${sink.duplicates()} twice; ` +
      `at most ${highest} MB resident (bound: ${bound} MB)`,
  );
  if (missing > 0 || load.acknowledged.size < count || highest >= bound) process.exitCode = 1;
} finally {
  for (const step of undo.toReversed()) await step();
}
process.exit();
