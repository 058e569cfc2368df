// Compiled code of the program, kept in the data directory. Without it every thread strips the types of every file at every
// start, with a compiler of its own: 50 MB of memory for the lifetime of the program (measured, five threads).
import { mkdirSync } from 'node:fs';
import { enableCompileCache, flushCompileCache } from 'node:module';
import { join, resolve } from 'node:path';

/** For the modules that this thread loads from now on, and all of those of threads that are started later. */
export function useCodeCache(dataDirectory: string): void {
  const directory = join(resolve(dataDirectory), 'cache');
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch {
    return; // it works without; if the data directory cannot be used at all, locking it says so
  }
  enableCompileCache(directory);
  process.env['NODE_COMPILE_CACHE'] ??= directory;
}

/** Writes what this thread has compiled; after `kill -9` it would be lost otherwise. Where nothing is new it costs nothing. */
export function saveCodeCache(): void {
  flushCompileCache();
}
