// sts.db: the MTA-STS policies that are known, so that a restart forgets none. Small, and rarely written.
import { chmodSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { isDamage, setAside } from '../ledger/history/database.ts';
import type { KnownPolicy, StsMode } from '../tls/mta-sts.ts';

const databaseName = 'sts.db';
const version = 1;

// `mx`: patterns, a blank between. `fetched`: ms since the epoch. `max_age`: seconds.
const tables = `
  CREATE TABLE policy (domain TEXT PRIMARY KEY, id TEXT NOT NULL, mode TEXT NOT NULL, mx TEXT NOT NULL, max_age INTEGER NOT NULL,
    fetched INTEGER NOT NULL) WITHOUT ROWID;
  PRAGMA user_version = ${version};
`;

export class PolicyStore {
  readonly #database: DatabaseSync;
  readonly #put: StatementSync;
  readonly #remove: StatementSync;

  /** Opens or makes it; a damaged file is set aside, and `warn` hears of it. Throws where there can be none. */
  static open(directory: string, warn: (text: string) => void): PolicyStore {
    const file = join(directory, databaseName);
    try {
      return new PolicyStore(file);
    } catch (error) {
      if (!isDamage(error)) throw error;
      warn(`The MTA-STS policies in ${file} are damaged; the file is kept as ${setAside(file)}, a new one is begun`);
      return new PolicyStore(file);
    }
  }

  private constructor(file: string) {
    const fresh = !existsSync(file);
    const database = new DatabaseSync(file);
    try {
      if (fresh) chmodSync(file, 0o600);
      // FULL: a policy that was followed once must be there after a loss of power too.
      database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
      const found = Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
      if (found > version) throw new Error(`${file} was written by a newer Postern (format ${found})`);
      if (found < version) database.exec(`BEGIN IMMEDIATE; ${tables} COMMIT`);
      this.#put = database.prepare(
        'INSERT OR REPLACE INTO policy (domain, id, mode, mx, max_age, fetched) VALUES (?, ?, ?, ?, ?, ?)',
      );
      this.#remove = database.prepare('DELETE FROM policy WHERE domain = ?');
    } catch (error) {
      database.close();
      throw error;
    }
    this.#database = database;
  }

  /** All of them, the one fetched longest ago first. */
  all(): readonly (readonly [domain: string, known: KnownPolicy])[] {
    return this.#database
      .prepare('SELECT domain, id, mode, mx, max_age, fetched FROM policy ORDER BY fetched')
      .all()
      .map((row) => [
        String(row['domain']),
        {
          id: String(row['id']),
          policy: {
            mode: String(row['mode']) as StsMode,
            mx: String(row['mx']).split(' ').filter(Boolean),
            maxAge: Number(row['max_age']),
          },
          fetched: Number(row['fetched']),
        },
      ]);
  }

  put(domain: string, { id, policy: { mode, mx, maxAge }, fetched }: KnownPolicy): void {
    this.#put.run(domain, id, mode, mx.join(' '), maxAge, fetched);
  }

  remove(domain: string): void {
    this.#remove.run(domain);
  }

  close(): void {
    this.#database.close();
  }
}
