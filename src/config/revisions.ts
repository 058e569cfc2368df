// The committed revisions: one file each, written once, never changed. The highest that is whole is the one in force.
//
//   postern-revision {"number":3,"time":1795531740000,"user":"admin",...,"bytes":8123,"sha256":"..."}
//   {"schema":2,"hostname":"gw.example.com",...}
//
// The head line is enough for the history; the body is checked against it when it is read.
import { createHash } from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, PosternError } from '../errors.ts';
import { listDirectory, makeDirectory, removeDurably, removeRemains, writeDurably } from './durable.ts';
import { isPlainObject } from './plain-object.ts';
import type { GatewayConfig } from './schema.ts';
import { restoreDocument } from './validate.ts';

const magic = 'postern-revision ';
const headLimit = 8192;
/** Fits, in UTF-8 and with every character escaped, into the head line. */
const longestComment = 1000;

/** An entry of the history. */
export interface RevisionInfo {
  readonly number: number;
  /** ms since the epoch. */
  readonly time: number;
  readonly user: string;
  readonly comment: string;
  /** False: whoever replaced it chose not to keep it for `rollbackconfig`. */
  readonly offered: boolean;
}

interface Head extends Omit<RevisionInfo, 'offered'> {
  /** Whether the revision before this one is offered for rollback: said when this one replaced it. */
  readonly offersPrevious: boolean;
  readonly bytes: number;
  readonly sha256: string;
}

export type NewRevision = Omit<Head, 'bytes' | 'sha256'>;

export class RevisionFiles {
  readonly warnings: string[] = [];
  readonly #directory: string;
  readonly #keep: number;
  /** Ascending. */
  #heads: Head[] = [];
  #highest = 0;

  private constructor(directory: string, keep: number) {
    this.#directory = directory;
    this.#keep = keep;
  }

  /** For the one writer. Reads the head of every revision. A file that is damaged is named in `warnings` and left alone. */
  static async open(directory: string, keep: number): Promise<RevisionFiles> {
    await makeDirectory(directory);
    await removeRemains(directory);
    return RevisionFiles.#read(directory, keep);
  }

  /** As `open`, beside a writer: nothing in the directory is touched. */
  static async openToRead(directory: string): Promise<RevisionFiles> {
    return RevisionFiles.#read(directory, Number.MAX_SAFE_INTEGER);
  }

