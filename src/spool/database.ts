// Opening spool.db: settings, tables, and what to say when it is damaged.
import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { messageOf, PosternError } from '../errors.ts';
import { spaceOf } from './reserve.ts';

export const databaseName = 'spool.db';
const version = 2;

// Measured on ext4, 20 messages a commit, inserted and deleted, CPU a message: 5 KB: 20 µs with pages of 4 KiB, 20 with 8, 21
// with 16, 26 with 32; 20 KB: 40, 33, 32, 40; 100 KB: 217, 160, 133, 110. Automatic vacuum costs less than 1 µs. Checkpoints
// every 16 MB of log: 16 µs; every 4 or 40 MB: 20. The exclusive lock does without shared memory (`spool.db-shm`), where a full
// disk kills the program with SIGBUS (measured), and saves 1 µs. It must be set before anything reads the file, as the other
// settings do, else SQLite maps the memory all the same.
const pageSize = 8192;
const checkpointSize = 16 * 1024 * 1024;

const settings = `
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA page_size = ${pageSize};
  PRAGMA auto_vacuum = INCREMENTAL;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA journal_size_limit = 67108864;
  PRAGMA cache_size = -65536;
  PRAGMA temp_store = MEMORY;
  PRAGMA foreign_keys = OFF;
`;

// message  What was accepted: once a row, never changed, until its last recipient is settled.
// active   Messages whose only job is a first attempt under way in a worker (`direct`): a handful of rows, so that a start
//          finds them without a scan, and delivery at the first attempt writes nothing else.
// job      What is still to do: recipients of a message for a destination. next NULL: held. since: when its life began.
//          class 0 normal, 1 its sender knows of the delay (or wants no notice), 2 a bounce, 3 held.
//          sender and recipients are copies for the display, so that listing never touches the messages.
// submission  Keys of mail of our own that must not go out twice (submissions.ts).
const tables = `
  CREATE TABLE IF NOT EXISTS message (mid INTEGER PRIMARY KEY, received INTEGER NOT NULL, size INTEGER NOT NULL,
    envelope TEXT NOT NULL, body BLOB, file TEXT);
  CREATE INDEX IF NOT EXISTS message_file ON message (file) WHERE file IS NOT NULL;
  CREATE TABLE IF NOT EXISTS active (mid INTEGER PRIMARY KEY, destination TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS job (mid INTEGER NOT NULL, destination TEXT NOT NULL, rids TEXT NOT NULL,
    attempts INTEGER NOT NULL, next INTEGER, since INTEGER NOT NULL, class INTEGER NOT NULL, size INTEGER NOT NULL,
    sender TEXT NOT NULL, recipients TEXT NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (mid, destination)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS job_due ON job (destination, next);
  CREATE INDEX IF NOT EXISTS job_watch ON job (class, since);
  CREATE TABLE IF NOT EXISTS ids (kind TEXT PRIMARY KEY, mark INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS submission (key TEXT PRIMARY KEY, time INTEGER NOT NULL) WITHOUT ROWID;
  PRAGMA user_version = ${version};
`;

/**
 * Opens or makes the queue's database. `reserve`: bytes that a full disk will have for it at the most; the log stays smaller,
 * so that it can always go into the file. Throws PosternError `io` that names the file and the remedy.
 */
export function openDatabase(directory: string, reserve = 0): DatabaseSync {
  const file = join(directory, databaseName);
  let database: DatabaseSync | undefined;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const fresh = !existsSync(file);
    database = new DatabaseSync(file);
    if (fresh) chmodSync(file, 0o600);
    database.exec(settings);
    const log = reserve === 0 ? checkpointSize : Math.min(checkpointSize, reserve / 2);
    database.exec(`PRAGMA wal_autocheckpoint = ${Math.max(50, Math.floor(log / pageSize))}`);
    const found = Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
    if (found > version) {
      throw new PosternError(
        'io',
        `the queue ${file} was written by a newer postern (format ${found}, this one knows ${version})`,
        {
          remedy: 'start that version again, let it empty the queue, then go back',
        },
      );
    }
    if (found < version) database.exec(`BEGIN IMMEDIATE; ${tables} COMMIT`);
    // Touches every table and index at its root; damage further in shows when it is met.
    for (const table of ['message', 'active', 'job', 'ids', 'submission'])
      database.prepare(`SELECT * FROM ${table} LIMIT 1`).get();
    return database;
  } catch (error) {
    try {
      database?.close();
    } catch {
      // it never opened properly; the first error is the one to tell
    }
    throw openingError(error, directory);
  }
}

/** What kept the queue from being opened, and what to do. */
export function openingError(error: unknown, directory: string): PosternError {
  if (error instanceof PosternError) return error;
  const file = join(directory, databaseName);
  const code = resultCode(error);
  const text = messageOf(error);
  if (code === resultCodes.corrupt || code === resultCodes.notADatabase || /no such (table|column)/.test(text)) {
    return new PosternError('io', `the queue ${file} is damaged: ${text}`, {
      cause: error,
      remedy:
        `copy ${file} and ${file}-wal to a safe place, then save what can be read with ` +
        `\`sqlite3 ${file} .recover | sqlite3 recovered.db\` and put recovered.db in its place; ` +
        'or move both files away to start with an empty queue',
    });
  }
  // ext4 finds out at the write or, as an I/O error, at the sync.
  const noRoom = code === resultCodes.ioError && (spaceOf(directory)?.free ?? Infinity) < 1024 * 1024;
  if (code === resultCodes.full || noRoom) {
    return new PosternError('disk-full', `the queue ${file} cannot be opened: the disk is full`, {
      cause: error,
      temporary: true,
      remedy: 'free some space on that file system (the file `reserve` beside it may be deleted)',
    });
  }
  if (code === resultCodes.busy) {
    return new PosternError('in-use', `the queue ${file} is open in another program`, {
      cause: error,
      temporary: true,
      remedy: 'end that program (another postern, or sqlite3)',
    });
  }
  return new PosternError('io', `the queue ${file} cannot be opened: ${text}`, {
    cause: error,
    remedy: 'the directory must exist or be creatable, and all in it be writable for the user that runs postern',
  });
}

/** Primary result codes of SQLite (sqlite.org/rescode.html). */
export const resultCodes = { busy: 5, ioError: 10, corrupt: 11, full: 13, notADatabase: 26 } as const;

/** The primary result code of an error of node:sqlite; 0 where it is another error. */
export function resultCode(error: unknown): number {
  if (!(error instanceof Error) || !('errcode' in error)) return 0;
  return typeof error.errcode === 'number' ? error.errcode & 0xff : 0;
}
