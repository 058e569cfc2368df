// A real file system of 64 MB, filled by mail and by others.
import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync, rmSync, statfsSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ask, Bench, delivered, envelopeTo, refused, request, store, type TestWorker, until } from './harness.ts';
import { type FileSystem, withSmallDisk } from './small-disk.ts';

const kilobyte = 1024;
const megabyte = 1024 * kilobyte;

function bench(t: TestContext, document: Record<string, unknown>, directory: string): Bench {
  const made = new Bench(document, directory);
  t.after(() => made.end());
  return made;
}

/** Fills the disk with a foreign file to the last byte. */
function fill(directory: string): string {
  const path = join(directory, 'foreign');
  const fd = openSync(path, 'a');
  for (let size = megabyte; size >= 512; size /= 2) {
    const block = new Uint8Array(size).fill(70);
    try {
      while (writeSync(fd, block) === size);
    } catch {
      // full at this size: go on with smaller ones
    }
  }
  closeSync(fd);
  return path;
}

function free(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}

async function sendUntilRefused(made: Bench, worker: TestWorker, taken: number[]): Promise<string> {
  for (;;) {
    const turn = Array.from({ length: 20 }, async () => {
      const mid = made.nextMid();
      const answer = await store(worker, {
        ...request(mid, envelopeTo('bob@example.com')),
        body: new Uint8Array(100 * kilobyte).fill(65),
      });
      if (answer === null) taken.push(mid);
      return answer;
    });
    const refusals = (await Promise.all(turn)).filter((answer) => answer !== null);
    if (refusals.length > 0) return refusals[0]?.code ?? '';
    assert.ok(taken.length < 2000, 'the disk never fills');
  }
}

for (const type of ['tmpfs', 'ext4'] as const) {
  test(`${type}: mail fills the disk, deliveries are recorded, mail flows again`, async (t) => {
    await filledByMail(t, type);
  });
  test(`${type}: a foreign file takes the last byte: nothing lost, nothing twice, mail flows again`, async (t) => {
    await filledByOthers(t, type);
  });
}

async function filledByMail(t: TestContext, type: FileSystem): Promise<void> {
  await withSmallDisk(
    t,
    64,
    async (disk) => {
      const directory = join(disk, 'spool');
      const made = bench(t, { spool: { reserve: '8MiB', lowWater: '4MiB', lowWaterShare: 0 } }, directory);
      let spool = made.start();
      const worker = made.worker(spool, 'w0', 0);
      await until(() => existsSync(join(directory, 'reserve')), 'the reserve');
      const taken: number[] = [];
      // The low-water mark is announced before the disk is really full; a worker that does not listen fills it.
      assert.equal(await sendUntilRefused(made, worker, taken), 'disk-full');
      await until(() => worker.full.at(-1) === true, 'the workers are told');
      assert.ok(taken.length > 100, `${taken.length} taken`);
      assert.equal((await ask(spool)('status')).messages, taken.length);
      // Half of them are delivered: recorded although the disk is full, and then there is room.
      const half = taken.splice(0, taken.length >> 1);
      for (const mid of half) worker.client.finished(mid);
      await until(async () => (await ask(spool)('status')).messages === taken.length, 'all deliveries are recorded');
      await until(() => worker.full.at(-1) === false, 'mail is taken again');
      const mid = made.nextMid();
      assert.equal(await store(worker, request(mid, envelopeTo('bob@example.com'))), null);
      taken.push(mid);
      await spool.stop();
      spool = made.start();
      const later = made.worker(spool, 'w0', 1000);
      const seen = new Set<number>();
      await until(() => {
        for (const job of later.jobs.splice(0)) {
          assert.ok(!seen.has(job.mid), 'handed out once');
          seen.add(job.mid);
          later.client.outcome({ mid: job.mid, destination: job.destination, recipients: [delivered(0)] });
        }
        return seen.size === taken.length;
      }, 'the other half is there');
      assert.deepEqual(
        [...seen].sort((a, b) => a - b),
        taken,
      );
      await until(async () => (await ask(spool)('status')).messages === 0, 'all is delivered');
    },
    type,
  );
}

async function filledByOthers(t: TestContext, type: FileSystem): Promise<void> {
  await withSmallDisk(
    t,
    64,
    async (disk) => {
      const directory = join(disk, 'spool');
      const made = bench(
        t,
        { spool: { reserve: '4MiB', lowWater: '2MiB', lowWaterShare: 0 }, retry: { jitter: 0 } },
        directory,
      );
      const spool = made.start();
      const worker = made.worker(spool, 'w0', 0);
      const taken: number[] = [];
      for (let i = 0; i < 100; i++) {
        const mid = made.nextMid();
        assert.equal(await store(worker, request(mid, envelopeTo('bob@example.com'))), null);
        taken.push(mid);
      }
      const foreign = fill(disk);
      assert.ok(free(disk) < 64 * kilobyte);
      await until(() => worker.full.at(-1) === true, 'the workers are told');
      // Recorded with the reserve: half delivered, a quarter bounced (each writes a notice), the rest stays under way.
      for (const mid of taken.slice(0, 50)) worker.client.finished(mid);
      for (const mid of taken.slice(50, 75)) {
        worker.client.outcome({ mid, destination: 'example.com', recipients: [refused(0)] });
      }
      await until(async () => (await ask(spool)('status')).messages === 50, '25 under way and 25 notices');
      // The foreign program takes what the reserve freed: nothing can be recorded, nothing is dialled.
      fill(disk);
      // More reports than free pages of the log could take.
      const big = made.nextMid();
      assert.equal(
        (await store(worker, { ...request(big, envelopeTo('x@y.example')), body: new Uint8Array(megabyte) }))?.code,
        'disk-full',
      );
      for (const mid of taken.slice(75)) {
        worker.client.outcome({
          mid,
          destination: 'example.com',
          recipients: [refused(0, `550 5.1.1 ${'x'.repeat(400)}`)],
        });
      }
      await until(() => made.log.has('Deliveries cannot be recorded, delivery stops'), 'delivery stops');
      const idle = made.worker(spool, 'w1', 10);
      await new Promise((resolve) => setTimeout(resolve, 1000));
      assert.equal(idle.jobs.length, 0, 'nothing is dialled, though 25 notices are due');
      rmSync(foreign);
      await until(async () => (await ask(spool)('status')).messages === 50, '50 notices');
      await until(() => worker.full.at(-1) === false, 'mail is taken again');
      assert.ok(made.log.has('Deliveries can be recorded again'));
      await until(() => idle.jobs.length > 0, 'delivery goes on');
      assert.equal(made.log.lines.filter((line) => line.includes('was generated for bounce')).length, 50);
      for (const mid of taken.slice(50)) {
        const count = made.log.lines.filter((line) => line.endsWith(`was generated for bounce of MID ${mid}`)).length;
        assert.equal(count, 1, `MID ${mid} has ${count} bounces`);
      }
      const mid = made.nextMid();
      assert.equal(await store(worker, request(mid, envelopeTo('bob@example.com'))), null);
      assert.equal((await ask(spool)('status')).full, false);
      writeFileSync(join(disk, 'room'), 'there is');
    },
    type,
  );
}
