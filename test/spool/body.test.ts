import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import fc from 'fast-check';
import { createBodyWriters, type SpoolBodyWriter } from '../../src/spool/body.ts';
import type { StoreError } from '../../src/spool/client.ts';
import type { Body } from '../../src/spool/protocol.ts';
import { until } from './harness.ts';
import { withSmallDisk } from './small-disk.ts';

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});
function writers(bigBody: number): { directory: string; open: () => SpoolBodyWriter; files: () => string[] } {
  const directory = mkdtempSync(join(tmpdir(), 'postern-body-'));
  directories.push(directory);
  const open = createBodyWriters({ directory, bigBody: () => bigBody, prefix: 'w0' });
  return { directory, open, files: () => readdirSync(join(directory, 'bodies')) };
}

const finish = (writer: SpoolBodyWriter): Promise<[StoreError | null, Body | null]> =>
  new Promise((resolve) => writer.finish((error, body) => resolve([error, body])));

test('any split of any body comes out byte for byte, in memory or as a file', async () => {
  const { directory, open } = writers(10_000);
  const chunks = fc.array(fc.uint8Array({ maxLength: 8000 }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(chunks, async (pieces) => {
      const writer = open();
      for (const piece of pieces) writer.write(piece.slice());
      const expected = Buffer.concat(pieces);
      assert.equal(writer.size, expected.length);
      const [error, body] = await finish(writer);
      assert.equal(error, null);
      assert.ok(body !== null);
      if (expected.length >= 10_000) {
        assert.ok(!(body instanceof Uint8Array) && body.size === expected.length);
        assert.ok(readFileSync(join(directory, body.file)).equals(expected));
      } else {
        assert.ok(body instanceof Uint8Array && Buffer.from(body).equals(expected));
        // It is posted by structured clone, which copies the buffer behind a view as a whole.
        assert.equal(body.byteLength, body.buffer.byteLength);
      }
    }),
    { numRuns: 60 },
  );
});

test('a fast sender is stopped and let go on', async () => {
  const { open, directory } = writers(1000);
  const writer = open();
  let stops = 0;
  let written = 0;
  const chunk = new Uint8Array(64 * 1024).fill(66);
  await new Promise<void>((resolve) => {
    const feed = () => {
      while (written < 20 * 1024 * 1024) {
        written += chunk.length;
        if (writer.write(chunk.slice())) continue;
        stops++;
        return;
      }
      resolve();
    };
    writer.onDrain = feed;
    feed();
  });
  assert.ok(stops > 5, `stopped ${stops} times`);
  const [error, body] = await finish(writer);
  assert.equal(error, null);
  assert.ok(body !== null && !(body instanceof Uint8Array));
  const bytes = readFileSync(join(directory, body.file));
  assert.equal(bytes.length, 20 * 1024 * 1024);
  assert.ok(bytes.every((byte) => byte === 66));
});

test('abort leaves nothing, whenever it comes', async () => {
  const { open, files } = writers(1000);
  for (let delay = 0; delay < 12; delay++) {
    const writer = open();
    for (let i = 0; i < 40; i++) writer.write(new Uint8Array(32 * 1024));
    if (delay % 2 === 1) writer.finish(() => assert.fail('it was aborted'));
    for (let i = 0; i < delay >> 1; i++) await new Promise((resolve) => setImmediate(resolve));
    writer.abort();
  }
  await until(() => files().length === 0, 'all files are gone');
});

test('a full disk is an error of the one message and leaves nothing behind', async (t) => {
  await withSmallDisk(t, 8, async (disk) => {
    const open = createBodyWriters({ directory: disk, bigBody: () => 1000, prefix: 'w0' });
    const writer = open();
    for (let i = 0; i < 200; i++) writer.write(new Uint8Array(64 * 1024));
    const [error, body] = await finish(writer);
    assert.equal(error?.code, 'disk-full');
    assert.equal(body, null);
    await until(() => readdirSync(join(disk, 'bodies')).length === 0, 'nothing is left');
    await until(async () => {
      const next = open();
      next.write(new Uint8Array(100_000));
      const [failure] = await finish(next);
      return failure === null;
    }, 'the next message is taken');
  });
});
