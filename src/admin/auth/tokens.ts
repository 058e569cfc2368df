// API tokens: shown once, kept as hashes, with scopes and an expiry.
import { randomBytes } from 'node:crypto';
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { PosternError } from '../../errors.ts';
import { scopes as allScopes, type Scope } from './access.ts';
import { hashOf, newSecretText } from './secret.ts';

export interface TokenInfo {
  readonly id: string;
  readonly user: string;
  readonly label: string;
  readonly scopes: readonly Scope[];
  /** ms since the epoch; null: never. */
  readonly created: number;
  readonly expires: number | null;
  readonly used: number | null;
}

export interface TokenWish {
  readonly user: string;
  readonly label: string;
  readonly scopes: readonly Scope[];
  /** ms since the epoch; null: it does not expire. */
  readonly expires: number | null;
}

/** So that a token in a file is known for what it is, by people and by scanners for secrets. */
const prefix = 'postern_';
const mostTokens = 100;
const noteEvery = 60_000;
/** An expired token is shown for this long: its owner sees why a program has stopped working. */
const keepExpired = 30 * 24 * 3600 * 1000;

export class Tokens {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Throws `conflict` where the user has too many. */
  make(wish: TokenWish, now: number): { readonly secret: string; readonly info: TokenInfo } {
    this.#database.prepare('DELETE FROM token WHERE user = ? AND expires <= ?').run(wish.user, now - keepExpired);
    if (this.list(wish.user).length >= mostTokens) {
      throw new PosternError('conflict', `${wish.user} has ${mostTokens} tokens already`, { remedy: 'delete some' });
    }
    const secret = newSecretText(prefix);
    const id = randomBytes(9).toString('base64url');
    this.#database
      .prepare('INSERT INTO token (id, hash, user, label, scopes, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?)')
      .run(id, hashOf(secret), wish.user, wish.label, wish.scopes.join(' '), now, wish.expires);
    return { secret, info: { id, ...wish, created: now, used: null } };
  }

  /** Of one user, or all. */
  list(user?: string): TokenInfo[] {
    const rows =
      user === undefined
        ? this.#database.prepare('SELECT * FROM token ORDER BY created, id').all()
        : this.#database.prepare('SELECT * FROM token WHERE user = ? ORDER BY created, id').all(user);
    return rows.map(infoOf);
  }

  find(id: string): TokenInfo | null {
    const row = this.#database.prepare('SELECT * FROM token WHERE id = ?').get(id);
    return row === undefined ? null : infoOf(row);
  }

  /** The token of a request, which is used now; null: there is none, or it is over. */
  use(secret: string, now: number): TokenInfo | null {
    if (!secret.startsWith(prefix)) return null;
    const row = this.#database.prepare('SELECT * FROM token WHERE hash = ?').get(hashOf(secret));
    if (row === undefined) return null;
    const info = infoOf(row);
    if (info.expires !== null && info.expires <= now) return null;
    if (info.used === null || now - info.used >= noteEvery) {
      try {
        this.#database.prepare('UPDATE token SET used = ? WHERE id = ?').run(now, info.id);
      } catch {
        // A full disk: the token is right all the same.
      }
    }
    return info;
  }

  remove(id: string): void {
    this.#database.prepare('DELETE FROM token WHERE id = ?').run(id);
  }

  removeAll(user: string): string[] {
    const ids = this.list(user).map(({ id }) => id);
    for (const id of ids) this.remove(id);
    return ids;
  }
}

function infoOf(row: Record<string, SQLOutputValue>): TokenInfo {
  const words = String(row['scopes']).split(' ');
  const number = (value: SQLOutputValue | undefined) => (typeof value === 'number' ? value : null);
  return {
    id: String(row['id']),
    user: String(row['user']),
    label: String(row['label']),
    scopes: allScopes.filter((scope) => words.includes(scope)),
    created: Number(row['created']),
    expires: number(row['expires']),
    used: number(row['used']),
  };
}
