// One destination: the messages that wait for it and its connections.
//
//   state     what is known                          connections dialled at a time
//   unknown   nothing yet                            up to 5
//   up        the last one dialled became ready      up to the limit
//   down      none could be made, none is open       1 (the probe)
//
// `down` is entered in `#openingDone`, left in `idle`; another worker's finding comes in by `learn`.

import type { Failure, RecipientFailure } from '../smtp/failure.ts';
import type { DestinationState } from '../spool/protocol.ts';
import type { Connection, ConnectionOwner, DeliveryContext } from './connection.ts';
import { controlsOf } from './controls.ts';
import { type AddressMemory, Opening, type OpeningResult } from './opening.ts';
import { type RouteHost, routeStamp } from './route.ts';
import { DestinationSides } from './sides.ts';
import { failuresOf } from './status.ts';
import type { Transfer } from './transfer.ts';

/** What a destination tells delivery. */
export interface DestinationOwner {
  /** All of the transfer is settled. `host`: who said so. `dsn`: it passes DSN requests on. */
  settled(
    transfer: Transfer,
    failures: readonly RecipientFailure[],
    by: { readonly dcid: number; readonly host: string; readonly dsn: boolean },
  ): void;
  /** It was not tried: due again at once. */
  untried(transfer: Transfer): void;
}

/** Key of the counter over all destinations (limits.outgoingConnections); no domain is called so. */
export const allDestinations = '*';

/** Without a success yet: as many as Postfix begins with (initial_destination_concurrency). */
const firstOpenings = 5;
/** A host that refused a connection while others are open is left alone for a while; ms. */
const openingPause = 5000;
/** An address that failed stands behind the others; ms. */
const addressMemory = 60_000;
/** Longer than this a message does not wait for a free connection; ms. */
const longestWait = 10_000;

export class Destination implements ConnectionOwner, AddressMemory {
  readonly key: string;
  readonly #context: DeliveryContext;
  readonly #owner: DestinationOwner;
  #waiting: Transfer[] = [];
  #memory = 0;
  readonly #connections = new Set<Connection>();
  readonly #idle: Connection[] = [];
  readonly #openings = new Set<Opening>();
  readonly #badAddresses = new Map<string, number>();
  #state: 'unknown' | 'up' | 'down' = 'unknown';
  /** Down because of TLS: a commit may help. */
  #downByTls = false;
  #pausedUntil = 0;
  #stopping = false;
  #stamp = '';
  #tls: DestinationSides;
  #limit = 1;
  #messages = 1;

  constructor(key: string, context: DeliveryContext, owner: DestinationOwner) {
    this.key = key;
    this.#context = context;
    this.#owner = owner;
    this.#tls = this.#configure();
  }

  get down(): boolean {
    return this.#state === 'down';
  }

  /** Messages that wait for a connection. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Bytes of bodies in memory, of those that wait and those under way. */
  get memory(): number {
    return this.#memory;
  }

  get connections(): number {
    return this.#connections.size + this.#openings.size;
  }

  /** Nothing is lost if it is forgotten. */
  get forgettable(): boolean {
    return this.#waiting.length === 0 && this.connections === 0;
  }

  push(transfer: Transfer): void {
    this.#memory += transfer.memory;
    const connection = this.#idle.pop();
    if (connection !== undefined) {
      connection.send(transfer);
      return;
    }
    transfer.since = this.#context.now;
    this.#waiting.push(transfer);
    this.#open();
  }

