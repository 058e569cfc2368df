// Closed log files: how they are named, listed and thrown away.
import { readdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileStamp } from './clock.ts';

/** The logs of the gateway: the file being written, and what ends the name of a closed one. */
export const logNames = {
  mail: { current: 'mail.current', closed: '.s' },
  json: { current: 'mail.json', closed: '.json' },
  system: { current: 'system.current', closed: '.s' },
} as const;

export type LogName = keyof typeof logNames;

/** `mail.@20260317T182437.s`: the local time at which the file was begun; `.json` at the end for the JSON log. */
function closedPattern(log: LogName): RegExp {
  return new RegExp(`^${stem(log)}\\.@(${stampPattern})\\${logNames[log].closed}$`);
}

const stampPattern =
  '(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3])(?:[0-5][0-9]){2}';

function stem(log: LogName): string {
  return log === 'json' ? 'mail' : log;
}

/** Names of the closed files of a log, oldest first; empty where the directory does not exist. */
export function closedFiles(directory: string, log: LogName): string[] {
  const pattern = closedPattern(log);
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names.filter((name) => pattern.test(name)).sort();
}

/**
 * A name for the file that was begun at `begun`. Always after every closed file's: two files of one second, and the hour
 * that comes twice in autumn, still sort in the order in which they were written.
 */
export function closedName(directory: string, log: LogName, begun: number): string {
  const newest = closedPattern(log).exec(closedFiles(directory, log).at(-1) ?? '')?.[1] ?? '';
  let stamp = fileStamp(begun);
  if (stamp <= newest) stamp = fileStamp(timeOf(newest) + 1000);
  // Where the local clock itself steps back within that second.
  for (let time = timeOf(newest) + 2000; stamp <= newest; time += 1000) stamp = fileStamp(time);
  return `${stem(log)}.@${stamp}${logNames[log].closed}`;
}

function timeOf(stamp: string): number {
  const part = (from: number, to: number) => Number(stamp.slice(from, to));
  return new Date(part(0, 4), part(4, 6) - 1, part(6, 8), part(9, 11), part(11, 13), part(13, 15)).getTime();
}

/** Deletes the oldest closed files beyond `keep`. */
export function removeOldest(directory: string, log: LogName, keep: number): void {
  const files = closedFiles(directory, log);
  for (const name of files.slice(0, Math.max(0, files.length - keep))) unlinkSync(join(directory, name));
}
