// Open connections, incoming and outgoing: what is known of each until it ends, and what its end adds to the reports.

import { groupName } from '../../tls/names.ts';
import { type EventSink, incomingTlsGroup } from '../events.ts';
import type { DerivedGroups } from '../observations/groups.ts';
import { type IdentifiedHello, identifyHello, type Observer } from '../observations/observer.ts';
import type { OpenConnections } from '../protocol.ts';
import type { SessionResults } from '../tls-reports/results.ts';
import type { Counts } from './counts.ts';
import type { Domains } from './domain.ts';
import type { Failures } from './failures.ts';
import type { Message } from './messages.ts';
import type { RollOutTally } from './roll-out-tally.ts';
import type { SecurityCounts } from './security-counts.ts';
import { type TlsCounts, unknownDomain, versionNumber } from './tls-counts.ts';

export interface Incoming {
  readonly icid: number;
  readonly interface: string;
  readonly localAddress: string;
  readonly address: string;
  readonly reverseName: string | null;
  readonly verified: boolean;
  readonly listener: string;
  /** off, preferred, required */
  readonly level: string;
  group: string;
  action: string;
  match: string;
  helo: string | null;
  protocol: string | null;
  cipher: string | null;
  /** First flight of TLS, a character a byte; '' once the handshake is completed. */
  flight: string;
  /** Null: none, or not looked at yet. */
  hello: IdentifiedHello;
  resumed: boolean;
  /** Name of the group, derived; null: not known. */
  keyGroup: string | null;
  failure: string | null;
  explanation: string | null;
  /** TLS was required, and the client did not ask for it. */
  refusedClear: boolean;
  /** Messages begun, and accepted. */
  begun: number;
  accepted: number;
  /** Of the first message. */
  senderDomain: string | null;
  /** Being received. */
  current: Message | null;
  /** Of the texts that messages refer to; 0: none yet. */
  profile: number;
}

export interface Outgoing {
  readonly dcid: number;
  readonly interface: string;
  readonly address: string;
  readonly port: number;
  readonly host: string;
  readonly destination: string;
  /** none, preferred, required */
  readonly level: string;
  protocol: string | null;
  cipher: string | null;
  certificate: string | null;
  /** What the policy asks for, what the connection is worth under it, and why; empty: not known yet. */
  wanted: string;
  verdict: string;
  detail: string;
  offered: number;
  resumed: boolean;
  failure: string | null;
  explanation: string | null;
  messages: number;
  profile: number;
}

/** What the two tables add to. */
export interface Reports {
  readonly counts: Counts;
  readonly tls: TlsCounts;
  readonly security: SecurityCounts;
  readonly failures: Failures;
  readonly domains: Domains;
  readonly observer: Observer;
  readonly groups: DerivedGroups;
  readonly log: EventSink;
  readonly sessions: SessionResults;
  readonly rollOut: RollOutTally;
}

/** More than can be open: those of a worker that died have no end. */
const mostOpen = 50_000;

/** Connections by number; the oldest give way. */
class Table<C> {
  readonly #open = new Map<number, C>();
  readonly #most: number;

  constructor(most = mostOpen) {
    this.#most = most;
  }

  get(id: number): C | undefined {
    return this.#open.get(id);
  }

  add(id: number, connection: C): void {
    if (this.#open.size >= this.#most) {
      const oldest = this.#open.keys().next();
      if (oldest.done !== true) this.#open.delete(oldest.value);
    }
    this.#open.set(id, connection);
  }

  remove(id: number): C | undefined {
    const connection = this.#open.get(id);
    this.#open.delete(id);
    return connection;
  }

  values(): IterableIterator<C> {
    return this.#open.values();
  }
}

export class IncomingConnections {
  readonly #table = new Table<Incoming>();
  readonly #reports: Reports;

  constructor(reports: Reports) {
    this.#reports = reports;
  }

  get(icid: number): Incoming | undefined {
    return this.#table.get(icid);
  }

