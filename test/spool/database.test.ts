// What SQLite makes of the settings.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDatabase } from '../../src/spool/database.ts';

test('no shared memory, where a full disk would kill the program: not for a new queue, nor for one that a crash left', (t) => {
  const home = mkdtempSync(join(tmpdir(), 'postern-database-'));
  t.after(() => rmSync(home, { recursive: true }));
  const first = join(home, 'first');
  const crashed = join(home, 'crashed');
  const database = openDatabase(first);
  database.exec("INSERT INTO ids VALUES ('mid', 1)");
  assert.deepEqual(readdirSync(first).toSorted(), ['spool.db', 'spool.db-wal']);
  cpSync(first, crashed, { recursive: true });
  database.close();

  const again = openDatabase(crashed);
  assert.deepEqual({ ...again.prepare('SELECT * FROM ids').get() }, { kind: 'mid', mark: 1 });
  again.exec("INSERT INTO ids VALUES ('icid', 1)");
  assert.deepEqual(readdirSync(crashed).toSorted(), ['spool.db', 'spool.db-wal']);
  again.close();
});
