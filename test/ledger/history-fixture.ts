// A history of its own for a test, and events for it as they cross the channel.
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { EventDefinition, Value } from '../../src/ledger/events.ts';
import * as events from '../../src/ledger/events.ts';
import { History } from '../../src/ledger/history/history.ts';
import type { GroupSource } from '../../src/ledger/observations/groups.ts';
import type { EventBatch } from '../../src/ledger/sink.ts';
import { recordingSink, snapshotWith, temporaryDirectory } from './fixture.ts';

export interface TestHistory {
  readonly file: string;
  readonly history: History;
  readonly texts: readonly string[];
  /** Records the events as of that time; default now. */
  record(time: number, ...records: readonly Recorded[]): void;
}

export type Recorded = readonly [EventDefinition<never>, ...Value[]];

export function event<V extends readonly Value[]>(definition: EventDefinition<V>, ...values: V): Recorded {
  return [definition as unknown as EventDefinition<never>, ...values];
}

export function startHistory(
  t: TestContext,
  overrides: Parameters<typeof snapshotWith>[0] = {},
  file = join(temporaryDirectory(t), 'ledger.db'),
  groups?: GroupSource,
): TestHistory {
  const log = recordingSink();
  const history = new History({
    file,
    snapshot: snapshotWith(overrides),
    log,
    retryAfter: 0,
    ...(groups && { groups }),
  });
  t.after(() => history.stop());
  return {
    file,
    history,
    texts: log.texts,
    record: (time, ...records) => {
      const batch: EventBatch = [time];
      for (const [definition, ...values] of records) batch.push(definition.code, ...values);
      history.take(batch);
    },
  };
}

export interface MessageOptions {
  readonly icid?: number;
  readonly sender?: string;
  readonly recipients?: readonly string[];
  readonly subject?: string;
  readonly messageId?: string;
  readonly size?: number;
}

/** Up to `queued for delivery`. */
export function received(mid: number, options: MessageOptions = {}): Recorded[] {
  const { icid = 1, sender = 'alice@example.org', recipients = ['bob@example.com'], size = 280 } = options;
  return [
    event(events.messageStart, mid, icid),
    event(events.messageFrom, mid, icid, sender),
    ...recipients.map((recipient, rid) => event(events.messageTo, mid, icid, rid, recipient)),
    ...(options.messageId === undefined ? [] : [event(events.messageId, mid, options.messageId)]),
    ...(options.subject === undefined ? [] : [event(events.subject, mid, options.subject)]),
    event(events.messageReady, mid, size, sender),
    event(events.messageQueued, mid),
  ];
}

export function delivered(mid: number, dcid = 1, rids = '0'): Recorded[] {
  return [
    event(events.deliveryStart, dcid, mid, rids),
    event(events.deliveryDone, dcid, mid, rids),
    event(events.deliveryResponse, mid, rids, '2.0.0 OK'),
    event(events.messageFinished, mid),
  ];
}

export interface ClientOptions {
  readonly address?: string;
  readonly name?: string | null;
  readonly listener?: string;
  readonly tls?: string;
  readonly action?: string;
}

export function connected(icid: number, options: ClientOptions = {}): Recorded[] {
  const { address = '198.51.100.7', name = 'mail.example.org', listener = 'inbound', tls = 'preferred' } = options;
  const { action = 'ACCEPT' } = options;
  return [
    event(events.incomingConnection, icid, 'Management', '192.0.2.1', address, name, name !== null, listener, tls),
    event(events.senderGroup, icid, action, 'ALL', 'ALL'),
  ];
}

export function dialled(dcid: number, destination = 'example.com', tls = 'preferred'): Recorded {
  return event(events.outgoingConnection, dcid, '192.0.2.1', '203.0.113.5', 25, `mx.${destination}`, destination, tls);
}
