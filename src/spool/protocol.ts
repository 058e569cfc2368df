// What mail workers and the spool thread say to each other: at most one message a turn of the event loop each way,
// carrying everything of that turn. `mid` is unique for ever; a job is (mid, destination).

/** A body in a file of the spool directory. */
export interface BodyInFile {
  readonly file: string;
  readonly size: number;
  /** The same bytes in pieces, for as long as the worker that received them has memory for it. Never crosses threads. */
  readonly kept?: readonly Uint8Array[];
}

/** A body: bytes (Received line in front, no dot-stuffing, CRLF line ends), or a file. */
export type Body = Uint8Array | BodyInFile;

/** Bytes of memory that a body takes in its worker. */
export function memoryOf(body: Body): number {
  if (body instanceof Uint8Array) return body.length;
  return body.kept === undefined ? 0 : body.size;
}

export interface StoreRequest {
  readonly mid: number;
  /** When it was received, ms since the epoch. */
  readonly received: number;
  /** JSON of `Envelope` (smtp/envelope.ts). Stored as it is; read again only when a job leaves the fast path. */
  readonly envelope: string;
  readonly body: Body;
  /**
   * One destination whose first attempt the sending worker makes at once: its key. The record of that attempt is part of
   * the same transaction. Otherwise the jobs below.
   */
  readonly direct?: string;
  readonly jobs?: readonly {
    readonly destination: string;
    /** Indexes (RIDs) into `envelope.recipients`. */
    readonly rids: readonly number[];
    /** The worker makes the first attempt at once (recorded); else the job is due at `due`. */
    readonly attempt: boolean;
    readonly due: number;
  }[];
}

/** The state of one recipient after an attempt. */
export interface RecipientOutcome {
  readonly rid: number;
  readonly result: 'delivered' | 'deferred' | 'bounced';
  /** Enhanced status code x.y.z (RFC 3463). */
  readonly status: string;
  /** The reply of the other side or our own words: `451 4.3.0 try later`. For the queue display and the DSN. */
  readonly reply: string;
  /** Name or address of the host that said so, for the DSN's Remote-MTA; empty where none was reached. */
  readonly host: string;
  /** Delivered, and NOTIFY was passed on to a next hop that does DSN (RFC 3461 5.2.1); else a `relayed` notice may be due. */
  readonly dsnPassed?: boolean;
}

export interface JobOutcome {
  readonly mid: number;
  readonly destination: string;
  readonly recipients: readonly RecipientOutcome[];
  /**
   * The attempt did not reach the point of trying (shutdown, no free connection, destination known to be down): the job
   * is due again at this time (ms since the epoch) and the attempt does not count.
   */
  readonly untried?: number;
  /** The recipients now have another destination (routes changed): replaces the key of the job. */
  readonly reroute?: string;
}

export interface DestinationState {
  readonly destination: string;
  readonly state: 'up' | 'down';
  /** Why, for the queue display: `[Errno 111] Connection refused`. */
  readonly reason: string;
}

/** A connection that had to be secure and was not. */
export interface TlsAlert {
  /** The recipients' domain. */
  readonly domain: string;
  readonly host: string;
  /** The level that was demanded. */
  readonly wanted: string;
  /** In plain words. */
  readonly reason: string;
}

/** Something else that administrators must hear of. */
export interface Notice {
  /** Also the subject of the mail. */
  readonly title: string;
  /** Lines. */
  readonly text: readonly string[];
}

/** Mail of our own that must go out once. */
export interface Submission {
  /** The same key again: nothing is done. */
  readonly key: string;
  readonly sender: string;
  readonly recipient: string;
  /** The whole message. */
  readonly body: Uint8Array;
  /** Subject and Message-ID, for the log. */
  readonly title: string;
  readonly id: string;
}

/** `time`: ms since the epoch. */
export type RaisedAlert = (TlsAlert | Notice) & { readonly time: number };

/** Worker → spool. */
export interface SpoolRequest {
  readonly store?: readonly StoreRequest[];
  /** MIDs stored with `direct` whose every recipient was delivered, with no notice due: forget them. The hot path. */
  readonly finished?: readonly number[];
  readonly outcomes?: readonly JobOutcome[];
  readonly destinations?: readonly DestinationState[];
  readonly alerts?: readonly TlsAlert[];
  /** How many jobs the worker would take from now on, in all; absolute, not a difference. */
  readonly room?: number;
}

/** A due job that a worker shall attempt; its attempt is on disk already. */
export interface Job {
  readonly mid: number;
  readonly destination: string;
  readonly envelope: string;
  readonly rids: readonly number[];
  readonly body: Body;
  readonly received: number;
  /** 1 for the first. */
  readonly attempt: number;
}

export interface StoreRefusal {
  readonly mid: number;
  /** `disk-full`: 452 4.3.1; `io`: 451 4.3.0. */
  readonly code: 'disk-full' | 'io';
  readonly text: string;
}

/** Spool → worker. */
export interface SpoolReply {
  /** MIDs that are on disk (fsynced). Only now may 250 be said. */
  readonly stored?: readonly number[];
  readonly refused?: readonly StoreRefusal[];
  readonly jobs?: readonly Job[];
  /** What another worker or a probe found out. */
  readonly destinations?: readonly DestinationState[];
  /** New mail is refused from now on (true) or taken again (false): answer 452 4.3.1 at MAIL. */
  readonly full?: boolean;
}

/** Counters shared by all threads: BigInt64Array over a SharedArrayBuffer of `idCount` elements; the last ID given out. */
export const idIndex = { icid: 0, mid: 1, dcid: 2 } as const;
export const idCount = 3;

/** What the administrator asks of the spool (control → spool), and its answers. */
export interface QueueRow {
  readonly mid: number;
  readonly destination: string;
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly size: number;
  readonly received: number;
  readonly attempts: number;
  /** Next try, ms since the epoch; null: under way now, or held. */
  readonly next: number | null;
  readonly held: boolean;
  readonly reason: string;
}

export interface QueueFilter {
  readonly destination?: string;
  readonly mid?: number;
  /** Any of these messages. */
  readonly mids?: readonly number[];
  /** True: only what is on hold; false: only what is not. */
  readonly held?: boolean;
  readonly sender?: string;
  readonly recipient?: string;
}

export interface SpoolQueries {
  /** Rows after `after` (a MID), oldest first; `limit` at most 1,000. */
  list(filter: QueueFilter, after: number, limit: number): QueueRow[];
  /** One row a destination. */
  destinations(limit: number): {
    destination: string;
    jobs: number;
    next: number | null;
    state: 'up' | 'down';
    reason: string;
  }[];
  status(): { messages: number; jobs: number; held: number; bytesFree: number; full: boolean; oldest: number | null };
  /** Alerts since the start, newest first; at most one a domain and hour. */
  alerts(limit: number): RaisedAlert[];
  /** Into the list of alerts, and by mail to `alerts.to`. */
  notify(notice: Notice): void;
  /** Its MID; null: one with that key was submitted before. */
  submit(submission: Submission): number | null;
  /** Each returns how many jobs it touched. */
  deliverNow(filter: QueueFilter): number;
  delete(filter: QueueFilter, user: string): number;
  hold(filter: QueueFilter, user: string): number;
  release(filter: QueueFilter, user: string): number;
}