  static async #read(directory: string, keep: number): Promise<RevisionFiles> {
    const files = new RevisionFiles(directory, keep);
    for (const name of await listDirectory(directory)) {
      const number = /^([0-9]{8,15})\.json$/.exec(name)?.[1];
      if (number === undefined) {
        files.warnings.push(`${join(directory, name)} is not a revision and is ignored`);
        continue;
      }
      // A damaged file keeps its number: the next revision gets a new one.
      files.#highest = Math.max(files.#highest, Number(number));
      try {
        files.#heads.push(await readHead(join(directory, name), Number(number)));
      } catch (error) {
        files.warnings.push(`${join(directory, name)} is damaged (${messageOf(error)})`);
      }
    }
    files.#heads.sort((a, b) => a.number - b.number);
    return files;
  }

  /** There has never been a revision here, whole or damaged. */
  get empty(): boolean {
    return this.#highest === 0;
  }

  /** Number of the next revision. */
  get next(): number {
    return this.#highest + 1;
  }

  /** Newest first. */
  history(): RevisionInfo[] {
    const entries = this.#heads.map(({ number, time, user, comment }, index) => {
      const replacing = this.#heads[index + 1];
      const offered = replacing === undefined || replacing.number !== number + 1 || replacing.offersPrevious;
      return { number, time, user, comment, offered };
    });
    return entries.reverse();
  }

  /**
   * The newest revision whose file is whole; damaged ones on the way are named in `warnings`. Null: there is none. Throws
   * `bad-configuration` where it is whole but of another version of Postern: an older revision would be the wrong answer.
   */
  async newest(): Promise<{ info: RevisionInfo; config: GatewayConfig } | null> {
    for (const info of this.history()) {
      try {
        return { info, config: await this.read(info.number) };
      } catch (error) {
        if (!(error instanceof PosternError) || error.code !== 'io') throw error;
        this.#heads = this.#heads.filter((head) => head.number !== info.number);
        this.warnings.push(error.message);
      }
    }
    return null;
  }

  /**
   * Throws `not-found` for a number that is not in the history, `io` for a damaged file, `bad-configuration` for one of
   * another version. Only the structure is checked: the rules may have become stricter since it was committed.
   */
  async read(number: number): Promise<GatewayConfig> {
    const head = this.#heads.find((one) => one.number === number);
    if (head === undefined) {
      const known = this.#heads;
      throw new PosternError('not-found', `there is no revision ${number}`, {
        remedy: known.length === 0 ? 'commit one' : `choose one from ${known[0]?.number} to ${known.at(-1)?.number}`,
      });
    }
    const file = this.#file(number);
    return restoreDocument(await readBody(file, head.sha256), file);
  }

  /** Writes the next revision durably: when this returns it is the one in force, also after a crash. */
  async append(entry: NewRevision, config: GatewayConfig): Promise<RevisionInfo> {
    const body = `${JSON.stringify(config)}\n`;
    const head: Head = {
      ...entry,
      comment: cleanComment(entry.comment),
      bytes: Buffer.byteLength(body),
      sha256: hash(body),
    };
    await writeDurably(this.#file(entry.number), `${magic}${JSON.stringify(head)}\n${body}`);
    this.#highest = entry.number;
    this.#heads.push(head);
    const { number, time, user, comment } = head;
    return { number, time, user, comment, offered: true };
  }

  /** Removes what is beyond the bound. Throws where a file cannot be removed, which costs room only. */
  async prune(): Promise<void> {
    while (this.#heads.length > this.#keep) {
      const oldest = this.#heads[0];
      if (oldest === undefined) return;
      await removeDurably(this.#file(oldest.number));
      this.#heads.shift();
    }
  }

  #file(revision: number): string {
    return join(this.#directory, `${String(revision).padStart(8, '0')}.json`);
  }
}

async function readBody(file: string, sha256: string): Promise<unknown> {
  try {
    const text = await readFile(file, 'utf8');
    const body = text.slice(text.indexOf('\n') + 1);
    if (hash(body) !== sha256) throw new Error('its contents do not match its checksum');
    return JSON.parse(body);
  } catch (error) {
    throw new PosternError('io', `${file} is damaged (${messageOf(error)})`, {
      remedy: 'restore the file from a backup, or choose another revision',
      cause: error,
    });
  }
}

async function readHead(file: string, number: number): Promise<Head> {
  const handle = await open(file, 'r');
  try {
    const buffer = Buffer.alloc(headLimit);
    const { bytesRead } = await handle.read(buffer, 0, headLimit, 0);
    const end = buffer.subarray(0, bytesRead).indexOf(0x0a);
    const line = buffer.toString('utf8', 0, Math.max(end, 0));
    if (!line.startsWith(magic)) throw new Error('its first line is not that of a revision');
    const head: unknown = JSON.parse(line.slice(magic.length));
    if (!isHead(head) || head.number !== number) throw new Error('its first line is not that of this revision');
    const { size } = await stat(file);
    if (size !== end + 1 + head.bytes) throw new Error(`it has ${size} bytes instead of ${end + 1 + head.bytes}`);
    return head;
  } finally {
    await handle.close();
  }
}

function isHead(value: unknown): value is Head {
  return (
    isPlainObject(value) &&
    typeof value['number'] === 'number' &&
    typeof value['time'] === 'number' &&
    typeof value['user'] === 'string' &&
    typeof value['comment'] === 'string' &&
    typeof value['offersPrevious'] === 'boolean' &&
    typeof value['bytes'] === 'number' &&
    typeof value['sha256'] === 'string'
  );
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** One line, bounded. */
function cleanComment(comment: string): string {
  return comment
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .toWellFormed()
    .trim()
    .slice(0, longestComment);
}
