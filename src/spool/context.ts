// What the parts of the spool share: dispatch, settlement and the administrator's queries.
import type { Snapshot } from '../config/snapshot.ts';
import type { EventSink } from '../ledger/events.ts';
import type { Envelope } from '../smtp/envelope.ts';
import type { Destinations } from './destinations.ts';
import type { Flights } from './flights.ts';
import type { Store } from './store.ts';

export interface SpoolContext {
  readonly directory: string;
  readonly store: Store;
  readonly destinations: Destinations;
  readonly flights: Flights;
  readonly ids: BigInt64Array;
  readonly log: EventSink;
  snapshot(): Snapshot;
  /** ms since the epoch. */
  now(): number;
  /** 0 to 1. */
  random(): number;
  /** Key of the destination that mail under this envelope goes to for one of its recipients. */
  destinationOf(address: string, envelope: Envelope): string;
  /** A message of our own, signed where its domain has a key. */
  sign(message: Uint8Array, now: number): Uint8Array;
  /** Done once the transaction under way is on disk, forgotten if it fails: all that memory and log learn of it. */
  after(effect: () => void): void;
  /** Done if the transaction under way fails: takes back what memory had to know at once. */
  undo(effect: () => void): void;
  /** Messages in the database, by `by`. */
  countMessages(by: number): void;
  /** Removes a body file, in the background. */
  removeFile(file: string): void;
  /** Tells all workers about a destination, except `but`. */
  announce(state: { destination: string; state: 'up' | 'down'; reason: string }, but?: string): void;
}
