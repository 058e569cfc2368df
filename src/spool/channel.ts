import type { MessagePort, Transferable } from 'node:worker_threads';
import type { DestinationState, Job, SpoolReply, StoreRefusal } from './protocol.ts';

interface Reply {
  stored?: number[];
  refused?: StoreRefusal[];
  jobs?: Job[];
  destinations?: DestinationState[];
  full?: boolean;
}

/** One mail worker as the spool sees it. */
export class Channel {
  readonly name: string;
  /** Of this attachment alone: a restarted worker has the same name. */
  readonly id: string;
  readonly port: MessagePort;
  /** Jobs that it would still take. */
  room = 0;
  /** Its `direct` messages under way → their body files. */
  readonly active = new Map<number, string | null>();
  #reply: Reply = {};
  #empty = true;
  #transfer: Transferable[] = [];

  constructor(name: string, id: string, port: MessagePort) {
    this.name = name;
    this.id = id;
    this.port = port;
  }

  stored(mid: number): void {
    const { stored } = this.#reply;
    if (stored === undefined) this.#reply.stored = [mid];
    else stored.push(mid);
    this.#empty = false;
  }

  refused(refusal: StoreRefusal): void {
    this.#reply.refused ??= [];
    this.#reply.refused.push(refusal);
    this.#empty = false;
  }

  job(job: Job): void {
    this.#reply.jobs ??= [];
    this.#reply.jobs.push(job);
    if (job.body instanceof Uint8Array) this.#transfer.push(job.body.buffer as ArrayBuffer);
    this.#empty = false;
  }

  destination(state: DestinationState): void {
    this.#reply.destinations ??= [];
    this.#reply.destinations.push(state);
    this.#empty = false;
  }

  full(full: boolean): void {
    this.#reply.full = full;
    this.#empty = false;
  }

  /** Posts what has gathered, as one message. */
  send(): void {
    if (this.#empty) return;
    const reply: SpoolReply = this.#reply;
    const transfer = this.#transfer;
    this.#reply = {};
    this.#empty = true;
    if (transfer.length === 0) {
      this.port.postMessage(reply);
    } else {
      this.#transfer = [];
      this.port.postMessage(reply, transfer);
    }
  }
}
