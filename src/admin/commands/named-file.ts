// A file that an administrator names: it is read by the gateway, with its rights; a relative name is below the data directory.
import { type FileHandle, open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { messageOf, PosternError } from '../../errors.ts';

/** The text of the file, of at most `longest` bytes. Throws `io` with what would be right. */
export async function readNamedFile(directory: string, name: string, longest: number): Promise<string> {
  let file: FileHandle | null = null;
  try {
    file = await open(resolve(directory, name), 'r');
    const status = await file.stat();
    if (!status.isFile()) throw refusal(name, 'it is not a file', 'name a file');
    if (status.size > longest) throw refusal(name, `it has more than ${longest} bytes`, 'is it the right file?');
    return await file.readFile('utf8');
  } catch (error) {
    if (error instanceof PosternError) throw error;
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'ENOENT') {
      throw refusal(name, 'there is no such file', `a relative name is below the data directory, ${directory}`, error);
    }
    if (code === 'EACCES') {
      throw refusal(name, 'permission denied', 'it must be readable for the user that runs the gateway', error);
    }
    throw refusal(name, messageOf(error), 'it must be a readable file', error);
  } finally {
    await file?.close();
  }
}

function refusal(name: string, reason: string, remedy: string, cause?: unknown): PosternError {
  return new PosternError('io', `cannot read ${name}: ${reason}`, { remedy, cause });
}
