// The prepared statements of spool.db, by what they are for. No decisions here: those are in settle.ts and dispatch.ts.
import type { DatabaseSync } from 'node:sqlite';
import type { Envelope } from '../smtp/envelope.ts';
import type { IdMarks } from './ids.ts';
import type { StoreRequest } from './protocol.ts';

export interface MessageRow {
  readonly mid: number;
  readonly received: number;
  readonly size: number;
  readonly envelope: string;
  readonly body: Uint8Array | null;
  readonly file: string | null;
}

export function envelopeOf(message: MessageRow): Envelope {
  return JSON.parse(message.envelope) as Envelope;
}

/** See `tables` in database.ts. */
export const jobClass = { normal: 0, noticed: 1, bounce: 2, held: 3 } as const;

export interface JobRow {
  readonly mid: number;
  readonly destination: string;
  /** JSON: indexes into the recipients of the envelope. */
  readonly rids: string;
  readonly attempts: number;
  /** null: held. */
  readonly next: number | null;
  readonly since: number;
  readonly class: number;
  readonly size: number;
  readonly sender: string;
  /** JSON: addresses, in the order of `rids`. */
  readonly recipients: string;
  readonly reason: string;
}

export interface DestinationCount {
  readonly destination: string;
  readonly jobs: number;
  readonly held: number;
  readonly next: number | null;
}

const jobColumns = 'mid, destination, rids, attempts, next, since, class, size, sender, recipients, reason';

export class Store {
  readonly database: DatabaseSync;
  readonly #statements;

