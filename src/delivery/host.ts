// How delivery sees the rest of the program; the mail worker implements it.
import type { Snapshot } from '../config/snapshot.ts';
import type { MailResolver } from '../dns/resolver.ts';
import type { EventSink } from '../ledger/events.ts';
import type { Envelope } from '../smtp/envelope.ts';
import type { Failure } from '../smtp/failure.ts';
import type { Body, DestinationState, JobOutcome, TlsAlert } from '../spool/protocol.ts';
import type { StsSource } from '../tls/mta-sts.ts';

/** One message for one destination; its attempt is on disk already. */
export interface DeliveryTask {
  readonly mid: number;
  /** Key made by `destinationOf` (delivery/route.ts). */
  readonly destination: string;
  readonly envelope: Envelope;
  /** Which recipients, as indexes into `envelope.recipients`. */
  readonly rids: readonly number[];
  /** Bytes, or a file below the spool directory. */
  readonly body: Body;
  readonly received: number;
  /** 1 for the first. */
  readonly attempt: number;
  /** Stored with `direct`: if every recipient is delivered and no notice is due, `finished(mid)` says so. */
  readonly direct: boolean;
}

export interface DeliveryHost {
  readonly log: EventSink;
  readonly resolver: MailResolver;
  /** Absent: MTA-STS is not looked at. */
  readonly sts?: StsSource;
  /** Directory that `Body.file` is relative to. */
  readonly spoolDirectory: string;
  /** How many mail workers there are; a destination's connections are shared out among them. Absent: 1. */
  readonly workers?: number;
  snapshot(): Snapshot;
  nextDcid(): number;
  /** Counts one outgoing connection to the destination in, over all workers; false: it has as many as it may. */
  admit(destination: string, limit: number): boolean;
  leave(destination: string): void;
  /** Addresses (and ports) of our own listeners, for the loop check. */
  isOwnAddress(address: string, port: number): boolean;
  /** The hot path: every recipient of a `direct` message delivered. */
  finished(mid: number): void;
  /** Anything else, once a task. */
  outcome(outcome: JobOutcome): void;
  /** A destination went down or came up again. */
  destination(state: DestinationState): void;
  /** A message for `ownReports`: it is in good hands, or why not. Never rejects. */
  takeReport(task: DeliveryTask): Promise<Failure | null>;
  /** A connection that had to be secure was not; whoever hears it tells it once a domain and hour. */
  alert(alert: TlsAlert): void;
}
