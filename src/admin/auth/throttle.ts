// Failed logons cost time: per address (IPv6: /64) and per account, growing with each. The tables are bounded; what was not
// seen for longest goes first.

interface Failures {
  count: number;
  /** No attempt is looked at before. */
  notBefore: number;
  last: number;
}

export interface ThrottleOptions {
  readonly free: number;
  /** ms after the first failure that is not free; doubles. */
  readonly first: number;
  readonly most: number;
}

const forgetAfter = 24 * 3600 * 1000;
const mostKeys = 10_000;

export class Throttle {
  readonly #failures = new Map<string, Failures>();
  readonly #options: ThrottleOptions;

  constructor(options: ThrottleOptions) {
    this.#options = options;
  }

  /** ms until the next attempt of this key; 0: now. */
  wait(key: string, now: number): number {
    const found = this.#failures.get(key);
    return found === undefined || now - found.last > forgetAfter ? 0 : Math.max(0, found.notBefore - now);
  }

  /** An attempt begins: until its end is known it counts as failed, so that many at once are not many for one. */
  begin(key: string, now: number): void {
    const { free, first, most } = this.#options;
    const found = this.#failures.get(key);
    const count = (found === undefined || now - found.last > forgetAfter ? 0 : found.count) + 1;
    const delay = count <= free ? 0 : Math.min(most, first * 2 ** Math.min(30, count - free - 1));
    // Newest last, for the bound.
    this.#failures.delete(key);
    this.#failures.set(key, { count, notBefore: now + delay, last: now });
    if (this.#failures.size > mostKeys) {
      const [oldest] = this.#failures.keys();
      if (oldest !== undefined) this.#failures.delete(oldest);
    }
  }

  /** It was no failure. What failed before still counts: one's own logon does not excuse guesses at those of others. */
  excuse(key: string): void {
    const found = this.#failures.get(key);
    if (found === undefined) return;
    found.count--;
    if (found.count <= 0) this.#failures.delete(key);
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }
}
