// One small value beside the revisions that must outlive every crash: a file that is there whole or not at all.
import { readFile } from 'node:fs/promises';
import { messageOf } from '../errors.ts';
import { removeDurably, writeDurably } from './durable.ts';

export class RecordFile<T> {
  readonly #file: string;
  #value: T | null = null;

  private constructor(file: string) {
    this.#file = file;
  }

  /** `is`: whether what was read is such a value. Damage is told in `warnings`, ending with `without`: what follows from it. */
  static async open<T>(
    file: string,
    is: (value: unknown) => value is T,
    warnings: string[],
    without: string,
  ): Promise<RecordFile<T>> {
    const record = new RecordFile<T>(file);
    try {
      record.#value = await readRecord(file, is);
    } catch (error) {
      warnings.push(`${file} is damaged (${messageOf(error)}): ${without}`);
    }
    return record;
  }

  get value(): T | null {
    return this.#value;
  }

  /** Durable when it resolves. Throws `io` or `disk-full`; then it is what it was. */
  async put(value: T | null): Promise<void> {
    if (value === this.#value) return;
    if (value === null) await removeDurably(this.#file);
    else await writeDurably(this.#file, `${JSON.stringify(value)}\n`);
    this.#value = value;
  }

  /** Nobody asks for it any more, whether or not the file can be removed now. */
  async forget(): Promise<void> {
    if (this.#value === null) return;
    this.#value = null;
    await removeDurably(this.#file);
  }
}

/** Null: there is no such file. */
export async function readRecord<T>(file: string, is: (value: unknown) => value is T): Promise<T | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  const value: unknown = JSON.parse(text);
  if (!is(value)) throw new Error('it is not what it should be');
  return value;
}
