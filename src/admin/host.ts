// How the administrator's commands see the rest of the program. Control implements it; shell, REST API and UI share it.
import type { Waiting } from '../config/confirmation.ts';
import type { GatewayConfig } from '../config/schema.ts';
import type { ConfigStore } from '../config/store.ts';
import type { RehearsedDestination } from '../delivery/rehearse.ts';
import type { Verdict } from '../delivery/verify.ts';
import type { MailResolver } from '../dns/resolver.ts';
import type { Validation } from '../dns/validation.ts';
import type { FailingPeer, Judgement, RollOutPoint, RollOutState, SideCounts } from '../gateway/roll-out-progress.ts';
import type { EventSink } from '../ledger/events.ts';
import type { HistoryQueries, HistoryStatus, SecurityCount } from '../ledger/protocol.ts';
import type { ReportRow } from '../ledger/tls-reports/outgoing.ts';
import type { PreviewReport } from '../preview/report.ts';
import type { QueueFilter, QueueRow, SpoolQueries } from '../spool/protocol.ts';
import type { Taken } from '../tls-reports/receiver.ts';
import type { People } from './auth/people.ts';

/** `SpoolQueries` across a thread: every method returns a promise. */
export type AdminQueue = {
  readonly [K in keyof SpoolQueries]: (...args: Parameters<SpoolQueries[K]>) => Promise<ReturnType<SpoolQueries[K]>>;
};

/** `HistoryQueries` across a thread: message tracking, reports, audit. */
export type AdminHistory = {
  readonly [K in keyof HistoryQueries]: (
    ...args: Parameters<HistoryQueries[K]>
  ) => Promise<Awaited<ReturnType<HistoryQueries[K]>>>;
};

export type QueueStatus = ReturnType<SpoolQueries['status']>;
export type { QueueFilter, QueueRow };

/** Who does something, from where, through which face: for the audit trail and the guard against locking oneself out. */
export interface Actor {
  readonly user: string;
  readonly role: 'administrator' | 'operator' | 'auditor';
  /** As in the audit trail. */
  readonly face: 'shell' | 'API' | 'UI';
  /** The client's address; empty for the shell on this machine. */
  readonly address: string;
  /** The first TLS flight of his present connection, ClientHello included; null where there is none. */
  readonly flight: Uint8Array | null;
  /** When his present connection was accepted, as `performance.now()`. */
  readonly connected: number;
}

export interface PreviewChoice {
  readonly days: number;
  /** Figures while more hellos are replayed. */
  readonly onProgress?: (report: PreviewReport) => void;
  readonly signal?: AbortSignal;
}

export interface RehearseChoice {
  readonly days: number;
  readonly signal: AbortSignal;
  /** How far it is: so many of so many. */
  readonly onProgress: (row: RehearsalRow, told: number, all: number) => void;
}

export interface RehearsalRow extends RehearsedDestination {
  readonly connections: number;
  readonly messages: number;
  /** What its last connection had: `TLS v1.2 ECDHE-...`; empty where none was completed. */
  readonly today: string;
}

export interface Rehearsal {
  /** Most messages first. */
  readonly rows: readonly RehearsalRow[];
  /** Destinations that mail would not reach any more. */
  readonly breaks: number;
  /** Destinations that are known; more than there are rows where it was broken off. */
  readonly all: number;
}

/** A commit goes to a share of the peers first (networks: /24, /64), and is taken back where more fail than was foretold. */
export interface RollOutWish {
  /** Per cent, 1 to 99. */
  readonly share: number;
  /** ms; then it goes to all. */
  readonly duration: number;
  /** So many peers more than foretold may fail; default 0. */
  readonly bound?: number;
}

