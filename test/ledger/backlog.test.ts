import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { Backlog } from '../../src/ledger/backlog.ts';
import { temporaryDirectory } from './fixture.ts';

const upTo = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `line ${from + index}`);

/** Takes all there is, `size` bytes at a time. */
function drain(backlog: Backlog, size = 1000): string[] {
  const lines: string[] = [];
  for (let batch = backlog.peek(size); batch !== null; batch = backlog.peek(size)) {
    lines.push(...batch.lines);
    backlog.forget(batch);
  }
  return lines;
}

test('any order of adding, taking, forgetting and restarting gives the lines once and in order', (t) => {
  const root = temporaryDirectory(t);
  let run = 0;
  const step = fc.oneof(
    fc.record({ do: fc.constant('push' as const), count: fc.integer({ min: 1, max: 400 }) }),
    fc.record({ do: fc.constant('take' as const), size: fc.integer({ min: 1, max: 20_000 }) }),
    fc.record({ do: fc.constant('peek' as const) }),
    fc.record({ do: fc.constant('restart' as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const directory = join(root, `${run++}`);
      let backlog = new Backlog({ directory, limit: 1_000_000_000 });
      let pushed = 0;
      const taken: string[] = [];
      for (const each of steps) {
        if (each.do === 'push') {
          backlog.push(upTo(each.count, pushed));
          pushed += each.count;
        } else if (each.do === 'take') {
          const batch = backlog.peek(each.size);
          assert.equal(batch === null, backlog.empty);
          if (batch === null) continue;
          taken.push(...batch.lines);
          backlog.forget(batch);
        } else if (each.do === 'peek') backlog.peek(100);
        else {
          backlog.close();
          backlog = new Backlog({ directory, limit: 1_000_000_000 });
        }
      }
      assert.equal(backlog.countLines(), pushed - taken.length);
      taken.push(...drain(backlog));
      assert.deepEqual(taken, upTo(pushed));
      assert.ok(backlog.empty);
      assert.equal(backlog.size, 0);
      assert.ok(!existsSync(directory) || readdirSync(directory).every((name) => name === 'position'));
      backlog.close();
    }),
    { numRuns: 60 },
  );
});

test('what a crash leaves is read: a line cut short, an old position, other files', (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, '0000000007.log'), 'line 0\nline 1\n');
  writeFileSync(join(directory, '0000000008.log'), 'line 2\nline 3 is cut');
  writeFileSync(join(directory, '0000000009.log'), 'cut');
  writeFileSync(join(directory, 'position'), '7 7 ');
  writeFileSync(join(directory, 'notes'), 'mine\n');
  const backlog = new Backlog({ directory, limit: 1_000_000 });
  backlog.push(['line 4']);
  assert.deepEqual(drain(backlog), ['line 1', 'line 2', 'line 4']);
  backlog.close();
  assert.deepEqual(readdirSync(directory).sort(), ['notes', 'position']);
});

test('beyond its limit the oldest lines go, counted', (t) => {
  const backlog = new Backlog({ directory: join(temporaryDirectory(t), 'b'), limit: 50_000 });
  for (let i = 0; i < 100; i++) {
    backlog.push(upTo(100, i * 100));
    assert.ok(backlog.size <= 50_000);
  }
  const lost = backlog.takeLost();
  const rest = drain(backlog);
  assert.deepEqual(rest, upTo(10_000).slice(lost));
  assert.ok(rest.length > 3000 && lost > 0);
  assert.equal(backlog.takeLost(), 0);
  backlog.push(upTo(4000));
  backlog.limit = 10_000;
  assert.ok(backlog.size <= 10_000 + 6250, `${backlog.size}`);
  backlog.close();
});

test('a segment that another hand took away or cut does not block the rest', (t) => {
  const directory = temporaryDirectory(t);
  const backlog = new Backlog({ directory, limit: 64 * 1024 });
  backlog.push(upTo(2000));
  const [first = '', second = ''] = readdirSync(directory).sort();
  unlinkSync(join(directory, first));
  writeFileSync(join(directory, second), '');
  const rest = drain(backlog);
  assert.deepEqual(rest, upTo(2000).slice(-rest.length));
  assert.ok(rest.length > 100 && rest.length < 2000);
  backlog.close();
});

test('on a full disk lines wait in memory, go from there, and return to the disk', (t) => {
  const disk = mkdtempSync(join(tmpdir(), 'postern-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', disk], { stdio: 'ignore' });
  } catch {
    rmSync(disk, { recursive: true });
    return t.skip('no right to mount a small file system');
  }
  t.after(() => {
    execFileSync('umount', ['-l', disk]);
    rmSync(disk, { recursive: true });
  });
  const backlog = new Backlog({ directory: join(disk, 'b'), limit: 10_000_000 });
  const filler = 'x'.repeat(100);
  const line = (index: number) => `line ${index} ${filler}`;
  const push = (from: number, count: number) =>
    backlog.push(Array.from({ length: count }, (_, index) => line(from + index)));
  for (let i = 0; i < 20; i++) push(i * 100, 100);
  assert.match(backlog.failure ?? '', /no space left|ENOSPC/);
  assert.ok(readdirSync(join(disk, 'b')).length < 5, 'no heap of empty files');
  const got: string[] = [];
  for (let i = 0; i < 3; i++) {
    const batch = backlog.peek(20_000);
    got.push(...(batch?.lines ?? []));
    if (batch !== null) backlog.forget(batch);
  }
  push(2000, 100);
  appendFileSync(join(disk, 'b', 'notes'), '');
  got.push(...drain(backlog, 5000));
  assert.deepEqual(
    got,
    Array.from({ length: 2100 }, (_, index) => line(index)),
  );
  push(2100, 10);
  assert.equal(backlog.failure, null);
  assert.equal(drain(backlog).length, 10);
  assert.equal(backlog.takeLost(), 0);
  backlog.close();
});
