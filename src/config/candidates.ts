// The administrators' uncommitted configurations: one file each, so that a restart loses none of them.
//
//   postern-candidate {"user":"admin","sha256":"..."}
//   {"baseNumber":3,"time":1795531740000,"base":{...},"config":{...}}
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, PosternError } from '../errors.ts';
import { listDirectory, makeDirectory, removeDurably, removeRemains, writeDurably } from './durable.ts';
import { isPlainObject } from './plain-object.ts';
import type { GatewayConfig } from './schema.ts';
import { restoreDocument } from './validate.ts';

const magic = 'postern-candidate ';
/** Administrators, not strangers, make candidates; the bound is for a mistake in a program that uses the API. */
const most = 256;
const longestUser = 64;

export interface Candidate {
  readonly user: string;
  /** The revision it was begun on, and that revision's configuration: it may leave the history meanwhile. */
  readonly baseNumber: number;
  readonly base: GatewayConfig;
  readonly config: GatewayConfig;
  /** Of the last change, ms since the epoch. */
  readonly time: number;
}

export class CandidateFiles {
  readonly warnings: string[] = [];
  readonly #directory: string;
  readonly #candidates = new Map<string, Candidate>();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** A file that is damaged is named in `warnings` and left alone until its user changes something. */
  static async open(directory: string): Promise<CandidateFiles> {
    const files = new CandidateFiles(directory);
    await makeDirectory(directory);
    await removeRemains(directory);
    for (const name of await listDirectory(directory)) {
      const file = join(directory, name);
      try {
        const candidate = await readCandidate(file);
        if (fileName(candidate.user) !== name) throw new Error(`it is named for another user than "${candidate.user}"`);
        files.#candidates.set(candidate.user, candidate);
      } catch (error) {
        files.warnings.push(`${file} is damaged (${messageOf(error)}); its changes are lost`);
      }
    }
    return files;
  }

  get(user: string): Candidate | null {
    return this.#candidates.get(user) ?? null;
  }

  all(): readonly Candidate[] {
    return [...this.#candidates.values()];
  }

  /** Durable when it returns. */
  async put(candidate: Candidate): Promise<void> {
    const { user, ...rest } = candidate;
    if (!this.#candidates.has(user) && this.#candidates.size >= most) {
      throw new PosternError('conflict', `${most} administrators have uncommitted changes`, {
        remedy: 'commit or clear some of them',
      });
    }
    const body = `${JSON.stringify(rest)}\n`;
    await writeDurably(this.#file(user), `${magic}${JSON.stringify({ user, sha256: hash(body) })}\n${body}`);
    this.#candidates.set(user, candidate);
  }

  async remove(user: string): Promise<void> {
    await removeDurably(this.#file(user));
    this.#candidates.delete(user);
  }

  #file(user: string): string {
    return join(this.#directory, fileName(user));
  }
}

/** Throws `bad-usage`: whoever changes a configuration has a name that can stand in a line of a log. */
export function checkUser(user: string): void {
  if (user.length > 0 && user.length <= longestUser && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(user) && user.isWellFormed())
    return;
  throw new PosternError('bad-usage', 'that is not a user name', {
    remedy: `a user name has 1 to ${longestUser} characters and no control characters`,
  });
}

/** Different for different users, also where a file system does not tell upper from lower case. */
function fileName(user: string): string {
  const name = Array.from(Buffer.from(user, 'utf8'), (byte) => {
    const character = String.fromCharCode(byte);
    return /[a-z0-9_-]/.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`;
  }).join('');
  return name.length <= 200 ? `${name}.json` : `%${hash(user)}.json`;
}

async function readCandidate(file: string): Promise<Candidate> {
  const text = await readFile(file, 'utf8');
  const end = text.indexOf('\n');
  if (!text.startsWith(magic) || end < 0) throw new Error('its first line is not that of a candidate');
  const head: unknown = JSON.parse(text.slice(magic.length, end));
  const body = text.slice(end + 1);
  if (!isPlainObject(head) || typeof head['user'] !== 'string') throw new Error('its first line names no user');
  if (head['sha256'] !== hash(body)) throw new Error('its contents do not match its checksum');
  const value: unknown = JSON.parse(body);
  if (!isPlainObject(value) || typeof value['baseNumber'] !== 'number' || typeof value['time'] !== 'number') {
    throw new Error('it is not a candidate');
  }
  return {
    user: head['user'],
    baseNumber: value['baseNumber'],
    time: value['time'],
    base: restoreDocument(value['base'], file),
    config: restoreDocument(value['config'], file),
  };
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
