// How a compiled configuration reaches what runs under it, with a deadline on each step.
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, PosternError } from '../errors.ts';
import type { Snapshot } from './snapshot.ts';

/** What the gateway's threads do at a commit. */
export interface ConfigApply {
  /** Compile and hold ready. Rejects: the commit is refused as a whole. */
  prepare(snapshot: Snapshot): Promise<void>;
  /** Use it. The revision is stored: there is no way back from here. */
  activate(revision: number): Promise<void>;
  /** Forget what was prepared. */
  abandon(revision: number): Promise<void> | void;
}

const mostWarnings = 100;

export class Handover {
  readonly #deadline: number;
  readonly #warnings: string[];

  /** `deadline`: ms for each step. What cannot be thrown goes to `warnings`. */
  constructor(deadline: number, warnings: string[]) {
    this.#deadline = deadline;
    this.#warnings = warnings;
  }

  /** Throws what `prepare` threw, or `timeout`; it is abandoned then. */
  async prepare(apply: ConfigApply, snapshot: Snapshot): Promise<void> {
    try {
      await this.#inTime(() => apply.prepare(snapshot), 'prepare');
    } catch (error) {
      await this.abandon(apply, snapshot.revision);
      throw error;
    }
  }

  async abandon(apply: ConfigApply, number: number): Promise<void> {
    try {
      await this.#inTime(() => apply.abandon(number), 'abandon');
    } catch (error) {
      if (this.#warnings.length >= mostWarnings) this.#warnings.shift();
      this.#warnings.push(`revision ${number} was refused and could not be abandoned everywhere: ${messageOf(error)}`);
    }
  }

  /** Never throws: what went wrong, or null. */
  async activate(apply: ConfigApply, number: number): Promise<string | null> {
    try {
      await this.#inTime(() => apply.activate(number), 'activate');
      return null;
    } catch (error) {
      return `revision ${number} is stored but not active everywhere: ${messageOf(error)}`;
    }
  }

  async #inTime(step: () => Promise<void> | void, what: string): Promise<void> {
    const timer = new AbortController();
    const late = sleep(this.#deadline, undefined, { signal: timer.signal }).then(() => {
      throw new PosternError('timeout', `the threads did not ${what} the configuration within ${this.#deadline} ms`, {
        temporary: true,
        remedy: 'look at "status" and the log for a thread that hangs, then try again',
      });
    });
    try {
      await Promise.race([step(), late]);
    } finally {
      timer.abort();
      await late.catch(() => undefined); // aborted, or thrown by the race already
    }
  }
}