export interface RollOutView extends RollOutState, Judgement {
  readonly replaces: number;
  readonly share: number;
  readonly since: number;
  readonly until: number;
  readonly bound: number;
  readonly user: string;
  readonly confirmWithin: number;
  /** That differ. */
  readonly services: readonly string[];
  /** Foretold peers in the share. */
  readonly foretold: number;
  readonly inside: SideCounts;
  readonly outside: SideCounts;
  /** Those that count first, the first 100. */
  readonly failing: readonly FailingPeer[];
  readonly points: readonly RollOutPoint[];
  /** Handshakes that could not be looked at. */
  readonly lost: number;
}

export interface CommitChoice {
  /** The configuration that is replaced stays in the history for `rollbackconfig`. */
  readonly keep: boolean;
  /** Although an administrator could not connect to the web UI any more. */
  readonly force?: boolean;
  /**
   * Without a confirmation within so many ms what it changed is taken back; 0: none is needed. Default: 10 minutes where versions,
   * ciphers, certificate, address or ports of the web service change, else 0.
   */
  readonly confirmWithin?: number;
  /** With `confirmWithin`: that counts from the moment it goes to all. */
  readonly rollOut?: RollOutWish;
}

/** What came of a commit. */
export interface CommitResult {
  /** When it took effect. */
  readonly time: Date;
  readonly revision: number;
  /** What an administrator should know about it, a sentence each. */
  readonly warnings: readonly string[];
  /** When it is taken back unless it is confirmed; null: it needs no confirmation. */
  readonly confirmBy: Date | null;
  /** When it goes to all; null: it did at once. */
  readonly rollOutUntil: Date | null;
}

export interface ThreadStatus {
  readonly role: 'mail' | 'spool' | 'ledger';
  readonly index: number;
  /** The revision it runs under; equal to `GatewayStatus.revision` except during a commit. */
  readonly revision: number;
  /** `silent`: it does not answer; control is about to restart it. */
  readonly state: 'running' | 'starting' | 'silent';
}

/** One syslog collector, as the ledger sees it. */
export interface CollectorStatus {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly protocol: 'udp' | 'tcp' | 'tls';
  readonly connected: boolean;
  /** Bytes that wait on disk. */
  readonly buffered: number;
  /** Lines given up since the start because the buffer was full. */
  readonly dropped: number;
  /** Why it is away; empty while it is connected. */
  readonly reason: string;
}

/** The whole program at one moment. Counters count from the start of the program. */
export interface GatewayStatus {
  /** Start of the program, ms since the epoch. */
  readonly started: number;
  /** The committed revision. */
  readonly revision: number;
  /** Revisions that are taken back unless they are confirmed; null: there are none. */
  readonly waiting: Waiting | null;
  /** The roll-out that runs. */
  readonly rollOut: RollOutView | null;
  /** Sentences about certificates in use and exceptions whose end is near. */
  readonly reminders: readonly string[];
  readonly threads: readonly ThreadStatus[];
  readonly connections: {
    /** Open now. */
    readonly incoming: number;
    readonly outgoing: number;
    /** Since the start. */
    readonly incomingTotal: number;
    readonly outgoingTotal: number;
  };
  readonly counters: {
    /** Messages taken (250 after the final dot). */
    readonly accepted: number;
    /** Messages refused for want of room or by a failed write (452, 451 after the final dot). */
    readonly refused: number;
    /** Recipients. */
    readonly delivered: number;
    readonly deferred: number;
    readonly bounced: number;
  };
  readonly queue: QueueStatus;
  /** The file system of the data directory, bytes. */
  readonly disk: { readonly free: number; readonly total: number };
  /** Seconds of CPU time, user and system, since the start. */
  readonly cpu: number;
  /** Resident set size, bytes. */
  readonly memory: number;
  readonly collectors: readonly CollectorStatus[];
  /** Whether there is a resolver that validates DNSSEC and is believed, without which there is no DANE; null: not known yet. */
  readonly dnssec: Validation | null;
  /** Of tracking, reports and observations; null: the ledger does not answer. */
  readonly history: HistoryStatus | null;
  /** Outgoing connections since the start that have ended, by the TLS that was wanted and what it became. */
  readonly security: readonly SecurityCount[];
}

