// The database itself: its bounds, damage, a full disk.
import assert from 'node:assert/strict';
import { closeSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import * as events from '../../src/ledger/events.ts';
import { Retention } from '../../src/ledger/history/retention.ts';
import { withSmallDisk } from '../spool/small-disk.ts';
import { snapshotWith, temporaryDirectory } from './fixture.ts';
import { connected, delivered, event, received, startHistory, type TestHistory } from './history-fixture.ts';

const day = 86_400_000;

/** So many messages of about 1.5 KB each in the database. */
function fill(test: TestHistory, from: number, count: number, time: number): void {
  const subject = 'x'.repeat(900);
  for (let mid = from; mid < from + count; mid++) {
    test.record(time + mid, ...received(mid, { subject: `${subject} ${mid}` }), ...delivered(mid));
    if (mid % 1000 === 0) test.history.queries.audit({}, { limit: 1 });
  }
  test.history.queries.audit({}, { limit: 1 });
}

function mids(test: TestHistory): number[] {
  return test.history.queries.trackMessages({}, { limit: 1000 }).items.map(({ mid }) => mid);
}

test('what is too old goes, the search words with it', (t) => {
  const test = startHistory(t);
  const now = Date.now();
  test.record(now - 31 * day, ...connected(1), ...received(1), ...delivered(1));
  test.record(now - 31 * day, ...received(2, { sender: 'old@example.org' }), ...delivered(2));
  test.record(now - 29 * day, ...received(40_000), ...delivered(40_000));
  assert.deepEqual(mids(test), [40_000, 2, 1]);
  test.history.stop();
  const database = new DatabaseSync(test.file);
  t.after(() => database.close());
  const retention = new Retention(database, { forget: () => undefined, removed: () => undefined });
  for (let step = 0; step < 5; step++) retention.tick(now + step * 60_000, snapshotWith());
  assert.deepEqual(
    database
      .prepare('SELECT mid FROM message')
      .all()
      .map((row) => row['mid']),
    [40_000],
  );
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE name IN ('search_0', 'search_1')").all();
  assert.deepEqual(
    tables.map((row) => row['name']),
    ['search_1'],
  );
});

test('beyond its bound the oldest messages go first, and the file does not grow', (t) => {
  const limits = { history: 16 * 1024 * 1024 };
  const test = startHistory(t, { limits });
  const now = Date.now() - day;
  test.record(now, ...connected(1));
  fill(test, 1, 16_000, now);
  test.history.stop();
  const before = statSync(test.file).size;
  assert.ok(before > limits.history, `${before} bytes are not beyond the bound; the test must write more`);
  const database = new DatabaseSync(test.file);
  t.after(() => database.close());
  const retention = new Retention(database, { forget: () => undefined, removed: () => undefined });
  for (let step = 0; step < 1000 && retention.used() > limits.history * 0.9; step++) {
    retention.tick(Date.now() + step, snapshotWith({ limits }));
  }
  assert.ok(retention.used() <= limits.history * 0.9);
  for (let step = 0; step < 100; step++) retention.tick(Date.now() + 60_000 * step, snapshotWith({ limits }));
  const left = database.prepare('SELECT min(mid) AS low, max(mid) AS high, count(*) AS count FROM message').get();
  assert.equal(left?.['high'], 16_000);
  assert.equal(left?.['count'], 16_000 - Number(left?.['low']) + 1, 'not the oldest went');
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  assert.ok(statSync(test.file).size < limits.history, `${statSync(test.file).size} bytes`);
});

for (const [how, damage] of [
  [
    'no database',
    (file: string) => writeFileSync(file, 'this is no database, but long enough to look like a file of some kind'),
  ],
  ['cut short', (file: string) => writeFileSync(file, readFileSync(file).subarray(0, 20_000))],
  [
    'other tables',
    (file: string) => {
      const database = new DatabaseSync(file);
      database.exec('DROP TABLE message');
      database.close();
    },
  ],
  [
    'a newer format',
    (file: string) => {
      const database = new DatabaseSync(file);
      database.exec('PRAGMA user_version = 99');
      database.close();
    },
  ],
] as const) {
  test(`a database that is damaged (${how}) is set aside with a warning, and a new one begun`, (t) => {
    const one = startHistory(t);
    one.record(Date.now(), ...connected(1), ...received(1), ...delivered(1));
    one.history.stop();
    damage(one.file);
    const two = startHistory(t, {}, one.file);
    two.record(Date.now(), ...connected(2), ...received(2), ...delivered(2));
    assert.deepEqual(mids(two), [2]);
    assert.match(
      two.texts.join('\n'),
      /ledger\.db cannot be used: .* kept as ledger\.db\.damaged-\d{8}T\d{6}Z; a new one is begun/,
    );
    assert.equal(readdirSync(dirname(one.file)).filter((name) => /damaged-\w+$/.test(name)).length, 1);
    assert.equal(two.history.status().state, 'running');
  });
}

test('damage that is met while writing: set aside, and the history goes on', (t) => {
  const test = startHistory(t);
  test.record(Date.now(), ...connected(1));
  fill(test, 1, 2000, Date.now());
  test.history.stop();
  const file = openSync(test.file, 'r+');
  const size = statSync(test.file).size;
  // All but the first pages, which opening looks at.
  for (let at = 64 * 8192; at < size; at += 8192) writeSync(file, Buffer.alloc(8192, 0x5a), 0, 8192, at);
  closeSync(file);
  const again = startHistory(t, {}, test.file);
  for (let mid = 3000; mid < 3100 && !again.texts.some((text) => /damaged/.test(text)); mid++) {
    again.record(Date.now(), ...connected(1), ...received(mid), ...delivered(mid));
    again.history.queries.trackMessages({ sender: 'alice@example.org' }, { limit: 10 });
  }
  assert.match(again.texts.join('\n'), /is damaged: .*; a new one is begun/);
  again.record(Date.now(), ...connected(1), ...received(4000), ...delivered(4000));
  assert.ok(mids(again).includes(4000));
});

test('a directory that cannot be written: it says so, and nothing throws', (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'file'), '');
  const test = startHistory(t, {}, join(directory, 'file', 'ledger.db'));
  test.record(Date.now(), ...connected(1), ...received(1), ...delivered(1));
  assert.equal(test.history.status().state, 'paused');
  assert.throws(() => mids(test), { code: 'io' });
  assert.match(test.texts.join('\n'), /The history is not kept at present/);
  assert.equal(test.history.queries.overview().counts.accepted, 1);
});

