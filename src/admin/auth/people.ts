// Everybody who may use the web UI and the API: users, sessions, tokens, the set-up link, and the one way in.
import type { DatabaseSync } from 'node:sqlite';
import { PosternError } from '../../errors.ts';
import { audit, auditOnly, type EventSink, logon, logonFailed } from '../../ledger/events.ts';
import { clientKey } from '../../smtp/access.ts';
import type { Actor } from '../host.ts';
import type { Caller, Role } from './access.ts';
import { openPeople } from './database.ts';
import { readyForNobody, verifyNothing, verifyPassword } from './password.ts';
import { csrfOf, hashOf, newSecretText } from './secret.ts';
import { type SessionInfo, type SessionLife, Sessions } from './sessions.ts';
import { Throttle } from './throttle.ts';
import { Tokens } from './tokens.ts';
import { type UserInfo, Users } from './users.ts';

export interface PeopleOptions {
  readonly log: EventSink;
  readonly life: () => SessionLife;
  /** ms since the epoch. */
  readonly now?: () => number;
}

/** Somebody who wants to log on. */
export interface Attempt {
  readonly name: string;
  readonly password: string;
  readonly code?: string;
  readonly address: string;
  /** The first TLS flight of the connection. */
  readonly flight: Uint8Array | null;
  /** Through which face; `UI` unless said otherwise. */
  readonly face?: 'UI' | 'API';
}

export interface LoggedOn {
  /** For the cookie. */
  readonly secret: string;
  readonly csrf: string;
  readonly user: UserInfo;
  readonly session: SessionInfo;
}

export interface SetupLink {
  readonly token: string;
  readonly expires: number;
}

const setupLife = 3600 * 1000;
const overHttps = 'an HTTPS connection';
/** The same for everything that can be wrong, so that nobody learns which names there are. */
const refusedText = 'the user name or the password is wrong';

export class People {
  readonly users: Users;
  readonly sessions: Sessions;
  readonly tokens: Tokens;
  readonly #database: DatabaseSync;
  readonly #log: EventSink;
  readonly #now: () => number;
  readonly #byAddress = new Throttle({ free: 10, first: 1000, most: 15 * 60_000 });
  readonly #byAccount = new Throttle({ free: 5, first: 1000, most: 5 * 60_000 });
  readonly #ended = new Set<(id: string) => void>();

  /** Opens `people.db` in the data directory. Throws `io`. */
  static open(dataDirectory: string, options: PeopleOptions): People {
    return new People(openPeople(dataDirectory), options);
  }

  private constructor(database: DatabaseSync, { log, life, now = Date.now }: PeopleOptions) {
    this.#database = database;
    this.#log = log;
    this.#now = now;
    this.users = new Users(database);
    this.sessions = new Sessions(database, life);
    this.tokens = new Tokens(database);
  }

  close(): void {
    this.#database.close();
  }

  /** Calls back with the id of each session and token that ends before its time. */
  onEnd(listener: (id: string) => void): void {
    this.#ended.add(listener);
  }

  // --- Logon ---

  /**
   * Throws `unauthorized` (the same for everything that is wrong), `code-required` (all is right so far) or `rate-limited`.
   * Each attempt is logged.
   */
  async logOn(attempt: Attempt): Promise<LoggedOn> {
    const { name } = await this.check(attempt);
    const now = this.#now();
    const { secret, info } = this.sessions.begin(name, attempt.address, now);
    this.users.loggedOn(name, attempt.address, attempt.flight, now);
    return { secret, csrf: csrfOf(secret), user: this.users.get(name), session: info };
  }

  /** The same without a session. */
  async check(attempt: Attempt): Promise<UserInfo> {
    const { name, password, code, address, face = 'UI' } = attempt;
    const keys = this.#admit(name, address);
    await readyForNobody();
    const hash = this.users.passwordHash(name);
    const right = hash === null ? await verifyNothing(password) : await verifyPassword(password, hash);
    const user = right ? this.users.find(name) : null;
    // It may have been disabled or given another password while its hash was worked out.
    if (user === null || hash !== this.users.passwordHash(name)) throw this.#failed(attempt, 'wrong name or password');
    if (user.totp && code === undefined) {
      // Not a failure: the person has not been asked yet. For the account it counts until the code is right.
      this.#byAddress.excuse(keys.address);
      throw new PosternError('code-required', 'the code of the second factor is asked for', {
        remedy: 'send it as "code"',
      });
    }
    if (user.totp && !this.users.takeCode(user.name, code ?? '', this.#now())) {
      throw this.#failed(attempt, 'wrong code of the second factor');
    }
    this.#byAddress.excuse(keys.address);
    this.#byAccount.forget(keys.account);
    this.#log.record(logon, user.name, address, privilege(user.role), overHttps);
    this.#log.record(auditOnly, user.name, user.role, address, face, 'logon', '');
    return user;
  }

  /** Who failed too often waits. The account does not make its owner wait where he last logged on from. */
  #admit(name: string, address: string): { readonly address: string; readonly account: string } {
    const now = this.#now();
    const key = clientKey(address);
    const account = hashOf(name.toLowerCase()).toString('base64url');
    const last = this.users.find(name)?.lastAddress;
    const atHome = last !== undefined && last !== null && clientKey(last) === key;
    const wait = Math.max(this.#byAddress.wait(key, now), atHome ? 0 : this.#byAccount.wait(account, now));
    if (wait > 0) throw tooOften(wait);
    this.#byAddress.begin(key, now);
    this.#byAccount.begin(account, now);
    return { address: key, account };
  }

  #failed({ name, address, face = 'UI' }: Attempt, reason: string): PosternError {
    // A password that was typed into the wrong field must not stand in the log.
    const shown = this.users.find(name)?.name ?? '(unknown)';
    this.#log.record(logonFailed, shown, address, overHttps);
    this.#log.record(auditOnly, shown, '', address, face, 'logonFailed', reason);
    return new PosternError('unauthorized', refusedText, { remedy: 'check both, and the caps lock key' });
  }

