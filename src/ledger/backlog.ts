// Lines on disk for a collector that is away: a queue of files in one directory, oldest first. Survives a restart.
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../errors.ts';

export interface BacklogOptions {
  /** Made when the first line comes, removed with `remove`. */
  readonly directory: string;
  /** Bytes on disk; beyond, the oldest lines go. */
  readonly limit: number;
}

/** Lines taken from the front, to be forgotten with `forget` once they are sent. */
export interface BacklogBatch {
  readonly lines: readonly string[];
  /** 0: from memory. */
  readonly segment: number;
  /** Where the next batch begins in that segment. */
  readonly end: number;
}

const segmentName = /^[0-9]{10}\.log$/;
/** Bytes held in memory while the disk takes nothing; then the newest lines are lost. */
const mostUnwritten = 4 * 1024 * 1024;

/**
 * A segment is a file of lines; the front segment is read while the last is written. The file `position` says how far the
 * front one was sent, as `<segment> <offset>`. A line holds no line feed.
 */
export class Backlog {
  readonly #directory: string;
  #limit: number;
  /** Number → bytes, ascending. */
  readonly #segments = new Map<number, number>();
  #bytes = 0;
  /** Sent so far of the front segment. */
  #offset = 0;
  #writer: { readonly segment: number; readonly fd: number } | null = null;
  #positionFd: number | null = null;
  /** What the disk did not take, with its line feeds. */
  #unwritten: Buffer = Buffer.alloc(0);
  /** Bytes that have left `#unwritten` at its front, ever: what a batch taken from it counts in. */
  #consumed = 0;
  /** Numbers are never used again: `position` may name an old one. */
  #next = 1;
  #lost = 0;
  #failure: string | null = null;

  /** Takes up what an earlier run left. Throws where the directory exists and cannot be read. */
  constructor({ directory, limit }: BacklogOptions) {
    this.#directory = directory;
    this.#limit = limit;
    this.#load();
  }

  /** Nothing waits. */
  get empty(): boolean {
    return this.#bytes - this.#offset <= 0 && this.#unwritten.length === 0;
  }

