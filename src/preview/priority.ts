// How much of a busy processor a thread gets.
import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';

/**
 * Lowers the priority of the calling thread to `nice` (0 to 19). On Linux a priority is a thread's own; its number is the last
 * part of where this link leads. Elsewhere it would be the process's, so nothing is done.
 */
export function lowerPriority(nice: number): void {
  if (process.platform !== 'linux') return;
  try {
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    if (Number.isInteger(thread) && thread !== process.pid) setPriority(thread, nice);
  } catch {
    // Without /proc, or where it is forbidden: the thread then competes like any other.
  }
}
