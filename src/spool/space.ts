// Whether there is room: for new mail (low-water mark), for the record of deliveries (reserve).
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Snapshot } from '../config/snapshot.ts';
import { type EventSink, mailNotice, mailWarning } from '../ledger/events.ts';
import { databaseName } from './database.ts';
import { lowWater, Reserve, spaceOf } from './reserve.ts';

/** How long new mail is refused after a store failed, whatever the file system says of its space (a quota). */
const refusal = 2000;
/** How long nothing is dialled after an attempt could not be recorded. */
const pause = 1000;

export class Space {
  readonly #directory: string;
  readonly #log: EventSink;
  readonly #reserve: Reserve;
  readonly #tell: (full: boolean) => void;
  readonly #relieve: () => void;
  #full = false;
  /** Bytes that may still be taken before the free space has to be looked at again. */
  #spare = 0;
  #refuseUntil = 0;
  #dialAt = 0;
  #blocked = false;

  /**
   * `tell`: new mail is refused from now on, or taken again. `relieve`: the database's log goes into its file; throws where
   * there is no room.
   */
  constructor(directory: string, log: EventSink, tell: (full: boolean) => void, relieve: () => void) {
    this.#directory = directory;
    this.#log = log;
    this.#tell = tell;
    this.#relieve = relieve;
    this.#reserve = new Reserve(directory);
  }

  /** New mail is refused. */
  get full(): boolean {
    return this.#full;
  }

  /** Something that happened could not be recorded yet: nothing is dialled, nothing taken. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /**
   * Messages of so many bytes in memory may be stored, full or not; not when the reserve is gone (what is left is for
   * recordings), and not when the log could then no longer go into the file: a log that is stuck holds all of its space.
   */
  takes(bytes: number, spool: Snapshot['spool'], now: number): boolean {
    if (this.#blocked || (this.#full && this.#reserve.held === 0 && spool.reserve > 0)) return false;
    this.#spare -= 2 * bytes; // once in the log, once in the file
    if (this.#spare >= 0 || bytes === 0) return true;
    this.check(spool, now);
    this.#spare -= 2 * bytes;
    if (this.#spare >= 0) return true;
    this.storeFailed(now);
    return false;
  }

  /** Attempts may be recorded and made. */
  dials(now: number): boolean {
    return !this.#blocked && now >= this.#dialAt;
  }

  free(): number {
    return spaceOf(this.#directory)?.free ?? 0;
  }

  storeFailed(now: number): void {
    this.#refuseUntil = now + refusal;
  }

  /** Attempts could not be recorded, even without the reserve. */
  attemptFailed(now: number): void {
    this.#dialAt = now + pause;
    this.#refuseUntil = now + refusal;
  }

  /** Frees the reserve. False: there was none. */
  giveUpReserve(): boolean {
    const freed = this.#reserve.giveUp();
    if (freed === 0) return false;
    this.#log.record(mailWarning, `The disk is full: the reserve of ${freed} bytes is given up to record deliveries`);
    try {
      this.#relieve();
    } catch {
      // another program was faster and took what was freed
    }
    return true;
  }

  block(reason: string): void {
    if (this.#blocked) return;
    this.#blocked = true;
    this.#log.record(mailWarning, `Deliveries cannot be recorded, delivery stops: ${reason}`);
  }

  unblock(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#log.record(mailNotice, 'Deliveries can be recorded again, delivery goes on');
  }

  /** Compares the free space with the low-water mark, tells the workers, makes the reserve anew where there is room. */
  check(spool: Snapshot['spool'], now: number): void {
    const space = spaceOf(this.#directory);
    const low = space === null ? 0 : lowWater(space.total, spool);
    const free = space?.free ?? Number.POSITIVE_INFINITY;
    // At most a part of the way to the mark, so that it is not overrun between two looks.
    this.#spare = Math.min(free - this.#logSize(), Math.max(1024 * 1024, (free - low) / 2));
    const missing = Math.max(0, spool.reserve - this.#reserve.held);
    // To take mail again needs a little more, or it would flutter, and room for the reserve, or mail would eat that.
    const enough = this.#full ? low + Math.ceil(low / 20) + missing : low;
    const full = this.#blocked || free < enough || now < this.#refuseUntil;
    if (full !== this.#full) {
      this.#full = full;
      this.#log.record(
        full ? mailWarning : mailNotice,
        full
          ? `New mail is refused with 452: ${free} bytes free on the disk of the queue, ${enough} needed`
          : `New mail is taken again: ${free} bytes free on the disk of the queue`,
      );
      this.#tell(full);
    }
    if (!this.#blocked && missing > 0 && free >= low + missing) {
      // Failing is no news: the next check tries again.
      this.#reserve.make(spool.reserve).catch(() => undefined);
    }
  }

  #logSize(): number {
    return statSync(join(this.#directory, `${databaseName}-wal`), { throwIfNoEntry: false })?.size ?? 0;
  }

  close(): void {
    this.#reserve.close();
  }
}
