// When a message is tried again, when its sender is told, when it is given up. Pure: `now` and `random` (0 to 1) come in.
import type { Snapshot } from '../config/snapshot.ts';

/** All in ms, `jitter` a share. */
export type RetrySettings = Snapshot['retry'];

/** Twice the time for each further failure, up to `maximum`, give or take the jitter. `failures` from 1. */
function doubled(first: number, failures: number, retry: RetrySettings, random: number): number {
  const wait = Math.min(first * 2 ** Math.min(failures - 1, 40), retry.maximum);
  return Math.max(1, Math.round(wait * (1 + retry.jitter * (2 * random - 1))));
}

/** How long to wait after the `attempt`-th failed attempt (1 = the first). */
export function retryWait(attempt: number, retry: RetrySettings, random: number): number {
  return doubled(retry.first, Math.max(1, attempt), retry, random);
}

/**
 * The next attempt as it is recorded before attempt number `attempt` begins; it holds if nobody lives to record the
 * outcome. The first may be repeated at once, a later one waits as if it had failed, so that a crash loop never hammers.
 */
export function recordedNext(attempt: number, now: number, retry: RetrySettings, random: number): number {
  return attempt <= 1 ? now : now + retryWait(attempt, retry, random);
}

/** How long to leave a destination alone that was found down `failures` times in a row. */
export function probeWait(failures: number, retry: RetrySettings, random: number): number {
  return doubled(Math.min(retry.probe, retry.maximum), Math.max(1, failures), retry, random);
}

/** How long a message lives; bounces (the null sender) shorter. */
export function lifetimeOf(bounce: boolean, retry: RetrySettings): number {
  return bounce ? retry.bounceLifetime : retry.lifetime;
}

/** True: the message is too old to be tried again. `since`: when it was received, ms since the epoch. */
export function isExpired(since: number, bounce: boolean, now: number, retry: RetrySettings): boolean {
  return now - since >= lifetimeOf(bounce, retry);
}

/** Age from which the sender is told of a delay; null: never (switched off, or it would bounce first). */
export function noticeAge(retry: RetrySettings): number | null {
  return retry.delayNotice === 0 || retry.delayNotice >= retry.lifetime ? null : retry.delayNotice;
}
