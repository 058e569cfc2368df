// A mail worker's end of its channel to the spool: everything of one turn of the event loop goes in one message.
import type { MessagePort } from 'node:worker_threads';
import type {
  DestinationState,
  Job,
  JobOutcome,
  SpoolReply,
  SpoolRequest,
  StoreRefusal,
  StoreRequest,
  TlsAlert,
} from './protocol.ts';

/** Same shape as `StoreError` of smtp/host.ts, which the spool does not import. */
export interface StoreError {
  readonly code: 'disk-full' | 'io' | 'shutting-down';
  readonly text: string;
}

export interface SpoolClientHandlers {
  /** Due jobs to attempt; their attempts are on disk. */
  jobs(jobs: readonly Job[]): void;
  /** What another worker or a probe found out. */
  destinations(states: readonly DestinationState[]): void;
  /** New mail is refused (true) or taken again (false). */
  full(full: boolean): void;
}

type Done = (error: StoreError | null) => void;
type Batch = {
  -readonly [K in keyof SpoolRequest]: NonNullable<SpoolRequest[K]> extends readonly (infer E)[]
    ? E[]
    : SpoolRequest[K];
};

/** In one message; there are few, but the spool may be away. */
const mostAlerts = 1000;

const lost: StoreError = { code: 'io', text: 'the queue is not available at the moment' };

export class SpoolClient {
  #port: MessagePort | null = null;
  readonly #handlers: SpoolClientHandlers;
  readonly #waiting = new Map<number, Done>();
  #batch: Batch = {};
  #scheduled = false;
  #room = 0;
  #idle: (() => void)[] = [];
  /** Stores that the spool has not answered yet. */
  #unanswered = 0;
  readonly #send = () => {
    this.#scheduled = false;
    const port = this.#port;
    if (port === null) return; // kept for the next spool
    const batch = this.#batch;
    this.#batch = {};
    if (batch.store !== undefined) this.#unanswered += batch.store.length;
    port.postMessage(batch);
    this.#settle();
  };

  constructor(port: MessagePort, handlers: SpoolClientHandlers) {
    this.#handlers = handlers;
    this.reconnect(port);
  }

  /**
   * Stores a message; `done(null)` once it is on disk. After a refusal its body file, if any, is gone. A spool thread that
   * dies refuses with `io`; the message may then be stored all the same (at least once).
   */
  store(request: StoreRequest, done: Done): void {
    if (this.#port === null) {
      done(lost);
      return;
    }
    this.#waiting.set(request.mid, done);
    const { store } = this.#batch;
    if (store === undefined) this.#batch.store = [request];
    else store.push(request);
    this.#schedule();
  }

  /** A message stored with `direct` has been delivered to everybody and no notice is due. */
  finished(mid: number): void {
    const { finished } = this.#batch;
    if (finished === undefined) this.#batch.finished = [mid];
    else finished.push(mid);
    this.#schedule();
  }

  outcome(outcome: JobOutcome): void {
    this.#batch.outcomes ??= [];
    this.#batch.outcomes.push(outcome);
    this.#schedule();
  }

  destination(state: DestinationState): void {
    this.#batch.destinations ??= [];
    this.#batch.destinations.push(state);
    this.#schedule();
  }

  alert(alert: TlsAlert): void {
    this.#batch.alerts ??= [];
    if (this.#batch.alerts.length < mostAlerts) this.#batch.alerts.push(alert);
    this.#schedule();
  }

  /** How many jobs this worker would take from now on. */
  setRoom(room: number): void {
    if (room === this.#room && this.#batch.room === undefined) return;
    this.#room = room;
    this.#batch.room = room;
    this.#schedule();
  }

  /** Resolves when all was handed over and every store is answered, at the latest after `deadline` ms. */
  flush(deadline = 5000): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, deadline);
    this.#idle.push(() => {
      clearTimeout(timer);
      resolve();
    });
    this.#settle();
    return promise;
  }

  /** The spool thread was started anew: go on with it. What waited for the old one has been refused. */
  reconnect(port: MessagePort): void {
    this.#lose(this.#port);
    this.#port = port;
    port.on('message', (reply: SpoolReply) => this.#receive(reply));
    port.on('close', () => this.#lose(port));
    if (this.#room > 0) this.#batch.room = this.#room;
    if (!isEmpty(this.#batch)) this.#schedule();
  }

  /**
   * One message a turn of the event loop, and none while the spool is at work on stores of ours: it would only wait there.
   * So the messages grow with the load, and there are fewer of them, of commits and of wake-ups.
   */
  #schedule(): void {
    if (this.#scheduled || this.#unanswered > 0) return;
    this.#scheduled = true;
    setImmediate(this.#send);
  }

  #receive(reply: SpoolReply): void {
    if (reply.stored !== undefined) {
      this.#unanswered -= reply.stored.length;
      for (const mid of reply.stored) this.#answer(mid, null);
    }
    if (reply.refused !== undefined) {
      this.#unanswered -= reply.refused.length;
      for (const refusal of reply.refused) this.#refuse(refusal);
    }
    if (reply.full !== undefined) this.#handlers.full(reply.full);
    if (reply.destinations !== undefined) this.#handlers.destinations(reply.destinations);
    if (reply.jobs !== undefined) {
      this.#room = Math.max(0, this.#room - reply.jobs.length); // as the spool counts it
      this.#handlers.jobs(reply.jobs);
    }
    if (!isEmpty(this.#batch)) this.#schedule();
    this.#settle();
  }

  #refuse({ mid, code, text }: StoreRefusal): void {
    this.#answer(mid, { code, text });
  }

  #answer(mid: number, error: StoreError | null): void {
    const done = this.#waiting.get(mid);
    if (done === undefined) return;
    this.#waiting.delete(mid);
    done(error);
  }

  /** The port closed: the spool thread died. */
  #lose(port: MessagePort | null): void {
    if (port === null || this.#port !== port) return;
    this.#port = null;
    this.#unanswered = 0;
    port.removeAllListeners();
    port.close();
    delete this.#batch.store; // refused below
    delete this.#batch.room;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const done of waiting) done(lost);
    this.#settle();
  }

  #settle(): void {
    if (this.#idle.length === 0 || this.#waiting.size > 0 || this.#scheduled) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }
}

function isEmpty(batch: Batch): boolean {
  for (const _ in batch) return false;
  return true;
}
