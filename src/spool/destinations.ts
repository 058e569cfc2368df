// What the spool knows of each destination that has jobs: how many, when the next is due, whether it answers. In memory,
// built at the start from the index; a change of state never touches the rows.
import type { DestinationCount } from './store.ts';

export interface Destination {
  readonly key: string;
  jobs: number;
  held: number;
  /** Attempts of ours under way in workers. */
  inFlight: number;
  /** How many may be under way: 1 while it is down, doubled by each answer. */
  window: number;
  /** How often in a row it was found down; 0: up, or not known to be down. */
  failures: number;
  reason: string;
  /** While it is down: not before this time. */
  probeAt: number;
  /** Its next job may be due at this time. */
  wake: number;
  /** Position in the heap of sleepers; -1: not there. */
  at: number;
  /** It is in the ring of those with due jobs. */
  ready: boolean;
}

/** Attempts at a time to a destination of which nothing is known yet. */
const firstWindow = 2;

export class Destinations {
  readonly #all = new Map<string, Destination>();
  /** A binary heap by `wake`. */
  readonly #sleepers: Destination[] = [];
  #ring: Destination[] = [];
  #ringAt = 0;
  jobs = 0;
  held = 0;

  load(rows: Iterable<DestinationCount>): void {
    for (const row of rows) {
      const destination = this.#make(row.destination);
      destination.jobs = row.jobs;
      destination.held = row.held;
      this.jobs += row.jobs;
      this.held += row.held;
      if (row.next !== null) this.sleep(destination, row.next);
    }
  }

  get size(): number {
    return this.#all.size;
  }

  get(key: string): Destination | undefined {
    return this.#all.get(key);
  }

  demand(key: string): Destination {
    return this.#all.get(key) ?? this.#make(key);
  }

  all(): IterableIterator<Destination> {
    return this.#all.values();
  }

  /** A job came (`held`: not to be tried). */
  add(key: string, held: boolean): Destination {
    const destination = this.demand(key);
    destination.jobs++;
    this.jobs++;
    if (held) this.hold(destination, 1);
    return destination;
  }

  /** A job went. */
  remove(key: string, held: boolean): void {
    const destination = this.#all.get(key);
    if (destination === undefined) return;
    destination.jobs--;
    this.jobs--;
    if (held) this.hold(destination, -1);
    this.forget(destination);
  }

  hold(destination: Destination, by: number): void {
    destination.held += by;
    this.held += by;
  }

  /** Drops what says nothing any more. */
  forget(destination: Destination): void {
    if (destination.jobs > 0 || destination.inFlight > 0 || destination.failures > 0) return;
    this.#all.delete(destination.key);
    this.#take(destination);
    destination.ready = false; // the ring passes over it
  }

  /** Its next job may be due at `wake`. Earlier than known: it moves forward; later: only if nothing is known. */
  sleep(destination: Destination, wake: number): void {
    const time = Math.max(wake, destination.probeAt);
    if (destination.ready) return;
    if (destination.at >= 0) {
      if (time >= destination.wake) return;
      destination.wake = time;
      this.#up(destination.at, destination);
      return;
    }
    destination.wake = time;
    this.#sleepers.push(destination);
    this.#up(this.#sleepers.length - 1, destination);
  }

  /** When the next of the sleepers wakes. */
  nextWake(): number {
    return this.#sleepers[0]?.wake ?? Number.POSITIVE_INFINITY;
  }

  /** Moves those that have woken into the ring. */
  wake(now: number): void {
    for (;;) {
      const first = this.#sleepers[0];
      if (first === undefined || first.wake > now) return;
      this.#take(first);
      this.enqueue(first);
    }
  }

  /** It may have due jobs: it waits for its turn. */
  enqueue(destination: Destination): void {
    if (destination.ready) return;
    this.#take(destination);
    destination.ready = true;
    this.#ring.push(destination);
  }

  /** The next whose turn it is; it leaves the ring. */
  next(): Destination | undefined {
    while (this.#ringAt < this.#ring.length) {
      const destination = this.#ring[this.#ringAt++];
      if (this.#ringAt > 1024 && this.#ringAt * 2 > this.#ring.length) {
        this.#ring = this.#ring.slice(this.#ringAt);
        this.#ringAt = 0;
      }
      if (destination?.ready === true) {
        destination.ready = false;
        return destination;
      }
    }
    this.#ring = [];
    this.#ringAt = 0;
    return undefined;
  }

  /** How many are in the ring, at most. */
  get waiting(): number {
    return this.#ring.length - this.#ringAt;
  }

  #make(key: string): Destination {
    const destination: Destination = {
      key,
      jobs: 0,
      held: 0,
      inFlight: 0,
      window: firstWindow,
      failures: 0,
      reason: '',
      probeAt: 0,
      wake: 0,
      at: -1,
      ready: false,
    };
    this.#all.set(key, destination);
    return destination;
  }

  #take(destination: Destination): void {
    const at = destination.at;
    if (at < 0) return;
    destination.at = -1;
    const last = this.#sleepers.pop();
    if (last === undefined || last === destination) return;
    this.#up(at, last);
    this.#down(last.at, last);
  }

  #up(from: number, moved: Destination): void {
    const heap = this.#sleepers;
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || parent.wake <= moved.wake) break;
      heap[at] = parent;
      parent.at = at;
      at = above;
    }
    heap[at] = moved;
    moved.at = at;
  }

  #down(from: number, moved: Destination): void {
    const heap = this.#sleepers;
    let at = from;
    for (;;) {
      let below = 2 * at + 1;
      let child = heap[below];
      if (child === undefined) break;
      const right = heap[below + 1];
      if (right !== undefined && right.wake < child.wake) {
        below++;
        child = right;
      }
      if (child.wake >= moved.wake) break;
      heap[at] = child;
      child.at = at;
      at = below;
    }
    heap[at] = moved;
    moved.at = at;
  }
}
