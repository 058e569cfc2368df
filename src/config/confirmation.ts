// Revisions that wait for a confirmation: without one in time what they changed is taken back. Kept in a file of its own, written
// before the revision is, so that no crash leaves a revision in force that has forgotten it.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../errors.ts';
import { removeDurably, writeDurably } from './durable.ts';
import { isPlainObject } from './node.ts';

/** What waits. */
export interface Waiting {
  /** Ascending: a commit that waits takes over from the ones before it that still waited. */
  readonly revisions: readonly number[];
  /** Who committed the last of them. */
  readonly user: string;
  /** ms since the epoch. */
  readonly since: number;
  /** ms since the epoch: then what they changed is taken back. */
  readonly until: number;
}

export class Confirmation {
  readonly #file: string;
  #waiting: Waiting | null;

  private constructor(file: string, waiting: Waiting | null) {
    this.#file = file;
    this.#waiting = waiting;
  }

  /** `present`: the revision in force; what was written for one that never came is forgotten. Damage is told in `warnings`. */
  static async open(directory: string, present: number, warnings: string[]): Promise<Confirmation> {
    const file = join(directory, 'confirmation.json');
    let waiting: Waiting | null = null;
    try {
      waiting = await read(file);
    } catch (error) {
      warnings.push(`${file} is damaged (${messageOf(error)}): no revision waits for a confirmation`);
    }
    const confirmation = new Confirmation(file, waiting);
    const revisions = waiting?.revisions.filter((number) => number <= present) ?? [];
    if (waiting !== null && revisions.length < waiting.revisions.length) {
      await confirmation.put(revisions.length === 0 ? null : { ...waiting, revisions });
    }
    return confirmation;
  }

  get waiting(): Waiting | null {
    return this.#waiting;
  }

  /** Durable when it resolves. Throws `io` or `disk-full`; then what waited before still does. */
  async put(waiting: Waiting | null): Promise<void> {
    if (waiting === this.#waiting) return;
    if (waiting === null) await removeDurably(this.#file);
    else await writeDurably(this.#file, `${JSON.stringify(waiting)}\n`);
    this.#waiting = waiting;
  }
}

/** Null: there is no such file. */
async function read(file: string): Promise<Waiting | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  const value: unknown = JSON.parse(text);
  if (!isWaiting(value)) throw new Error('it does not say what waits');
  return value;
}

function isWaiting(value: unknown): value is Waiting {
  return (
    isPlainObject(value) &&
    Array.isArray(value['revisions']) &&
    value['revisions'].every((number) => Number.isSafeInteger(number)) &&
    typeof value['user'] === 'string' &&
    typeof value['since'] === 'number' &&
    typeof value['until'] === 'number'
  );
}
