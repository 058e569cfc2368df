// The only writer of the queue. One turn of the event loop is one transaction: what all workers stored, delivered and found
// out, and the attempts that are due. Nothing is acknowledged, dialled or logged before it is on disk.
import { unlink } from 'node:fs';
import { join } from 'node:path';
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Snapshot } from '../config/snapshot.ts';
import { signingKeys } from '../dkim/keys.ts';
import { signMessage } from '../dkim/sign.ts';
import { messageOf, PosternError } from '../errors.ts';
import type { EventSink } from '../ledger/events.ts';
import type { Envelope } from '../smtp/envelope.ts';
import { Alerts } from './alerts.ts';
import { Channel } from './channel.ts';
import type { SpoolContext } from './context.ts';
import { openDatabase, openingError } from './database.ts';
import { Destinations } from './destinations.ts';
import { dispatch, recovered, release } from './dispatch.ts';
import { Flights } from './flights.ts';
import { IdReservation, openIds } from './ids.ts';
import { bytesOf, Intake, isDiskError, type Recording, type Storing } from './intake.ts';
import type { DestinationState, Notice, QueueFilter, SpoolRequest, Submission } from './protocol.ts';
import { Queue } from './queue.ts';
import { recover } from './recovery.ts';
import { probeWait } from './schedule.ts';
import { Space } from './space.ts';
import { Store } from './store.ts';
import { submit } from './submissions.ts';
import { Transaction } from './transaction.ts';
import { Watch } from './watch.ts';

export interface SpoolOptions {
  /** Of the queue alone; made if missing. */
  readonly directory: string;
  readonly snapshot: Snapshot;
  /** `idIndex` counters (ids.ts). */
  readonly ids: SharedArrayBuffer;
  readonly log: EventSink;
  /** ms since the epoch. */
  readonly now?: () => number;
  /** Key of a recipient's destination, for the notices that the spool writes; without it the domain. */
  readonly destinationOf?: (address: string, envelope: Envelope, snapshot: Snapshot) => string;
}

/** How often time alone makes a turn: due jobs, old messages, space. */
const tick = 250;
/** What opening the queue may write, in bytes: marks, interrupted attempts. */
const openingRoom = 1024 * 1024;
/** Down destinations that a new worker is told of. */
const announceLimit = 1000;

export class Spool {
  readonly #context: SpoolContext;
  readonly #store: Store;
  readonly #transaction: Transaction;
  readonly #intake: Intake;
  readonly #queue: Queue;
  readonly #alerts: Alerts;
  readonly #space: Space;
  readonly #watch: Watch;
  readonly #reservation: IdReservation;
  readonly #channels = new Map<string, Channel>();
  /** Their values, for loops. */
  #workers: readonly Channel[] = [];
  #attached = 0;
  #snapshot: Snapshot;
  #storing: Storing[] = [];
  #recording: Recording[] = [];
  #scheduled = false;
  #messages = 0;
  #stopped = false;
  readonly #timer: NodeJS.Timeout;
  readonly #turn = () => {
    this.#scheduled = false;
    if (!this.#stopped) this.#commit(true);
  };

