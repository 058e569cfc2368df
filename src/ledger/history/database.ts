// Opening ledger.db: settings, tables, and what is done with a damaged one. History is worth less than mail: whatever is wrong
// with the file, the gateway starts.
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { messageOf } from '../../errors.ts';
import { derivedGroupTable } from '../observations/groups.ts';
import { rehearsalTables } from '../observations/rehearsals.ts';
import { observationTables, quotaTable } from '../observations/tables.ts';
import { tlsReportTables } from '../tls-reports/tables.ts';
import { securityTable } from './security-counts.ts';

const version = 7;
/** Measured with 1,000 messages a transaction: checkpoints every 8 MB cost a tenth less than every 4, every 32 no less. */
const checkpointSize = 8 * 1024 * 1024;
const pageSize = 8192;

const settings = `
  PRAGMA page_size = ${pageSize};
  PRAGMA auto_vacuum = INCREMENTAL;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA journal_size_limit = ${checkpointSize};
  PRAGMA wal_autocheckpoint = ${checkpointSize / pageSize};
  PRAGMA cache_size = -8192;
  PRAGMA temp_store = MEMORY;
  PRAGMA busy_timeout = 2000;
`;

// profile   What connections are described by, each text once a day: the legs of a message's way.
// message   One row a message, written when it is settled or a few seconds old. `incoming` is a profile, 0: none; `story` a list of
//           entries (story.ts) without its brackets. The index is of what is not delivered: few rows, searched by state.
// search_N  Words of the messages with mid >> 15 = N (terms.ts): full-text tables without content, which take random words at a
//           fifth of the cost of indexes (measured: 15 µs a message against 40) and go as a whole when their messages are gone.
// series    Counts of a minute or an hour (`step` in ms), a JSON list in the order of `seriesNames`.
// tls       Connections of an hour (span 0) or a day (span 1) by domain.
// failure   Failures of a day by peer and reason.
const tables = `
  CREATE TABLE profile (id INTEGER PRIMARY KEY, day INTEGER NOT NULL, text TEXT NOT NULL);
  CREATE TABLE message (mid INTEGER PRIMARY KEY, time INTEGER NOT NULL, icid INTEGER NOT NULL, state INTEGER NOT NULL,
    deferrals INTEGER NOT NULL, delivered INTEGER NOT NULL, failed INTEGER NOT NULL, size INTEGER NOT NULL,
    sender TEXT NOT NULL, recipients TEXT NOT NULL, subject TEXT, message_id TEXT, incoming INTEGER NOT NULL, story TEXT NOT NULL);
  CREATE INDEX message_state ON message (state, mid) WHERE state <> 1;
  CREATE TABLE series (step INTEGER NOT NULL, start INTEGER NOT NULL, counts TEXT NOT NULL,
    PRIMARY KEY (step, start)) WITHOUT ROWID;
  CREATE TABLE tls (span INTEGER NOT NULL, start INTEGER NOT NULL, direction INTEGER NOT NULL, domain TEXT NOT NULL,
    required_ok INTEGER NOT NULL, required_failed INTEGER NOT NULL, preferred_ok INTEGER NOT NULL,
    preferred_failed INTEGER NOT NULL, unencrypted INTEGER NOT NULL, messages INTEGER NOT NULL,
    tls10 INTEGER NOT NULL, tls11 INTEGER NOT NULL, tls12 INTEGER NOT NULL, tls13 INTEGER NOT NULL,
    PRIMARY KEY (span, start, direction, domain)) WITHOUT ROWID;
  CREATE TABLE failure (day INTEGER NOT NULL, direction INTEGER NOT NULL, peer TEXT NOT NULL, detail TEXT NOT NULL,
    name TEXT, explanation TEXT, count INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (day, direction, peer, detail)) WITHOUT ROWID;
  CREATE TABLE audit (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, user TEXT NOT NULL, role TEXT NOT NULL,
    address TEXT NOT NULL, face TEXT NOT NULL, action TEXT NOT NULL, detail TEXT NOT NULL);
`;

/** What each format adds to the one before. */
const formats = [
  tables,
  observationTables,
  rehearsalTables,
  tlsReportTables,
  quotaTable,
  securityTable,
  derivedGroupTable,
];

/** Opens or makes it. A file that is damaged, or was written by a newer program, is set aside; `warn` hears of it. Throws what SQLite says. */
export function openHistoryDatabase(file: string, warn: (text: string) => void): DatabaseSync {
  try {
    return open(file);
  } catch (error) {
    if (!isDamage(error)) throw error;
    const aside = setAside(file);
    warn(`The history ${file} cannot be used: ${messageOf(error)}. It is kept as ${aside}; a new one is begun`);
    return open(file);
  }
}

function open(file: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const fresh = !existsSync(file);
    database = new DatabaseSync(file);
    if (fresh) chmodSync(file, 0o600);
    database.exec(settings);
    const found = Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
    if (found > version) throw new DamagedError(`it was written by a newer postern (format ${found})`);
    if (found < version) {
      database.exec(`BEGIN IMMEDIATE; ${formats.slice(found).join('')} PRAGMA user_version = ${version}; COMMIT`);
    }
    // Touches every table at its root; damage further in shows when it is met.
    for (const table of ['profile', 'message', 'series', 'tls', 'failure', 'audit', 'observation', 'hello']) {
      database.prepare(`SELECT * FROM ${table} LIMIT 1`).get();
    }
    return database;
  } catch (error) {
    try {
      database?.close();
    } catch {
      // it never opened properly; the first error is the one to tell
    }
    throw error;
  }
}

class DamagedError extends Error {}

/** The file itself is the reason: SQLITE_CORRUPT, SQLITE_NOTADB, or tables that are not ours. */
export function isDamage(error: unknown): boolean {
  if (error instanceof DamagedError) return true;
  if (!(error instanceof Error)) return false;
  const code = 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : 0;
  return code === 11 || code === 26 || /no such (table|column)|malformed/.test(error.message);
}

/** Moves the file and its log away; one such copy is kept. Returns its name. */
export function setAside(file: string): string {
  const directory = dirname(file);
  const prefix = `${basename(file)}.damaged-`;
  for (const name of readdirSync(directory)) {
    if (name.startsWith(prefix)) rmSync(join(directory, name), { force: true });
  }
  const aside = `${file}.damaged-${new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')}`;
  renameSync(file, aside);
  if (existsSync(`${file}-wal`)) renameSync(`${file}-wal`, `${aside}-wal`);
  rmSync(`${file}-shm`, { force: true });
  return basename(aside);
}
