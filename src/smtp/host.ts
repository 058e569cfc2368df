// How the SMTP server sees the rest of the program. `smtp/` knows no spool: the mail worker implements this.

import type { Snapshot } from '../config/snapshot.ts';
import type { EventSink } from '../ledger/events.ts';
import type { ServerTls } from '../tls/contexts.ts';
import type { Envelope } from './envelope.ts';

/** Where a body goes while it arrives: memory first, a file from a size on. */
export interface BodyWriter<B> {
  /** Keeps the chunk (the caller does not reuse it). False: stop reading until `onDrain`. */
  write(chunk: Uint8Array): boolean;
  /** Bytes written so far. */
  readonly size: number;
  onDrain: (() => void) | null;
  /** All is written. Calls back once; an error is temporary (full disk, failed write) and nothing is left behind. */
  finish(done: (error: StoreError | null, body: B | null) => void): void;
  /** Forget it; leaves nothing behind. */
  abort(): void;
}

/** Why a message was not stored; the reply is 452 4.3.1 (`disk-full`) or 451 4.3.0. */
export interface StoreError {
  readonly code: 'disk-full' | 'io' | 'shutting-down';
  readonly text: string;
}

export interface ReceivedMessage<B> {
  readonly mid: number;
  /** ms since the epoch. */
  readonly received: number;
  readonly envelope: Envelope;
  /** Our Received line first, then the message as received, dot-stuffing undone. */
  readonly body: B;
}

export interface ReverseName {
  /** PTR name, or null. */
  readonly name: string | null;
  /** The name resolves to the address again. */
  readonly verified: boolean;
}

/** An answer that may come later; call-ahead takes time, the other checks do not. */
export type RecipientAnswer = 'exists' | 'unknown' | 'try-later';

export interface InboundHost<B = unknown> {
  readonly log: EventSink;
  nextIcid(): number;
  nextMid(): number;
  /** The snapshot in force; a session keeps the one it met at connect, TLS takes the newest at each handshake. */
  snapshot(): Snapshot;
  /** Compiled TLS of a listener's service and certificate under the snapshot in force, for a client of this address. */
  serverTls(listener: string, address: string): ServerTls;
  /** Counts a connection in; false: over the limit (`total` or `client` says which). */
  admit(clientKey: string): 'ok' | 'total' | 'client';
  /** Counts it out again. */
  leave(clientKey: string): void;
  /** Never rejects; bounded by `timeouts.reverseLookup`. A cached or local answer comes back at once, not as a promise. */
  reverse(address: string): ReverseName | Promise<ReverseName>;
  /** Call-ahead to the route (`recipients.callAhead`); never rejects. */
  callAhead(address: string): RecipientAnswer | Promise<RecipientAnswer>;
  /** The spool takes no mail at present: 452 4.3.1 at MAIL. */
  full(): boolean;
  openBody(): BodyWriter<B>;
  /** Calls back once, when the message is durable or refused. */
  store(message: ReceivedMessage<B>, done: (error: StoreError | null) => void): void;
}
