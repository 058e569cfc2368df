// What workers hand over, as rows: new messages, and recordings of what happened to old ones. A turn's work is one
// transaction; where that fails, recordings come first and each message then stands for itself.
import { messageOf } from '../errors.ts';
import { mailWarning, systemCritical } from '../ledger/events.ts';
import type { Envelope } from '../smtp/envelope.ts';
import type { Channel } from './channel.ts';
import type { SpoolContext } from './context.ts';
import { resultCode, resultCodes } from './database.ts';
import type { JobOutcome, StoreRequest } from './protocol.ts';
import { demote, forget, settle } from './settle.ts';
import type { Space } from './space.ts';
import { jobClass } from './store.ts';
import type { Transaction } from './transaction.ts';

/** What must reach the disk even when it is full: each says that something happened in the world. */
export interface Recording {
  readonly channel: Channel | null;
  readonly finished?: readonly number[];
  readonly outcomes?: readonly JobOutcome[];
  /** First attempts whose worker died. */
  readonly orphans?: readonly number[];
}

/** Messages of one worker. */
export interface Storing {
  readonly channel: Channel;
  readonly requests: readonly StoreRequest[];
}

export class Intake {
  readonly #context: SpoolContext;
  readonly #transaction: Transaction;
  readonly #space: Space;

  constructor(context: SpoolContext, transaction: Transaction, space: Space) {
    this.#context = context;
    this.#transaction = transaction;
    this.#space = space;
  }

  /** Inside a transaction. */
  insert({ channel, requests }: Storing): void {
    const { store } = this.#context;
    for (const request of requests) {
      store.insertMessage(request);
      if (request.direct !== undefined) store.insertActive(request.mid, request.direct);
      else this.#insertJobs(channel, request);
    }
  }

  /** After the transaction: they are on disk. */
  acknowledge({ channel, requests }: Storing): void {
    this.#context.countMessages(requests.length);
    for (const { mid, direct, body } of requests) {
      channel.stored(mid);
      if (direct !== undefined) channel.active.set(mid, body instanceof Uint8Array ? null : body.file);
    }
  }

  refuse({ channel, requests }: Storing, code: 'disk-full' | 'io'): void {
    const text = code === 'disk-full' ? 'no space left for the message' : 'the message could not be written';
    for (const { mid, body } of requests) {
      if (!(body instanceof Uint8Array)) this.#context.removeFile(body.file);
      channel.refused({ mid, code, text });
    }
  }

  /** Inside a transaction. */
  record({ channel, finished, outcomes, orphans }: Recording): void {
    const { store } = this.#context;
    if (finished !== undefined) {
      for (const mid of finished) {
        if (channel === null || !channel.active.has(mid)) {
          forget(this.#context, mid); // the attempt outlived its spool thread, or the administrator touched the message
          continue;
        }
        store.deleteMessage(mid);
        store.deleteActive(mid);
      }
      if (channel !== null) this.#transaction.after(() => this.#forgotten(channel, finished));
    }
    if (outcomes !== undefined) {
      for (const outcome of outcomes) settle(this.#context, outcome);
      this.#transaction.after(() => {
        for (const { mid } of outcomes) channel?.active.delete(mid);
      });
    }
    if (orphans !== undefined) for (const mid of orphans) demote(this.#context, mid);
  }

  /**
   * Records what it can, the reserve given up if need be. Returns what could not be recorded for want of space or of a
   * working disk.
   */
  recordAll(recording: readonly Recording[]): readonly Recording[] {
    if (recording.length === 0) return recording;
    let error = this.#attempt(recording);
    if (error === null) return [];
    if (isDiskError(error)) {
      if (this.#space.giveUpReserve()) error = this.#attempt(recording);
      return error === null ? [] : recording;
    }
    // Not the disk: one of them cannot be applied (a damaged row). The others must not suffer for it.
    const left: Recording[] = [];
    for (const item of recording.flatMap(singles)) {
      const failure = this.#attempt([item]);
      if (failure === null) continue;
      if (isDiskError(failure)) left.push(item);
      else this.#context.log.record(systemCritical, `The queue cannot record an attempt: ${messageOf(failure)}`);
    }
    return left;
  }

  /** Each message in a transaction of its own; answers it. */
  storeEach({ channel, requests }: Storing): void {
    for (const request of requests) {
      const one = { channel, requests: [request] };
      try {
        this.#transaction.run(() => this.insert(one));
      } catch (error) {
        if (!this.#space.full) {
          this.#context.log.record(mailWarning, `MID ${request.mid} cannot be stored: ${messageOf(error)}`);
        }
        this.#space.storeFailed(this.#context.now());
        this.refuse(one, this.#isFull(error) ? 'disk-full' : 'io');
        continue;
      }
      this.acknowledge(one);
    }
  }

  #insertJobs(channel: Channel, request: StoreRequest): void {
    const { mid, received, body } = request;
    const { sender, recipients } = JSON.parse(request.envelope) as Envelope;
    const { destinations, flights, store } = this.#context;
    for (const { destination: key, rids, attempt, due } of request.jobs ?? []) {
      // Recorded as due: should this attempt be interrupted, it may be repeated at once (schedule.ts).
      const next = attempt ? this.#context.now() : due;
      store.putJob({
        mid,
        destination: key,
        rids: JSON.stringify(rids),
        attempts: attempt ? 1 : 0,
        next,
        since: received,
        class: sender === '' ? jobClass.bounce : jobClass.normal,
        size: body instanceof Uint8Array ? body.length : body.size,
        sender,
        recipients: JSON.stringify(rids.map((rid) => recipients[rid]?.address ?? '')),
        reason: '',
      });
      if (attempt) {
        // Known at once: the dispatch of this very transaction must not hand it out.
        flights.start(channel.id, mid, key, next);
        this.#transaction.undo(() => flights.end(mid, key));
      }
      this.#transaction.after(() => {
        const destination = destinations.add(key, false);
        if (attempt) destination.inFlight++;
        else destinations.sleep(destination, next);
      });
    }
  }

  #forgotten(channel: Channel, finished: readonly number[]): void {
    let count = 0;
    for (const mid of finished) {
      const file = channel.active.get(mid);
      if (file === undefined) continue;
      channel.active.delete(mid);
      count++;
      if (file !== null) this.#context.removeFile(file);
    }
    this.#context.countMessages(-count);
  }

  #attempt(items: readonly Recording[]): unknown {
    try {
      this.#transaction.run(() => {
        for (const item of items) this.record(item);
      });
      return null;
    } catch (error) {
      return error;
    }
  }

  #isFull(error: unknown): boolean {
    if (resultCode(error) === resultCodes.full) return true;
    return resultCode(error) === resultCodes.ioError && this.#space.free() < 1024 * 1024;
  }
}

/** Bytes of bodies that go into the database. */
export function bytesOf(storing: readonly Storing[]): number {
  let bytes = 0;
  for (const { requests } of storing) {
    for (const { body } of requests) if (body instanceof Uint8Array) bytes += body.length;
  }
  return bytes;
}

/** The disk is full or broken: it may work later. */
export function isDiskError(error: unknown): boolean {
  const code = resultCode(error);
  return code === resultCodes.full || code === resultCodes.ioError;
}

/** A recording as recordings of one thing each. */
function singles({ channel, finished, outcomes, orphans }: Recording): Recording[] {
  return [
    ...(finished ?? []).map((mid) => ({ channel, finished: [mid] })),
    ...(outcomes ?? []).map((outcome) => ({ channel, outcomes: [outcome] })),
    ...(orphans ?? []).map((mid) => ({ channel, orphans: [mid] })),
  ];
}
