// A mail worker: holds the sockets of the mail path and puts incoming SMTP, spool and delivery together. It has no truth of
// its own: what it knows it was told in a snapshot or a job.
import { join } from 'node:path';
import type { MessagePort } from 'node:worker_threads';
import type { Snapshot } from '../config/snapshot.ts';
import { Counters } from '../counters.ts';
import { CallAhead } from '../delivery/callahead.ts';
import { dependsOnMessage } from '../delivery/controls.ts';
import { Delivery } from '../delivery/delivery.ts';
import type { DeliveryHost } from '../delivery/host.ts';
import { destinationOf, destinationOfRecipient } from '../delivery/route.ts';
import { createResolver } from '../dns/stub.ts';
import type { Validation } from '../dns/validation.ts';
import { PosternError } from '../errors.ts';
import { createEventSink } from '../ledger/sink.ts';
import { StsClient } from '../mta-sts/channel.ts';
import type { Envelope } from '../smtp/envelope.ts';
import type { InboundHost, ReceivedMessage, StoreError } from '../smtp/host.ts';
import { createBodyWriters } from '../spool/body.ts';
import { SpoolClient } from '../spool/client.ts';
import { nextId } from '../spool/ids.ts';
import { type Body, type Job, memoryOf, type StoreRequest } from '../spool/protocol.ts';
import { ReportClient } from '../tls-reports/channel.ts';
import { mostMail } from '../tls-reports/extract.ts';
import { DnssecWatch } from './dnssec.ts';
import { Listeners } from './listeners.ts';
import type { ThreadData } from './protocol.ts';
import type { PreparedSnapshot, ThreadBody } from './thread.ts';

/** What a mail worker says of itself; counters since its start, recipients in the last three. */
export interface MailWorkerStatus {
  readonly incoming: number;
  readonly incomingTotal: number;
  readonly outgoing: number;
  readonly outgoingTotal: number;
  readonly accepted: number;
  readonly refused: number;
  readonly delivered: number;
  readonly deferred: number;
  readonly bounced: number;
  /** Told by the first worker alone. */
  readonly dnssec: Validation | null;
}

/** Key of the counter that all incoming connections share. */
const incomingKey = 'in';

export class MailWorker implements ThreadBody {
  readonly #log;
  readonly #spool: SpoolClient;
  readonly #delivery: Delivery;
  readonly #listeners: Listeners;
  readonly #resolver;
  readonly #sts: StsClient;
  readonly #callAhead: CallAhead;
  /** All workers ask the same servers: one watches. */
  readonly #dnssec: DnssecWatch | null;
  #snapshot: Snapshot;
  #full = false;
  /** Destination keys of domains under the present routes; bounded, emptied by each commit. */
  #destinations = new Map<string, string>();
  readonly #counts = { accepted: 0, refused: 0, incoming: 0, incomingTotal: 0, outgoingTotal: 0 };

