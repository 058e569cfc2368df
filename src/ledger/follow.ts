// The reading side of the log files: `tail` follows a log across its rotations, `grep` searches it with its closed files.
import { statSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export { grepLog } from './grep.ts';

import { closedFiles, type LogName, logNames } from './rotation.ts';

export interface TailOptions {
  /** Lines of the present file shown first; default 10. */
  readonly lines?: number;
  /** All of the present file first. */
  readonly fromStart?: boolean;
  /** Only what is behind this place; null: all. */
  readonly after?: LogEnd | null;
  /** What was written before `signal` was aborted is still read. */
  readonly toEnd?: boolean;
  /** How often a quiet file is looked at, in ms; default 200. */
  readonly interval?: number;
}

/** A place in a log: what is written later is behind it. */
export interface LogEnd {
  readonly inode: number;
  readonly size: number;
}

/** The present end of a log; null: there is no file yet. */
export function logEnd(directory: string, log: LogName): LogEnd | null {
  const state = statSync(join(directory, logNames[log].current), { throwIfNoEntry: false });
  return state === undefined ? null : { inode: state.ino, size: state.size };
}

const blockSize = 64 * 1024;
/** A longer line (no line of ours is) is handed on in pieces. */
const longestLine = 1024 * 1024;

/**
 * Lines of a log, without their line feeds, as they are written, until `signal` is aborted. Goes on with the next file
 * when the log is rotated; none of its lines is left out, however often that happens between two looks.
 */
export async function* tailLog(
  directory: string,
  log: LogName,
  options: TailOptions,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  const { lines = 10, fromStart = false, after, toEnd = false, interval = 200 } = options;
  let file: FileHandle | null = null;
  let position = 0;
  let rest: Buffer = Buffer.alloc(0);
  const block = Buffer.alloc(blockSize);
  try {
    while (!signal.aborted || (toEnd && file !== null)) {
      if (file === null) {
        file = await openIfThere(join(directory, logNames[log].current));
        if (file === null) {
          await pause(interval, signal);
          continue;
        }
        if (after !== undefined) position = await placeIn(file, after);
        else if (!fromStart) position = await lastLines(file, lines);
      }
      const { bytesRead } = await file.read(block, 0, block.length, position);
      if (bytesRead > 0) {
        position += bytesRead;
        const bytes = Buffer.concat([rest, block.subarray(0, bytesRead)]);
        const end = bytes.lastIndexOf(10) + 1;
        rest = bytes.subarray(end);
        if (end > 0) yield* bytes.toString('utf8', 0, end - 1).split('\n');
        if (rest.length > longestLine) {
          yield rest.toString('utf8');
          rest = Buffer.alloc(0);
        }
        continue;
      }
      const state = await file.stat();
      if (state.size < position) {
        // Something cut the file short (logrotate's copytruncate).
        position = 0;
        rest = Buffer.alloc(0);
        continue;
      }
      const next = await nextFile(directory, log, state.ino);
      if (next === null) {
        if (signal.aborted) return;
        await pause(interval, signal);
        continue;
      }
      // What came between our last look and the renaming.
      if ((await file.stat()).size > position) {
        await next.close();
        continue;
      }
      await file.close();
      file = next;
      position = 0;
      if (rest.length > 0) yield rest.toString('utf8');
      rest = Buffer.alloc(0);
    }
  } finally {
    await file?.close();
  }
}

async function pause(interval: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(interval, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function openIfThere(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** The file written after the one with this inode; null: it is the newest, or the new one is not there yet. */
async function nextFile(directory: string, log: LogName, inode: number): Promise<FileHandle | null> {
  const current = join(directory, logNames[log].current);
  for (;;) {
    if ((await inodeOf(current)) === inode) return null;
    const closed = closedFiles(directory, log);
    const found = (await indexOf(directory, closed, inode)) + 1;
    const name = closed[found];
    const next = await openIfThere(name === undefined ? current : join(directory, name));
    // Closed in the meantime, the present file is not the next one any more.
    if (next === null || name !== undefined || closedFiles(directory, log).at(-1) === closed.at(-1)) return next;
    await next.close();
  }
}

/** Where the file with this inode is among them; -1: it was thrown away, so that all there are came after it. */
async function indexOf(directory: string, names: readonly string[], inode: number): Promise<number> {
  // Nearly always it is the newest one.
  for (let at = names.length - 1; at >= 0; at--) {
    if ((await inodeOf(join(directory, names[at] ?? ''))) === inode) return at;
  }
  return -1;
}

async function inodeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).ino;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Where to begin for what came after `end`. */
async function placeIn(file: FileHandle, end: LogEnd | null): Promise<number> {
  return end !== null && (await file.stat()).ino === end.inode ? end.size : 0;
}

/** Where the last `count` lines of the file begin. */
async function lastLines(file: FileHandle, count: number): Promise<number> {
  let position = (await file.stat()).size;
  if (count <= 0) return position;
  const block = Buffer.alloc(blockSize);
  // The line feed at the very end belongs to the last line.
  let wanted = count + 1;
  while (position > 0) {
    const start = Math.max(0, position - blockSize);
    const { bytesRead } = await file.read(block, 0, position - start, start);
    for (let at = bytesRead - 1; at >= 0; at--) {
      if (block[at] === 10 && --wanted === 0) return start + at + 1;
    }
    position = start;
  }
  return 0;
}
