// One log file: lines are gathered and written in few large writes; nothing is lost while there is memory for it. Rotation.
import { closeSync, fstatSync, mkdirSync, openSync, readSync, renameSync, statSync, write, writeSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, PosternError } from '../errors.ts';
import { localDay } from './clock.ts';
import { closedName, type LogName, logNames, removeOldest } from './rotation.ts';

export interface LogFileOptions {
  readonly directory: string;
  readonly log: LogName;
  /** Bytes from which the file is closed and renamed. */
  readonly rotateSize: number;
  /** Closed files kept. */
  readonly keep: number;
  /** Lines at the beginning and at the end of each file. */
  readonly begin: (time: number) => string;
  readonly end: (time: number) => string;
  /** Something the administrator should know; the file works on. */
  readonly warn: (text: string) => void;
  /** Bytes held while nothing can be written; default 64 MiB. */
  readonly mostHeld?: number;
}

/** Lines are put into buffers of this size; a full one is written at once. */
const chunkSize = 512 * 1024;
/** Else this long after the first one, in ms. */
const flushAfter = 100;
const retryAfter = 1000;
/** A failed rotation is tried again after this, in ms. */
const rotateRetryAfter = 60_000;
/** How long `stop` waits for a write that does not come back, in ms. */
const stopTimeout = 3000;
const lineEnd = Buffer.from('\n');

export class LogFile {
  #options: LogFileOptions;
  readonly #path: string;
  #fd: number;
  /** Bytes in the file. */
  #size = 0;
  /** When the file's first line was written. */
  #begun = 0;
  /** The file has lines beside those of its beginning. */
  #used = false;
  /** Where lines are gathered. Two buffers take turns: fresh memory costs more than the copying (measured). */
  #gathering: Buffer = Buffer.allocUnsafeSlow(chunkSize);
  #gathered = 0;
  #spare: Buffer | null = Buffer.allocUnsafeSlow(chunkSize);
  /** Full buffers, oldest first: only while writing lags. */
  #chunks: Buffer[] = [];
  /** Bytes in `#gathering`, `#chunks` and `#writing`. */
  #held = 0;
  #writing: Buffer | null = null;
  #written = 0;
  #busy = false;
  #timer: NodeJS.Timeout | null = null;
  #failure: string | null = null;
  #lost = 0;
  #reopen = false;
  /** What the open file's last line lacks: its end could not be written. */
  #owed = '';
  #rotateNotBefore = 0;
  /** Not 0: the path could not be opened. */
  #openNotBefore = 0;
  #onIdle: (() => void) | null = null;
  #stopped = false;

