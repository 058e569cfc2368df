// The data directory, logs included, on a small file system: filled by mail, then by somebody else's file.
import assert from 'node:assert/strict';
import { appendFileSync, closeSync, openSync, rmSync, statfsSync, statSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type FileSystem, withSmallDisk } from '../spool/small-disk.ts';
import { freePort, type RunningGateway, startGateway } from './harness.ts';
import { type Load, startLoad } from './load.ts';
import { emptied, openSession } from './session.ts';
import { type Sink, startSink } from './sink.ts';

const megabytes = 64;
const options = { timeout: 180_000 };

function configuration(port: number, destination: number, hostname = 'gw.example.com'): string {
  return `hostname: ${hostname}
gui: { ports: [] }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${port}, tls: off }
accept: [example.com]
routes:
  - { domain: "*", to: ["127.0.0.1:${destination}"] }
spool: { reserve: 2MiB, lowWater: 8MiB, lowWaterShare: 0, bigBody: 64KiB }
retry: { first: 500ms, maximum: 1s, probe: 500ms }
dns: { reverse: false }
`;
}

/** Writes a file until not one block is left; returns what removes it. */
function foreignFile(directory: string): () => void {
  const path = join(directory, 'foreign');
  const file = openSync(path, 'w');
  for (let size = 1024 * 1024; size >= 512; size /= 2) {
    const block = Buffer.alloc(size, 1);
    try {
      while (writeSync(file, block) > 0);
    } catch (error) {
      assert.match(String(error), /ENOSPC/);
    }
  }
  closeSync(file);
  const { bavail, bsize } = statfsSync(directory);
  assert.ok(bavail * bsize < 256 * 1024, `${bavail * bsize} bytes are free`);
  return () => rmSync(path);
}

/** Waits until the load was refused so often. */
async function refusals(load: Load, count: number): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (load.refused.length < count) {
    assert.ok(performance.now() < deadline, `refused ${load.refused.length} times, ${load.acknowledged.size} taken`);
    await sleep(20);
  }
}

/** Everything that was acknowledged arrives once, all refusals were 452 4.3.1, no connection broke. */
async function assertWhole(t: TestContext, gateway: RunningGateway, sink: Sink, loads: readonly Load[]): Promise<void> {
  const acknowledged = loads.flatMap((load) => [...load.acknowledged.keys()]);
  await sink.all(acknowledged, 60_000);
  await emptied(t, gateway.data);
  assert.equal(gateway.child.exitCode, null, gateway.output());
  assert.equal(sink.duplicates(), 0, 'messages that came twice');
  assert.equal(sink.arrived.size, acknowledged.length, 'a refused message arrived');
  for (const load of loads) {
    assert.deepEqual(
      load.refused.filter((reply) => !reply.startsWith('452 4.3.1 ')),
      [],
    );
    assert.deepEqual(load.broken, []);
  }
}

/** Mail is taken again; returns how long that took, in ms. */
async function flowsAgain(t: TestContext, port: number, prefix: string): Promise<Load> {
  const load = startLoad(t, { port, connections: 4, messages: 400, prefix, size: 20_000, pause: 50 });
  const deadline = performance.now() + 30_000;
  while (load.acknowledged.size < 50) {
    assert.ok(performance.now() < deadline, `${load.acknowledged.size} messages taken; ${load.refused.at(-1)}`);
    await sleep(20);
  }
  await load.stop();
  return load;
}

for (const type of ['ext4', 'tmpfs'] satisfies FileSystem[]) {
  test(
    `${megabytes} MB ${type} filled by mail while the destination is down: 452, nothing lost, nothing twice`,
    options,
    async (t) => {
      await withSmallDisk(
        t,
        megabytes,
        async (directory) => {
          const port = await freePort();
          const sink = await startSink(t);
          await sink.down();
          const config = configuration(port, sink.port);
          const gateway = await startGateway(t, { config, data: join(directory, 'data') });
          const small = startLoad(t, { port, connections: 4, prefix: 'small', size: 10_000, pause: 50 });
          const big = startLoad(t, { port, connections: 4, prefix: 'big', size: 200_000, pause: 50 });
          await Promise.all([refusals(small, 20), refusals(big, 20)]);
          await Promise.all([small.stop(), big.stop()]);
          const filled = small.acknowledged.size + big.acknowledged.size;
          await gateway.logged(/^Warning: New mail is refused with 452: \d+ bytes free/);

          await sink.up();
          await sink.all([...small.acknowledged.keys(), ...big.acknowledged.keys()], 60_000);
          const again = await flowsAgain(t, port, 'again');
          await assertWhole(t, gateway, sink, [small, big, again]);
          assert.equal(await gateway.stop(), 0);
          t.diagnostic(`${filled} messages filled it, ${small.refused.length + big.refused.length} were refused`);
        },
        type,
      );
    },
  );

  test(
    `${megabytes} MB ${type} filled by a foreign file under load: 452, mail flows again when it is gone`,
    options,
    async (t) => {
      await withSmallDisk(
        t,
        megabytes,
        async (directory) => {
          const port = await freePort();
          const sink = await startSink(t);
          const config = configuration(port, sink.port);
          const gateway = await startGateway(t, { config, data: join(directory, 'data') });
          const session = await openSession(t, gateway.data);
          const small = startLoad(t, { port, connections: 4, prefix: 'small', size: 10_000, pause: 20 });
          const big = startLoad(t, { port, connections: 4, prefix: 'big', size: 200_000, pause: 20 });
          while (small.acknowledged.size < 50) await sleep(10);
          const remove = foreignFile(directory);
          await Promise.all([refusals(small, 20), refusals(big, 20)]);
          await sleep(2000);
          // The administrator can look; a commit does all of its work, or none and says why.
          assert.match(await session.run('status'), /new mail is refused: the disk is full \(452\)/);
          const tried = await session.commit(configuration(port, sink.port, 'other.example.com'));
          const committed = /Changes committed/.test(tried);
          assert.ok(committed || /the disk is full\.\nMake room on the file system/.test(tried), tried);
          assert.match(await session.run('version'), committed ? /other\.example\.com/ : /gw\.example\.com/);

          remove();
          const taken = small.acknowledged.size;
          const gone = performance.now();
          while (small.acknowledged.size < taken + 20) {
            assert.ok(performance.now() < gone + 30_000, 'mail is not taken again');
            await sleep(20);
          }
          t.diagnostic(`mail flows ${(performance.now() - gone).toFixed(0)} ms after the file is gone`);
          await Promise.all([small.stop(), big.stop()]);
          await assertWhole(t, gateway, sink, [small, big]);
          assert.match(await session.commit(configuration(port, sink.port, 'last.example.com')), /Changes committed/);
          assert.equal(await gateway.stop(), 0);
          // The log is on the same disk: its lines waited in memory.
          const finished = gateway.log().filter((line) => line.startsWith('Info: Message finished MID '));
          assert.equal(new Set(finished).size, sink.arrived.size);
          assert.equal(finished.length, sink.arrived.size);
        },
        type,
      );
    },
  );
}

