// `Idempotency-Key`: a request that is sent again, because its answer was lost, is done once and answered alike. Kept in
// memory: after a restart of the gateway a key is new.
import { PosternError } from '../../errors.ts';
import type { Answer } from './route.ts';

interface Entry {
  readonly fingerprint: string;
  readonly time: number;
  readonly answer: Promise<Answer<unknown>>;
  /** Characters of the answer; 0 until it is there. */
  size: number;
}

const life = 24 * 3_600_000;
const mostEntries = 10_000;
/** Of all answers that are kept, and of one. */
const mostCharacters = 16 * 1024 * 1024;
const longestAnswer = 4 * 1024 * 1024;

export class Idempotency {
  /** Oldest first. */
  readonly #entries = new Map<string, Entry>();
  readonly #now: () => number;
  #characters = 0;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * `key`: caller, route and what he called it; `fingerprint`: of what he sent. Whoever comes while the first is under way
   * waits for it. What was refused changed nothing and is done anew. Throws `conflict` where the key was another request's.
   */
  async run(
    key: string,
    fingerprint: string,
    work: () => Promise<Answer<unknown>>,
  ): Promise<{ readonly answer: Answer<unknown>; readonly repeated: boolean }> {
    this.#prune();
    const known = this.#entries.get(key);
    if (known !== undefined) {
      if (known.fingerprint === fingerprint) return { answer: await known.answer, repeated: true };
      throw new PosternError('conflict', 'this Idempotency-Key was used for another request', {
        remedy: 'use a new one for each request that is not a repetition',
      });
    }
    const entry: Entry = { fingerprint, time: this.#now(), answer: work(), size: 0 };
    this.#entries.set(key, entry);
    try {
      const answer = await entry.answer;
      this.#keep(key, entry, answer);
      return { answer, repeated: false };
    } catch (error) {
      this.#remove(key);
      throw error;
    }
  }

  #keep(key: string, entry: Entry, { body }: Answer<unknown>): void {
    if (this.#entries.get(key) !== entry) return;
    entry.size = body === undefined ? 1 : (JSON.stringify(body)?.length ?? 1);
    this.#characters += entry.size;
    if (entry.size > longestAnswer) this.#remove(key);
  }

  #remove(key: string): void {
    this.#characters -= this.#entries.get(key)?.size ?? 0;
    this.#entries.delete(key);
  }

  #prune(): void {
    for (const [key, { time }] of this.#entries) {
      const old = this.#now() - time > life;
      if (!old && this.#entries.size < mostEntries && this.#characters <= mostCharacters) return;
      this.#remove(key);
    }
  }
}
