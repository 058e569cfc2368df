// What goes when: by age, and the oldest messages first where ledger.db grows beyond its bound. A little at a time, so that log
// lines do not wait.
import type { DatabaseSync } from 'node:sqlite';
import type { Snapshot } from '../../config/snapshot.ts';
import type { Observer } from '../observations/observer.ts';
import { dropReceived } from '../tls-reports/received.ts';
import { day, hour, kept } from './counts.ts';
import { segmentOf } from './terms.ts';

/** Rows of one step: some 10 ms; where there is no room, more than are written meanwhile. */
const step = 500;
const largeStep = 1500;
/** ms between looks while there is nothing to do, and between steps while there is. */
const lookEvery = 30_000;
/** Share of the bound from which on the oldest go. */
const nearlyFull = 0.9;
const keepReports = 90 * day;
const keepHours = 8 * day;
/** Sessions for our TLS reports, and what became of these. */
const keepSessions = 8 * day;
const keepSent = 30 * day;
const mostAudit = 200_000;
/** Of these, logons that failed, which strangers can cause. */
const mostFailedLogons = 20_000;

export class Retention {
  readonly #database: DatabaseSync;
  readonly #observer: Pick<Observer, 'forget' | 'removed'>;
  #next = 0;
  #daily = 0;
  /** Peers up to this one were looked through for observations that are too old. */
  #swept = 0;
  #sweepAt = 0;

  constructor(database: DatabaseSync, observer: Pick<Observer, 'forget' | 'removed'>) {
    this.#database = database;
    this.#observer = observer;
  }

  /** Begin of the oldest message kept; null: none. */
  get oldest(): number | null {
    const row = this.#database.prepare('SELECT time FROM message ORDER BY mid LIMIT 1').get();
    return row === undefined ? null : Number(row['time']);
  }

