// What goes into the store of the configuration, and what comes out of it.
import type { Waiting } from './confirmation.ts';
import type { RevisionInfo } from './revisions.ts';
import type { Foretold, RollOut } from './rollout.ts';
import type { GatewayConfig } from './schema.ts';
import type { CertificateSettings } from './snapshot.ts';

export interface StoreOptions {
  /** YAML of the first revision of a new data directory. Ignored, with a warning, where there is a configuration. */
  readonly initial?: string;
  /** What `initial` is called in messages. Default `gateway.yaml`. */
  readonly source?: string;
  /** Default: read from (or made in) `certificates` in the data directory when it is first needed. */
  readonly demo?: CertificateSettings;
  /** Revisions kept. */
  readonly keep?: number;
  /** ms since the epoch. */
  readonly now?: () => number;
  /** ms for each of `prepare`, `activate` and `abandon`. */
  readonly deadline?: number;
}

export interface Revision extends RevisionInfo {
  readonly config: GatewayConfig;
}

export interface CommitOptions {
  /** False: the configuration that this one replaces is not offered for rollback (it stays in the history). */
  readonly saveForRollback?: boolean;
  /** Without a confirmation within so many ms what it changed is taken back; 0, the default: none is needed. Asked once it is prepared. */
  readonly confirmWithin?: () => number;
  /** It goes to a share of the peers first. */
  readonly rollOut?: RollOutChoice;
}

export interface RollOutChoice {
  /** Per cent of the networks. */
  readonly share: number;
  /** ms; then it goes to all. */
  readonly duration: number;
  /** So many peers more than foretold may fail. */
  readonly bound: number;
  /** Asked once it is prepared. */
  readonly foretold: () => Foretold;
}

/** A roll-out that has ended. */
export interface RollOutEnd {
  readonly rollOut: RollOut;
  /** What went wrong after the end was stored (a silent thread). */
  readonly problem: string | null;
}

export interface Committed extends Revision {
  /** What went wrong after it was stored (a silent thread); the revision is in force all the same. */
  readonly problem: string | null;
}

export interface TakenBack {
  /** What waited. */
  readonly waiting: Waiting;
  /** Null: nothing of it was left. */
  readonly committed: Committed | null;
}

/** What a snapshot was made anew for. */
export type ReloadReason = 'files' | 'exceptions';

export interface Imported {
  /** What an upgrade of an older format changed. */
  readonly changes: readonly string[];
  /** What a commit would change. */
  readonly pending: readonly string[];
}

/** Of a revision. */
export interface Author {
  readonly user: string;
  readonly comment: string;
}