  /** Opens the file, or makes it, and appends its beginning. Throws `io`. */
  constructor(options: LogFileOptions) {
    this.#options = options;
    this.#path = join(options.directory, logNames[options.log].current);
    try {
      mkdirSync(options.directory, { recursive: true, mode: 0o750 });
      this.#fd = this.#open();
      if (this.#size > 0 && this.#isFull(Date.now())) this.#rotate(Date.now());
      else this.#begin(Date.now());
      removeOldest(options.directory, options.log, options.keep);
    } catch (error) {
      throw new PosternError('io', `the log file ${this.#path} cannot be opened: ${messageOf(error)}`, {
        cause: error,
        remedy: 'make its directory writable for the user that the gateway runs as',
      });
    }
  }

  /** Lines that were given up because nothing could be written and memory for them was used up. */
  get lost(): number {
    return this.#lost;
  }

  /** Why the last write failed; null: it did not. */
  get failure(): string | null {
    return this.#failure;
  }

  get size(): number {
    return this.#size;
  }

  apply(settings: { readonly rotateSize: number; readonly keep: number }): void {
    const fewer = settings.keep < this.#options.keep;
    this.#options = { ...this.#options, ...settings };
    if (fewer) this.#removeOldest();
  }

  /** Appends whole lines. */
  append(text: string, lines: number): void {
    // The longest that the text can become in UTF-8; an exact count would cost a pass over it.
    const most = text.length * 3;
    if (this.#held + text.length > (this.#options.mostHeld ?? 64 * 1024 * 1024)) {
      this.#lost += lines;
      return;
    }
    if (this.#gathered + most > this.#gathering.length) this.#exchange(most);
    const count = this.#gathering.write(text, this.#gathered);
    this.#gathered += count;
    this.#held += count;
    if (this.#chunks.length > 0) this.flush();
    else if (this.#timer === null && !this.#busy) this.#arm(flushAfter);
  }

  /** Puts what was gathered behind the full chunks and begins a buffer that has room for `room` bytes. */
  #exchange(room: number): void {
    if (this.#gathered > 0) {
      this.#chunks.push(this.#gathering.subarray(0, this.#gathered));
      this.#gathering = this.#spare ?? Buffer.allocUnsafeSlow(chunkSize);
      this.#spare = null;
      this.#gathered = 0;
    }
    if (room > this.#gathering.length) this.#gathering = Buffer.allocUnsafeSlow(room);
  }

  /** Starts writing what waits. */
  flush(): void {
    if (this.#busy || this.#stopped) return;
    this.#disarm();
    if (this.#reopen) this.#reopenNow(Date.now());
    if (this.#writing === null && !this.#take()) {
      this.#onIdle?.();
      return;
    }
    this.#write();
  }

  /** Opens the path again, which something else may have renamed (logrotate). */
  reopen(): void {
    this.#reopen = true;
    this.flush();
  }

  /** Closes yesterday's file although nothing has been logged today. */
  tick(now: number): void {
    if (!this.#busy && this.#used && this.#isFull(now)) this.#rotate(now);
  }

  /** Writes what can be written, then the end of the log, and closes. Never rejects; bounded in time. */
  async stop(): Promise<void> {
    const idle = new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), stopTimeout);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
    this.flush();
    const clean = await idle;
    this.#stopped = true;
    this.#disarm();
    if (!clean || this.#held > 0) {
      this.#lost += this.#countHeld();
      return;
    }
    finish(this.#fd, this.#options.end(Date.now()), this.#options.warn);
  }

  #take(): boolean {
    if (this.#chunks.length === 0 && this.#gathered > 0) this.#exchange(0);
    this.#writing = this.#chunks.shift() ?? null;
    this.#written = 0;
    return this.#writing !== null;
  }

  #release(buffer: Buffer): void {
    this.#writing = null;
    this.#held -= buffer.length;
    if (this.#spare === null && buffer.buffer.byteLength === chunkSize) this.#spare = Buffer.from(buffer.buffer);
  }

  #write(): void {
    const buffer = this.#writing;
    if (buffer === null) return;
    const now = Date.now();
    if (this.#written === 0 && this.#used && now >= this.#rotateNotBefore && this.#isFull(now)) this.#rotate(now);
    this.#busy = true;
    write(this.#fd, buffer, this.#written, buffer.length - this.#written, null, (error, count) => {
      this.#busy = false;
      if (this.#stopped) return;
      if (error !== null) {
        this.#fail(error);
        return;
      }
      this.#written += count;
      this.#size += count;
      this.#used = true;
      if (this.#written >= buffer.length) {
        this.#release(buffer);
        this.#recover();
      }
      if (this.#writing !== null || this.#reopen || this.#chunks.length > 0 || this.#onIdle !== null) this.flush();
      else if (this.#gathered > 0) this.#arm(flushAfter);
    });
  }

  #fail(error: NodeJS.ErrnoException): void {
    if (this.#failure === null)
      this.#options.warn(`${this.#path} cannot be written: ${error.message}; lines are kept in memory`);
    this.#failure = error.message;
    // A full disk needs room; anything else may be this descriptor's fault (a file system that went away).
    if (error.code !== 'ENOSPC' && error.code !== 'EDQUOT') this.#reopen = true;
    if (this.#onIdle !== null) this.#onIdle();
    else this.#arm(retryAfter);
  }

  #recover(): void {
    const { failure } = this;
    if (failure === null) return;
    const lost = this.#lost;
    this.#failure = null;
    this.#lost = 0;
    const what = lost === 0 ? 'no line was lost' : `${lost} lines were lost`;
    this.#options.warn(`${this.#path} can be written again; ${what} (${failure})`);
  }

  #isFull(now: number): boolean {
    return this.#size >= this.#options.rotateSize || localDay(this.#begun) !== localDay(now);
  }

  /** Renames the file and begins a new one. Where that fails the old one goes on. */
  #rotate(now: number): void {
    const { directory, log } = this.#options;
    try {
      renameSync(this.#path, join(directory, closedName(directory, log, this.#begun)));
    } catch (error) {
      this.#rotateNotBefore = now + rotateRetryAfter;
      this.#options.warn(`${this.#path} cannot be rotated: ${messageOf(error)}`);
      return;
    }
    this.#switch(now);
    this.#removeOldest();
  }

  /** From the open file to the one at the path. Where that cannot be opened the old one goes on, and it is tried again. */
  #switch(now: number): void {
    const [old, owed] = [this.#fd, this.#owed];
    try {
      this.#fd = this.#open();
    } catch (error) {
      if (this.#openNotBefore === 0) {
        this.#options.warn(`${this.#path} cannot be opened: ${messageOf(error)}; lines go to the file before it`);
      }
      this.#openNotBefore = now + retryAfter;
      this.#rotateNotBefore = now + rotateRetryAfter;
      this.#reopen = true;
      return;
    }
    this.#openNotBefore = 0;
    this.#reopen = false;
    finish(old, owed + this.#options.end(now), this.#options.warn);
    this.#begin(now);
  }

  #reopenNow(now: number): void {
    if (now < this.#openNotBefore) return;
    this.#reopen = false;
    // A line that was begun in the old file is written whole into the new one.
    const buffer = this.#writing;
    if (buffer !== null && this.#written > 0) this.#written = buffer.lastIndexOf(10, this.#written - 1) + 1;
    if (!this.#isOpenAtPath()) {
      this.#switch(now);
      return;
    }
    const old = this.#fd;
    try {
      this.#fd = openSync(this.#path, 'a', 0o640);
      finish(old, '', this.#options.warn);
    } catch (error) {
      this.#options.warn(`${this.#path} cannot be opened again: ${messageOf(error)}`);
    }
  }

  #isOpenAtPath(): boolean {
    try {
      const open = fstatSync(this.#fd);
      const there = statSync(this.#path);
      return open.ino === there.ino && open.dev === there.dev;
    } catch {
      // Nothing at the path, or nothing behind the descriptor: a new file is needed either way.
      return false;
    }
  }

  /**
   * Opens the path for appending; sets `#size`, `#begun`, `#used` and `#owed`. A line cut short by a crash gets its end; on a full
   * disk that is owed.
   */
  #open(): number {
    const fd = openSync(this.#path, 'a+', 0o640);
    try {
      const { size, birthtimeMs } = fstatSync(fd);
      this.#size = size;
      this.#used = size > 0;
      this.#begun = Date.now();
      this.#owed = '';
      if (size === 0) return fd;
      const head = Buffer.alloc(64);
      const length = readSync(fd, head, 0, head.length, 0);
      this.#begun = firstTime(head.toString('latin1', 0, length)) ?? birthtimeMs;
      const last = Buffer.alloc(1);
      readSync(fd, last, 0, 1, size - 1);
      if (last[0] !== 10 && this.#tryWrite(fd, lineEnd) === 0) this.#owed = '\n';
      return fd;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** The first lines go before all that waits; on a full disk they wait too. */
  #begin(now: number): void {
    const text = this.#owed + this.#options.begin(now);
    if (text === '') return;
    const buffer = Buffer.from(text, 'utf8');
    const written = this.#tryWrite(this.#fd, buffer);
    this.#owed = '';
    if (written === buffer.length) return;
    this.#chunks.unshift(buffer.subarray(written));
    this.#held += buffer.length - written;
  }

  /** Bytes that were written, counted in `#size`; 0 where they cannot be. */
  #tryWrite(fd: number, data: Buffer): number {
    try {
      const written = writeSync(fd, data);
      this.#size += written;
      return written;
    } catch (error) {
      this.#failure ??= messageOf(error);
      return 0;
    }
  }

  #removeOldest(): void {
    try {
      removeOldest(this.#options.directory, this.#options.log, this.#options.keep);
    } catch (error) {
      this.#options.warn(`an old log file cannot be removed: ${messageOf(error)}`);
    }
  }

  #countHeld(): number {
    const rest = this.#writing?.subarray(this.#written) ?? Buffer.alloc(0);
    const held = [rest, ...this.#chunks, this.#gathering.subarray(0, this.#gathered)];
    return held.reduce((sum, buffer) => sum + countLines(buffer), 0);
  }

  #arm(delay: number): void {
    this.#disarm();
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.flush();
    }, delay);
  }

  #disarm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

function countLines(buffer: Buffer): number {
  let count = 0;
  for (let at = buffer.indexOf(10); at >= 0; at = buffer.indexOf(10, at + 1)) count++;
  return count;
}

/** Ends a file. A full disk leaves its last line out, and a descriptor that is bad has nothing to close: neither stops the log. */
function finish(fd: number, last: string, warn: (text: string) => void): void {
  try {
    if (last !== '') writeSync(fd, last);
  } catch (error) {
    warn(`the end of a log file cannot be written: ${messageOf(error)}`);
  }
  try {
    closeSync(fd);
  } catch (error) {
    warn(`a log file cannot be closed: ${messageOf(error)}`);
  }
}

/** The time of a file's first line: `Tue Mar 17 18:24:37 2026 Info: ...` or `{"time":"2026-03-17T18:24:37.042Z",...`. */
function firstTime(head: string): number | null {
  const iso = /^\{"time":"([0-9T:.Z-]{24})"/.exec(head)?.[1];
  const local = /^[A-Z][a-z]{2} ([A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} [0-9]{4}) /.exec(head)?.[1];
  const time = Date.parse(iso ?? local ?? '');
  return Number.isNaN(time) ? null : time;
}