/** The rest of the program, for the administrator's commands. */
export interface AdminHost {
  /** Candidates, history, revisions; commits go through `commit` below. */
  readonly config: ConfigStore;
  /** `messageAdministered` and `systemNotice` are recorded here by the commands. */
  readonly log: EventSink;
  /** Relative file names of the configuration are below it; certificates are checked when they are entered. */
  readonly dataDirectory: string;
  /** Directory of the log files, for `tailLog` and `grepLog`. */
  readonly logDirectory: string;
  /** The committed host name: the shell's prompt. */
  hostname(): string;
  /** One line: `Postern 0.1.0 (Node.js 26.10.0, OpenSSL 3.5.8)`. */
  version(): string;
  readonly queue: AdminQueue;
  readonly history: AdminHistory;
  /** Users of the web UI and the API. */
  readonly people: People;
  /**
   * What a configuration would do to everybody who was seen in the last days, by replay of their hellos. Throws what is wrong
   * with the configuration. Changes nothing.
   */
  preview(config: GatewayConfig, choice: PreviewChoice): Promise<PreviewReport>;
  /** Bounded by a deadline of its own; what a silent thread did not tell is 0. */
  status(): Promise<GatewayStatus>;
  /**
   * Prepares the user's candidate in every thread, stores it, activates it, and records `commitChanges` (once, here, so
   * that every face leaves the same trail). Throws `bad-configuration` (with a remedy), `conflict`, `not-found` (nothing
   * pending), `in-use` (a port), `lock-out` (say it again with `force`) or `timeout`; then nothing is changed.
   */
  commit(actor: Actor, comment: string, choice: CommitChoice): Promise<CommitResult>;
  /**
   * What waits for a confirmation (`config.waiting`) stays in force. Throws `not-found` where nothing does, `old-connection` where
   * the actor's connection was there before the commit.
   */
  confirm(actor: Actor): Promise<Waiting>;
  /** What waits is taken back at once. The new revision, or null where nothing of it was left. Throws `not-found`, or as `commit`. */
  takeBack(actor: Actor): Promise<number | null>;
  /** The roll-out that runs, else the last one; null: there was none. */
  rollOut(): RollOutView | null;
  /** Ends the roll-out: it goes to all at once, or is taken back; then the new revision. Throws `not-found`, or as `commit`. */
  endRollOut(actor: Actor, how: 'all' | 'back'): Promise<number | null>;
  /**
   * Trial handshakes with the destinations of the last days under a configuration, most mail first, without mail. What they showed is
   * kept for previews under the same settings. Throws what is wrong with the configuration, `io` where there is no history.
   */
  rehearse(config: GatewayConfig, choice: RehearseChoice): Promise<Rehearsal>;
  /**
   * Connects to the domains as a delivery under the committed configuration would, without mail. Each verdict is told as soon
   * as it is there, with how many there are by then.
   */
  verifyTls(request: VerifyRequest, tell: (verdict: Verdict, told: number) => void): Promise<readonly Verdict[]>;
  /**
   * Sends our TLS reports about a day (its begin, UTC) that have not been sent, all or that to one domain, and says what became of
   * them. Throws `bad-usage` for a day that is not over, `bad-configuration` where it is not configured who reports.
   */
  sendTlsReports(day: number, domain: string | null): Promise<readonly ReportRow[]>;
  /** A TLS report of somebody else that came by HTTPS. Throws a temporary error where it is to come again. */
  takeTlsReport(body: Buffer, client: string): Promise<Taken>;
  /** A resolver that remembers nothing: whoever looks has just changed something. */
  lookUp(): Pick<MailResolver, 'ask' | 'trusted'>;
}

export interface VerifyRequest {
  readonly domains: readonly string[];
  /** DANE is demanded, whatever the configuration says. */
  readonly dane: boolean;
  /** Every host, address and version, and why. */
  readonly detail: boolean;
  readonly signal: AbortSignal;
}
