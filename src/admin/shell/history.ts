// The command history of a person: a file of their own, bounded.
import { appendFileSync, chmodSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';

const kept = 1000;
/** The file is cut back when it has grown beyond this. */
const largest = 256 * 1024;

export interface History {
  /** Newest first, as readline wants them. */
  load(): string[];
  /** Several shells append to one file; a failure costs the history only. */
  add(line: string): void;
}

export function historyFile(path: string): History {
  return {
    load: () => {
      try {
        const lines = readFileSync(path, 'utf8')
          .split('\n')
          .filter((line) => line !== '');
        if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
        if (statSync(path).size > largest) cut(path, lines);
        return lines.slice(-kept).reverse();
      } catch {
        // There is none yet, or it cannot be read: the shell works without.
        return [];
      }
    },
    add: (line) => {
      try {
        appendFileSync(path, `${line}\n`, { mode: 0o600 });
      } catch {
        // No home, a full disk: the shell works without.
      }
    },
  };
}

function cut(path: string, lines: readonly string[]): void {
  const short = `${path}.${process.pid}`;
  writeFileSync(short, `${lines.slice(-kept).join('\n')}\n`, { mode: 0o600 });
  renameSync(short, path);
}
