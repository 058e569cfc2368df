// Files that are there whole or not at all, whenever the program or the machine dies.
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { messageOf, PosternError } from '../errors.ts';

const temporary = '.new-';

/**
 * Writes beside, syncs, renames, syncs the directory. When it returns, the file survives a loss of power. When it throws
 * (`disk-full`, `io`), the file is as it was: one that was put in place and could not be made durable is taken away.
 */
export async function writeDurably(file: string, text: string): Promise<void> {
  const beside = join(dirname(file), `${temporary}${basename(file)}`);
  let placed = false;
  try {
    const handle = await open(beside, 'w', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, file);
    placed = true;
    await syncDirectory(dirname(file));
  } catch (error) {
    await rm(placed ? file : beside, { force: true }).catch(() => {
      // It could not be written, so it may not be possible to remove it either; the error that is thrown says why.
    });
    throw writeError(file, error);
  }
}

/** Removes the file if it is there, durably. */
export async function removeDurably(file: string): Promise<void> {
  await rm(file, { force: true });
  await syncDirectory(dirname(file));
}

/** Makes the directory, readable for nobody else; the entries of all that had to be made are durable too. */
export async function makeDirectory(directory: string): Promise<void> {
  try {
    const first = await mkdir(directory, { recursive: true, mode: 0o700 });
    if (first === undefined) return;
    const top = dirname(resolve(first));
    for (let above = dirname(resolve(directory)); ; above = dirname(above)) {
      await syncDirectory(above);
      if (above === top || above === dirname(above)) return;
    }
  } catch (error) {
    throw writeError(directory, error);
  }
}

/** Names in the directory. What is being written at this moment is not among them. */
export async function listDirectory(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => !name.startsWith(temporary)).sort();
}

/** Removes what a write that was cut short left behind. Only for whoever alone writes there, before he does. */
export async function removeRemains(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name.startsWith(temporary)) await rm(join(directory, name), { recursive: true, force: true });
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function writeError(file: string, error: unknown): PosternError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new PosternError('disk-full', `cannot write ${file}: the disk is full`, {
      temporary: true,
      remedy: 'make room on the file system of the data directory, then try again',
      cause: error,
    });
  }
  return new PosternError('io', `cannot write ${file}: ${messageOf(error)}`, {
    remedy: 'the data directory must be writable for the user who runs postern',
    cause: error,
  });
}
