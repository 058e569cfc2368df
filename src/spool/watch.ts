// Messages that wait long: their senders are told, then they are given up. By the settings in force now, whatever they were
// when the message came; also while their destination is down and nothing is tried.
import { systemWarning } from '../ledger/events.ts';
import type { SpoolContext } from './context.ts';
import { release } from './dispatch.ts';
import { isExpired, noticeAge } from './schedule.ts';
import { expire, tellDelay } from './settle.ts';
import { jobClass } from './store.ts';

const interval = 1000;
/** An attempt that is not reported after so long never will be (the longest timeouts add up to less than an hour). */
const lease = 6 * 3_600_000;
/** Messages handled in one transaction. */
const step = 100;

export class Watch {
  readonly #context: SpoolContext;
  #at = 0;

  constructor(context: SpoolContext) {
    this.#context = context;
  }

  isDue(now: number): boolean {
    return now >= this.#at;
  }

  /** Settings changed: look again at once. */
  reset(): void {
    this.#at = 0;
  }

  /** Inside a transaction. Returns true where the next turn shall go on. */
  run(now: number): boolean {
    const { retry } = this.#context.snapshot();
    const forgotten = this.#context.flights.endOld(now - lease);
    if (forgotten.length > 0) {
      release(this.#context, forgotten);
      this.#context.log.record(systemWarning, `${forgotten.length} attempts were never reported; they are made again`);
    }
    const expired = (mid: number, destination: string) => expire(this.#context, mid, destination);
    const notice = noticeAge(retry);
    const more = [
      this.#old(jobClass.bounce, now - retry.bounceLifetime, expired),
      this.#old(jobClass.noticed, now - retry.lifetime, expired),
      this.#old(jobClass.normal, now - (notice ?? retry.lifetime), (mid, destination) => {
        const since = this.#context.store.job(mid, destination)?.since ?? now;
        if (notice === null || isExpired(since, false, now, retry)) expired(mid, destination);
        else tellDelay(this.#context, mid, destination);
      }),
    ].includes(true);
    this.#at = more ? now : now + interval;
    return more;
  }

  #old(value: number, since: number, handle: (mid: number, destination: string) => void): boolean {
    const { flights, store } = this.#context;
    const limit = step + Math.min(flights.size, 10_000);
    let handled = 0;
    for (const { mid, destination } of store.watch(value, since, limit)) {
      if (flights.has(mid, destination)) continue; // its outcome decides
      handle(mid, destination);
      if (++handled === step) return true;
    }
    return false;
  }
}
