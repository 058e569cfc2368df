// The sending end of the event channel. Measured on Node 26, 15 events a message, both ends together: a flat array costs
// 130-180 ns an event, a joined string that is split again 240-300, JSON 160-250. A message between threads itself costs
// 8 us and wakes the other thread, so that posting every turn of the event loop would cost more than all events of a mail;
// hence every 25 ms (10 ms cost 8 % more processor time at one message a connection, 50 ms no less).
import type { MessagePort } from 'node:worker_threads';
import type { EventDefinition, EventSink, Value } from './events.ts';

/**
 * What crosses the channel: for each event its code and exactly as many values as it has fields, and before the first
 * event, and wherever the millisecond has changed, the time in ms since the epoch (no code is as large as a time).
 */
export type EventBatch = Value[];

/** What is larger is a time, what is smaller is a code. */
export const leastTime = 1e9;

export interface LedgerSink extends EventSink {
  /** Posts what this turn recorded so far; for the end of a thread. */
  flush(): void;
  /** Another ledger took over: events go to this port from now on, those kept since the old one closed first. */
  reconnect(port: MessagePort): void;
}

/** Longer strings are cut before they cross; the ledger cuts further, to what a line may hold. */
const longestValue = 8192;
/** Events cross this long after the first of them, in ms. */
const postAfter = 25;
/** A batch is posted at once when it has grown to this many elements. */
const largestBatch = 10_000;
/** Elements kept while there is no ledger: about 100 MB at the worst, some seconds of a full load. */
const mostKept = 1_000_000;

/**
 * The sink of one thread. `record` costs about 60 ns, never waits and never throws. Events cross together, in order, within
 * 25 ms; what is still here when the thread ends crosses then (unless it is terminated from outside).
 */
export function createEventSink(port: MessagePort): LedgerSink {
  return new BatchingSink(port);
}

class BatchingSink implements LedgerSink {
  #port: MessagePort | null = null;
  #batch: EventBatch = [];
  #time = 0;
  #scheduled = false;
  #kept: EventBatch[] = [];
  #keptSize = 0;
  readonly #post = (): void => {
    this.#scheduled = false;
    this.flush();
  };

  constructor(port: MessagePort) {
    this.reconnect(port);
    process.once('exit', () => this.flush());
  }

  reconnect(port: MessagePort): void {
    this.#port = port;
    port.on('close', () => {
      if (this.#port === port) this.#port = null;
    });
    // The sink alone never keeps a thread alive.
    port.unref();
    const kept = this.#kept;
    this.#kept = [];
    this.#keptSize = 0;
    for (const batch of kept) this.#send(batch);
  }

  record<V extends readonly Value[]>(event: EventDefinition<V>, ...values: V): void {
    const batch = this.#batch;
    const now = Date.now();
    if (now !== this.#time) {
      this.#time = now;
      batch.push(now);
    }
    batch.push(event.code);
    const count = event.fields.length;
    for (let i = 0; i < count; i++) {
      const value = values[i] ?? null;
      batch.push(typeof value === 'string' && value.length > longestValue ? value.slice(0, longestValue) : value);
    }
    if (batch.length > largestBatch) this.flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      setTimeout(this.#post, postAfter);
    }
  }

  flush(): void {
    if (this.#batch.length === 0) return;
    const batch = this.#batch;
    this.#batch = [];
    this.#time = 0;
    this.#send(batch);
  }

  #send(batch: EventBatch): void {
    if (this.#port !== null) {
      this.#port.postMessage(batch);
    } else if (this.#keptSize + batch.length <= mostKept) {
      this.#kept.push(batch);
      this.#keptSize += batch.length;
    }
  }
}
