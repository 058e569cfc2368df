// What control and the threads say to each other. Every thread (mail worker, spool, ledger) speaks it on its parentPort.
import type { MessagePort } from 'node:worker_threads';
import type { Snapshot } from '../config/snapshot.ts';
import type { ErrorCode } from '../errors.ts';

/** workerData of every thread. */
export interface ThreadData {
  readonly role: 'mail' | 'spool' | 'ledger';
  /** 0, 1, ... for mail workers; 0 otherwise. */
  readonly index: number;
  /** How many mail workers there are. */
  readonly workers: number;
  readonly dataDirectory: string;
  readonly snapshot: Snapshot;
  /** `idIndex` counters (spool/protocol.ts). */
  readonly ids: SharedArrayBuffer;
  /** Connection counters (gateway/counters.ts). */
  readonly counters: SharedArrayBuffer;
  /** Free space of the event channel to the ledger; absent in the ledger. */
  readonly ledger?: MessagePort;
  /** The worker's channel to the spool. */
  readonly spool?: MessagePort;
  /** The worker's channel to those who know MTA-STS policies (mta-sts/channel.ts). */
  readonly sts?: MessagePort;
  /** The worker's channel to who reads TLS reports (tls-reports/channel.ts). */
  readonly reports?: MessagePort;
}

export type ControlMessage =
  | { readonly type: 'prepare'; readonly snapshot: Snapshot }
  | { readonly type: 'activate'; readonly revision: number }
  | { readonly type: 'abandon'; readonly revision: number }
  /** A channel: to the spool from a (re)started worker, to the ledger from any thread. */
  | { readonly type: 'attach'; readonly port: MessagePort; readonly name: string }
  | { readonly type: 'query'; readonly id: number; readonly name: string; readonly args: readonly unknown[] }
  | { readonly type: 'reopenLogs' }
  /** Finish within `deadline` ms. */
  | { readonly type: 'stop'; readonly deadline: number };

/** Why a thread did not do what it was asked. Without a code: an error that nobody foresaw. */
export interface Refusal {
  readonly error: string;
  readonly code?: ErrorCode;
  readonly remedy?: string;
}

export type ThreadMessage =
  | { readonly type: 'ready' }
  | ({ readonly type: 'prepared'; readonly revision: number } & Partial<Refusal>)
  | { readonly type: 'activated'; readonly revision: number }
  | ({ readonly type: 'answer'; readonly id: number; readonly result?: unknown } & Partial<Refusal>)
  | { readonly type: 'stopped' }
  /** Something control must act on: the thread cannot go on. */
  | { readonly type: 'failed'; readonly error: string; readonly remedy?: string };
