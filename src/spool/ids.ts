// ICID, MID and DCID count up from 1 and never repeat, also after `kill -9`: the spool writes a mark ahead of use, and a
// start without a clean stop before it goes on behind the mark.
import { idCount, idIndex } from './protocol.ts';

export type IdKind = keyof typeof idIndex;
/** The highest ID that may have been given out, by kind, as the database knows it. */
export type IdMarks = Readonly<Record<IdKind, number>>;

const kinds: readonly IdKind[] = ['icid', 'mid', 'dcid'];
/** IDs reserved ahead of use; the next block is reserved when half of them are gone. */
const blockSize = 10_000;

/** Shared memory for the counters; all zero, so that the first ID is 1. */
export function createIds(): SharedArrayBuffer {
  return new SharedArrayBuffer(idCount * BigInt64Array.BYTES_PER_ELEMENT);
}

/** The counters as a thread uses them. */
export function openIds(memory: SharedArrayBuffer): BigInt64Array {
  return new BigInt64Array(memory);
}

/** A new ID, never given out before by any thread. */
export function nextId(ids: BigInt64Array, kind: IdKind): number {
  return Number(Atomics.add(ids, idIndex[kind], 1n)) + 1;
}

/** The spool's side: sets the counters at the start and says which marks to write. */
export class IdReservation {
  readonly #ids: BigInt64Array;
  readonly #marks: Record<IdKind, number>;
  /** What was written last, per kind, to see how fast IDs are used. */
  readonly #seen: Record<IdKind, number>;

  /** `marks`: what the database holds. Counters of a program that already runs (a restarted spool thread) are never lowered. */
  constructor(ids: BigInt64Array, marks: IdMarks) {
    this.#ids = ids;
    this.#marks = { ...marks };
    this.#seen = { ...marks };
    for (const kind of kinds) {
      const index = idIndex[kind];
      let current = Atomics.load(ids, index);
      const mark = BigInt(marks[kind]);
      while (current < mark) {
        const met = Atomics.compareExchange(ids, index, current, mark);
        if (met === current) break;
        current = met;
      }
      this.#seen[kind] = Number(Atomics.load(ids, index));
    }
  }

  /**
   * Marks to write now, or null where the written ones still suffice. A kind that is used fast gets a larger block: ten
   * times what went since the last mark, so that a slow disk does not let the counter overtake it.
   */
  due(): IdMarks | null {
    let marks: Record<IdKind, number> | null = null;
    for (const kind of kinds) {
      const last = Number(Atomics.load(this.#ids, idIndex[kind]));
      const mark = this.#marks[kind];
      if (last + blockSize / 2 <= mark && mark - last > (last - this.#seen[kind]) / 2) continue;
      marks ??= { ...this.#marks };
      marks[kind] = last + Math.max(blockSize, 10 * (last - this.#seen[kind]));
    }
    return marks;
  }

  /** The marks are on disk. */
  written(marks: IdMarks): void {
    for (const kind of kinds) {
      if (this.#marks[kind] === marks[kind]) continue;
      this.#marks[kind] = marks[kind];
      this.#seen[kind] = Number(Atomics.load(this.#ids, idIndex[kind]));
    }
  }

  /** For a clean stop: the last IDs given out, so that the next start leaves no gap. */
  exact(): IdMarks {
    const last = (kind: IdKind) => Number(Atomics.load(this.#ids, idIndex[kind]));
    return { icid: last('icid'), mid: last('mid'), dcid: last('dcid') };
  }
}