test(
  'a queue on a disk that a foreign file filled is delivered once the destination is back, each message once',
  options,
  async (t) => {
    await withSmallDisk(
      t,
      megabytes,
      async (directory) => {
        const port = await freePort();
        const sink = await startSink(t);
        await sink.down();
        const config = configuration(port, sink.port);
        const gateway = await startGateway(t, { config, data: join(directory, 'data') });
        const load = startLoad(t, { port, connections: 8, messages: 500, prefix: 'm', size: 10_000 });
        await load.done;
        assert.equal(load.acknowledged.size, 500);
        const remove = foreignFile(directory);
        await sleep(1500);
        await sink.up();
        await assertWhole(t, gateway, sink, [load]);
        const late = startLoad(t, { port, connections: 1, messages: 1, prefix: 'late', once: true });
        await late.done;
        assert.match(late.refused[0] ?? '', /^452 4\.3\.1 /);
        remove();
        const again = await flowsAgain(t, port, 'again');
        await assertWhole(t, gateway, sink, [load, again]);
      },
      'ext4',
    );
  },
);

test(
  'a gateway that starts on a full disk delivers what it holds; without its reserve it says what is wrong',
  options,
  async (t) => {
    await withSmallDisk(
      t,
      megabytes,
      async (directory) => {
        const port = await freePort();
        const sink = await startSink(t);
        await sink.down();
        const config = configuration(port, sink.port);
        const data = join(directory, 'data');
        const first = await startGateway(t, { config, data });
        const load = startLoad(t, { port, connections: 8, messages: 100, prefix: 'm', size: 10_000 });
        await load.done;
        const removeFirst = foreignFile(join(directory, 'data'));
        await first.kill();

        const second = await startGateway(t, { config, data });
        await second.logged(/^Warning: The disk is full: the reserve of \d+ bytes is given up/);
        const late = startLoad(t, { port, connections: 1, messages: 1, prefix: 'late', once: true });
        await late.done;
        assert.match(late.refused[0] ?? '', /^452 4\.3\.1 /);
        await second.kill();

        // Else the first writes might go into what the log has of the disk already.
        const queue = new DatabaseSync(join(data, 'spool', 'spool.db'));
        queue.exec('PRAGMA wal_checkpoint(TRUNCATE)');
        queue.close();
        // As a write leaves it that the kill cut short: its end does not fit on the disk either.
        appendFileSync(join(data, 'logs', 'mail.json'), '{"time":');
        const foreign = join(directory, 'foreign');
        const removeSecond = foreignFile(directory);
        const starts: string[] = [];
        for (const kibibytes of [0, 8, 16, 32]) {
          const { bavail, bsize } = statfsSync(directory);
          truncateSync(foreign, statSync(foreign).size - Math.max(0, kibibytes * 1024 - bavail * bsize));
          const started = await startGateway(t, { data }).catch((error: Error) => error);
          if (started instanceof Error) {
            assert.match(started.message, /the queue \S+spool\.db cannot be opened: the disk is full\nfree some space/);
          } else await started.kill();
          starts.push(`${kibibytes} KiB ${started instanceof Error ? 'refused' : 'ready'}`);
        }
        t.diagnostic(`started with so much left: ${starts.join(', ')}`);
        assert.equal(starts[0], '0 KiB refused');
        removeSecond();
        const third = await startGateway(t, { config, data });
        await sink.up();
        await assertWhole(t, third, sink, [load]);
        removeFirst();
        const again = await flowsAgain(t, port, 'again');
        await assertWhole(t, third, sink, [load, again]);
      },
      'ext4',
    );
  },
);
