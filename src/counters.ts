// Exact limits over all threads: a fixed table of counters in shared memory. A row is a key (two 32-bit hashes) and one
// count a thread, so that the counts of a thread that died can be taken back without the others'.

const slots = 32_768;
const window = 64;
const lockIndex = 0;
const headerLength = 2;

/** Bytes of shared memory for `threads` mail workers. */
export function countersSize(threads: number): number {
  return (headerLength + slots * (2 + threads)) * Int32Array.BYTES_PER_ELEMENT;
}

export class Counters {
  readonly #table: Int32Array;
  readonly #threads: number;
  readonly #thread: number;
  readonly #row: number;

  /** `thread`: whose counts `acquire` and `release` change. */
  constructor(memory: SharedArrayBuffer, threads: number, thread: number) {
    this.#table = new Int32Array(memory);
    this.#threads = threads;
    this.#thread = thread;
    this.#row = 2 + threads;
  }

  /** Adds one to the key's count unless all threads together have `limit` already. False also when the table is full. */
  acquire(key: string, limit: number): boolean {
    this.#lock();
    const at = this.#find(key, true);
    const granted = at >= 0 && this.#sum(at) < limit;
    if (granted) this.#bump(at, 1);
    this.#unlock();
    return granted;
  }

  /** Takes one back; a key that has none is left alone. */
  release(key: string): void {
    this.#lock();
    const at = this.#find(key, false);
    if (at >= 0 && (this.#table[at + 2 + this.#thread] ?? 0) > 0) this.#bump(at, -1);
    this.#unlock();
  }

  /** The key's count over all threads. */
  count(key: string): number {
    this.#lock();
    const at = this.#find(key, false);
    const sum = at < 0 ? 0 : this.#sum(at);
    this.#unlock();
    return sum;
  }

  /** Takes back everything that `thread` counted: it died. */
  forget(thread: number): void {
    this.#lock();
    for (let slot = 0; slot < slots; slot++) this.#table[headerLength + slot * this.#row + 2 + thread] = 0;
    this.#unlock();
  }

  #bump(at: number, by: number): void {
    const index = at + 2 + this.#thread;
    this.#table[index] = (this.#table[index] ?? 0) + by;
  }

  #sum(at: number): number {
    let sum = 0;
    for (let thread = 0; thread < this.#threads; thread++) sum += this.#table[at + 2 + thread] ?? 0;
    return sum;
  }

  /** Offset of the key's row; with `claim`, of a free row made its own. -1: none. */
  #find(key: string, claim: boolean): number {
    let first = 0x811c9dc5 | 0;
    let second = 0x2545f491 | 0;
    for (let i = 0; i < key.length; i++) {
      const unit = key.charCodeAt(i);
      first = Math.imul(first ^ unit, 0x01000193);
      second = Math.imul(second ^ unit, 0x5bd1e995) ^ (second >>> 13);
    }
    let free = -1;
    for (let probe = 0; probe < window; probe++) {
      const at = headerLength + (((first >>> 0) + probe) % slots) * this.#row;
      if (this.#sum(at) === 0) {
        if (free < 0) free = at;
      } else if (this.#table[at] === first && this.#table[at + 1] === second) {
        return at;
      }
    }
    if (!claim || free < 0) return -1;
    this.#table[free] = first;
    this.#table[free + 1] = second;
    return free;
  }

  /** A few hundred nanoseconds are held; a holder that died (thread terminated) is overruled after a second. */
  #lock(): void {
    if (Atomics.compareExchange(this.#table, lockIndex, 0, 1) === 0) return;
    const deadline = performance.now() + 1000;
    while (Atomics.compareExchange(this.#table, lockIndex, 0, 1) !== 0) {
      if (performance.now() > deadline) return;
    }
  }

  #unlock(): void {
    Atomics.store(this.#table, lockIndex, 0);
  }
}
