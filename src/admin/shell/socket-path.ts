// Where the shell's socket lies, and how it is named to the kernel.
import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { PosternError } from '../../errors.ts';

const name = 'shell.sock';
/** `sun_path` holds 108 bytes on Linux and 104 elsewhere, with a final zero. */
const longestPath = 103;

/** Path of the shell's socket. */
export function socketPath(dataDirectory: string): string {
  return join(dataDirectory, name);
}

export interface ShortPath {
  readonly path: string;
  /** The path is not used any more. */
  release(): void;
}

/**
 * A path of the socket that fits into a socket address, however deep the data directory lies: on Linux through an open
 * directory. Throws `io` where there is none.
 */
export function shortPath(dataDirectory: string): ShortPath {
  const path = socketPath(dataDirectory);
  if (Buffer.byteLength(path) <= longestPath) return { path, release: () => undefined };
  if (!existsSync('/proc/self/fd')) {
    throw new PosternError('io', `the path ${path} is too long for a socket`, {
      remedy: `use a data directory whose path is shorter than ${longestPath - name.length} bytes`,
    });
  }
  const descriptor = openSync(dataDirectory, constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${descriptor}/${name}`, release: () => closeSync(descriptor) };
}