  /** Opens the queue and makes due what a crash interrupted. Throws PosternError with a remedy. */
  constructor(options: SpoolOptions) {
    const { directory, snapshot, log, now = Date.now, destinationOf = domainOf } = options;
    this.#snapshot = snapshot;
    const tell = (full: boolean) => {
      for (const worker of this.#workers) worker.full(full);
      this.#send();
    };
    this.#space = new Space(directory, log, tell, () => this.#store.checkpoint());
    // Opening writes. A full disk must not keep what is queued from being delivered, which is what makes room.
    if (this.#space.free() < openingRoom) this.#space.giveUpReserve();
    const store = new Store(openDatabase(directory, snapshot.spool.reserve));
    this.#store = store;
    const transaction = new Transaction(store);
    this.#transaction = transaction;
    const ids = openIds(options.ids);
    const context: SpoolContext = {
      directory,
      store,
      destinations: new Destinations(),
      flights: new Flights(),
      ids,
      log,
      snapshot: () => this.#snapshot,
      now,
      random: Math.random,
      destinationOf: (address, envelope) => destinationOf(address, envelope, this.#snapshot),
      sign: (message, now) => signMessage(message, signingKeys(this.#snapshot), now),
      after: (effect) => transaction.after(effect),
      undo: (effect) => transaction.undo(effect),
      countMessages: (by) => {
        this.#messages += by;
      },
      removeFile: (file) => unlink(join(directory, file), () => undefined), // what is left is an orphan of the next start
      announce: (state, but) => {
        for (const worker of this.#workers) if (worker.id !== but) worker.destination(state);
      },
    };
    this.#context = context;
    this.#intake = new Intake(context, transaction, this.#space);
    this.#watch = new Watch(context);
    this.#alerts = new Alerts(context, (work) => transaction.run(work));
    this.#queue = new Queue(context, (work) => {
      transaction.run(work);
      this.#schedule();
    });
    try {
      this.#reservation = new IdReservation(ids, store.marks());
      transaction.run(() => this.#renewIds());
      recover(context, transaction);
    } catch (error) {
      store.close();
      throw openingError(error, directory);
    }
    this.#space.check(snapshot.spool, now());
    this.#timer = setInterval(() => this.#tick(), tick);
  }

  /** A mail worker's channel. The same name again replaces the one before. */
  attach(name: string, port: MessagePort): void {
    this.detach(name);
    const worker = new Channel(name, `${name} ${++this.#attached}`, port);
    this.#channels.set(name, worker);
    this.#workers = [...this.#channels.values()];
    port.on('message', (request: SpoolRequest) => this.#receive(worker, request));
    port.on('close', () => {
      if (this.#channels.get(name) === worker) this.detach(name);
    });
    if (this.#space.full) worker.full(true);
    let told = 0;
    for (const { key, failures, reason } of this.#context.destinations.all()) {
      if (failures === 0) continue;
      worker.destination({ destination: key, state: 'down', reason });
      if (++told === announceLimit) break;
    }
    worker.send();
  }

  /** Its worker died: its first attempts are due again at once, later ones as recorded. */
  detach(name: string): void {
    const worker = this.#channels.get(name);
    if (worker === undefined) return;
    this.#channels.delete(name);
    this.#workers = [...this.#channels.values()];
    worker.port.close();
    this.#abandon(worker);
  }

  /** A new revision is in force. */
  apply(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    this.#space.check(snapshot.spool, this.#context.now());
    this.#watch.reset();
    this.#schedule();
  }

  /** `SpoolQueries` by name; some answer with a promise. Throws PosternError `not-found` for another name. */
  query(name: string, args: readonly unknown[]): unknown {
    const filter = (args[0] ?? {}) as QueueFilter;
    const user = String(args[1] ?? '');
    switch (name) {
      case 'list':
        return this.#queue.list(filter, Number(args[1] ?? 0), Number(args[2] ?? 100));
      case 'destinations':
        return this.#queue.destinations(Number(args[0] ?? 100));
      case 'status':
        return this.#status();
      case 'alerts':
        return this.#alerts.list(Number(args[0] ?? 100));
      case 'notify':
        return this.#alerts.notify(args[0] as Notice);
      case 'submit':
        return this.#submit(args[0] as Submission);
      case 'deliverNow':
        return this.#queue.deliverNow(filter);
      case 'delete':
        return this.#queue.delete(filter, user);
      case 'hold':
        return this.#queue.hold(filter, user);
      case 'release':
        return this.#queue.release(filter, user);
      default:
        throw new PosternError('not-found', `the spool has no query "${name}"`);
    }
  }

  /** Writes what has been said so far, and the exact IDs; then the queue is closed. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    clearInterval(this.#timer);
    for (const worker of this.#workers) {
      for (;;) {
        const received = receiveMessageOnPort(worker.port);
        if (received === undefined) break;
        this.#receive(worker, received.message as SpoolRequest);
      }
    }
    this.#commit(false);
    this.#stopped = true;
    for (const worker of this.#workers) worker.port.close();
    this.#space.close();
    try {
      this.#store.writeMarks(this.#reservation.exact());
    } catch {
      // a full disk: the marks written ahead still hold
    }
    this.#store.close();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#turn);
  }

  #receive(channel: Channel, { store, finished, outcomes, destinations, alerts, room }: SpoolRequest): void {
    if (store !== undefined) this.#storing.push({ channel, requests: store });
    if (finished !== undefined) this.#recording.push({ channel, finished });
    if (outcomes !== undefined) this.#recording.push({ channel, outcomes });
    if (room !== undefined) channel.room = room;
    if (destinations !== undefined) for (const state of destinations) this.#learn(channel, state);
    if (alerts !== undefined) for (const alert of alerts) this.#alerts.raise(alert);
    this.#schedule();
  }

  /** One transaction for everything that came in since the last. `dial`: due jobs are handed out, old ones looked after. */
  #commit(dial: boolean): void {
    const storing = this.#storing;
    const recording = this.#recording;
    this.#storing = [];
    this.#recording = [];
    const space = this.#space;
    const now = this.#context.now();
    const takes = storing.length === 0 || space.takes(bytesOf(storing), this.#snapshot.spool, now);
    let more = false;
    try {
      this.#transaction.run(() => {
        if (takes) for (const item of storing) this.#intake.insert(item);
        for (const item of recording) this.#intake.record(item);
        if (dial && space.dials(now)) more = this.#dial(now);
        this.#renewIds();
      });
      if (space.blocked) this.#unblock();
      for (const item of storing) this.#answer(item, takes);
    } catch (error) {
      this.#rescue(error, storing, recording);
    }
    this.#send();
    if (more || (dial && this.#couldDial(now))) this.#schedule();
  }

  /** What was settled just now lets others go. */
  #couldDial(now: number): boolean {
    return (
      this.#context.destinations.waiting > 0 && this.#space.dials(now) && this.#workers.some(({ room }) => room > 0)
    );
  }

  /** Inside a transaction. */
  #dial(now: number): boolean {
    const old = this.#watch.isDue(now) && this.#watch.run(now);
    return dispatch(this.#context, this.#workers) || old;
  }

  #answer(item: Storing, stored: boolean): void {
    if (!stored) {
      this.#intake.refuse(item, 'disk-full');
      return;
    }
    this.#intake.acknowledge(item);
    if (this.#channels.get(item.channel.name) !== item.channel) this.#abandon(item.channel);
  }

  /** All of the turn was taken back. Recordings first, with the reserve if need be; then each message by itself. */
  #rescue(error: unknown, storing: readonly Storing[], recording: readonly Recording[]): void {
    const space = this.#space;
    const now = this.#context.now();
    const left = this.#intake.recordAll(recording);
    if (left.length > 0) {
      this.#recording = [...left, ...this.#recording];
      space.block(messageOf(error));
    } else if (space.blocked) {
      this.#unblock();
    } else if (storing.length === 0 && recording.length === 0) {
      // Only attempts were to be recorded. Deliveries make room, so the reserve is for them as well.
      if (isDiskError(error) && space.giveUpReserve()) this.#schedule();
      else space.attemptFailed(now);
    }
    const takes = space.takes(0, this.#snapshot.spool, now);
    for (const item of storing) {
      if (!takes) this.#intake.refuse(item, 'disk-full');
      else this.#intake.storeEach(item);
      if (this.#channels.get(item.channel.name) !== item.channel) this.#abandon(item.channel);
    }
    space.check(this.#snapshot.spool, now);
  }

  #unblock(): void {
    const { destinations } = this.#context;
    this.#space.unblock();
    for (const destination of destinations.all()) if (destination.jobs > 0) destinations.enqueue(destination);
  }

  /** Nobody attempts what this worker had. */
  #abandon(worker: Channel): void {
    release(this.#context, this.#context.flights.endAll(worker.id));
    if (worker.active.size > 0) this.#recording.push({ channel: null, orphans: [...worker.active.keys()] });
    worker.active.clear();
    this.#schedule();
  }

  #send(): void {
    for (const worker of this.#workers) worker.send();
  }

  #tick(): void {
    const { destinations, now } = this.#context;
    const time = now();
    const watch = this.#watch.isDue(time);
    if (watch || this.#space.full) this.#shrink(time);
    const idle = this.#recording.length === 0 && this.#storing.length === 0 && this.#reservation.due() === null;
    if (watch || !idle || destinations.nextWake() <= time || destinations.waiting > 0) this.#schedule();
  }

  #shrink(now: number): void {
    try {
      this.#store.shrink(this.#space.full);
    } catch {
      // no room even for that; the next delivery makes some
    }
    this.#space.check(this.#snapshot.spool, now);
  }

  /** Inside a transaction. */
  #renewIds(): void {
    const marks = this.#reservation.due();
    if (marks === null) return;
    this.#store.writeMarks(marks);
    this.#transaction.after(() => this.#reservation.written(marks));
  }

  /** A worker found a destination down or up. */
  #learn(worker: Channel, { destination: key, state, reason }: DestinationState): void {
    const { destinations, now, random, announce } = this.#context;
    if (state === 'up') {
      const known = destinations.get(key);
      if (known !== undefined && known.failures > 0) recovered(this.#context, known);
      return;
    }
    const time = now();
    const destination = destinations.demand(key);
    destination.reason = reason.slice(0, 500);
    // Several connections find out at the same time: that is one failure.
    if (destination.failures > 0 && time < destination.probeAt) return;
    destination.failures++;
    destination.window = 1;
    destination.probeAt = time + probeWait(destination.failures, this.#snapshot.retry, random());
    announce({ destination: key, state: 'down', reason: destination.reason }, worker.id);
    destinations.enqueue(destination);
  }

  #submit(submission: Submission): number | null {
    if (!this.#space.takes(submission.body.length, this.#snapshot.spool, this.#context.now())) {
      throw new PosternError('disk-full', 'no space left for the message', { temporary: true });
    }
    const mid = submit(this.#context, (work) => this.#transaction.run(work), submission);
    this.#schedule();
    return mid;
  }

  #status(): {
    messages: number;
    jobs: number;
    held: number;
    bytesFree: number;
    full: boolean;
    oldest: number | null;
  } {
    const { destinations } = this.#context;
    let active = 0;
    for (const worker of this.#workers) active += worker.active.size;
    const oldest = this.#store.oldest();
    return {
      messages: this.#messages,
      jobs: destinations.jobs + active,
      held: destinations.held,
      bytesFree: this.#space.free(),
      full: this.#space.full,
      oldest: oldest === undefined ? null : (this.#store.messageHead(oldest)?.received ?? null),
    };
  }
}

function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1);
}
