// What the administrator asks of the queue. A scan of a long queue goes in steps with mail in between; none blocks the spool.
import { setImmediate as breath } from 'node:timers/promises';
import { messageOf, PosternError } from '../errors.ts';
import { messageAdministered } from '../ledger/events.ts';
import type { SpoolContext } from './context.ts';
import type { QueueFilter, QueueRow } from './protocol.ts';
import { lifetimeOf, noticeAge } from './schedule.ts';
import { demote, remove } from './settle.ts';
import { envelopeOf, type JobRow, jobClass } from './store.ts';

/** Rows of the table looked at in one step (measured: about 10 ms). */
const scanStep = 20_000;
/** Rows changed in one transaction. */
const changeStep = 500;
/** A destination with more jobs is found by walking the queue, not by sorting its part of the index. */
const sortLimit = 50_000;
const pageLimit = 1000;

const columns = 'mid, destination, rids, attempts, next, since, class, size, sender, recipients, reason';

export type DestinationRow = {
  destination: string;
  jobs: number;
  next: number | null;
  state: 'up' | 'down';
  reason: string;
};

export class Queue {
  readonly #context: SpoolContext;
  readonly #transaction: (work: () => void) => void;

  /** `transaction` commits what `work` does, or throws and takes it back. */
  constructor(context: SpoolContext, transaction: (work: () => void) => void) {
    this.#context = context;
    this.#transaction = transaction;
  }