  /** Whether what a caller proved himself with still holds. */
  isValid({ kind, id, user }: Caller): boolean {
    const known = this.users.find(user);
    if (known === null || known.disabled) return false;
    if (kind === 'session') return this.sessions.look(id, this.#now()) !== null;
    const token = this.tokens.find(id);
    return token !== null && (token.expires === null || token.expires > this.#now());
  }

  /** For who is logged on already, before something that an open screen must not be enough for. Failures are counted. */
  async confirmPassword(user: string, password: string): Promise<boolean> {
    const [now, key] = [this.#now(), hashOf(`confirm ${user.toLowerCase()}`).toString('base64url')];
    const wait = this.#byAccount.wait(key, now);
    if (wait > 0) throw tooOften(wait);
    this.#byAccount.begin(key, now);
    if (!(await this.users.hasPassword(user, password))) return false;
    this.#byAccount.forget(key);
    return true;
  }

  /** Ends the session that a cookie is of, if it is of any. */
  endCookie(secret: string): void {
    this.endSession(hashOf(secret).toString('base64url'));
  }

  endSession(id: string): void {
    this.sessions.end(id);
    this.#tellEnded([id]);
  }

  /** All sessions of a user but one; with `tokens` his tokens too. */
  endAll(user: string, options: { readonly except?: string; readonly tokens?: boolean } = {}): void {
    const ended = this.sessions.endAll(user, options.except);
    if (options.tokens === true) ended.push(...this.tokens.removeAll(user));
    this.#tellEnded(ended);
  }

  endToken(id: string): void {
    this.tokens.remove(id);
    this.#tellEnded([id]);
  }

  #tellEnded(ids: readonly string[]): void {
    for (const listener of this.#ended) for (const id of ids) listener(id);
  }

  // --- First start ---

  /** A link for the first administrator: used once, for an hour. Null: there are users already. */
  newSetupLink(): SetupLink | null {
    if (this.users.count > 0) return null;
    const [token, expires] = [newSecretText(), this.#now() + setupLife];
    this.#database
      .prepare('INSERT OR REPLACE INTO setup (id, hash, expires) VALUES (1, ?, ?)')
      .run(hashOf(token), expires);
    return { token, expires };
  }

  /** Throws `unauthorized` (token), `bad-request` (name, password) or `rate-limited`. */
  async setUp(token: string, name: string, password: string, address: string): Promise<UserInfo> {
    const now = this.#now();
    const key = clientKey(address);
    const wait = this.#byAddress.wait(key, now);
    if (wait > 0) throw tooOften(wait);
    this.users.check(name, password);
    // Taken in one step: of two who come with it, one gets it.
    const taken = this.#database.prepare('DELETE FROM setup WHERE hash = ? AND expires > ?').run(hashOf(token), now);
    if (Number(taken.changes) !== 1 || this.users.count > 0) {
      this.#byAddress.begin(key, now);
      throw new PosternError('unauthorized', 'the set-up link is wrong, was used, or is older than an hour', {
        remedy: 'get a new one: postern shell -c setup',
      });
    }
    const user = await this.users.add(name, 'administrator', password, now);
    this.#log.record(audit, user.name, user.role, address, 'UI', 'setup', 'first administrator');
    return user;
  }

  // --- Changes that are audited ---

  /** As `record`, without a line in the system log. */
  note({ user, role, address, face }: Actor, action: string, detail: string): void {
    this.#log.record(auditOnly, user, role, address, face, action, detail);
  }

  record({ user, role, address, face }: Actor, action: string, detail: string): void {
    this.#log.record(audit, user, role, address, face, action, detail);
  }
}

function tooOften(wait: number): PosternError {
  return new PosternError('rate-limited', `too many failed attempts; try again in ${Math.ceil(wait / 1000)} s`, {
    temporary: true,
    remedy: 'wait, and check the user name and password',
    retryAfter: wait,
  });
}

/** The reference's words for its roles. */
function privilege(role: Role): string {
  return role === 'administrator' ? 'admin' : role;
}
