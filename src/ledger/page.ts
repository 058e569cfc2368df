// A log a page at a time, from its end backwards, its closed files included.
import { type FileHandle, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PosternError } from '../errors.ts';
import { closedFiles, type LogName, logNames } from './rotation.ts';

export interface LogPageRequest {
  /** Lines that have all of these words; capitals do not count. */
  readonly filter?: string;
  readonly lines: number;
  /** `before` of another page. */
  readonly before?: string;
}

export interface LogPage {
  /** Oldest first. */
  readonly lines: readonly string[];
  /** For the page before this one; null: the log begins here. */
  readonly before: string | null;
}

const blockSize = 256 * 1024;
/** A search for rare words stops for a breath after so many bytes, with what it has. */
const mostRead = 64 * 1024 * 1024;
/** No line of ours is longer. */
const longestLine = 1024 * 1024;

/** Throws `bad-request` for a `before` that is none. */
export async function logPage(directory: string, log: LogName, request: LogPageRequest): Promise<LogPage> {
  const files = await filesOf(directory, log);
  const words = wordsOf(request.filter ?? '');
  let at = files.length - 1;
  let end: number | null = null;
  if (request.before !== undefined) {
    const found = /^([0-9]{1,20})-([0-9]{1,16})$/.exec(request.before);
    if (found === null) {
      const detail = '"before" is not of a page of this log';
      throw new PosternError('bad-request', detail, {
        remedy: 'Leave it out, or give `before` of a page as it is.',
        issues: [{ pointer: '/query/before', detail }],
      });
    }
    end = Number(found[2]);
    // -1: the file was thrown away since, and with it everything before.
    at = files.findIndex(({ inode }) => inode === found[1]);
  }
  const page = new Page(words, request.lines);
  for (; at >= 0; at--) {
    const file = files[at];
    if (file === undefined) break;
    const rest = await page.read(file.path, end);
    if (rest !== null) return { lines: page.found.toReversed(), before: `${file.inode}-${rest}` };
    end = null;
    const earlier = files[at - 1];
    if (earlier !== undefined && page.full) {
      const size = await stat(earlier.path).then(
        (status) => status.size,
        () => 0,
      );
      return { lines: page.found.toReversed(), before: `${earlier.inode}-${size}` };
    }
  }
  return { lines: page.found.toReversed(), before: null };
}

/** Words of a filter, as lines are compared with them. */
export function wordsOf(filter: string): readonly string[] {
  return filter
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
}

export function hasWords(line: string, words: readonly string[]): boolean {
  if (words.length === 0) return true;
  const text = line.toLowerCase();
  return words.every((word) => text.includes(word));
}

class Page {
  /** Newest first. */
  readonly found: string[] = [];
  readonly #words: readonly string[];
  readonly #most: number;
  #read = 0;

  constructor(words: readonly string[], most: number) {
    this.#words = words;
    this.#most = most;
  }

  get full(): boolean {
    return this.found.length >= this.#most || this.#read >= mostRead;
  }

  /** Reads a file backwards from `end` (null: its end). Where to go on; null: all of it has been looked at. */
  async read(path: string, end: number | null): Promise<number | null> {
    const file = await openIfThere(path);
    if (file === null) return null;
    try {
      const { size } = await file.stat();
      return await this.#backwards(file, Math.min(end ?? size, size));
    } finally {
      await file.close();
    }
  }

  async #backwards(file: FileHandle, from: number): Promise<number | null> {
    const block = Buffer.alloc(blockSize);
    let end = from;
    /** The end of a line whose beginning lies further to the front. */
    let rest: Buffer = Buffer.alloc(0);
    while (end > 0) {
      if (this.full && rest.length === 0) return end;
      const start = Math.max(0, end - blockSize);
      const { bytesRead } = await file.read(block, 0, end - start, start);
      this.#read += bytesRead;
      const bytes = Buffer.concat([block.subarray(0, bytesRead), rest]);
      // The first line of a block is whole only at the beginning of the file.
      const whole = start === 0 || bytes.length > longestLine ? 0 : bytes.indexOf(10) + 1;
      if (whole === 0 && start > 0 && bytes.length <= longestLine) {
        rest = bytes;
        end = start;
        continue;
      }
      const stop = this.#lines(bytes.subarray(whole), start + whole);
      if (stop !== null) return stop;
      rest = Buffer.from(bytes.subarray(0, whole));
      end = start;
      if (this.full && start + whole > 0) return start + whole;
    }
    return null;
  }

  /** Takes lines from the back. Where the last one that was taken begins, if that was enough; null: go on. */
  #lines(bytes: Buffer, offset: number): number | null {
    let end = bytes.length;
    while (end > 0) {
      const newline = bytes[end - 1] === 10 ? end - 1 : end;
      const start = newline === 0 ? 0 : bytes.lastIndexOf(10, newline - 1) + 1;
      const line = bytes.toString('utf8', start, newline);
      if (hasWords(line, this.#words)) this.found.push(line);
      end = start;
      if (this.found.length >= this.#most) return offset + start > 0 ? offset + start : null;
    }
    return null;
  }
}

/** Oldest first, the present file last. */
async function filesOf(directory: string, log: LogName): Promise<{ readonly path: string; readonly inode: string }[]> {
  const names = [...closedFiles(directory, log), logNames[log].current];
  const files: { path: string; inode: string }[] = [];
  for (const name of names) {
    const path = join(directory, name);
    const inode = await stat(path, { bigint: true }).then(
      (status) => String(status.ino),
      () => null, // renamed or thrown away at this moment
    );
    if (inode !== null && !files.some((file) => file.inode === inode)) files.push({ path, inode });
  }
  return files;
}

async function openIfThere(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
