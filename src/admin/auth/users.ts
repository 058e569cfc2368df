// Users of the web UI and the API.
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { PosternError } from '../../errors.ts';
import { type Role, roles } from './access.ts';
import { hashPassword, verifyPassword, weakness } from './password.ts';
import { hashOf } from './secret.ts';
import { matchingStep, newRecoveryCodes, newSecret } from './totp.ts';

export interface UserInfo {
  readonly name: string;
  readonly role: Role;
  readonly disabled: boolean;
  readonly totp: boolean;
  /** ms since the epoch; null: never. */
  readonly created: number;
  readonly lastLogon: number | null;
  readonly lastAddress: string | null;
}

/** How an administrator last reached us. */
export interface LastHello {
  readonly user: string;
  readonly address: string;
  readonly time: number;
  readonly flight: Uint8Array;
}

type Row = Record<string, SQLOutputValue>;

const mostUsers = 1000;
const namePattern = /^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,31}$/;

export class Users {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  get count(): number {
    return Number(this.#database.prepare('SELECT count(*) AS n FROM user').get()?.['n']);
  }

  list(): UserInfo[] {
    return this.#database.prepare('SELECT * FROM user ORDER BY name').all().map(infoOf);
  }

  find(name: string): UserInfo | null {
    const row = this.#row(name);
    return row === null ? null : infoOf(row);
  }

  /** Throws `not-found`. */
  get(name: string): UserInfo {
    const found = this.find(name);
    if (found === null) throw new PosternError('not-found', `there is no user "${name.slice(0, 64)}"`);
    return found;
  }

  /** Throws `bad-request` (name, password), `in-use`. */
  async add(name: string, role: Role, password: string, now: number): Promise<UserInfo> {
    this.check(name, password);
    if (this.find(name) !== null) throw new PosternError('in-use', `there is a user "${name}" already`);
    if (this.count >= mostUsers) throw new PosternError('conflict', `there are ${mostUsers} users already`);
    const hash = await hashPassword(password);
    this.#database
      .prepare('INSERT INTO user (name, role, password, created) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING')
      .run(name, role, hash, now);
    return this.get(name);
  }

  /** Throws `bad-request` where a new user could not have this name or password. */
  check(name: string, password: string): void {
    if (!namePattern.test(name)) {
      throw wrong('/name', 'a user name is up to 32 letters, digits, ".", "_", "@" and "-"', 'choose another name');
    }
    checked(password, name);
  }

  /** Throws `bad-request` where the password is too weak. */
  async setPassword(name: string, password: string): Promise<void> {
    const user = this.get(name);
    const hash = await hashPassword(checked(password, user.name));
    this.#database.prepare('UPDATE user SET password = ? WHERE name = ?').run(hash, name);
  }

  /** Null: there is no such user, or he is disabled. */
  passwordHash(name: string): string | null {
    const row = this.#row(name);
    return row === null || row['disabled'] !== 0 ? null : String(row['password']);
  }

  async hasPassword(name: string, password: string): Promise<boolean> {
    const hash = this.passwordHash(name);
    return hash !== null && (await verifyPassword(password, hash));
  }

  /** Throws `conflict` where nobody would be left who can administer. */
  change(name: string, change: { readonly role?: Role; readonly disabled?: boolean }): UserInfo {
    const before = this.get(name);
    const { role = before.role, disabled = before.disabled } = change;
    if (role !== 'administrator' || disabled) this.#keepAnAdministrator(before);
    this.#database
      .prepare('UPDATE user SET role = ?, disabled = ? WHERE name = ?')
      .run(role, disabled ? 1 : 0, before.name);
    return this.get(name);
  }

  /** Throws `conflict`, `not-found`. */
  remove(name: string): void {
    this.#keepAnAdministrator(this.get(name));
    this.#database.prepare('DELETE FROM user WHERE name = ?').run(name);
  }

  #keepAnAdministrator(user: UserInfo): void {
    if (user.role !== 'administrator' || user.disabled) return;
    const others = this.list().filter(
      (one) => one.role === 'administrator' && !one.disabled && one.name.toLowerCase() !== user.name.toLowerCase(),
    );
    if (others.length > 0) return;
    throw new PosternError('conflict', `"${user.name}" is the last administrator`, {
      remedy: 'add another administrator first',
    });
  }