  /** A new snapshot is in force. */
  update(): void {
    this.#tls = this.#configure();
    for (const connection of [...this.#connections]) {
      if (connection.settings.stamp !== this.#stamp) connection.retire();
    }
    if (this.#state === 'down' && this.#downByTls) this.#come('up', 'TLS settings changed');
    this.#open();
  }

  /** What another worker or a probe found out. */
  learn(state: DestinationState): void {
    if (state.state === 'up') {
      this.#state = 'up';
      this.#pausedUntil = 0;
      this.#badAddresses.clear();
      this.#open();
    } else if (this.#connections.size === 0) this.#state = 'down';
  }

  /** Called once a second. */
  tick(now: number): void {
    for (const connection of [...this.#connections]) connection.tick(now);
    for (const opening of [...this.#openings]) opening.tick(now);
    if (this.#waiting.length === 0) return;
    this.#open();
    if (this.#openings.size > 0) return;
    const kept = this.#waiting.filter((transfer) => now - transfer.since < longestWait);
    if (kept.length === this.#waiting.length) return;
    const late = this.#waiting.filter((transfer) => now - transfer.since >= longestWait);
    this.#waiting = kept;
    for (const transfer of late) this.#untried(transfer);
  }

  /** No new connections: what waits goes back untried, what is under way may finish. */
  stop(): void {
    this.#stopping = true;
    for (const opening of [...this.#openings]) this.#cancel(opening);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const transfer of waiting) this.#untried(transfer);
    for (const connection of [...this.#connections]) connection.retire();
  }

  /** Cuts off what is still under way. */
  abort(): void {
    for (const connection of [...this.#connections]) connection.abort('shutting down');
  }

  // --- From the connections ---

  idle(connection: Connection): void {
    if (!this.#connections.has(connection)) {
      this.#connections.add(connection);
      if (this.#state === 'down') this.#come('up', '');
      this.#state = 'up';
    }
    if (this.#stopping || connection.settings.stamp !== this.#stamp) {
      connection.retire();
      return;
    }
    const transfer = this.#waiting.shift();
    if (transfer !== undefined) connection.send(transfer);
    else this.#idle.push(connection);
  }

  settled(connection: Connection, transfer: Transfer, failures: readonly RecipientFailure[]): void {
    this.#memory -= transfer.memory;
    const { dcid, target } = connection.settings;
    this.#owner.settled(transfer, failures, { dcid, host: target.host, dsn: connection.dsn });
  }

  offer(connection: Connection, take: (transfer: Transfer) => boolean): void {
    const [transfer] = this.#waiting;
    // No more waits than connections are being opened: those will have it sooner.
    if (transfer === undefined || this.#waiting.length <= this.#openings.size) return;
    if (!this.#stopping && connection.settings.stamp === this.#stamp && take(transfer)) this.#waiting.shift();
  }

  unsent(connection: Connection, transfer: Transfer, failure: Failure): void {
    if (connection.reused && !transfer.returned && !this.#stopping) {
      // An idle connection that the other side had closed already: nothing was sent, so nothing was tried.
      transfer.returned = true;
      transfer.since = this.#context.now;
      this.#waiting.unshift(transfer);
      return;
    }
    if (this.#stopping) this.#untried(transfer);
    else {
      this.settled(connection, transfer, failuresOf(transfer.rids, failure));
    }
  }

  leaving(connection: Connection): void {
    const index = this.#idle.indexOf(connection);
    if (index >= 0) this.#idle.splice(index, 1);
  }

  closed(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    this.leaving(connection);
    this.#leave();
    this.#open();
  }

  // --- AddressMemory ---

  failed(host: RouteHost): boolean {
    return (this.#badAddresses.get(`${host.address} ${host.port}`) ?? 0) > this.#context.now;
  }

  remember(host: RouteHost): void {
    // A route has at most 20 addresses; more only pile up when it changes.
    if (this.#badAddresses.size >= 64) this.#badAddresses.clear();
    this.#badAddresses.set(`${host.address} ${host.port}`, this.#context.now + addressMemory);
  }

  /** What it takes from the present snapshot; the TLS is returned. */
  #configure(): DestinationSides {
    const { host, tls } = this.#context;
    const snapshot = host.snapshot();
    const controls = controlsOf(this.key, snapshot);
    const { limits } = snapshot;
    const sides = new DestinationSides(this.key, snapshot);
    const limit = controls.connections ?? limits.destinationConnections;
    // Each worker gets its share, so that none takes all and leaves another's messages waiting.
    this.#limit = Math.max(1, Math.ceil(limit / (host.workers ?? 1)));
    this.#messages = controls.messagesPerConnection ?? limits.destinationMessages;
    this.#stamp = [sides.stamp, tls.stamp, snapshot.hostname, routeStamp(this.key, snapshot)].join(' ');
    return sides;
  }

  /** Opens connections for what waits, as many as may be. */
  #open(): void {
    while (this.#mayOpen()) {
      const first = this.#waiting[this.#openings.size];
      const address = first?.envelope.recipients[first.rids[0] ?? 0]?.address ?? '';
      const settings = {
        destination: this.key,
        domain: address.slice(address.lastIndexOf('@') + 1),
        tls: this.#tls,
        stamp: this.#stamp,
        messages: this.#messages,
      };
      const opening: Opening = new Opening(this.#context, this, settings, this, (result) =>
        this.#openingDone(opening, result),
      );
      this.#openings.add(opening);
      opening.start();
    }
  }

  #mayOpen(): boolean {
    const openings = this.#openings.size;
    if (this.#stopping || this.#waiting.length <= openings) return false;
    if (this.#state === 'down' ? openings > 0 : this.#state === 'unknown' && openings >= firstOpenings) return false;
    if (openings + this.#connections.size >= this.#limit || this.#context.now < this.#pausedUntil) return false;
    const { host } = this.#context;
    const { limits } = host.snapshot();
    const limit = controlsOf(this.key, host.snapshot()).connections ?? limits.destinationConnections;
    if (!host.admit(this.key, limit)) return false;
    if (host.admit(allDestinations, limits.outgoingConnections)) return true;
    host.leave(this.key);
    return false;
  }

  #leave(): void {
    this.#context.host.leave(this.key);
    this.#context.host.leave(allDestinations);
  }

  #cancel(opening: Opening): void {
    opening.cancel();
    this.#openings.delete(opening);
    this.#leave();
  }

  #openingDone(opening: Opening, result: OpeningResult): void {
    this.#openings.delete(opening);
    const { failure } = result;
    // Ready: the connection is counted from here on, and comes by `idle`.
    if (failure === null) return;
    this.#leave();
    if (this.#connections.size > 0) {
      this.#pausedUntil = this.#context.now + openingPause;
      return;
    }
    if (this.#openings.size > 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    if (!failure.permanent) {
      this.#downByTls = result.tls;
      this.#come('down', failure.code === 0 ? failure.text : `${failure.code} ${failure.text}`);
    }
    for (const transfer of waiting) {
      this.#memory -= transfer.memory;
      this.#owner.settled(transfer, failuresOf(transfer.rids, failure), {
        dcid: result.dcid,
        host: result.host,
        dsn: false,
      });
    }
  }

  #untried(transfer: Transfer): void {
    this.#memory -= transfer.memory;
    this.#owner.untried(transfer);
  }

  #come(state: 'up' | 'down', reason: string): void {
    const changed = this.#state !== state;
    this.#state = state;
    // A failed probe is told as well: the next one is to wait longer.
    if (changed || state === 'down') this.#context.host.destination({ destination: this.key, state, reason });
  }
}