  /** Rows after the MID `after`, oldest first. All jobs of a message are on one page, so it may be a little longer. */
  async list(filter: QueueFilter, after: number, limit: number): Promise<QueueRow[]> {
    const rows = await this.#page(filter, after, Math.min(Math.max(1, limit), pageLimit));
    return rows.map((row) => this.#display(row));
  }

  /** Those with the most jobs first. */
  destinations(limit: number): DestinationRow[] {
    const { destinations, store } = this.#context;
    return [...destinations.all()]
      .filter(({ jobs }) => jobs > 0)
      .sort((a, b) => b.jobs - a.jobs)
      .slice(0, limit)
      .map(({ key, jobs, failures, reason, probeAt }) => {
        const next = store.due(key, 1)[0]?.next ?? null;
        return {
          destination: key,
          jobs,
          next: next === null ? null : Math.max(next, probeAt),
          state: failures > 0 ? 'down' : 'up',
          reason,
        };
      });
  }

  /** Makes jobs due at once (not held ones), and probes those of their destinations that are down. */
  deliverNow(filter: QueueFilter): Promise<number> {
    const { store, destinations, flights } = this.#context;
    return this.#change(filter, (row) => {
      if (row.next === null || flights.has(row.mid, row.destination)) return false;
      const now = this.#context.now();
      store.recordAttempt(row.mid, row.destination, row.attempts, now);
      this.#context.after(() => {
        const destination = destinations.demand(row.destination);
        destination.probeAt = Math.min(destination.probeAt, now);
        destinations.enqueue(destination);
      });
      return true;
    });
  }

  /** Removes jobs, without a bounce. An attempt under way is not called back. */
  delete(filter: QueueFilter, user: string): Promise<number> {
    return this.#change(filter, (row) => {
      this.#say(row.mid, 'deleted', user);
      remove(this.#context, row);
      return true;
    });
  }

  /** Held jobs are not tried and do not grow too old. */
  hold(filter: QueueFilter, user: string): Promise<number> {
    const { store, destinations } = this.#context;
    return this.#change(filter, (row) => {
      if (row.next === null) return false;
      store.putJob({ ...row, next: null, class: jobClass.held });
      this.#say(row.mid, 'held', user);
      this.#context.after(() => destinations.hold(destinations.demand(row.destination), 1));
      return true;
    });
  }

  /** Released jobs are due at once. One that grew too old while held has time for a few attempts. */
  release(filter: QueueFilter, user: string): Promise<number> {
    const { store, destinations } = this.#context;
    return this.#change(filter, (row) => {
      if (row.next !== null) return false;
      const now = this.#context.now();
      const { retry } = this.#context.snapshot();
      const bounce = row.sender === '';
      const since = Math.max(row.since, now - lifetimeOf(bounce, retry) + retry.maximum);
      const told = noticeAge(retry) !== null && now - since >= (noticeAge(retry) ?? 0);
      const value = bounce ? jobClass.bounce : told ? jobClass.noticed : jobClass.normal;
      store.putJob({ ...row, next: now, since, class: value });
      this.#say(row.mid, 'released', user);
      this.#context.after(() => {
        const destination = destinations.demand(row.destination);
        destinations.hold(destination, -1);
        destinations.enqueue(destination);
      });
      return true;
    });
  }

  #say(mid: number, action: string, user: string): void {
    this.#context.after(() => this.#context.log.record(messageAdministered, mid, action, user));
  }

  /** Changes all matching jobs, a few in each transaction. Returns how many were changed. */
  async #change(filter: QueueFilter, change: (row: JobRow) => boolean): Promise<number> {
    let after = 0;
    let changed = 0;
    for (;;) {
      const rows = await this.#page(filter, after, changeStep);
      const last = rows.at(-1);
      if (last === undefined) return changed;
      after = last.mid;
      let here = 0;
      try {
        this.#transaction(() => {
          for (const { mid, destination } of rows) {
            // As it is now: mail went on since the page was read.
            const row = this.#context.store.job(mid, destination) ?? this.#independent(mid, destination);
            if (row !== undefined && change(row)) here++;
          }
        });
      } catch (error) {
        throw new PosternError('io', `the queue could not be changed (${changed} jobs were): ${messageOf(error)}`, {
          temporary: true,
          cause: error,
          remedy: 'see the mail log for the state of the disk, then try again',
        });
      }
      changed += here;
      await breath();
    }
  }

  /** A first attempt under way gets a job in its own right, which can be changed. */
  #independent(mid: number, destination: string): JobRow | undefined {
    return this.#context.store.active(mid) === destination ? demote(this.#context, mid) : undefined;
  }

  async #page(filter: QueueFilter, after: number, limit: number): Promise<JobRow[]> {
    const jobs = await this.#jobs(filter, after, limit);
    const active = this.#active(filter, after, limit);
    if (active.length === 0) return jobs;
    const rows = [...jobs, ...active].sort((a, b) => a.mid - b.mid);
    let end = Math.min(limit, rows.length);
    while (end < rows.length && rows[end]?.mid === rows[end - 1]?.mid) end++;
    return rows.slice(0, end);
  }

  async #jobs(filter: QueueFilter, after: number, limit: number): Promise<JobRow[]> {
    const { store, destinations } = this.#context;
    if (filter.mid !== undefined) {
      return filter.mid > after ? store.jobsOf(filter.mid).filter((row) => matches(row, filter)) : [];
    }
    if (filter.mids !== undefined) return this.#named(filter, filter.mids, after, limit);
    const { destination } = filter;
    if (destination !== undefined) {
      const known = destinations.get(destination);
      if (known === undefined) return [];
      const only = filter.sender === undefined && filter.recipient === undefined && filter.held === undefined;
      if (known.jobs <= sortLimit && only) {
        return this.#all(
          `SELECT ${columns} FROM (SELECT mid AS m FROM job INDEXED BY job_due WHERE destination = ? AND mid > ? ORDER BY mid LIMIT ?)
           CROSS JOIN job ON job.mid = m AND job.destination = ? ORDER BY m`,
          [destination, after, limit, destination],
        );
      }
    }
    const condition = where(filter);
    const rows: JobRow[] = [];
    let from = after;
    for (;;) {
      const bound = this.#all('SELECT mid FROM job WHERE mid > ? ORDER BY mid LIMIT 1 OFFSET ?', [
        from,
        Math.max(scanStep, limit) - 1,
      ])[0]?.mid;
      const found = this.#all(
        `SELECT ${columns} FROM job WHERE mid > ? AND mid <= ? ${condition.sql} ORDER BY mid LIMIT ?`,
        [from, bound ?? Number.MAX_SAFE_INTEGER, ...condition.values, limit - rows.length],
      );
      for (const row of found) rows.push(row);
      if (rows.length >= limit) return this.#whole(rows, filter);
      if (bound === undefined) return rows;
      from = bound;
      await breath();
    }
  }

  /** Jobs of messages that are named one by one. */
  #named(filter: QueueFilter, mids: readonly number[], after: number, limit: number): JobRow[] {
    const rows: JobRow[] = [];
    for (const mid of inOrder(mids, after)) {
      for (const row of this.#context.store.jobsOf(mid)) if (matches(row, filter)) rows.push(row);
      if (rows.length >= limit) break;
    }
    return rows;
  }

  /** The last message of a full page may have further jobs. */
  #whole(rows: readonly JobRow[], filter: QueueFilter): JobRow[] {
    const last = rows.at(-1)?.mid ?? 0;
    const others = this.#context.store.jobsOf(last).filter((row) => matches(row, filter));
    return [...rows.filter(({ mid }) => mid !== last), ...others];
  }

  /** First attempts under way, as rows. */
  #active(filter: QueueFilter, after: number, limit: number): JobRow[] {
    const { store } = this.#context;
    const rows: JobRow[] = [];
    const { mids } = filter;
    for (let from = after; rows.length < limit; ) {
      const actives =
        mids !== undefined
          ? inOrder(mids, from).flatMap((mid) => store.actives(mid - 1, 1).filter((active) => active.mid === mid))
          : filter.mid === undefined
            ? store.actives(from, limit)
            : store.actives(Math.max(after, filter.mid - 1), 1);
      for (const { mid, destination } of actives) {
        from = mid;
        const message = store.messageHead(mid);
        if (message === undefined) continue;
        const { sender, recipients } = envelopeOf(message);
        const row: JobRow = {
          mid,
          destination,
          rids: '',
          attempts: 1,
          next: 0,
          since: message.received,
          class: jobClass.normal,
          size: message.size,
          sender,
          recipients: JSON.stringify(recipients.map(({ address }) => address)),
          reason: '',
        };
        if (matches(row, filter)) rows.push(row);
      }
      if (actives.length < limit || filter.mid !== undefined || mids !== undefined) break;
    }
    return rows;
  }

  #all(sql: string, values: readonly (string | number)[]): JobRow[] {
    return this.#context.store.database.prepare(sql).all(...values) as unknown as JobRow[];
  }

  #display(row: JobRow): QueueRow {
    const flying = row.rids === '' || this.#context.flights.has(row.mid, row.destination);
    return {
      mid: row.mid,
      destination: row.destination,
      sender: row.sender,
      recipients: JSON.parse(row.recipients) as string[],
      size: row.size,
      received: row.since,
      attempts: row.attempts,
      next: flying ? null : row.next,
      held: row.next === null,
      reason: row.reason,
    };
  }
}

