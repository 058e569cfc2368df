// What is on disk when: before the 250, and before an attempt dials. As the kernel saw it.
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { missing } from '../tls/peers.ts';
import { freePort, startGateway, temporaryDirectory } from './harness.ts';
import { idField, startLoad } from './load.ts';
import { startSink } from './sink.ts';
import { type Call, startTrace } from './trace.ts';

function configuration(port: number, destination: number): string {
  return `hostname: gw.example.com
gui: { ports: [] }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${port}, tls: off }
accept: [example.com]
routes:
  - { domain: "*", to: ["127.0.0.1:${destination}"] }
spool: { reserve: 1MiB, lowWater: 16MiB, lowWaterShare: 0.001, bigBody: 16KiB }
retry: { first: 1s, probe: 1s, jitter: 0 }
dns: { reverse: false }
`;
}

const writes = ['write', 'writev', 'pwrite64', 'pwritev', 'sendto', 'sendmsg'];
const reads = ['read', 'readv', 'recvfrom', 'recvmsg'];
const others = ['fsync', 'fdatasync', 'rename', 'renameat', 'renameat2'];

const isWrite = (call: Call) => writes.includes(call.name) && !call.result.startsWith('-1');

/** The first call that matches and begins after `after` has ended. */
function next(calls: readonly Call[], after: Call, what: string, matches: (call: Call) => boolean): Call {
  const found = calls.find((call) => call.begin > after.end && matches(call));
  assert.ok(found !== undefined, `${what}: not in the trace after ${after.name}(${after.args.slice(0, 80)}`);
  return found;
}

const onLog = (call: Call) => /^\d+<[^>]*\/spool\.db-wal>/.test(call.args);
const isSync = (call: Call) => (call.name === 'fdatasync' || call.name === 'fsync') && call.result === '0';

test('each message, its body and its file are synced to disk before its 250 is written', {
  skip: missing('strace'),
}, async (t) => {
  const port = await freePort();
  const sink = await startSink(t);
  const gateway = await startGateway(t, { config: configuration(port, sink.port) });
  const trace = await startTrace(t, gateway.child.pid ?? 0, [...writes, ...reads, ...others]);
  if (trace === null) return;
  const small = startLoad(t, { port, connections: 4, messages: 40, prefix: 'small' });
  const big = startLoad(t, { port, connections: 2, messages: 10, prefix: 'big', size: 60_000 });
  await Promise.all([small.done, big.done]);
  const calls = await trace.stop();
  assert.deepEqual([small.acknowledged.size, big.acknowledged.size], [40, 10]);

  const replies = calls.filter((call) => isWrite(call) && call.args.includes('"250 2.0.0 '));
  const received = calls.filter((call) => reads.includes(call.name) && call.args.includes(idField));
  for (const id of [...small.acknowledged.keys(), ...big.acknowledged.keys()]) {
    const mark = `${idField}${id}\\r\\n`;
    const read = received.find((call) => call.args.includes(mark) && call.args.includes(`:${port}->`));
    assert.ok(read !== undefined, `${id} was not read from a client`);
    const connection = /^(\d+<[^>]*->[^>]*>)/.exec(read.args)?.[1] ?? '';
    const reply = replies.find((call) => call.begin > read.end && call.args.startsWith(connection));
    assert.ok(reply !== undefined, `${id}: no 250 on ${connection}`);

    let row: Call;
    if (id.startsWith('big')) {
      const written = next(calls, read, `${id} into its file`, (call) => isWrite(call) && call.args.includes(mark));
      const file = /<([^>]*\/bodies\/[^>]*)\.new>/.exec(written.args)?.[1] ?? '';
      assert.notEqual(file, '', written.args.slice(0, 100));
      const last = calls.findLast((call) => isWrite(call) && call.args.includes(`<${file}.new>`)) ?? written;
      const synced = next(
        calls,
        last,
        `${id}: its file`,
        (call) => isSync(call) && call.args.includes(`<${file}.new>`),
      );
      const renamed = next(calls, synced, `${id}: its name`, (call) => call.args.includes(`"${file}.new", "${file}"`));
      const listed = next(
        calls,
        renamed,
        `${id}: the directory`,
        (call) => isSync(call) && /\/bodies>/.test(call.args),
      );
      const name = file.slice(file.lastIndexOf('/') + 1);
      row = next(calls, listed, `${id}: its row`, (call) => isWrite(call) && onLog(call) && call.args.includes(name));
    } else {
      row = next(calls, read, `${id}: its row`, (call) => isWrite(call) && onLog(call) && call.args.includes(mark));
    }
    const durable = next(calls, row, `${id}: its transaction`, (call) => isSync(call) && onLog(call));
    assert.ok(durable.end < reply.begin, `${id}: 250 before the transaction was on disk`);
  }
  const syncs = calls.filter((call) => isSync(call) && onLog(call)).length;
  t.diagnostic(`50 messages, ${syncs} syncs of the queue's log`);
});

/** Kills the gateway at the `count`th connect(2) of its worker; returns how often it dialled, and what its queue says. */
async function killedAtConnect(t: TestContext, count: number) {
  const port = await freePort();
  const destination = await freePort();
  const config = configuration(port, destination);
  const gateway = await startGateway(t, { config, arguments: ['--workers', '1'] });
  const exited = new Promise<string | null>((resolve) => gateway.child.once('exit', (_, signal) => resolve(signal)));
  const inject = ['-e', `inject=connect:signal=KILL:when=${count}`];
  const trace = await startTrace(t, gateway.child.pid ?? 0, ['connect'], inject);
  if (trace === null) return null;
  const load = startLoad(t, { port, connections: 1, messages: 1, prefix: 'm', once: true });
  assert.equal(await exited, 'SIGKILL');
  await load.done;
  const calls = await trace.stop();
  // A UDP connect sends nothing: it asks the kernel for the address of ours that the log names.
  const dials = calls.filter(({ args }) => args.includes('<TCP:') && args.includes(`htons(${destination})`));
  const copy = temporaryDirectory(t);
  cpSync(join(gateway.data, 'spool'), copy, { recursive: true });
  const database = new DatabaseSync(join(copy, 'spool.db'));
  const active = database.prepare('SELECT mid FROM active').all();
  const jobs = database.prepare('SELECT attempts FROM job').all();
  database.close();
  const recorded = active.length > 0 ? 1 : Number(jobs[0]?.['attempts'] ?? 0);
  return { dials: dials.length, recorded };
}

test('an attempt is on disk before it is dialled', { skip: missing('strace'), timeout: 120_000 }, async (t) => {
  const seen = new Set<number>();
  for (const count of [1, 3, 5]) {
    const killed = await killedAtConnect(t, count);
    if (killed === null) return;
    assert.equal(killed.recorded, killed.dials, `dialled ${killed.dials} times, ${killed.recorded} on disk`);
    seen.add(killed.dials);
  }
  assert.deepEqual([...seen], [1, 2, 3]);
});