  constructor(database: DatabaseSync) {
    this.database = database;
    const sql = (text: string) => database.prepare(text);
    this.#statements = {
      begin: sql('BEGIN IMMEDIATE'),
      commit: sql('COMMIT'),
      rollback: sql('ROLLBACK'),
      insertMessage: sql('INSERT INTO message (mid, received, size, envelope, body, file) VALUES (?, ?, ?, ?, ?, ?)'),
      deleteMessage: sql('DELETE FROM message WHERE mid = ?'),
      message: sql('SELECT mid, received, size, envelope, body, file FROM message WHERE mid = ?'),
      messageHead: sql('SELECT mid, received, size, envelope, NULL AS body, file FROM message WHERE mid = ?'),
      files: sql('SELECT mid, file FROM message WHERE file IS NOT NULL'),
      insertActive: sql('INSERT INTO active (mid, destination) VALUES (?, ?)'),
      deleteActive: sql('DELETE FROM active WHERE mid = ?'),
      active: sql('SELECT destination FROM active WHERE mid = ?'),
      activesAfter: sql('SELECT mid, destination FROM active WHERE mid > ? ORDER BY mid LIMIT ?'),
      putJob: sql(`INSERT OR REPLACE INTO job (${jobColumns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`),
      attempt: sql('UPDATE job SET attempts = ?, next = ? WHERE mid = ? AND destination = ?'),
      classify: sql('UPDATE job SET class = ? WHERE mid = ? AND destination = ?'),
      deleteJob: sql('DELETE FROM job WHERE mid = ? AND destination = ?'),
      job: sql(`SELECT ${jobColumns} FROM job WHERE mid = ? AND destination = ?`),
      jobsOf: sql(`SELECT ${jobColumns} FROM job WHERE mid = ?`),
      anyJob: sql('SELECT 1 AS one FROM job WHERE mid = ? LIMIT 1'),
      due: sql(
        `SELECT mid, destination, next FROM job INDEXED BY job_due WHERE destination = ? AND next IS NOT NULL ORDER BY next LIMIT ?`,
      ),
      watch: sql(
        'SELECT mid, destination FROM job INDEXED BY job_watch WHERE class = ? AND since <= ? ORDER BY since LIMIT ?',
      ),
      counts: sql(
        'SELECT destination, count(*) AS jobs, count(*) - count(next) AS held, min(next) AS next FROM job INDEXED BY job_due GROUP BY destination',
      ),
      messages: sql('SELECT count(*) AS n FROM (SELECT DISTINCT mid FROM job)'),
      oldestJob: sql('SELECT mid FROM job ORDER BY mid LIMIT 1'),
      remember: sql('INSERT OR IGNORE INTO submission (key, time) VALUES (?, ?)'),
      forgetKeys: sql('DELETE FROM submission WHERE time < ?'),
      mark: sql('INSERT OR REPLACE INTO ids (kind, mark) VALUES (?, ?)'),
      marks: sql('SELECT kind, mark FROM ids'),
      freePages: sql('PRAGMA freelist_count'),
      pages: sql('PRAGMA page_count'),
      checkpoint: sql('PRAGMA wal_checkpoint(TRUNCATE)'),
    };
  }

  begin(): void {
    this.#statements.begin.run();
  }

  commit(): void {
    this.#statements.commit.run();
  }

  /** SQLite may have rolled back already (full disk, failed write). */
  rollback(): void {
    if (this.database.isTransaction) this.#statements.rollback.run();
  }

  // --- Messages ---

  insertMessage({ mid, received, envelope, body }: StoreRequest): void {
    if (body instanceof Uint8Array) {
      this.#statements.insertMessage.run(mid, received, body.length, envelope, body, null);
    } else {
      this.#statements.insertMessage.run(mid, received, body.size, envelope, null, body.file);
    }
  }

  /** False: the key is known. Those from before `oldest` (ms since the epoch) are forgotten. */
  remember(key: string, now: number, oldest: number): boolean {
    this.#statements.forgetKeys.run(oldest);
    return Number(this.#statements.remember.run(key, now).changes) > 0;
  }

  deleteMessage(mid: number): void {
    this.#statements.deleteMessage.run(mid);
  }

  message(mid: number): MessageRow | undefined {
    return this.#statements.message.get(mid) as MessageRow | undefined;
  }

  /** Without the body. */
  messageHead(mid: number): MessageRow | undefined {
    return this.#statements.messageHead.get(mid) as MessageRow | undefined;
  }

  /** Messages whose body is a file. */
  files(): { readonly mid: number; readonly file: string }[] {
    return this.#statements.files.all() as { mid: number; file: string }[];
  }

  // --- First attempts under way ---

  insertActive(mid: number, destination: string): void {
    this.#statements.insertActive.run(mid, destination);
  }

  deleteActive(mid: number): void {
    this.#statements.deleteActive.run(mid);
  }

  /** Destination of the message's first attempt; undefined: none is under way. */
  active(mid: number): string | undefined {
    return this.#statements.active.get(mid)?.['destination'] as string | undefined;
  }

  actives(after: number, limit: number): { readonly mid: number; readonly destination: string }[] {
    return this.#statements.activesAfter.all(after, limit) as { mid: number; destination: string }[];
  }

  // --- Jobs ---

  putJob(row: JobRow): void {
    this.#statements.putJob.run(
      row.mid,
      row.destination,
      row.rids,
      row.attempts,
      row.next,
      row.since,
      row.class,
      row.size,
      row.sender,
      row.recipients,
      row.reason,
    );
  }

  recordAttempt(mid: number, destination: string, attempts: number, next: number): void {
    this.#statements.attempt.run(attempts, next, mid, destination);
  }

  classify(mid: number, destination: string, value: number): void {
    this.#statements.classify.run(value, mid, destination);
  }

  deleteJob(mid: number, destination: string): void {
    this.#statements.deleteJob.run(mid, destination);
  }

  job(mid: number, destination: string): JobRow | undefined {
    return this.#statements.job.get(mid, destination) as JobRow | undefined;
  }

  jobsOf(mid: number): JobRow[] {
    return this.#statements.jobsOf.all(mid) as unknown as JobRow[];
  }

  hasJob(mid: number): boolean {
    return this.#statements.anyJob.get(mid) !== undefined;
  }

  /** The jobs of a destination that are due first; held ones never. */
  due(destination: string, limit: number): { readonly mid: number; readonly next: number }[] {
    return this.#statements.due.all(destination, limit) as { mid: number; next: number }[];
  }

  /** Jobs of a class whose life began at `since` or before, the oldest first. */
  watch(value: number, since: number, limit: number): { readonly mid: number; readonly destination: string }[] {
    return this.#statements.watch.all(value, since, limit) as { mid: number; destination: string }[];
  }

  /** One row a destination, from the index alone. */
  counts(): IterableIterator<DestinationCount> {
    return this.#statements.counts.iterate() as unknown as IterableIterator<DestinationCount>;
  }

  /** Messages that have jobs. */
  countMessages(): number {
    return Number(this.#statements.messages.get()?.['n'] ?? 0);
  }

  oldest(): number | undefined {
    const job = this.#statements.oldestJob.get()?.['mid'] as number | undefined;
    const active = this.actives(0, 1)[0]?.mid;
    return job === undefined ? active : active === undefined ? job : Math.min(job, active);
  }

  // --- The rest ---

  marks(): IdMarks {
    const marks = { icid: 0, mid: 0, dcid: 0 };
    for (const row of this.#statements.marks.all()) {
      const kind = row['kind'];
      if (kind === 'icid' || kind === 'mid' || kind === 'dcid') marks[kind] = Number(row['mark']);
    }
    return marks;
  }

  writeMarks(marks: IdMarks): void {
    this.#statements.mark.run('icid', marks.icid);
    this.#statements.mark.run('mid', marks.mid);
    this.#statements.mark.run('dcid', marks.dcid);
  }

  /**
   * Gives unused pages at the end of the file back to the file system: a few, where a quarter of the file is unused;
   * with `urgent` (the disk is full), many, and the log as well. Throws what SQLite throws; nothing is harmed then.
   */
  shrink(urgent: boolean): void {
    const free = Number(this.#statements.freePages.get()?.['freelist_count'] ?? 0);
    if (urgent) {
      this.checkpoint(); // makes the room that moving pages takes
      if (free > 0) this.database.exec('PRAGMA incremental_vacuum(512)');
      if (free > 0) this.checkpoint();
      return;
    }
    if (free < 4096) return;
    const all = Number(this.#statements.pages.get()?.['page_count'] ?? 0);
    if (free * 4 >= all) this.database.exec('PRAGMA incremental_vacuum(256)');
  }

  /** Moves all of the log into the file and empties it. Throws what SQLite throws where there is no room. */
  checkpoint(): void {
    this.#statements.checkpoint.get();
  }

  close(): void {
    try {
      this.checkpoint();
    } catch {
      // a full disk: the log stays and is read at the next start
    }
    this.database.close();
  }
}
