import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { PosternError } from '../errors.ts';

/** A data directory that is ours until `release`, or until the process ends in whichever way. */
export interface DirectoryLock {
  release(): void;
}

/**
 * Locks the data directory for one running gateway. Node has no flock; SQLite's exclusive lock is the kernel's (fcntl), so
 * nothing stale is left after `kill -9`. Throws `in-use` where another gateway runs on it, `io` where it cannot be written.
 */
export function lockDirectory(directory: string): DirectoryLock {
  let database: DatabaseSync | undefined;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    database = new DatabaseSync(join(directory, 'lock'));
    // Without a journal of its own on the disk, which may be full.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    if (/locked/.test(String(error))) {
      throw new PosternError('in-use', `another gateway runs on the data directory ${directory}`, {
        remedy: 'stop it, or choose another directory with --data',
        cause: error,
      });
    }
    throw new PosternError('io', `cannot use the data directory ${directory}: ${String(error)}`, {
      remedy: 'it must exist or be creatable, and be writable for the user that runs postern',
      cause: error,
    });
  }
  const held = database;
  return { release: () => held.close() };
}
