// How the load spreads over the workers, and what a full queue costs in memory.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, startGateway } from './harness.ts';
import { startLoad } from './load.ts';
import { emptied } from './session.ts';
import { startSink } from './sink.ts';

function configuration(port: number, destination: number, more = ''): string {
  return `hostname: gw.example.com
gui: { ports: [] }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${port}, tls: off }
accept: [example.com]
routes:
  - { domain: "*", to: ["127.0.0.1:${destination}"] }
limits: { connectionsPerClient: 500 }
retry: { first: 1s, probe: 500ms, jitter: 0 }
dns: { reverse: false }
${more}`;
}

const roomy = 'spool: { reserve: 1MiB, lowWater: 16MiB, lowWaterShare: 0.001, bigBody: 4KiB }';

test('two workers share the load of 128 connections', { timeout: 120_000 }, async (t) => {
  const port = await freePort();
  const config = configuration(port, await freePort(), roomy);
  const gateway = await startGateway(t, { config, arguments: ['--workers', '2'] });
  // Each client sends as many as the next: a worker that is ahead must not get more for it.
  const clients = Array.from({ length: 128 }, (_, index) =>
    startLoad(t, { port, connections: 1, messages: 10, prefix: `client${index}`, size: 5000 }),
  );
  await Promise.all(clients.map(({ done }) => done));
  for (const client of clients) {
    assert.equal(client.acknowledged.size, 10);
    assert.deepEqual([...client.refused, ...client.broken], []);
  }
  // A body file's name begins with the worker that took it in.
  const files = readdirSync(join(gateway.data, 'spool', 'bodies'));
  assert.equal(files.length, 1280);
  const shares = ['w0-', 'w1-'].map((worker) => files.filter((file) => file.startsWith(worker)).length / files.length);
  t.diagnostic(`the workers took ${shares.map((share) => `${(100 * share).toFixed(0)} %`).join(' and ')}`);
  // The kernel spreads connections by a hash of their ports: 128 of them miss this in one of a hundred thousand runs.
  assert.ok(Math.max(...shares) < 0.7, `${shares}`);
});

/** Resident memory of a process in MB, now and at its highest. */
function memory(pid: number): { readonly now: number; readonly highest: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const megabytes = (field: string) => Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
  return { now: megabytes('VmRSS'), highest: megabytes('VmHWM') };
}

test('300 messages of 1 MB in the queue and out again need less than 400 MB of memory', {
  timeout: 180_000,
  skip: process.platform === 'linux' ? false : 'needs /proc',
}, async (t) => {
  const port = await freePort();
  const sink = await startSink(t);
  await sink.down();
  const gateway = await startGateway(t, { config: configuration(port, sink.port) });
  const pid = gateway.child.pid ?? 0;
  const before = memory(pid).now;
  const load = startLoad(t, { port, connections: 20, messages: 300, prefix: 'm', size: 1024 * 1024 });
  await load.done;
  assert.equal(load.acknowledged.size, 300, `${load.refused[0]} ${load.broken[0]}`);
  const queued = memory(pid).highest;
  await sleep(1500);
  await sink.up();
  await sink.all(load.acknowledged.keys(), 120_000);
  await emptied(t, gateway.data);
  const { highest } = memory(pid);
  t.diagnostic(
    `MB resident: ${before.toFixed(0)} at the start, ${queued.toFixed(0)} at most while they came in, ${highest.toFixed(0)} in all`,
  );
  assert.equal(sink.duplicates(), 0);
  assert.ok(highest < 400, `${highest} MB`);
});
