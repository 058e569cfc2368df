// The history of the ledger thread: takes the events that the log is made of, gathers what belongs together in memory, and writes
// it to ledger.db about once a second. Log lines come first: whatever happens to the database, they do not wait for it.
import { statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import type { Snapshot } from '../../config/snapshot.ts';
import { messageOf, PosternError } from '../../errors.ts';
import { type EventSink, systemNotice, systemWarning, type Value } from '../events.ts';
import { DerivedGroups, type GroupSource } from '../observations/groups.ts';
import { Observer } from '../observations/observer.ts';
import { keepRehearsals, knownDestinations } from '../observations/rehearsals.ts';
import type { HistoryQueries, HistoryStatus, Overview, SecurityCount } from '../protocol.ts';
import * as outgoing from '../tls-reports/outgoing.ts';
import * as received from '../tls-reports/received.ts';
import { SessionResults } from '../tls-reports/results.ts';
import { IncomingConnections, OutgoingConnections } from './connections.ts';
import { Counts, day } from './counts.ts';
import { isDamage, openHistoryDatabase, setAside } from './database.ts';
import { Domains } from './domain.ts';
import { Failures } from './failures.ts';
import { forgetMessages, forgetPeer, isForgettable } from './forget.ts';
import { Intake } from './intake.ts';
import { Messages } from './messages.ts';
import { HistoryReader } from './reader.ts';
import { Retention, searchSegments } from './retention.ts';
import { RollOutTally } from './roll-out-tally.ts';
import { SecurityCounts } from './security-counts.ts';
import { TlsCounts } from './tls-counts.ts';
import { type AuditEntry, HistoryWriter } from './writer.ts';

export interface HistoryOptions {
  /** `data/ledger.db`. */
  readonly file: string;
  readonly snapshot: Snapshot;
  readonly log: EventSink;
  /** Absent: no groups are derived. */
  readonly groups?: GroupSource;
  /** Nothing can be written: tried again after this, ms; default 10 s. */
  readonly retryAfter?: number;
}

/** ms between writes; messages of one write: at most some 40 ms of work at a time. */
const writeEvery = 1000;
const mostOfOne = 1000;
/** Between writes while more waits: log lines are made. */
const pause = 5;
/** Reports are written this often; what a crash may cost them. */
const reportEvery = 10_000;
/** The ledger is so far behind: what waits is given up, so that the log catches up. */
const hopeless = 5000;
const mostAudit = 10_000;

/** The open database and those who work with it. */
interface Open {
  readonly database: DatabaseSync;
  readonly writer: HistoryWriter;
  readonly reader: HistoryReader;
  readonly retention: Retention;
}

export class History {
  readonly #options: HistoryOptions;
  readonly #counts: Counts;
  readonly #tls = new TlsCounts();
  readonly #security = new SecurityCounts();
  readonly #failures = new Failures();
  readonly #sessions = new SessionResults();
  readonly #observer = new Observer();
  readonly #rollOut = new RollOutTally();
  readonly #groups: DerivedGroups;
  readonly #incoming: IncomingConnections;
  readonly #outgoing: OutgoingConnections;
  readonly #messages: Messages;
  readonly #intake: Intake;
  #audit: AuditEntry[] = [];
  #snapshot: Snapshot;
  #open: Open | null = null;
  #paused: string | null = null;
  #retryAt = 0;
  #reportsAt = 0;
  #behind = false;
  #timer: NodeJS.Timeout | null = null;
  #lostOther = 0;
  #nextProfile = 1;

  /** Never throws: without a database it says why and goes on. */
  constructor(options: HistoryOptions) {
    this.#options = options;
    this.#snapshot = options.snapshot;
    this.#groups = new DerivedGroups(options.groups ?? null, this.#observer);
    this.#observer.apply(options.snapshot.limits.history, options.snapshot.revision);
    this.#rollOut.apply(options.snapshot);
    this.#tryOpen();
    this.#counts = new Counts(this.#open?.database ?? null, Date.now());
    const shared = {
      domains: new Domains(),
      observer: this.#observer,
      rollOut: this.#rollOut,
      groups: this.#groups,
      log: options.log,
    };
    const reports = {
      counts: this.#counts,
      tls: this.#tls,
      security: this.#security,
      failures: this.#failures,
      sessions: this.#sessions,
      ...shared,
    };
    this.#incoming = new IncomingConnections(reports);
    this.#outgoing = new OutgoingConnections(reports);
    this.#messages = new Messages(this.#counts, (connection) => this.#open?.writer.outgoingProfile(connection) ?? 0);
    const parts = { incoming: this.#incoming, outgoing: this.#outgoing, messages: this.#messages, reports };
    this.#intake = new Intake({ ...parts, audit: (entry) => this.#keepAudit(entry) }, options.snapshot.privacy);
    this.#arm(writeEvery);
  }

  /** After its lines are made. */
  take(batch: readonly Value[]): void {
    const time = this.#intake.take(batch);
    this.#behind = time > 0 && Date.now() - time > hopeless;
  }

  apply(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    this.#rollOut.apply(snapshot);
    this.#observer.apply(snapshot.limits.history, snapshot.revision);
    this.#groups.apply(snapshot);
    this.#intake.apply(snapshot.privacy);
  }

  /** Outgoing connections since the start, by what was wanted and got. */
  get security(): readonly SecurityCount[] {
    return this.#security.totals();
  }

  /** For `status`; reads two sizes of files. */
  status(): HistoryStatus {
    const paused = this.#paused !== null || this.#open === null;
    return {
      state: paused ? 'paused' : 'running',
      reason: this.#paused ?? '',
      size: sizeOf(this.#options.file) + sizeOf(`${this.#options.file}-wal`),
      limit: this.#snapshot.limits.history,
      lost: this.#messages.lost + this.#observer.lost + this.#lostOther,
      oldest: this.#open?.retention.oldest ?? null,
    };
  }

  overview(): Overview {
    return {
      time: Date.now(),
      counts: this.#counts.totals(),
      incoming: this.#incoming.open(),
      outgoing: this.#outgoing.open(),
      history: this.status(),
    };
  }

  /** Answers with all that is known until now. Those that read throw `io` where there is no database. */
  readonly queries: HistoryQueries = {
    trackMessages: (filter, page) => this.#ask((reader) => reader.trackMessages(filter, page)),
    trackMessage: (mid) => this.#ask((reader) => reader.trackMessage(mid)),
    tlsConnections: (request) => this.#ask((reader) => reader.tlsConnections(request)),
    failures: (request) => this.#ask((reader) => reader.failures(request)),
    series: (request) => this.#ask((reader) => reader.series(request)),
    overview: () => this.overview(),
    audit: (filter, page) => this.#ask((reader) => reader.audit(filter, page)),
    forgetAddress: (address) => this.#forget(address),
    destinations: (days, most) => {
      this.#read();
      return this.#open === null ? [] : knownDestinations(this.#open.database, Date.now() - days * day, most);
    },
    keepRehearsals: (rows) => {
      this.#read();
      this.#change((database) => keepRehearsals(database, rows));
    },
    takeRollOut: () => this.#rollOut.take(),
    write: () => void this.#write(true),
    unplannedTlsReports: (date) => this.#with((database) => outgoing.unplannedTargets(database, date)),
    planTlsReports: (date, targets) => this.#change((database) => outgoing.planReports(database, date, targets)),
    dueTlsReports: (now, limit) => this.#with((database) => outgoing.dueReports(database, now, limit)),
    tlsReports: (date, limit) => this.#with((database) => outgoing.listReports(database, date, limit)),
    tlsReportDay: (date, domain) => this.#with((database) => outgoing.dayOf(database, date, domain)),
    settleTlsReport: (row) => this.#change((database) => outgoing.settleReport(database, row)),
    keepTlsReport: (report) =>
      this.#change((database) => received.keepReport(database, report, this.#snapshot.limits.history), true),
    noteBadTlsReport: (bad) => this.#change((database) => received.noteBadReport(database, bad)),
    receivedTlsReports: (filter, page) => this.#with((database) => received.listReceived(database, filter, page)),
    receivedTlsReport: (id) => this.#with((database) => received.storyOf(database, id)),
    receivedTlsSums: (range) => this.#with((database) => received.sumsOf(database, range)),
  };

  /** Piece by piece, so that the ledger goes on meanwhile. */
  async #forget(text: string): Promise<number> {
    const address = text.trim();
    if (!isForgettable(address)) return 0;
    this.#read();
    const segments = this.#open === null ? [] : searchSegments(this.#open.database);
    let rows = 0;
    for (const segment of segments) {
      rows += this.#change((database) => forgetMessages(database, address, segment));
      await setImmediate();
    }
    rows += this.#change((database) => {
      this.#observer.forget();
      return forgetPeer(database, address);
    });
    return rows;
  }

  #with<T>(work: (database: DatabaseSync) => T): T {
    this.#read();
    if (this.#open === null) throw new PosternError('io', 'the history cannot be read', { temporary: true });
    return work(this.#open.database);
  }

  /** One transaction. `durable`: it outlives a loss of power when this returns. */
  #change<T>(work: (database: DatabaseSync) => T, durable = false): T {
    if (this.#open === null) throw new PosternError('io', 'the history cannot be written', { temporary: true });
    if (durable && this.#paused !== null) {
      throw new PosternError('io', `the history is not kept at present: ${this.#paused}`, { temporary: true });
    }
    const { database } = this.#open;
    if (durable) database.exec('PRAGMA synchronous = FULL');
    database.exec('BEGIN IMMEDIATE');
    try {
      const result = work(database);
      database.exec('COMMIT');
      if (durable) database.exec('PRAGMA synchronous = NORMAL');
      return result;
    } catch (error) {
      this.#failed(error, Date.now());
      throw error;
    }
  }

  /** Damage may be met by reading first: then the question is asked of the new database. */
  #ask<T>(question: (reader: HistoryReader) => T): T {
    try {
      return question(this.#read());
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.#failed(error, Date.now());
      return question(this.#read());
    }
  }

  #read(): HistoryReader {
    this.#write(true);
    if (this.#open === null) {
      throw new PosternError('io', `the history cannot be read: ${this.#paused ?? ''}`, { temporary: true });
    }
    return this.#open.reader;
  }

  /** Writes what there is and closes. */
  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#groups.stop();
    this.#write(true);
    this.#close();
  }

  #arm(delay: number): void {
    this.#timer = setTimeout(() => {
      const more = this.#write(false);
      this.#expire();
      this.#arm(more ? pause : writeEvery);
    }, delay);
    this.#timer.unref();
  }

  #expire(): void {
    const now = Date.now();
    // What is deleted is written too.
    if (now < this.#retryAt) return;
    try {
      this.#open?.retention.tick(now, this.#snapshot);
    } catch (error) {
      this.#failed(error, now);
    }
  }

  #keepAudit(entry: AuditEntry): void {
    if (this.#audit.length < mostAudit) this.#audit.push(entry);
    else this.#lostOther++;
  }

  /** One transaction. True: more waits. */
  #write(all: boolean): boolean {
    const now = Date.now();
    if (!this.#ready(now) || this.#open === null) return false;
    if (this.#behind && !all) this.#messages.drop();
    const { database, writer } = this.#open;
    writer.startDay(now - (now % day));
    const messages = this.#messages.take(now, all ? Number.POSITIVE_INFINITY : mostOfOne, all);
    const reports = all || now >= this.#reportsAt;
    if (messages.length === 0 && this.#audit.length === 0 && !reports) return false;
    try {
      database.exec('BEGIN IMMEDIATE');
      for (const message of messages) writer.message(message);
      for (const entry of this.#audit) writer.audit(entry);
      writer.profiles();
      if (reports) {
        this.#counts.write(database);
        this.#tls.write(database);
        this.#security.write(database);
        this.#failures.write(database);
        this.#sessions.write(database);
        this.#observer.write(database);
        this.#groups.write(database);
      }
      database.exec('COMMIT');
    } catch (error) {
      this.#messages.lost += messages.length;
      this.#failed(error, now);
      return false;
    }
    writer.written();
    this.#audit = [];
    if (reports) {
      this.#counts.written();
      this.#tls.written();
      this.#security.written();
      this.#failures.written();
      this.#sessions.written();
      this.#observer.written();
      this.#groups.written();
      this.#reportsAt = now + reportEvery;
    }
    return messages.length >= mostOfOne;
  }

  /** The database is open and there is room on the disk, of which mail needs the last. */
  #ready(now: number): boolean {
    if (now < this.#retryAt) return false;
    if (this.#open === null && !this.#tryOpen()) return false;
    const reason = this.#noRoom();
    if (reason !== null) {
      this.#pause(reason, now);
      return false;
    }
    if (this.#paused !== null) {
      this.#paused = null;
      this.#options.log.record(systemNotice, 'The history is kept again');
    }
    return true;
  }

  #noRoom(): string | null {
    const { lowWater, lowWaterShare } = this.#snapshot.spool;
    try {
      const { bavail, blocks, bsize } = statfsSync(dirname(this.#options.file));
      const least = Math.max(lowWater, lowWaterShare * blocks * bsize);
      return bavail * bsize < least ? 'the disk is nearly full, and what is left is for mail' : null;
    } catch {
      return null; // the write will say what is wrong
    }
  }

  #pause(reason: string, now: number): void {
    this.#retryAt = now + (this.#options.retryAfter ?? 10_000);
    if (this.#paused !== null) return;
    this.#paused = reason;
    this.#options.log.record(systemWarning, `The history is not kept at present: ${reason}`);
  }

  #tryOpen(): boolean {
    const { file, log } = this.#options;
    try {
      const database = openHistoryDatabase(file, (text) => log.record(systemWarning, text));
      this.#observer.open(database);
      this.#groups.forget();
      const writer = new HistoryWriter(database, this.#nextProfile);
      this.#open = {
        database,
        writer,
        reader: new HistoryReader(database),
        retention: new Retention(database, this.#observer),
      };
      return true;
    } catch (error) {
      this.#pause(messageOf(error), Date.now());
      return false;
    }
  }

  #failed(error: unknown, now: number): void {
    const { file, log } = this.#options;
    try {
      this.#open?.database.exec('ROLLBACK');
    } catch {
      // the failure has rolled it back already
    }
    this.#open?.writer.undone();
    this.#observer.forget();
    if (isDamage(error)) {
      this.#close();
      try {
        const aside = setAside(file);
        log.record(
          systemWarning,
          `The history ${file} is damaged: ${messageOf(error)}. It is kept as ${aside}; a new one is begun`,
        );
        if (this.#tryOpen()) return;
      } catch (second) {
        this.#pause(messageOf(second), now);
        return;
      }
    }
    this.#pause(messageOf(error), now);
  }

  #close(): void {
    try {
      this.#nextProfile = this.#open?.writer.nextProfile ?? 1;
      this.#open?.database.close();
    } catch {
      // damaged; it is set aside
    }
    this.#open = null;
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