  add(connection: Incoming, time: number): void {
    this.#table.add(connection.icid, connection);
    this.#reports.counts.add('incomingConnections', time);
  }

  grouped(icid: number, time: number, [action, group, match]: readonly [string, string, string]): void {
    const connection = this.#table.get(icid);
    if (connection === undefined) return;
    connection.action = action;
    connection.group = group;
    connection.match = match;
    if (action === 'REJECT' || action === 'TCPREFUSE') this.#reports.counts.add('refused', time);
  }

  secured(icid: number, time: number, protocol: string, cipher: string): void {
    const version = versionNumber(protocol);
    if (version >= 0) this.#reports.counts.add(incomingVersions[version] ?? 'incomingTls13', time);
    const connection = this.#table.get(icid);
    if (connection === undefined) return;
    connection.protocol = protocol;
    connection.cipher = cipher;
    connection.hello = identifyHello(connection.flight);
    connection.flight = '';
    const { listener, address, hello, resumed } = connection;
    const { log } = this.#reports;
    const what = { service: 'inbound', listener, address, hello, protocol, cipher, resumed } as const;
    this.#reports.groups.find(what, time, (group) => {
      connection.keyGroup = groupName(group);
      log.record(incomingTlsGroup, icid, connection.keyGroup);
    });
  }

  failed(icid: number, time: number, detail: string): void {
    this.#reports.counts.add('incomingTlsFailed', time);
    const connection = this.#table.get(icid);
    if (connection !== undefined) connection.failure = detail;
  }

  ended(icid: number, time: number): Incoming | undefined {
    const connection = this.#table.remove(icid);
    if (connection === undefined) return undefined;
    const { action, protocol, failure, begun, level, refusedClear } = connection;
    const { tls, failures } = this.#reports;
    this.#observe(connection, time);
    const name = connection.verified ? connection.reverseName : null;
    if (failure !== null || refusedClear) {
      const detail = failure ?? 'TLS was required but remote host did not initiate it';
      const { address: peer, explanation } = connection;
      failures.add({ direction: 'incoming', peer, name, detail, explanation }, time);
    }
    if (action === 'REJECT' || action === 'TCPREFUSE') return connection;
    const result =
      failure !== null || (refusedClear && protocol === null) ? 'failed' : protocol === null ? 'clear' : 'ok';
    // Who neither asked for TLS nor began a message was no mail client: a monitor, a scanner.
    if (result === 'clear' && begun === 0) return connection;
    const messages = connection.accepted;
    tls.add('incoming', this.#domainOf(name, connection), time, {
      required: level === 'required',
      result,
      protocol,
      messages,
    });
    return connection;
  }

  open(): OpenConnections {
    return countOpen(this.#table.values());
  }

  #observe(connection: Incoming, time: number): void {
    const { listener, address, helo, flight, protocol, cipher, resumed, failure, accepted, senderDomain } = connection;
    const name = connection.verified ? (connection.reverseName ?? '') : '';
    const who = { service: 'inbound', listener, address, name, helo: helo ?? '', domain: senderDomain ?? '' } as const;
    const hello = connection.hello ?? identifyHello(flight);
    const what = { hello, protocol, cipher, resumed, failure, messages: accepted, offered: 0, verdict: '' };
    this.#reports.observer.add({ ...who, ...what }, time);
    if (protocol === null && failure === null) return;
    const { explanation } = connection;
    this.#reports.rollOut.add({ service: 'inbound', listener, address, name, flight, failure, explanation }, time);
  }

  #domainOf(name: string | null, { senderDomain }: Incoming): string {
    const known = name ?? senderDomain;
    return known === null || known === '' ? unknownDomain : this.#reports.domains.organisational(known);
  }
}

/** Connections that ended without a message: their failure is told to the messages a moment later. */
const mostUnused = 1000;

export class OutgoingConnections {
  readonly #table = new Table<Outgoing>();
  readonly #unused = new Table<Outgoing>(mostUnused);
  readonly #reports: Reports;