  // --- Logons ---

  /** `flight`: the first TLS flight of the connection; null where there is none. */
  loggedOn(name: string, address: string, flight: Uint8Array | null, now: number): void {
    this.#database
      .prepare('UPDATE user SET lastLogon = ?, lastAddress = ?, lastFlight = ? WHERE name = ?')
      .run(now, address, flight, name);
  }

  /** Of all administrators who logged on at `since` or later. */
  lastHellos(since: number): LastHello[] {
    const rows = this.#database
      .prepare(
        `SELECT name, lastLogon, lastAddress, lastFlight FROM user
         WHERE role = 'administrator' AND disabled = 0 AND lastLogon >= ? AND lastFlight IS NOT NULL`,
      )
      .all(since);
    return rows.flatMap(({ name, lastLogon, lastAddress, lastFlight }) =>
      lastFlight instanceof Uint8Array
        ? [{ user: String(name), address: String(lastAddress), time: Number(lastLogon), flight: lastFlight }]
        : [],
    );
  }

  // --- Second factor ---

  /** A secret that waits for its first code. */
  offerTotp(name: string): Buffer {
    const secret = newSecret();
    this.#database.prepare('UPDATE user SET totpOffer = ? WHERE name = ?').run(secret, this.get(name).name);
    return secret;
  }

  /** Puts the offered secret into force. Returns the recovery codes. Throws `not-found`, `bad-request` (code). */
  confirmTotp(name: string, code: string, now: number): string[] {
    const offer = this.#row(name)?.['totpOffer'];
    if (!(offer instanceof Uint8Array)) {
      throw new PosternError('not-found', 'no second factor waits for its first code', { remedy: 'begin anew' });
    }
    const step = matchingStep(offer, code, now, 0);
    if (step === null) {
      throw wrong('/code', 'the code is wrong', 'check the clock of the device, and enter the present code');
    }
    const codes = newRecoveryCodes();
    const hashes = JSON.stringify(codes.map((text) => hashOf(text).toString('hex')));
    this.#database
      .prepare('UPDATE user SET totp = ?, totpOffer = NULL, totpStep = ?, recovery = ? WHERE name = ?')
      .run(offer, step, hashes, name);
    return codes;
  }

  removeTotp(name: string): void {
    this.#database
      .prepare(`UPDATE user SET totp = NULL, totpOffer = NULL, totpStep = 0, recovery = '[]' WHERE name = ?`)
      .run(this.get(name).name);
  }

  /** Takes a code or a recovery code: right, it is used up. */
  takeCode(name: string, code: string, now: number): boolean {
    const row = this.#row(name);
    const secret = row?.['totp'];
    if (row === null || !(secret instanceof Uint8Array)) return false;
    const step = matchingStep(secret, code, now, Number(row['totpStep']));
    if (step !== null) {
      this.#database.prepare('UPDATE user SET totpStep = ? WHERE name = ?').run(step, name);
      return true;
    }
    const hash = hashOf(code.toLowerCase()).toString('hex');
    const left: readonly unknown[] = JSON.parse(String(row['recovery']));
    if (!left.includes(hash)) return false;
    const rest = JSON.stringify(left.filter((one) => one !== hash));
    this.#database.prepare('UPDATE user SET recovery = ? WHERE name = ?').run(rest, name);
    return true;
  }

  #row(name: string): Row | null {
    return this.#database.prepare('SELECT * FROM user WHERE name = ?').get(name) ?? null;
  }
}

function checked(password: string, name: string): string {
  const problem = weakness(password, name);
  if (problem !== null) throw wrong('/password', problem, 'choose a longer one, such as four unusual words');
  return password;
}

function wrong(pointer: string, detail: string, remedy: string) {
  return new PosternError('bad-request', detail, { remedy, issues: [{ pointer, detail, remedy }] });
}

function infoOf(row: Row): UserInfo {
  const number = (value: SQLOutputValue | undefined) => (typeof value === 'number' ? value : null);
  return {
    name: String(row['name']),
    role: roles.find((role) => role === row['role']) ?? 'auditor',
    disabled: row['disabled'] !== 0,
    totp: row['totp'] !== null,
    created: Number(row['created']),
    lastLogon: number(row['lastLogon']),
    lastAddress: typeof row['lastAddress'] === 'string' ? row['lastAddress'] : null,
  };
}
