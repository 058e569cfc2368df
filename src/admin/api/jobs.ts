// Work that goes on behind the answer: begun by one request, watched by others, ended by itself or on purpose.
import { messageOf, PosternError } from '../../errors.ts';
import type { AdminHost } from '../host.ts';
import { iso } from './page.ts';

export interface Job<Request, Row> {
  readonly by: string;
  /** What was asked for. */
  readonly request: Request;
  readonly began: number;
  readonly rows: readonly Row[];
  /** How many of how many; `all` 0: not known yet. */
  readonly told: number;
  readonly all: number;
  /** Null: it is running. */
  readonly ended: number | null;
  /** Why it ended early. */
  readonly failure: string | null;
}

/** How a job is done. */
export interface Work<Row> {
  /** So many of this kind at a time, and so many are kept. */
  readonly most: number;
  /** What is wrong with the request is the answer to this request, not to the next. */
  check?(): Promise<unknown>;
  /** `tell`: a row is there, the so-and-so-manieth of `all`. */
  run(signal: AbortSignal, tell: (row: Row, told: number, all: number) => void): Promise<{ readonly all: number }>;
}

interface Running<Request, Row> extends Job<Request, Row> {
  readonly rows: Row[];
  told: number;
  all: number;
  ended: number | null;
  failure: string | null;
  readonly abort: AbortController;
}

/** The jobs of one kind, one for each key. What an ended one has found stays until the next. */
export class Jobs<Request, Row> {
  readonly #noun: string;
  readonly #jobs = new Map<string, Running<Request, Row>>();

  /** `noun`: `rehearsal`. */
  constructor(noun: string) {
    this.#noun = noun;
  }

  /** Throws `in-use` while it, or too many, run, and what `check` throws; then what was there before is there again. */
  async begin(
    key: string,
    { by, request }: Pick<Job<Request, Row>, 'by' | 'request'>,
    work: Work<Row>,
  ): Promise<Job<Request, Row>> {
    const before = this.#jobs.get(key);
    if (before !== undefined && before.ended === null) {
      throw busy(`a ${this.#noun} of ${before.by} is running`);
    }
    const running = [...this.#jobs.values()].filter(({ ended }) => ended === null);
    if (running.length >= work.most) {
      const whose = running.map((job) => job.by).join(', ');
      throw busy(`${running.length} ${this.#noun}s are running, as many as may be at a time (${whose})`);
    }
    const abort = new AbortController();
    const nothing = { rows: [], told: 0, all: 0, ended: null, failure: null };
    const job: Running<Request, Row> = { by, request, began: Date.now(), ...nothing, abort };
    // Its place is taken before anything is waited for: two requests at once are one job.
    this.#jobs.set(key, job);
    try {
      await work.check?.();
    } catch (error) {
      if (before === undefined) this.#jobs.delete(key);
      else this.#jobs.set(key, before);
      throw error;
    }
    this.#forget(work.most);
    work
      .run(abort.signal, (row, told, all) => {
        job.rows.push(row);
        Object.assign(job, { told, all });
      })
      .then(({ all }) => {
        job.all = all;
      })
      .catch((error: unknown) => {
        job.failure = messageOf(error);
      })
      .finally(() => {
        job.ended = Date.now();
      });
    return job;
  }

  /** Null: there was none since the start. */
  present(key: string): Job<Request, Row> | null {
    return this.#jobs.get(key) ?? null;
  }

  /** What was found stays. Throws `not-found` where none runs. */
  end(key: string): void {
    const job = this.#jobs.get(key);
    if (job === undefined || job.ended !== null) {
      throw new PosternError('not-found', `no ${this.#noun} is running`);
    }
    job.abort.abort();
  }

  /** The oldest ones that have ended, beyond those that are kept. */
  #forget(most: number): void {
    const ended = [...this.#jobs].filter(([, job]) => job.ended !== null).sort(([, a], [, b]) => a.began - b.began);
    for (const [key] of ended.slice(0, Math.max(0, this.#jobs.size - most))) this.#jobs.delete(key);
  }
}

function busy(text: string): PosternError {
  return new PosternError('in-use', text, { remedy: 'wait for its end, or end it first' });
}

/** The jobs that belong to each gateway. */
export function jobsOf<Request, Row>(make: () => Jobs<Request, Row>): (host: AdminHost) => Jobs<Request, Row> {
  const all = new WeakMap<AdminHost, Jobs<Request, Row>>();
  return (host) => {
    const jobs = all.get(host) ?? make();
    all.set(host, jobs);
    return jobs;
  };
}

/** How far it is, as answers say it. */
export function progressOf({ by, began, ended, failure, told, all }: Job<unknown, unknown>) {
  return { by, began: iso(began), ended: ended === null ? null : iso(ended), failure, told, all };
}
