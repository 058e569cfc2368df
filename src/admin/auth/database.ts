// people.db: users, their sessions, tokens, and how each administrator last reached us. Small, written rarely, always on disk.
import { chmodSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { messageOf, PosternError } from '../../errors.ts';

const databaseName = 'people.db';
const version = 1;

// Times in ms since the epoch. Secrets of sessions, tokens and the set-up link as SHA-256; passwords and recovery codes as their
// own hashes. The secret of a second factor must be readable: the file's mode protects it.
const tables = `
  CREATE TABLE user (
    name TEXT PRIMARY KEY COLLATE NOCASE, role TEXT NOT NULL, password TEXT NOT NULL, disabled INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL, lastLogon INTEGER, lastAddress TEXT, lastFlight BLOB,
    totp BLOB, totpOffer BLOB, totpStep INTEGER NOT NULL DEFAULT 0, recovery TEXT NOT NULL DEFAULT '[]'
  ) WITHOUT ROWID;
  CREATE TABLE session (
    hash BLOB PRIMARY KEY, user TEXT NOT NULL COLLATE NOCASE, created INTEGER NOT NULL, used INTEGER NOT NULL, address TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX sessionUser ON session (user);
  CREATE TABLE token (
    id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, user TEXT NOT NULL COLLATE NOCASE, label TEXT NOT NULL, scopes TEXT NOT NULL,
    created INTEGER NOT NULL, expires INTEGER, used INTEGER
  ) WITHOUT ROWID;
  CREATE INDEX tokenUser ON token (user);
  CREATE TABLE setup (id INTEGER PRIMARY KEY CHECK (id = 1), hash BLOB NOT NULL, expires INTEGER NOT NULL);
  PRAGMA user_version = ${version};
`;

/** Opens or makes the database. Throws `io` with the file and the remedy. */
export function openPeople(directory: string): DatabaseSync {
  const file = join(directory, databaseName);
  let database: DatabaseSync | undefined;
  try {
    const fresh = !existsSync(file);
    database = new DatabaseSync(file);
    if (fresh) chmodSync(file, 0o600);
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    const found = Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
    if (found > version) throw new Error(`it was written by a newer Postern (format ${found})`);
    if (found < version) database.exec(`BEGIN IMMEDIATE; ${tables} COMMIT`);
    for (const table of ['user', 'session', 'token']) database.prepare(`SELECT * FROM ${table} LIMIT 1`).get();
    return database;
  } catch (error) {
    database?.close();
    throw new PosternError('io', `the file of users ${file} cannot be used: ${messageOf(error)}`, {
      remedy: 'restore it from a backup, or move it away and set up users anew (a set-up link is printed)',
      cause: error,
    });
  }
}
