// From events to what the history keeps: each event that matters has a function here, found by its code.
import * as events from '../events.ts';
import { type EventDefinition, eventTable, type Value } from '../events.ts';
import { identifyHello } from '../observations/observer.ts';
import { isLogged, type PrivacySettings, redactAddresses } from '../privacy.ts';
import { leastTime } from '../sink.ts';
import type { IncomingConnections, OutgoingConnections, Reports } from './connections.ts';
import type { Messages } from './messages.ts';
import type { AuditEntry } from './writer.ts';

export interface IntakeParts {
  readonly incoming: IncomingConnections;
  readonly outgoing: OutgoingConnections;
  readonly messages: Messages;
  readonly reports: Reports;
  readonly audit: (entry: AuditEntry) => void;
}

/** `v[at]` is the first value of the event. */
type Handler = (v: readonly Value[], at: number, time: number) => void;

interface Entry {
  readonly event: EventDefinition;
  readonly count: number;
  readonly handler: Handler | null;
  /** Holds an address somewhere: to be redacted where addresses are not kept. */
  readonly texts: boolean;
}

export class Intake {
  readonly #handlers: ReadonlyMap<number, Handler>;
  #entries: readonly Entry[] = [];
  #redact = false;

  constructor(parts: IntakeParts, privacy: PrivacySettings) {
    this.#handlers = handlersOf(parts);
    this.apply(privacy);
  }

  apply(privacy: PrivacySettings): void {
    this.#redact = !privacy.logAddresses;
    this.#entries = eventTable.map((event) => ({
      event,
      count: event.fields.length,
      handler: event.log === 'none' || isLogged(event, privacy) ? (this.#handlers.get(event.code) ?? null) : null,
      texts: event.fields.length > 1,
    }));
  }

  /** A batch that crossed the channel. A damaged one is read as far as it goes; the log tells of it. Returns its last time. */
  take(batch: readonly Value[]): number {
    let time = 0;
    for (let at = 0; at < batch.length; ) {
      const head = batch[at] as number;
      if (head > leastTime) {
        time = head;
        at++;
        continue;
      }
      const entry = this.#entries[head];
      if (time === 0 || entry === undefined || at + entry.count >= batch.length) break;
      const first = at + 1;
      at = first + entry.count;
      if (entry.handler === null) continue;
      if (this.#redact && entry.texts) entry.handler(redactAddresses(entry.event, batch.slice(first, at)), 0, time);
      else entry.handler(batch, first, time);
    }
    return time;
  }
}

function text(value: Value | undefined): string {
  return typeof value === 'string' ? value : String(value ?? '');
}

function textOrNull(value: Value | undefined): string | null {
  return typeof value === 'string' ? value : null;
}

