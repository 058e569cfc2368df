// Outgoing mail of one worker: takes tasks, gives outcomes.
import { deliveryDone, deliveryResponse, messageFinished } from '../ledger/events.ts';
import type { RecipientFailure } from '../smtp/failure.ts';
import { replyText } from '../smtp/reply.ts';
import type { DestinationState, JobOutcome, RecipientOutcome } from '../spool/protocol.ts';
import type { DeliveryContext } from './connection.ts';
import { Destination, type DestinationOwner } from './destination.ts';
import type { DeliveryHost, DeliveryTask } from './host.ts';
import { destinationOfRecipient, ownReports } from './route.ts';
import { TlsSides } from './sides.ts';
import { failureOutcome, failuresOf, logFailure } from './status.ts';
import { TlsSessions } from './tls-sessions.ts';
import { Transfer } from './transfer.ts';

/** Due messages of the spool that a worker takes at a time. */
const mostJobs = 200;
/** Messages that may wait for one destination. */
const mostWaiting = 1000;
/** Destinations kept in mind; beyond it the oldest one at rest goes. */
const mostDestinations = 20_000;
/** How long after it came back untried a message is due again; ms. */
const untriedPause = 1000;

/** Counts since the start, and how it stands now; `memory` in bytes. Recipients, not messages, are counted. */
export interface DeliveryStatus {
  readonly connections: number;
  readonly transfers: number;
  readonly memory: number;
  readonly delivered: number;
  readonly deferred: number;
  readonly bounced: number;
}

/** A task whose recipients now go to several destinations: their outcomes are gathered into one. */
interface Gathering {
  pending: number;
  readonly recipients: RecipientOutcome[];
  untried: boolean;
}

export class Delivery implements DestinationOwner {
  readonly #host: DeliveryHost;
  readonly #context: DeliveryContext;
  readonly #destinations = new Map<string, Destination>();
  readonly #gatherings = new Map<Transfer, Gathering>();
  readonly #sweep: NodeJS.Timeout;
  #transfers = 0;
  #memory = 0;
  /** Messages under way that the spool handed out. */
  #jobs = 0;
  #stopping = false;
  #stopped: (() => void) | null = null;
  readonly #counts = { delivered: 0, deferred: 0, bounced: 0 };

  constructor(host: DeliveryHost) {
    this.#host = host;
    const snapshot = host.snapshot();
    const sessions = new TlsSessions(snapshot.limits.tlsSessions);
    this.#context = { host, tls: new TlsSides(snapshot), sessions, now: performance.now() };
    this.#sweep = setInterval(() => this.#tick(), 1000);
    this.#sweep.unref();
  }

