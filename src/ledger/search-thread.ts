// The inside of `grepLog`: a thread of its own, so that a huge log or a pattern that never ends costs nobody else anything.
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { closedFiles, type LogName, logNames } from './rotation.ts';

export interface SearchData {
  readonly directory: string;
  readonly log: LogName;
  /** Source and flags of a regular expression, or text to be found as it is. */
  readonly pattern: { readonly source: string; readonly flags: string } | string;
  readonly invert: boolean;
  readonly closed: boolean;
  /** [0]: 1 while matching, 0 while reading or waiting; [1]: lines looked at. */
  readonly progress: SharedArrayBuffer;
}

/** What crosses to the caller; it answers each with any message when it has taken the lines. */
export interface SearchReply {
  readonly lines: readonly string[];
  readonly done: boolean;
}

const blockSize = 256 * 1024;
/** A line beyond this is looked at in pieces; no line of ours is. */
const longestLine = 1024 * 1024;

const data = workerData as SearchData;
const progress = new Int32Array(data.progress);
const port = parentPort;

/** The files to search, oldest first, as open descriptors or paths; a rotation meanwhile neither hides nor repeats one. */
function* files(): Generator<number> {
  const current = openIfThere(join(data.directory, logNames[data.log].current));
  const inode = current === null ? null : fstatSync(current).ino;
  const closed = data.closed ? closedFiles(data.directory, data.log) : [];
  for (const name of closed) {
    const path = join(data.directory, name);
    const fd = openIfThere(path);
    if (fd === null) continue;
    if (statSync(path, { throwIfNoEntry: false })?.ino === inode) closeSync(fd);
    else yield fd;
  }
  if (current !== null) yield current;
}

function openIfThere(path: string): number | null {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Whole lines of the file in blocks, up to the size it has now: a file that grows has an end all the same. */
function* blocks(fd: number): Generator<string[]> {
  const { size } = fstatSync(fd);
  const block = Buffer.alloc(blockSize);
  let rest: Buffer = Buffer.alloc(0);
  for (let position = 0; position < size; ) {
    const count = readSync(fd, block, 0, Math.min(block.length, size - position), position);
    if (count === 0) break;
    position += count;
    const bytes = Buffer.concat([rest, block.subarray(0, count)]);
    let end = bytes.lastIndexOf(10) + 1;
    if (end === 0 && bytes.length > longestLine) end = bytes.length;
    rest = bytes.subarray(end);
    if (end > 0) yield bytes.toString('utf8', 0, bytes[end - 1] === 10 ? end - 1 : end).split('\n');
  }
  if (rest.length > 0) yield [rest.toString('utf8')];
}

function matcher(): (line: string) => boolean {
  const { pattern } = data;
  if (typeof pattern === 'string') return (line) => line.includes(pattern);
  const expression = new RegExp(pattern.source, pattern.flags);
  return (line) => expression.test(line);
}

async function search(reply: (message: SearchReply) => Promise<void>): Promise<void> {
  const matches = matcher();
  for (const fd of files()) {
    try {
      for (const lines of blocks(fd)) {
        const found: string[] = [];
        Atomics.store(progress, 0, 1);
        for (const line of lines) {
          if (matches(line) !== data.invert) found.push(line);
          Atomics.add(progress, 1, 1);
        }
        Atomics.store(progress, 0, 0);
        if (found.length > 0) await reply({ lines: found, done: false });
      }
    } finally {
      closeSync(fd);
    }
  }
  await reply({ lines: [], done: true });
}

if (port !== null) {
  await search((message) => {
    const taken = new Promise<void>((resolve) => port.once('message', () => resolve()));
    port.postMessage(message);
    return taken;
  });
  port.close();
}
