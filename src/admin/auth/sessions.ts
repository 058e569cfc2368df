// Sessions of the web UI. What the cookie holds is known to the browser alone: here is its hash.
import type { DatabaseSync } from 'node:sqlite';
import { hashOf, newSecretText } from './secret.ts';

export interface SessionInfo {
  /** The hash as text: names the session inside the program. */
  readonly id: string;
  readonly user: string;
  /** ms since the epoch. */
  readonly idleExpires: number;
  readonly expires: number;
}

/** ms. */
export interface SessionLife {
  readonly guiLogonIdle: number;
  readonly guiLogon: number;
}

/** Of one user; the one that was not used for longest ends when there is another. */
const mostSessions = 50;
/** `used` goes to disk no more often than this, ms. */
const noteEvery = 30_000;

export class Sessions {
  readonly #database: DatabaseSync;
  readonly #life: () => SessionLife;
  /** When a session was last used, as it was noted; on a full disk only here. */
  readonly #used = new Map<string, number>();

  constructor(database: DatabaseSync, life: () => SessionLife) {
    this.#database = database;
    this.#life = life;
  }

  /** A new one; its secret is for the cookie. */
  begin(user: string, address: string, now: number): { readonly secret: string; readonly info: SessionInfo } {
    this.prune(now);
    const own = this.#database.prepare('SELECT hash FROM session WHERE user = ? ORDER BY used').all(user);
    for (const { hash } of own.slice(0, Math.max(0, own.length + 1 - mostSessions))) this.end(idOf(hash));
    const secret = newSecretText();
    const hash = hashOf(secret);
    this.#database
      .prepare('INSERT INTO session (hash, user, created, used, address) VALUES (?, ?, ?, ?, ?)')
      .run(hash, user, now, now, address);
    return { secret, info: this.#info(hash.toString('base64url'), user, now, now) };
  }

  /** The session of a cookie, which is used now; null: there is none, or it is over. */
  use(secret: string, now: number): SessionInfo | null {
    const hash = hashOf(secret);
    const found = this.look(hash.toString('base64url'), now);
    if (found === null) return null;
    const known = this.#used.get(found.id) ?? 0;
    if (now - known >= noteEvery) {
      this.#used.set(found.id, now);
      try {
        this.#database.prepare('UPDATE session SET used = ? WHERE hash = ?').run(now, hash);
      } catch {
        // A full disk: whoever is logged on must be able to look, and to make room. Memory knows.
      }
    }
    return { ...found, idleExpires: Math.min(now + this.#life().guiLogonIdle, found.expires) };
  }

  /** As `use`, without using it. */
  look(id: string, now: number): SessionInfo | null {
    const hash = Buffer.from(id, 'base64url');
    const row = this.#database.prepare('SELECT user, created, used FROM session WHERE hash = ?').get(hash);
    if (row === undefined) return null;
    const used = Math.max(Number(row['used']), this.#used.get(id) ?? 0);
    const info = this.#info(id, String(row['user']), Number(row['created']), used);
    if (now < info.idleExpires) return info;
    this.end(id);
    return null;
  }

  end(id: string): void {
    this.#used.delete(id);
    this.#database.prepare('DELETE FROM session WHERE hash = ?').run(Buffer.from(id, 'base64url'));
  }

  /** Ends all of a user but one; returns their ids. */
  endAll(user: string, except?: string): string[] {
    const rows = this.#database.prepare('SELECT hash FROM session WHERE user = ?').all(user);
    const ids = rows.map(({ hash }) => idOf(hash)).filter((id) => id !== except);
    for (const id of ids) this.end(id);
    return ids;
  }

  countOf(user: string, now: number): number {
    this.prune(now);
    return Number(this.#database.prepare('SELECT count(*) AS n FROM session WHERE user = ?').get(user)?.['n']);
  }

  prune(now: number): void {
    const { guiLogonIdle, guiLogon } = this.#life();
    this.#database
      .prepare('DELETE FROM session WHERE used <= ? OR created <= ?')
      .run(now - guiLogonIdle - noteEvery, now - guiLogon);
  }

  #info(id: string, user: string, created: number, used: number): SessionInfo {
    const { guiLogonIdle, guiLogon } = this.#life();
    const expires = created + guiLogon;
    return { id, user, expires, idleExpires: Math.min(used + guiLogonIdle, expires) };
  }
}

function idOf(hash: unknown): string {
  return hash instanceof Uint8Array ? Buffer.from(hash).toString('base64url') : '';
}