  /** Bytes that wait. */
  get size(): number {
    return Math.max(0, this.#bytes - this.#offset) + this.#unwritten.length;
  }

  /** Why the disk did not take the last lines; null: it did. */
  get failure(): string | null {
    return this.#failure;
  }

  /** Lines lost since the last call. */
  takeLost(): number {
    const lost = this.#lost;
    this.#lost = 0;
    return lost;
  }

  set limit(bytes: number) {
    this.#limit = bytes;
    this.#shrink();
  }

  /** Appends lines. They are on disk (not synced) unless `failure` says otherwise; no lines: tries those again. */
  push(lines: readonly string[]): void {
    if (lines.length === 0 && this.#unwritten.length === 0) return;
    const added = Buffer.from(lines.map((line) => `${line}\n`).join(''), 'utf8');
    this.#unwritten = this.#unwritten.length === 0 ? added : Buffer.concat([this.#unwritten, added]);
    try {
      this.#writeOut();
      this.#failure = null;
    } catch (error) {
      this.#failure = messageOf(error);
      const { code } = error as NodeJS.ErrnoException;
      if (code !== undefined && code !== 'ENOSPC' && code !== 'EDQUOT') this.#closeWriter();
      this.#dropUnwritten();
    }
    this.#shrink();
  }

  /** The oldest lines, at most about `most` bytes of them; null: there are none. */
  peek(most: number): BacklogBatch | null {
    for (;;) {
      const [segment, size] = this.#front();
      if (segment === undefined || size === undefined) return this.#peekUnwritten(most);
      const bytes = this.#readFront(segment, size, most);
      const end = bytes.lastIndexOf(10) + 1;
      if (end > 0) return { lines: linesOf(bytes.subarray(0, end)), segment, end: this.#offset + end };
      // Unreadable, or cut by another hand: nothing in it that could be sent.
      this.#dropFront();
    }
  }

  /** About `most` bytes of the front segment, but a whole line at least. */
  #readFront(segment: number, size: number, most: number): Buffer {
    const waiting = size - this.#offset;
    try {
      const part = readPart(this.#path(segment), this.#offset, Math.min(waiting, most));
      return part.includes(10) ? part : readPart(this.#path(segment), this.#offset, waiting);
    } catch (error) {
      this.#failure = messageOf(error);
      return Buffer.alloc(0);
    }
  }

  /** While the disk takes nothing, lines go from memory. */
  #peekUnwritten(most: number): BacklogBatch | null {
    if (this.#unwritten.length === 0) return null;
    let end = this.#unwritten.lastIndexOf(10, Math.min(most, this.#unwritten.length) - 1) + 1;
    if (end === 0) end = this.#unwritten.indexOf(10) + 1;
    return { lines: linesOf(this.#unwritten.subarray(0, end)), segment: 0, end: this.#consumed + end };
  }

  /** The batch was sent. One that was lost meanwhile (the buffer was full) is ignored. */
  forget(batch: BacklogBatch): void {
    if (batch.segment === 0) {
      if (batch.end > this.#consumed) this.#consume(batch.end - this.#consumed);
      return;
    }
    const [segment, size] = this.#front();
    if (segment !== batch.segment || size === undefined || batch.end <= this.#offset) return;
    this.#offset = batch.end;
    // Sent in full: the file goes, so that an idle collector has no files.
    if (batch.end >= size) this.#dropFront();
    else this.#savePosition(segment);
  }

  /** Lines that wait, counted on disk. */
  countLines(): number {
    let count = countLines(this.#unwritten);
    let offset = this.#offset;
    for (const segment of this.#segments.keys()) {
      count += countLines(this.#contents(segment).subarray(offset));
      offset = 0;
    }
    return count;
  }

  close(): void {
    this.#closeWriter();
    if (this.#positionFd !== null) closeSync(this.#positionFd);
    this.#positionFd = null;
  }

  /** Throws everything away, the directory too. */
  remove(): void {
    this.close();
    rmSync(this.#directory, { recursive: true, force: true });
    this.#segments.clear();
    this.#bytes = 0;
    this.#offset = 0;
    this.#unwritten = Buffer.alloc(0);
  }

  #load(): void {
    let names: string[];
    try {
      names = readdirSync(this.#directory);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    for (const name of names.filter((each) => segmentName.test(each)).sort()) {
      const segment = Number.parseInt(name, 10);
      const size = wholeLines(this.#path(segment));
      if (size === 0) unlinkSync(this.#path(segment));
      else this.#add(segment, size);
    }
    let position: RegExpExecArray | null = null;
    try {
      position = /^([0-9]+) ([0-9]+) /.exec(readFileSync(join(this.#directory, 'position'), 'latin1'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    this.#next = Math.max(0, Number(position?.[1] ?? 0), ...this.#segments.keys()) + 1;
    const [front, size] = this.#front();
    if (position === null || front !== Number(position[1]) || size === undefined) return;
    this.#offset = Number(position[2]);
    if (this.#offset >= size) this.#dropFront();
  }

  #writeOut(): void {
    while (this.#unwritten.length > 0) {
      const { segment, fd } = this.#openWriter();
      const room = this.#segmentSize() - (this.#segments.get(segment) ?? 0);
      // Whole lines up to the room that is left, at least one.
      let end = this.#unwritten.lastIndexOf(10, Math.max(0, Math.min(room, this.#unwritten.length) - 1)) + 1;
      if (end === 0) end = this.#unwritten.indexOf(10) + 1;
      const before = fstatSync(fd).size;
      const written = writeSync(fd, this.#unwritten, 0, end);
      if (written < end) {
        // A full disk took a part: back to the last whole line.
        const whole = written === 0 ? 0 : this.#unwritten.lastIndexOf(10, written - 1) + 1;
        ftruncateSync(fd, before + whole);
        this.#add(segment, whole);
        this.#consume(whole);
        throw new Error('no space left on the device');
      }
      this.#add(segment, end);
      this.#consume(end);
      if ((this.#segments.get(segment) ?? 0) >= this.#segmentSize()) this.#closeWriter();
    }
    this.#unwritten = Buffer.alloc(0);
  }

  #openWriter(): { readonly segment: number; readonly fd: number } {
    if (this.#writer !== null) return this.#writer;
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const segment = this.#next++;
    const fd = openSync(this.#path(segment), 'a', 0o600);
    this.#writer = { segment, fd };
    return this.#writer;
  }

  #closeWriter(): void {
    if (this.#writer === null) return;
    const { segment, fd } = this.#writer;
    this.#writer = null;
    closeSync(fd);
    if (!this.#segments.has(segment)) rmSync(this.#path(segment), { force: true });
  }

  /** Small enough that the oldest lines go in small pieces. */
  #segmentSize(): number {
    return Math.max(4096, Math.min(1024 * 1024, Math.floor(this.#limit / 8)));
  }

  #shrink(): void {
    while (this.#bytes > this.#limit && this.#segments.size > 1) {
      const [segment] = this.#front();
      if (segment === undefined) return;
      this.#lost += countLines(this.#contents(segment).subarray(this.#offset));
      this.#dropFront();
    }
  }

  #dropUnwritten(): void {
    const excess = this.#unwritten.length - mostUnwritten;
    if (excess <= 0) return;
    // The oldest go first here too.
    const end = this.#unwritten.indexOf(10, excess - 1) + 1;
    this.#lost += countLines(this.#unwritten.subarray(0, end));
    this.#consume(end);
    // A copy: the view would keep the dropped bytes in memory.
    this.#unwritten = Buffer.from(this.#unwritten);
  }

  #consume(bytes: number): void {
    this.#unwritten = this.#unwritten.subarray(bytes);
    this.#consumed += bytes;
  }

  #dropFront(): void {
    const [segment, size] = this.#front();
    if (segment === undefined || size === undefined) return;
    if (this.#writer?.segment === segment) this.#closeWriter();
    this.#segments.delete(segment);
    this.#bytes -= size;
    this.#offset = 0;
    try {
      unlinkSync(this.#path(segment));
    } catch (error) {
      // Gone already; anything else leaves a file that the next start would send again.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#failure = messageOf(error);
    }
  }

  #savePosition(segment: number): void {
    try {
      this.#positionFd ??= openSync(join(this.#directory, 'position'), 'w', 0o600);
      // Fixed width, in one write: never a mixture of two positions.
      writeSync(this.#positionFd, `${segment} ${this.#offset} `.padEnd(40), 0, 'latin1');
    } catch (error) {
      // Costs a repetition after a restart, no line.
      this.#failure = messageOf(error);
    }
  }

  #front(): readonly [number | undefined, number | undefined] {
    for (const entry of this.#segments) return entry;
    return [undefined, undefined];
  }

  #add(segment: number, bytes: number): void {
    if (bytes > 0) this.#segments.set(segment, (this.#segments.get(segment) ?? 0) + bytes);
    this.#bytes += bytes;
  }

  #contents(segment: number): Buffer {
    try {
      return readFileSync(this.#path(segment));
    } catch (error) {
      this.#failure = messageOf(error);
      return Buffer.alloc(0);
    }
  }

  #path(segment: number): string {
    return join(this.#directory, `${segment}`.padStart(10, '0').concat('.log'));
  }
}

/** The size of a file without a line that a crash cut short; the file is cut there too. */
function wholeLines(path: string): number {
  const contents = readFileSync(path);
  const end = contents.lastIndexOf(10) + 1;
  if (end < contents.length) {
    const fd = openSync(path, 'r+');
    ftruncateSync(fd, end);
    closeSync(fd);
  }
  return end;
}

function readPart(path: string, from: number, length: number): Buffer {
  const fd = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(fd, bytes, 0, length, from));
  } finally {
    closeSync(fd);
  }
}

/** Without the line feeds; `bytes` ends with one. */
function linesOf(bytes: Buffer): string[] {
  return bytes.toString('utf8', 0, bytes.length - 1).split('\n');
}

function countLines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) count++;
  return count;
}