function handlersOf({ incoming, outgoing, messages, reports, audit }: IntakeParts): ReadonlyMap<number, Handler> {
  const handlers = new Map<number, Handler>();
  const on = <V extends readonly Value[]>(event: EventDefinition<V>, handler: Handler) =>
    handlers.set(event.code, handler);
  const int = (v: readonly Value[], at: number) => v[at] as number;

  on(events.incomingConnection, (v, at, time) =>
    incoming.add(
      {
        icid: int(v, at),
        interface: text(v[at + 1]),
        localAddress: text(v[at + 2]),
        address: text(v[at + 3]),
        reverseName: textOrNull(v[at + 4]),
        verified: v[at + 5] === true,
        listener: text(v[at + 6]),
        level: text(v[at + 7]),
        group: '',
        action: 'ACCEPT',
        match: '',
        helo: null,
        protocol: null,
        cipher: null,
        flight: '',
        hello: null,
        keyGroup: null,
        resumed: false,
        failure: null,
        explanation: null,
        refusedClear: false,
        begun: 0,
        accepted: 0,
        senderDomain: null,
        current: null,
        profile: 0,
      },
      time,
    ),
  );
  on(events.senderGroup, (v, at, time) =>
    incoming.grouped(int(v, at), time, [text(v[at + 1]), text(v[at + 2]), text(v[at + 3])]),
  );
  on(events.incomingHelo, (v, at) => {
    const connection = incoming.get(int(v, at));
    if (connection !== undefined) connection.helo = text(v[at + 1]).slice(0, 255);
  });
  on(events.incomingHello, (v, at) => {
    const connection = incoming.get(int(v, at));
    if (connection === undefined) return;
    connection.flight = text(v[at + 1]);
    connection.resumed = v[at + 2] === true;
  });
  on(events.incomingTls, (v, at, time) => incoming.secured(int(v, at), time, text(v[at + 1]), text(v[at + 2])));
  on(events.incomingTlsFailed, (v, at, time) => incoming.failed(int(v, at), time, text(v[at + 1])));
  on(events.incomingTlsExplained, (v, at) => {
    const connection = incoming.get(int(v, at));
    if (connection !== undefined) connection.explanation = text(v[at + 1]);
  });
  on(events.incomingTlsRequired, (v, at) => {
    const connection = incoming.get(int(v, at));
    if (connection !== undefined) connection.refusedClear = true;
  });
  const incomingEnd: Handler = (v, at, time) => {
    const connection = incoming.ended(int(v, at), time);
    if (connection !== undefined && connection.current !== null) messages.abandoned(connection.current, time);
  };
  on(events.incomingClose, incomingEnd);
  on(events.incomingLost, incomingEnd);

  on(events.messageStart, (v, at, time) => {
    const icid = int(v, at + 1);
    messages.start(int(v, at), icid, time, incoming.get(icid) ?? null);
  });
  on(events.messageFrom, (v, at) => messages.from(int(v, at), text(v[at + 2])));
  on(events.messageTo, (v, at) => messages.to(int(v, at), text(v[at + 3])));
  on(events.rejectedByRat, (v, at, time) =>
    messages.refused(int(v, at), time, text(v[at + 2]), 'relaying to this address is denied'),
  );
  on(events.rejectedUnknown, (v, at, time) => messages.refused(int(v, at), time, text(v[at + 2]), 'no such recipient'));
  on(events.messageId, (v, at) => messages.identified(int(v, at), text(v[at + 1])));
  on(events.subject, (v, at) => messages.titled(int(v, at), text(v[at + 1])));
  on(events.messageReady, (v, at, time) => messages.received(int(v, at), time, int(v, at + 1)));
  on(events.messageTls, (v, at, time) => messages.asked(int(v, at), time, text(v[at + 1])));
  on(events.messageQueued, (v, at, time) => messages.queued(int(v, at), time));
  on(events.messageAborted, (v, at, time) => messages.aborted(int(v, at), time, text(v[at + 1])));

  on(events.outgoingConnection, (v, at, time) =>
    outgoing.add(
      {
        dcid: int(v, at),
        interface: text(v[at + 1]),
        address: text(v[at + 2]),
        port: int(v, at + 3),
        host: text(v[at + 4]),
        destination: text(v[at + 5]),
        level: text(v[at + 6]),
        protocol: null,
        cipher: null,
        certificate: null,
        wanted: '',
        verdict: '',
        detail: '',
        offered: 0,
        resumed: false,
        failure: null,
        explanation: null,
        messages: 0,
        profile: 0,
      },
      time,
    ),
  );
  on(events.outgoingOffer, (v, at) => {
    const connection = outgoing.get(int(v, at));
    if (connection === undefined) return;
    connection.offered = int(v, at + 1);
    connection.resumed = v[at + 2] === true;
  });
  on(events.outgoingSecurity, (v, at, time) => {
    const connection = outgoing.get(int(v, at));
    if (connection === undefined) return;
    connection.wanted = text(v[at + 2]);
    connection.verdict = text(v[at + 3]);
    connection.detail = text(v[at + 4]);
    if (connection.verdict === 'failed') outgoing.failed(connection.dcid, time, text(v[at + 4]));
  });
  on(events.outgoingHostRefused, (v, at, time) =>
    reports.security.add(text(v[at]), { wanted: text(v[at + 2]), got: 'failed', messages: 0 }, time),
  );
  on(events.outgoingTlsResult, (v, at, time) =>
    reports.sessions.add(
      {
        domain: text(v[at]),
        type: text(v[at + 1]),
        policyDomain: text(v[at + 2]),
        text: text(v[at + 3]),
        result: text(v[at + 4]),
        reason: text(v[at + 5]),
        host: text(v[at + 6]),
        local: text(v[at + 7]),
        helo: text(v[at + 8]),
        address: text(v[at + 9]),
      },
      time,
    ),
  );
  on(events.outgoingTls, (v, at, time) => outgoing.secured(int(v, at), time, text(v[at + 1]), text(v[at + 2])));
  on(events.outgoingCertificate, (v, at) => {
    const connection = outgoing.get(int(v, at));
    if (connection !== undefined) connection.certificate = text(v[at + 1]);
  });
  const outgoingFailed: Handler = (v, at, time) => outgoing.failed(int(v, at), time, text(v[at + 1]));
  on(events.outgoingTlsDeferring, outgoingFailed);
  on(events.outgoingTlsFailed, outgoingFailed);
  on(events.outgoingTlsRequired, (v, at, time) =>
    outgoing.failed(int(v, at), time, 'TLS was required but could not be successfully negotiated'),
  );
  on(events.outgoingTlsExplained, (v, at) => {
    const connection = outgoing.get(int(v, at));
    if (connection !== undefined) connection.explanation = text(v[at + 1]);
  });
  on(events.connectionError, (v, at, time) =>
    outgoing.unreachable(text(v[at + 2]), text(v[at + 1]), text(v[at + 4]), time),
  );
  on(events.outgoingClose, (v, at, time) => void outgoing.ended(int(v, at), time));

  on(events.deliveryStart, (v, at, time) => {
    const dcid = int(v, at);
    messages.attempt(int(v, at + 1), time, outgoing.get(dcid), dcid, text(v[at + 2]));
  });
  on(events.deliveryDone, (v, at, time) => messages.done(int(v, at + 1), time, int(v, at), text(v[at + 2])));
  on(events.deliveryResponse, (v, at, time) => messages.responded(int(v, at), time, text(v[at + 1]), text(v[at + 2])));
  const recipientFailed =
    (kind: 'l' | 'b'): Handler =>
    (v, at, time) =>
      messages.failed(kind, int(v, at + 1), time, {
        dcid: int(v, at),
        connection: outgoing.unused(int(v, at)),
        rid: int(v, at + 4),
        told: [text(v[at + 5]), text(v[at + 6]), text(v[at + 7]), text(v[at + 8])],
      });
  on(events.delayed, recipientFailed('l'));
  on(events.bounced, recipientFailed('b'));
  on(events.doubleBounce, (v, at, time) =>
    messages.doubleBounce(int(v, at), time, int(v, at + 1), `${text(v[at + 2])} ${text(v[at + 3])} ${text(v[at + 4])}`),
  );
  on(events.generatedForBounce, (v, at, time) => messages.bounce(int(v, at), int(v, at + 1), time));
  on(events.messageAdministered, (v, at, time) =>
    messages.administered(int(v, at), time, text(v[at + 1]), text(v[at + 2])),
  );
  on(events.messageFinished, (v, at, time) => messages.finished(int(v, at), time));

  on(events.guiTlsError, (v, at, time) => {
    const client = text(v[at]);
    const peer = client.slice(0, client.lastIndexOf(':'));
    reports.failures.add({ direction: 'web', peer, name: null, detail: text(v[at + 1]), explanation: null }, time);
  });
  on(events.guiHandshake, (v, at, time) => {
    const [address, flight, failure] = [text(v[at]), text(v[at + 1]), textOrNull(v[at + 5])];
    const [protocol, cipher] = [textOrNull(v[at + 2]), textOrNull(v[at + 3])];
    const resumed = v[at + 4] === true;
    const hello = identifyHello(flight);
    const who = { service: 'gui', listener: '', address, name: '', helo: '', domain: '' } as const;
    const what = { hello, protocol, cipher, resumed, failure, offered: 0, verdict: '', messages: 0 };
    reports.observer.add({ ...who, ...what }, time);
    reports.rollOut.add({ service: 'gui', listener: '', address, name: '', flight, failure, explanation: null }, time);
    if (protocol === null || cipher === null) return;
    reports.groups.find({ service: 'gui', listener: '', address, hello, protocol, cipher, resumed }, time);
  });
  const audited: Handler = (v, at, time) =>
    audit({
      time,
      user: text(v[at]),
      role: text(v[at + 1]),
      address: text(v[at + 2]),
      face: text(v[at + 3]),
      action: text(v[at + 4]),
      detail: text(v[at + 5]).slice(0, 4000),
    });
  on(events.audit, audited);
  on(events.auditOnly, audited);
  return handlers;
}