  constructor(data: ThreadData) {
    const { ledger, spool, sts, reports } = data;
    if (ledger === undefined || spool === undefined || sts === undefined || reports === undefined) {
      throw new PosternError('bad-usage', 'a mail worker was given no channels');
    }
    this.#snapshot = data.snapshot;
    this.#log = createEventSink(ledger);
    this.#resolver = createResolver(data.snapshot);
    this.#sts = new StsClient(sts);
    this.#dnssec = data.index === 0 ? new DnssecWatch(this.#resolver, this.#log, () => this.#snapshot) : null;
    const spoolDirectory = join(data.dataDirectory, 'spool');
    const reportClient = new ReportClient(reports, spoolDirectory);
    const ids = new BigInt64Array(data.ids);
    const counters = new Counters(data.counters, data.workers, data.index);
    this.#spool = new SpoolClient(spool, {
      jobs: (jobs) => this.#attempt(jobs),
      destinations: (states) => this.#delivery.onDestination(states),
      full: (full) => {
        this.#full = full;
      },
    });

    const deliveryHost: DeliveryHost = {
      log: this.#log,
      resolver: this.#resolver,
      sts: this.#sts,
      spoolDirectory,
      workers: data.workers,
      snapshot: () => this.#snapshot,
      nextDcid: () => {
        this.#counts.outgoingTotal++;
        return nextId(ids, 'dcid');
      },
      admit: (destination, limit) => counters.acquire(`out ${destination}`, limit),
      leave: (destination) => counters.release(`out ${destination}`),
      isOwnAddress: (address, port) => this.#listeners.has(address, port),
      finished: (mid) => {
        this.#spool.finished(mid);
      },
      outcome: (outcome) => {
        this.#spool.outcome(outcome);
        this.#spool.setRoom(this.#delivery.room());
      },
      destination: (state) => this.#spool.destination(state),
      takeReport: ({ body, envelope, mid, received }) =>
        reportClient.take(body, mostMail(this.#snapshot.limits), { sender: envelope.sender, mid, received }),
      alert: (alert) => this.#spool.alert(alert),
    };
    this.#delivery = new Delivery(deliveryHost);
    this.#callAhead = new CallAhead(deliveryHost);

    const openBody = createBodyWriters({
      directory: spoolDirectory,
      bigBody: () => this.#snapshot.spool.bigBody,
      prefix: `w${data.index}`,
    });
    const inboundHost: InboundHost<Body> = {
      log: this.#log,
      nextIcid: () => nextId(ids, 'icid'),
      nextMid: () => nextId(ids, 'mid'),
      snapshot: () => this.#snapshot,
      serverTls: (listener, address) => this.#listeners.tls(listener, address),
      admit: (client) => {
        const { connections, connectionsPerClient } = this.#snapshot.limits;
        if (!counters.acquire(incomingKey, connections)) return 'total';
        if (!counters.acquire(`in ${client}`, connectionsPerClient)) {
          counters.release(incomingKey);
          return 'client';
        }
        this.#counts.incoming++;
        this.#counts.incomingTotal++;
        return 'ok';
      },
      leave: (client) => {
        this.#counts.incoming--;
        counters.release(`in ${client}`);
        counters.release(incomingKey);
      },
      reverse: (address) =>
        this.#snapshot.dns.reverse ? this.#resolver.reverse(address) : { name: null, verified: false },
      callAhead: (address) => this.#callAhead.ask(address),
      full: () => this.#full,
      openBody,
      store: (message, done) => this.#store(message, done),
    };
    this.#listeners = new Listeners(inboundHost);
  }

  /** Binds the listeners of the first snapshot. */
  async start(): Promise<void> {
    const prepared = await this.#listeners.prepare(this.#snapshot);
    prepared.activate();
    this.#dnssec?.look();
    this.#spool.setRoom(this.#delivery.room());
  }

  async prepare(snapshot: Snapshot): Promise<PreparedSnapshot> {
    const listeners = await this.#listeners.prepare(snapshot);
    const resolver = this.#resolver.prepare(snapshot);
    return {
      activate: () => {
        this.#snapshot = snapshot;
        this.#destinations = new Map();
        resolver.activate();
        this.#sts.clear();
        listeners.activate();
        this.#delivery.update();
        this.#dnssec?.look();
      },
      abandon: () => listeners.abandon(),
    };
  }

  query(name: string): unknown {
    if (name === 'status') {
      const { connections, delivered, deferred, bounced } = this.#delivery.status();
      const dnssec = this.#dnssec?.known ?? null;
      return {
        ...this.#counts,
        outgoing: connections,
        delivered,
        deferred,
        bounced,
        dnssec,
      } satisfies MailWorkerStatus;
    }
    throw new PosternError('not-found', `a mail worker has no query "${name}"`);
  }

  attach(name: string, port: MessagePort): void {
    if (name === 'spool') this.#spool.reconnect(port);
    else this.#log.reconnect(port);
  }

  async stop(deadline: number): Promise<void> {
    this.#dnssec?.stop();
    await Promise.all([this.#listeners.stop(deadline), this.#delivery.stop(deadline)]);
    await this.#spool.flush();
    this.#log.flush();
  }

  /** Stores a message with the record of its first attempt, and makes that attempt once it is durable. */
  #store(message: ReceivedMessage<Body>, done: (error: StoreError | null) => void): void {
    const { mid, received, envelope, body } = message;
    const groups = this.#group(envelope);
    const attempted: [destination: string, rids: readonly number[]][] = [];
    const first = groups.keys().next().value ?? '';
    const stored = body instanceof Uint8Array ? body : { file: body.file, size: body.size };
    const single = groups.size === 1;
    const whole = single && this.#delivery.canTake(first, memoryOf(body));
    // Where there is no memory for a big body, the first attempt reads the file.
    const direct = whole || (single && stored !== body && this.#delivery.canTake(first, memoryOf(stored)));
    const request: StoreRequest = { mid, received, envelope: JSON.stringify(envelope), body: stored };
    let complete: StoreRequest;
    if (direct) {
      attempted.push([first, groups.get(first) ?? []]);
      complete = { ...request, direct: first };
    } else {
      const jobs = [...groups].map(([destination, rids]) => {
        const attempt = this.#delivery.canTake(destination, memoryOf(stored));
        if (attempt) attempted.push([destination, rids]);
        return { destination, rids, attempt, due: received };
      });
      complete = { ...request, jobs };
    }
    this.#spool.store(complete, (error) => {
      if (error === null) this.#counts.accepted++;
      else this.#counts.refused++;
      done(error);
      if (error !== null) return;
      for (const [destination, rids] of attempted) {
        this.#delivery.deliver({
          mid,
          destination,
          envelope,
          rids,
          body: whole ? body : stored,
          received,
          attempt: 1,
          direct,
        });
      }
    });
  }

  /** Destination key → indexes of its recipients. */
  #group(envelope: Envelope): Map<string, number[]> {
    const groups = new Map<string, number[]>();
    const { recipients } = envelope;
    const whole = envelope.tls !== undefined || dependsOnMessage(this.#snapshot);
    for (let rid = 0; rid < recipients.length; rid++) {
      const address = recipients[rid]?.address ?? '';
      const destination = whole
        ? destinationOfRecipient(address, envelope, this.#snapshot)
        : this.#destination(address.slice(address.lastIndexOf('@') + 1));
      const group = groups.get(destination);
      if (group === undefined) groups.set(destination, [rid]);
      else group.push(rid);
    }
    return groups;
  }

  #destination(domain: string): string {
    let key = this.#destinations.get(domain);
    if (key === undefined) {
      if (this.#destinations.size >= 10_000) this.#destinations.clear();
      key = destinationOf(domain, this.#snapshot);
      this.#destinations.set(domain, key);
    }
    return key;
  }

  /** Due jobs from the spool; their attempts are on disk. */
  #attempt(jobs: readonly Job[]): void {
    for (const job of jobs) {
      this.#delivery.deliver({
        mid: job.mid,
        destination: job.destination,
        envelope: JSON.parse(job.envelope) as Envelope,
        rids: job.rids,
        body: job.body,
        received: job.received,
        attempt: job.attempt,
        direct: false,
      });
    }
    this.#spool.setRoom(this.#delivery.room());
  }
}