  /** Bytes in use, without what is free inside the file. */
  used(): number {
    return (this.#number('page_count') - this.#number('freelist_count')) * this.#number('page_size');
  }

  /** One step, if one is due. Called about once a second. Throws what SQLite says. */
  tick(now: number, { limits, privacy, tlsReports }: Pick<Snapshot, 'limits' | 'privacy' | 'tlsReports'>): void {
    if (now < this.#next) return;
    const { oldest } = this;
    const full = this.used() > limits.history * nearlyFull;
    const observed = this.#oldestObservation();
    let cut = now - privacy.keepObservations;
    // The oldest goes first, of whatever kind it is.
    if (full && observed !== null && observed < Math.min(oldest ?? now, now) - day) cut = Math.max(cut, observed + day);
    if (observed !== null && observed < cut && now >= this.#sweepAt) this.#sweep(cut, now);
    if (oldest !== null && (full || oldest < now - privacy.keepTracking)) {
      this.#dropMessages(full ? Number.POSITIVE_INFINITY : now - privacy.keepTracking);
      return;
    }
    if (now >= this.#daily) {
      this.#daily = now + hour;
      this.#dropReports(now, { privacy, tlsReports });
    }
    // Free pages go back to the disk, a few at a time.
    if (this.#swept > 0) return;
    if (this.#number('freelist_count') > 0) this.#database.exec('PRAGMA incremental_vacuum(500)');
    else this.#next = now + lookEvery;
  }

  #dropMessages(before: number): void {
    const database = this.#database;
    const most = before === Number.POSITIVE_INFINITY ? largeStep : step;
    const rows = database.prepare('SELECT mid, time FROM message ORDER BY mid LIMIT ?').all(most);
    const last = rows.findLast((row) => Number(row['time']) < before);
    if (last === undefined) return;
    const mid = Number(last['mid']);
    database.prepare('DELETE FROM message WHERE mid <= ?').run(mid);
    const first = database.prepare('SELECT min(mid) AS mid FROM message').get()?.['mid'] ?? mid;
    const segment = segmentOf(Number(first));
    for (const table of searchSegments(database)) {
      if (table < segment) database.exec(`DROP TABLE search_${table}`);
    }
  }

  #oldestObservation(): number | null {
    const row = this.#database.prepare('SELECT min(day) AS day FROM hello_use').get();
    return typeof row?.['day'] === 'number' ? row['day'] : null;
  }

  /** One step through the peers; at the end of them what was added up for the days before goes. */
  #sweep(before: number, now: number): void {
    const database = this.#database;
    const from = this.#swept;
    const to = from + step;
    database.prepare('DELETE FROM observation WHERE peer > ? AND peer <= ? AND day < ?').run(from, to, before);
    const unseen = 'NOT EXISTS (SELECT 1 FROM observation WHERE peer = peer.id)';
    const gone = database.prepare(`DELETE FROM peer WHERE id > ? AND id <= ? AND ${unseen}`).run(from, to);
    if (Number(gone.changes) > 0) this.#observer.forget();
    this.#swept = to;
    const last = Number(database.prepare('SELECT max(id) AS last FROM peer').get()?.['last'] ?? 0);
    if (to < last) return;
    this.#swept = 0;
    this.#sweepAt = now + hour;
    database.prepare('DELETE FROM hello_use WHERE day < ?').run(before);
    const hellos = database.prepare('DELETE FROM hello WHERE day < ? RETURNING id').all(before);
    const forgetGroups = database.prepare('DELETE FROM derived_group WHERE hello = ?');
    for (const row of hellos) forgetGroups.run(Number(row['id']));
    if (hellos.length > 0) this.#observer.removed(new Set(hellos.map((row) => Number(row['id']))));
  }

  #dropReports(now: number, { privacy, tlsReports }: Pick<Snapshot, 'privacy' | 'tlsReports'>): void {
    const { keepObservations } = privacy;
    const database = this.#database;
    const run = (sql: string, ...values: number[]) => database.prepare(sql).run(...values);
    for (const [length, time] of Object.entries(kept)) {
      run('DELETE FROM series WHERE step = ? AND start < ?', Number(length), now - time);
    }
    run('DELETE FROM tls WHERE span = 0 AND start < ?', now - keepHours);
    run('DELETE FROM tls WHERE span = 1 AND start < ?', now - keepReports);
    run('DELETE FROM security WHERE span = 0 AND start < ?', now - keepHours);
    run('DELETE FROM security WHERE span = 1 AND start < ?', now - keepReports);
    run('DELETE FROM failure WHERE day < ?', now - Math.min(keepReports, keepObservations) - day);
    run('DELETE FROM tls_detail WHERE policy IN (SELECT id FROM tls_policy WHERE day < ?)', now - keepSessions);
    run('DELETE FROM tls_policy WHERE day < ?', now - keepSessions);
    run('DELETE FROM tls_report WHERE day < ?', now - keepSent);
    dropReceived(database, now - tlsReports.keep);
    run('DELETE FROM rehearsal WHERE time < ?', now - keepObservations);
    // Connections outlive midnight; none is two days old.
    const oldest = this.oldest ?? now;
    run('DELETE FROM profile WHERE day < ?', oldest - 3 * day);
    const ids = (where: string, most: number) =>
      run(
        `DELETE FROM audit WHERE ${where} AND id <= (SELECT id FROM audit WHERE ${where} ORDER BY id DESC LIMIT 1 OFFSET ?)`,
        most,
      );
    ids("action = 'logonFailed'", mostFailedLogons);
    ids("action <> 'logonFailed'", mostAudit);
  }

  #number(pragma: string): number {
    return Number(this.#database.prepare(`PRAGMA ${pragma}`).get()?.[pragma] ?? 0);
  }
}

/** Numbers of the full-text tables, newest first. */
export function searchSegments(database: DatabaseSync): number[] {
  return database
    .prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'search_[0-9]*' AND sql LIKE 'CREATE VIRTUAL%'",
    )
    .all()
    .map((row) => Number(String(row['name']).slice('search_'.length)))
    .sort((a, b) => b - a);
}