/** `@domain` means every address of the domain. The plus keeps SQLite in the order of MIDs (else it sorts all, measured). */
function where({ destination, sender, recipient, held }: QueueFilter): { sql: string; values: string[] } {
  let sql = '';
  const values: string[] = [];
  const add = (condition: string, value: string) => {
    sql += ` AND ${condition}`;
    values.push(value);
  };
  if (destination !== undefined) add('+destination = ?', destination);
  if (held !== undefined) sql += held ? ' AND +next IS NULL' : ' AND +next IS NOT NULL';
  if (sender?.startsWith('@') === true) {
    add("lower(substr(sender, instr(sender, '@'))) = ?", sender.toLowerCase());
  } else if (sender !== undefined) add('lower(sender) = ?', sender.toLowerCase());
  if (recipient !== undefined) add('instr(lower(recipients), ?) > 0', needle(recipient));
  return { sql, values };
}

function inOrder(mids: readonly number[], after: number): number[] {
  return [...new Set(mids)].filter((mid) => mid > after).sort((a, b) => a - b);
}

/** How an address (or the end of one) stands in the JSON list. */
function needle(recipient: string): string {
  const quoted = JSON.stringify(recipient.toLowerCase());
  return recipient.startsWith('@') ? quoted.slice(1) : quoted;
}

function matches(row: JobRow, { destination, mid, mids, held, sender, recipient }: QueueFilter): boolean {
  if (mid !== undefined && row.mid !== mid) return false;
  if (mids !== undefined && !mids.includes(row.mid)) return false;
  if (held !== undefined && held !== (row.next === null)) return false;
  if (destination !== undefined && row.destination !== destination) return false;
  if (sender !== undefined) {
    const from = row.sender.toLowerCase();
    const wanted = sender.toLowerCase();
    if (wanted.startsWith('@') ? !from.endsWith(wanted) : from !== wanted) return false;
  }
  return recipient === undefined || row.recipients.toLowerCase().includes(needle(recipient));
}