  constructor(reports: Reports) {
    this.#reports = reports;
  }

  get(dcid: number): Outgoing | undefined {
    return this.#table.get(dcid);
  }

  /** The same, also when it has ended just now and no message was tried on it. */
  unused(dcid: number): Outgoing | undefined {
    const connection = this.#table.get(dcid) ?? this.#unused.get(dcid);
    return connection?.messages === 0 ? connection : undefined;
  }

  add(connection: Outgoing, time: number): void {
    this.#table.add(connection.dcid, connection);
    this.#reports.counts.add('outgoingConnections', time);
  }

  secured(dcid: number, time: number, protocol: string, cipher: string): void {
    const version = versionNumber(protocol);
    if (version >= 0) this.#reports.counts.add(outgoingVersions[version] ?? 'outgoingTls13', time);
    const connection = this.#table.get(dcid);
    if (connection === undefined) return;
    connection.protocol = protocol;
    connection.cipher = cipher;
  }

  failed(dcid: number, time: number, detail: string): void {
    const connection = this.#table.get(dcid);
    // `required` says it a second time.
    if (connection === undefined || connection.failure !== null) return;
    this.#reports.counts.add('outgoingTlsFailed', time);
    connection.failure = detail;
  }

  /** No TLS was in it. */
  unreachable(address: string, destination: string, detail: string, time: number): void {
    this.#reports.failures.add(
      { direction: 'outgoing', peer: address, name: destination, detail, explanation: null },
      time,
    );
  }

  ended(dcid: number, time: number): Outgoing | undefined {
    const connection = this.#table.remove(dcid);
    if (connection === undefined) return undefined;
    const { failure, protocol, messages, destination, level, address: peer, explanation } = connection;
    if (messages === 0) this.#unused.add(dcid, connection);
    const { tls, failures, security } = this.#reports;
    if (connection.verdict !== '') {
      security.add(destination, { wanted: connection.wanted, got: connection.verdict, messages }, time);
    }
    if (failure !== null) {
      failures.add({ direction: 'outgoing', peer, name: destination, detail: failure, explanation }, time);
    }
    // A certificate that was not accepted is a failure too.
    const failed = failure !== null && messages === 0;
    const result = failed ? 'failed' : protocol !== null ? 'ok' : messages > 0 ? 'clear' : null;
    const offered = protocol === null && result !== 'failed' ? 0 : connection.offered;
    const { host, address, cipher, resumed, verdict } = connection;
    const who = { service: 'outbound', listener: '', address, name: host, helo: '', domain: destination } as const;
    const what = {
      hello: null,
      protocol,
      cipher,
      resumed,
      failure: result === 'failed' ? failure : null,
      offered,
      verdict,
      messages,
    };
    // One that failed counts, whether or not the mail then went out in clear text.
    if (protocol !== null || failure !== null) {
      const shaken = {
        service: 'outbound',
        listener: '',
        address,
        name: host,
        flight: '',
        failure,
        explanation,
      } as const;
      this.#reports.rollOut.add(shaken, time);
    }
    if (result === null) return connection;
    this.#reports.observer.add({ ...who, ...what }, time);
    tls.add('outgoing', destination, time, { required: level === 'required', result, protocol, messages });
    return connection;
  }

  open(): OpenConnections {
    return countOpen(this.#table.values());
  }
}

const incomingVersions = ['incomingTls10', 'incomingTls11', 'incomingTls12', 'incomingTls13'] as const;
const outgoingVersions = ['outgoingTls10', 'outgoingTls11', 'outgoingTls12', 'outgoingTls13'] as const;

function countOpen(connections: Iterable<{ readonly protocol: string | null }>): OpenConnections {
  const counts = { clear: 0, tls10: 0, tls11: 0, tls12: 0, tls13: 0 };
  for (const { protocol } of connections) counts[labels[versionNumber(protocol)] ?? 'clear']++;
  return counts;
}
const labels = ['tls10', 'tls11', 'tls12', 'tls13'] as const;
