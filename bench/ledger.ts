// The ledger by itself: CPU for a message's events as log lines alone and with the history, the size of its database, and the time
// of searches in it.  node bench/ledger.ts [messages]
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EventDefinition, Value } from '../src/ledger/events.ts';
import * as events from '../src/ledger/events.ts';
import { type FormattedBatch, LineFormatter } from '../src/ledger/format.ts';
import { History } from '../src/ledger/history/history.ts';
import type { TrackingFilter } from '../src/ledger/protocol.ts';
import type { EventBatch } from '../src/ledger/sink.ts';
import { snapshotWith } from '../test/ledger/fixture.ts';

const count = Number(process.argv[2] ?? 200_000);
const ofBatch = 50;
const privacy = { logSubjects: true, logAddresses: true };
const words = 'invoice report meeting lunch today project status update question answer order delivery'.split(' ');
let seed = 1;
const below = (bound: number) => {
  seed = (seed * 48_271) % 2_147_483_647;
  return seed % bound;
};

function add<V extends readonly Value[]>(batch: EventBatch, event: EventDefinition<V>, ...values: V): void {
  batch.push(event.code, ...values);
}

/** The events of `ofBatch` messages, each on connections of its own every tenth time. */
function batchOf(first: number, time: number): EventBatch {
  const batch: EventBatch = [time];
  for (let mid = first; mid < first + ofBatch; mid++) {
    const icid = Math.floor(mid / 10);
    const sender = `user${below(20_000)}@sender${below(2000)}.example.org`;
    if (mid % 10 === 0) {
      const address = `198.51.${below(100)}.${below(250)}`;
      add(
        batch,
        events.incomingConnection,
        icid,
        'Management',
        '192.0.2.1',
        address,
        `mail${icid % 500}.example.org`,
        true,
        'inbound',
        'preferred',
      );
      add(batch, events.senderGroup, icid, 'ACCEPT', 'ALL', 'ALL');
      add(batch, events.incomingTls, icid, 'TLSv1.3', 'TLS_AES_256_GCM_SHA384');
      add(batch, events.incomingHelo, icid, `mail${icid % 500}.example.org`);
      add(
        batch,
        events.outgoingConnection,
        icid,
        '192.0.2.1',
        '203.0.113.5',
        25,
        'mx.example.com',
        'example.com',
        'preferred',
      );
      add(batch, events.outgoingTls, icid, 'TLSv1.3', 'TLS_AES_256_GCM_SHA384');
      add(
        batch,
        events.outgoingCertificate,
        icid,
        'subject "CN=mx.example.com" issuer "CN=CA" expires 2027-01-01 key RSA 2048 verified',
      );
    }
    add(batch, events.messageStart, mid, icid);
    add(batch, events.messageFrom, mid, icid, sender);
    add(batch, events.messageTo, mid, icid, 0, `person${below(5000)}@example.com`);
    add(batch, events.messageId, mid, `<${below(1e9).toString(36)}.${mid}@mail${below(2000)}.example.org>`);
    add(batch, events.subject, mid, `${words[below(12)]} ${words[below(12)]} ${words[below(12)]} ${below(100_000)}`);
    add(batch, events.messageReady, mid, 5120, sender);
    add(batch, events.messageMatched, mid, 'DEFAULT');
    add(batch, events.messageQueued, mid);
    add(batch, events.deliveryStart, icid, mid, '0');
    add(batch, events.deliveryDone, icid, mid, '0');
    add(batch, events.deliveryResponse, mid, '0', `2.0.0 Ok: queued as ${mid.toString(36)}`);
    add(batch, events.messageFinished, mid);
    if (mid % 10 === 9) {
      add(batch, events.incomingClose, icid);
      add(batch, events.outgoingClose, icid);
    }
  }
  return batch;
}

const directory = mkdtempSync(join(process.env['POSTERN_BENCH_DIRECTORY'] ?? tmpdir(), 'postern-ledger-'));
const file = join(directory, 'ledger.db');
const snapshot = snapshotWith({ limits: { history: 64 * 1024 ** 3 } });

async function main(): Promise<void> {
  const formatter = new LineFormatter(privacy, true);
  const history = new History({ file, snapshot, log: { record: () => undefined } });
  const spent = { make: 0, lines: 0, intake: 0 };
  const timed = <T>(what: keyof typeof spent, work: () => T): T => {
    const begun = process.threadCpuUsage();
    const result = work();
    const used = process.threadCpuUsage(begun);
    spent[what] += used.user + used.system;
    return result;
  };
  const begun = process.threadCpuUsage();
  const started = performance.now();
  let longest = 0;
  for (let mid = 1; mid <= count; mid += ofBatch) {
    const batch = timed('make', () => batchOf(mid, Date.now()));
    timed('lines', () => {
      const out: FormattedBatch = { mail: '', mailLines: 0, json: '', system: '', systemLines: 0 };
      formatter.format(batch, out, null);
    });
    timed('intake', () => history.take(batch));
    // The history writes in between, as in its thread.
    const before = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 0));
    longest = Math.max(longest, performance.now() - before);
  }
  history.queries.audit({}, { limit: 1 });
  const used = process.threadCpuUsage(begun);
  const all = used.user + used.system;
  const a = (value: number) => (value / count).toFixed(1);
  const write = all - spent.make - spent.lines - spent.intake;
  console.log(
    `${count} messages in ${((performance.now() - started) / 1000).toFixed(1)} s; CPU a message: log lines ${a(spent.lines)} µs, history: gathering ${a(spent.intake)} µs, writing ${a(write)} µs; longest wait of a batch ${longest.toFixed(0)} ms; lost ${history.status().lost}`,
  );
  console.log(`ledger.db ${(statSync(file).size / count).toFixed(0)} bytes a message`);
  const searches: TrackingFilter[] = [
    {},
    { sender: 'user7@sender100.example.org' },
    { sender: '@sender100.example.org' },
    { recipient: 'person77@example.com' },
    { recipient: '@example.com', subject: 'status invoice' },
    { sender: 'user77*' },
    { subject: 'meeting', peer: '198.51.7.7' },
    { listener: 'inbound', state: 'bounced' },
    { state: 'bounced' },
    { from: Date.now() - 3000, to: Date.now() - 2000 },
    { sender: 'nobody@example.net' },
  ];
  for (const filter of searches) {
    const before = performance.now();
    const { items, next } = history.queries.trackMessages(filter, { limit: 100 });
    console.log(
      `${(performance.now() - before).toFixed(1).padStart(7)} ms  ${items.length} of ${JSON.stringify(filter)}${next === null ? '' : ', more'}`,
    );
  }
  const before = performance.now();
  const deep = history.queries.trackMessages({}, { limit: 100, cursor: String(Math.floor(count / 2)) });
  console.log(`${(performance.now() - before).toFixed(1).padStart(7)} ms  page ${deep.items[0]?.mid} in the middle`);
  history.stop();
}

await main();
rmSync(directory, { recursive: true });