test('a full disk: the last of it is left to mail; what is lost is counted', async (t) => {
  await withSmallDisk(t, 24, async (directory) => {
    const test = startHistory(t, {}, join(directory, 'ledger.db'));
    test.record(Date.now(), ...connected(1), ...received(1), ...delivered(1));
    assert.deepEqual(mids(test), [1]);
    const foreign = join(directory, 'foreign');
    const file = openSync(foreign, 'w');
    try {
      while (writeSync(file, Buffer.alloc(65_536, 1)) > 0);
    } catch (error) {
      assert.match(String(error), /ENOSPC/);
    }
    closeSync(file);
    const bytes = statSync(test.file).size;
    test.record(Date.now(), ...received(2), ...delivered(2));
    assert.deepEqual(mids(test), [1], 'what is there can be read');
    assert.equal(test.history.status().state, 'paused');
    assert.match(test.history.status().reason, /the disk is nearly full/);
    assert.equal(statSync(test.file).size, bytes);
    rmSync(foreign);
    assert.deepEqual(mids(test), [2, 1]);
    assert.deepEqual(
      test.texts.map((text) => text.replace(/:.*/, '')),
      ['The history is not kept at present', 'The history is kept again'],
    );
  });
});

test('audit entries and reports survive a write that fails', (t) => {
  const test = startHistory(t);
  const other = new DatabaseSync(test.file);
  t.after(() => other.close());
  other.exec('BEGIN IMMEDIATE');
  test.record(Date.now(), event(events.auditOnly, 'admin', 'administrator', '', 'shell', 'commit', 'x'));
  assert.equal(test.history.queries.audit({}, { limit: 1 }).items.length, 0);
  assert.equal(test.history.status().state, 'paused');
  other.exec('ROLLBACK');
  assert.equal(test.history.queries.audit({}, { limit: 1 }).items.length, 1);
});