  /** A new snapshot is in force: new handshakes use it; idle connections made under other settings are closed. */
  update(): void {
    const snapshot = this.#host.snapshot();
    this.#context.tls.update(snapshot);
    this.#context.sessions.reset(snapshot.limits.tlsSessions);
    for (const destination of this.#destinations.values()) destination.update();
  }

  /** Whether a message that has just come in, and whose body takes `memory` bytes, can be tried at once. */
  canTake(destination: string, memory: number): boolean {
    if (this.#stopping) return false;
    const { limits } = this.#host.snapshot();
    // A quarter is left for what the spool has to send, and one destination gets no more than a quarter.
    if (this.#memory + memory > limits.deliveryMemory * 0.75) return false;
    const known = this.#destinations.get(destination);
    if (known === undefined) return true;
    return !known.down && known.waiting < mostWaiting && known.memory + memory <= limits.deliveryMemory * 0.25;
  }

  /** Takes the task; its outcome comes by `finished` or `outcome`, once. */
  deliver(task: DeliveryTask): void {
    if (this.#stopping) {
      this.#report(task, [], untriedAt());
      return;
    }
    if (!task.direct) this.#jobs++;
    // A task that comes straight from the listener got its key under this very snapshot; any other may have an old one.
    if (task.direct || !this.#rerouted(task)) this.#push(task.destination, new Transfer(task, task.rids));
  }

  /** How many due jobs the worker would take from now on. */
  room(): number {
    if (this.#stopping) return 0;
    const { limits, spool } = this.#host.snapshot();
    const byMemory = Math.floor((limits.deliveryMemory - this.#memory) / Math.max(1, spool.bigBody));
    return Math.max(0, Math.min(mostJobs - this.#jobs, byMemory));
  }

  onDestination(states: readonly DestinationState[]): void {
    for (const state of states) {
      const known = this.#destinations.get(state.destination);
      if (known !== undefined) known.learn(state);
      else if (state.state === 'down') this.#destination(state.destination).learn(state);
    }
  }

  status(): DeliveryStatus {
    let connections = 0;
    for (const destination of this.#destinations.values()) connections += destination.connections;
    return { connections, transfers: this.#transfers, memory: this.#memory, ...this.#counts };
  }

  /** What is under way may finish within `deadline` ms; the rest comes back untried. */
  async stop(deadline: number): Promise<void> {
    this.#stopping = true;
    for (const destination of this.#destinations.values()) destination.stop();
    if (this.#transfers > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#stopped = resolve;
      const timer = setTimeout(resolve, deadline);
      await promise;
      clearTimeout(timer);
    }
    for (const destination of this.#destinations.values()) destination.abort();
    clearInterval(this.#sweep);
  }

  // --- From the destinations ---

  settled(
    transfer: Transfer,
    failures: readonly RecipientFailure[],
    by: { readonly dcid: number; readonly host: string; readonly dsn: boolean },
  ): void {
    const { task } = transfer;
    const gathering = this.#gatherings.get(transfer);
    this.#forget(transfer);
    if (failures.length === 0 && task.direct && (by.dsn || !wantsSuccess(task))) {
      this.#counts.delivered += task.rids.length;
      this.#host.log.record(messageFinished, task.mid);
      this.#host.finished(task.mid);
      return;
    }
    const recipients: RecipientOutcome[] = [];
    for (const { rids, reply } of transfer.delivered) {
      const text = `${reply.code} ${replyText(reply)}`;
      for (const rid of rids) {
        const passed = by.dsn && task.envelope.recipients[rid]?.notify !== undefined;
        const outcome = { rid, result: 'delivered', status: '2.0.0', reply: text, host: by.host } as const;
        recipients.push(passed ? { ...outcome, dsnPassed: true } : outcome);
      }
      this.#counts.delivered += rids.length;
    }
    for (const failure of failures) {
      logFailure(this.#host.log, by.dcid, task, failure);
      recipients.push(failureOutcome(failure, by.host));
      if (failure.permanent) this.#counts.bounced++;
      else this.#counts.deferred++;
    }
    if (gathering === undefined) this.#report(task, recipients);
    else this.#gather(task, gathering, recipients, false);
  }

  untried(transfer: Transfer): void {
    const gathering = this.#gatherings.get(transfer);
    this.#forget(transfer);
    if (gathering === undefined) this.#report(transfer.task, [], untriedAt());
    else this.#gather(transfer.task, gathering, [], true, transfer.rids);
  }

  #push(key: string, transfer: Transfer): void {
    this.#transfers++;
    this.#memory += transfer.memory;
    if (key === ownReports) {
      void this.#own(transfer); // never rejects
      return;
    }
    const destination = this.#destination(key);
    if (destination.waiting < mostWaiting) destination.push(transfer);
    else this.untried(transfer);
  }

  /** A report to ourselves. */
  async #own(transfer: Transfer): Promise<void> {
    const { task, rids } = transfer;
    const { log } = this.#host;
    const failure = await this.#host.takeReport(task);
    const by = { dcid: 0, host: '', dsn: false };
    if (failure !== null) {
      this.settled(transfer, failuresOf(rids, failure), by);
      return;
    }
    const reply = { code: 250, lines: ['taken as a TLS report'] };
    transfer.delivered.push({ rids, reply });
    log.record(deliveryDone, 0, task.mid, rids.join(', '));
    log.record(deliveryResponse, task.mid, rids.join(', '), replyText(reply));
    this.settled(transfer, [], by);
  }

  #destination(key: string): Destination {
    let destination = this.#destinations.get(key);
    if (destination === undefined) {
      if (this.#destinations.size >= mostDestinations) this.#dropOne();
      destination = new Destination(key, this.#context, this);
      this.#destinations.set(key, destination);
    }
    return destination;
  }

  #dropOne(): void {
    for (const [key, destination] of this.#destinations) {
      if (!destination.forgettable) continue;
      this.#destinations.delete(key);
      return;
    }
  }

  /** True: routes changed since the task was stored, and it is dealt with here. */
  #rerouted(task: DeliveryTask): boolean {
    const snapshot = this.#host.snapshot();
    const groups = new Map<string, number[]>();
    for (const rid of task.rids) {
      const address = task.envelope.recipients[rid]?.address ?? '';
      const key = destinationOfRecipient(address, task.envelope, snapshot);
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [rid]);
      else group.push(rid);
    }
    if (groups.size === 1) {
      const [key] = groups.keys();
      if (key === undefined || key === task.destination) return false;
      // The spool keeps it under its new name and hands it out anew.
      this.#jobs--;
      this.#host.outcome({
        mid: task.mid,
        destination: task.destination,
        recipients: [],
        untried: Date.now(),
        reroute: key,
      });
      return true;
    }
    const gathering: Gathering = { pending: groups.size, recipients: [], untried: true };
    for (const [key, rids] of groups) {
      const transfer = new Transfer(task, rids);
      this.#gatherings.set(transfer, gathering);
      this.#push(key, transfer);
    }
    return true;
  }

  #gather(
    task: DeliveryTask,
    gathering: Gathering,
    recipients: readonly RecipientOutcome[],
    untried: boolean,
    rids: readonly number[] = [],
  ): void {
    gathering.pending--;
    gathering.recipients.push(...recipients);
    if (!untried) gathering.untried = false;
    for (const rid of rids) {
      gathering.recipients.push({ rid, result: 'deferred', status: '4.4.5', reply: 'no free connection', host: '' });
    }
    if (gathering.pending > 0) return;
    if (gathering.untried) this.#report(task, [], untriedAt());
    else this.#report(task, gathering.recipients);
  }

  #forget(transfer: Transfer): void {
    this.#transfers--;
    this.#memory -= transfer.memory;
    this.#gatherings.delete(transfer);
    if (this.#transfers === 0) this.#stopped?.();
  }

  #report(task: DeliveryTask, recipients: readonly RecipientOutcome[], untried?: number): void {
    if (!task.direct && !this.#stopping) this.#jobs--;
    const outcome: JobOutcome = { mid: task.mid, destination: task.destination, recipients };
    this.#host.outcome(untried === undefined ? outcome : { ...outcome, untried });
  }

  #tick(): void {
    this.#context.now = performance.now();
    for (const destination of this.#destinations.values()) destination.tick(this.#context.now);
  }
}

function wantsSuccess(task: DeliveryTask): boolean {
  const { recipients } = task.envelope;
  for (const rid of task.rids) if (recipients[rid]?.notify?.includes('SUCCESS') === true) return true;
  return false;
}

function untriedAt(): number {
  return Date.now() + untriedPause;
}
