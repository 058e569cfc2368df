// One rehearsal at a time: begun by one request, watched by others, ended by itself or on purpose.
import type { GatewayConfig } from '../../config/schema.ts';
import { messageOf, PosternError } from '../../errors.ts';
import type { AdminHost, RehearsalRow } from '../host.ts';
import { iso } from './page.ts';
import type { Rehearsal } from './schemas/rehearsal.ts';

interface Running {
  readonly by: string;
  readonly days: number;
  readonly began: number;
  readonly abort: AbortController;
  readonly rows: RehearsalRow[];
  told: number;
  all: number;
  ended: number | null;
  failure: string | null;
}

const jobs = new WeakMap<AdminHost, Running>();

/** Throws `in-use` while one runs, and what is wrong with the configuration. */
export async function beginRehearsal(
  host: AdminHost,
  by: string,
  config: GatewayConfig,
  days: number,
): Promise<Rehearsal> {
  const present = jobs.get(host);
  if (present !== undefined && present.ended === null) {
    throw new PosternError('in-use', `a rehearsal of ${present.by} is running`, {
      remedy: 'wait for its end, or end it first',
    });
  }
  // What is wrong with it is the answer to this request, not to the next.
  await host.config.compile(config);
  const job: Running = {
    by,
    days,
    began: Date.now(),
    abort: new AbortController(),
    rows: [],
    told: 0,
    all: 0,
    ended: null,
    failure: null,
  };
  jobs.set(host, job);
  const onProgress = (row: RehearsalRow, told: number, all: number) => {
    job.rows.push(row);
    Object.assign(job, { told, all });
  };
  host
    .rehearse(config, { days, signal: job.abort.signal, onProgress })
    .then(({ all }) => {
      job.all = all;
    })
    .catch((error: unknown) => {
      job.failure = messageOf(error);
    })
    .finally(() => {
      job.ended = Date.now();
    });
  return describe(job);
}

/** Null: there was none since the start. */
export function presentRehearsal(host: AdminHost): Rehearsal | null {
  const job = jobs.get(host);
  return job === undefined ? null : describe(job);
}

/** What was found stays. Throws `not-found` where none runs. */
export function endRehearsal(host: AdminHost): void {
  const job = jobs.get(host);
  if (job === undefined || job.ended !== null) throw new PosternError('not-found', 'no rehearsal is running');
  job.abort.abort();
}

function describe({ by, days, began, rows, told, all, ended, failure }: Running): Rehearsal {
  return {
    by,
    days,
    began: iso(began),
    ended: ended === null ? null : iso(ended),
    failure,
    told,
    all,
    breaks: rows.filter(({ outcome }) => outcome === 'waits').length,
    rows: rows.toSorted((a, b) => b.messages - a.messages).map(({ time, ...row }) => ({ ...row, time: iso(time) })),
  };
}
