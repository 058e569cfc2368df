// One rehearsal at a time in the whole gateway.
import type { GatewayConfig } from '../../config/schema.ts';
import type { AdminHost, RehearsalRow } from '../host.ts';
import { type Job, Jobs, jobsOf, progressOf } from './jobs.ts';
import { iso } from './page.ts';
import type { Rehearsal } from './schemas/rehearsal.ts';

interface Asked {
  readonly days: number;
}

const key = '';
const jobs = jobsOf<Asked, RehearsalRow>(() => new Jobs('rehearsal'));

/** Throws `in-use` while one runs, and what is wrong with the configuration. */
export async function beginRehearsal(
  host: AdminHost,
  by: string,
  config: GatewayConfig,
  days: number,
): Promise<Rehearsal> {
  const job = await jobs(host).begin(
    key,
    { by, request: { days } },
    {
      most: 1,
      check: () => host.config.compile(config),
      run: (signal, onProgress) => host.rehearse(config, { days, signal, onProgress }),
    },
  );
  return describe(job);
}

/** Null: there was none since the start. */
export function presentRehearsal(host: AdminHost): Rehearsal | null {
  const job = jobs(host).present(key);
  return job === null ? null : describe(job);
}

/** What was found stays. Throws `not-found` where none runs. */
export function endRehearsal(host: AdminHost): void {
  jobs(host).end(key);
}

function describe(job: Job<Asked, RehearsalRow>): Rehearsal {
  const { rows } = job;
  return {
    ...progressOf(job),
    days: job.request.days,
    breaks: rows.filter(({ outcome }) => outcome === 'waits').length,
    rows: rows.toSorted((a, b) => b.messages - a.messages).map(({ time, ...row }) => ({ ...row, time: iso(time) })),
  };
}
