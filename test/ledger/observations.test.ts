import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import * as events from '../../src/ledger/events.ts';
import { Retention } from '../../src/ledger/history/retention.ts';
import type { GroupSource } from '../../src/ledger/observations/groups.ts';
import { ObservationReader } from '../../src/ledger/observations/reader.ts';
import { unkeptHello } from '../../src/ledger/observations/tables.ts';
import { networkOf } from '../../src/network.ts';
import { neutralHello } from '../../src/tls/neutral.ts';
import { snapshotWith } from './fixture.ts';
import {
  connected,
  delivered,
  dialled,
  event,
  type Recorded,
  received,
  startHistory,
  type TestHistory,
} from './history-fixture.ts';

const day = 86_400_000;
const now = Date.now();
const today = now - (now % day);

/** A whole ClientHello of its own kind for each number: TLS 1.2 with that many suites. */
function flight(number: number): string {
  const suites = Buffer.alloc(2 * (1 + (number % 200)));
  for (let at = 0; at < suites.length; at += 2) suites.writeUInt16BE(0xc02f + Math.floor(number / 200) + at / 2, at);
  const head = Buffer.concat([Buffer.from([3, 3]), Buffer.alloc(32, number % 251), Buffer.from([0])]);
  const size = Buffer.alloc(2);
  size.writeUInt16BE(suites.length);
  const body = Buffer.concat([head, size, suites, Buffer.from([1, 0])]);
  const message = Buffer.concat([Buffer.from([1, 0, body.length >> 8, body.length & 255]), body]);
  return Buffer.concat([Buffer.from([22, 3, 1, message.length >> 8, message.length & 255]), message]).toString(
    'latin1',
  );
}

const close = event(events.incomingClose, 1);
const secure = (hello: string): Recorded[] => [
  event(events.incomingHello, 1, hello, false),
  event(events.incomingTls, 1, 'TLSv1.2', 'ECDHE-RSA-AES128-GCM-SHA256'),
];

function read(t: TestContext, test: TestHistory): ObservationReader {
  test.history.queries.audit({}, { limit: 1 });
  const reader = ObservationReader.open(test.file);
  assert.ok(reader !== null);
  t.after(() => reader.close());
  return reader;
}

test('who came with which hello, and what came of it, added up by day', async (t) => {
  const test = startHistory(t);
  const hello = flight(3);
  for (let count = 0; count < 3; count++) {
    test.record(
      now,
      ...connected(1),
      ...secure(hello),
      event(events.incomingHelo, 1, 'mail.example.org'),
      ...received(10 + count),
      close,
    );
  }
  test.record(now, ...connected(1), ...received(2), close);
  const refused = "(167773230, 'error:0A00042E:SSL routines:ssl3_read_bytes:tlsv1 alert protocol version')";
  test.record(
    now,
    ...connected(1),
    event(events.incomingHello, 1, flight(4), false),
    event(events.incomingTlsFailed, 1, refused),
    close,
  );
  test.record(now, event(events.guiHandshake, '2001:db8::1', hello, 'TLSv1.3', 'TLS_AES_256_GCM_SHA384', false, null));
  const reader = read(t, test);
  const outcomes = reader.outcomes();
  const uses = (await reader.uses(today)).map((use) => ({
    ...use,
    outcome: outcomes.get(use.outcome),
    service: reader.services().get(use.peer),
  }));
  const inbound = uses.filter(({ service }) => service === 'inbound');
  const find = (kind: string) => inbound.filter(({ outcome }) => outcome?.kind === kind);
  assert.equal(inbound.length, 3);
  const [tls] = find('tls');
  assert.deepEqual([tls?.connections, tls?.messages, tls?.listener, tls?.last], [3, 3, 'inbound', now]);
  assert.deepEqual([tls?.outcome?.version, tls?.outcome?.suite, tls?.outcome?.revision], [0x0303, 0xc02f, 0]);
  assert.deepEqual(
    Buffer.from(reader.hello(tls?.hello ?? 0) ?? []),
    Buffer.from(neutralHello(Buffer.from(hello, 'latin1')) ?? []),
  );
  const [clear] = find('clear');
  assert.deepEqual([clear?.connections, clear?.hello], [1, 0]);
  const [failed] = find('failed');
  assert.deepEqual([failed?.outcome?.alert, failed?.outcome?.revision, failed?.outcome?.detail], [70, 1, refused]);
  const { id: _, ...peer } = reader.peer(tls?.peer ?? 0) ?? { id: 0 };
  assert.deepEqual(peer, {
    address: '198.51.100.7',
    name: 'mail.example.org',
    helo: 'mail.example.org',
    domain: 'example.org',
  });
  const web = uses.filter(({ service }) => service === 'gui');
  assert.deepEqual([web.length, web[0]?.hello, web[0]?.outcome?.version], [1, tls?.hello, 0x0304]);
  assert.deepEqual(
    reader.helloUses('inbound', today).map(({ connections }) => connections),
    [3, 1, 1],
  );
});

test('outgoing: what was offered, chosen, and the certificate', async (t) => {
  const test = startHistory(t);
  const offer = event(events.outgoingOffer, 1, 0b1100, false);
  const chosen = event(events.outgoingTls, 1, 'TLSv1.3', 'TLS_AES_128_GCM_SHA256');
  const verdict = event(
    events.outgoingSecurity,
    1,
    'example.com',
    'preferred',
    'verified',
    'certificate for mx.example.com',
  );
  test.record(now, dialled(1), offer, chosen, verdict, ...received(1), ...delivered(1), event(events.outgoingClose, 1));
  test.record(
    now,
    dialled(1),
    offer,
    event(events.outgoingTlsDeferring, 1, 'reset', false),
    event(events.outgoingClose, 1),
  );
  test.record(now, dialled(1), ...received(2), ...delivered(2), event(events.outgoingClose, 1));
  const reader = read(t, test);
  const outcomes = reader.outcomes();
  const rows = (await reader.uses(today)).map(({ outcome, messages }) => ({ messages, ...outcomes.get(outcome) }));
  assert.deepEqual(rows.map(({ kind, offered, version, messages }) => [kind, offered, version, messages]).sort(), [
    ['clear', 0, 0, 1],
    ['failed', 12, 0, 0],
    ['tls', 12, 0x0304, 1],
  ]);
  assert.equal(rows.find(({ kind }) => kind === 'tls')?.detail, 'verified');
  const peer = reader.peer((await reader.uses(today))[0]?.peer ?? 0);
  assert.deepEqual([peer?.name, peer?.domain, peer?.address], ['mx.example.com', 'example.com', '203.0.113.5']);
});

test('a derived group counts only where version and suite are those of the handshake; it is logged and kept', (t) => {
  const asked: string[] = [];
  const groups: GroupSource = {
    apply: () => undefined,
    stop: () => undefined,
    derive: ({ service, address }, tell) => {
      asked.push(`${service} ${address}`);
      tell({ version: 0x0303, suite: address === '198.51.100.7' ? 0xc02f : 0xc030, group: 29 });
    },
  };
  const test = startHistory(t, {}, undefined, groups);
  test.record(now, ...connected(1), ...secure(flight(3)), close);
  test.record(now, ...connected(1, { address: '192.0.2.1' }), ...secure(flight(4)), close);
  const suite = 'ECDHE-RSA-AES128-GCM-SHA256';
  test.record(now, event(events.guiHandshake, '198.51.100.7', flight(5), 'TLSv1.2', suite, false, null));
  // A resumed session of TLS 1.2 exchanges no keys; who failed has no group.
  test.record(now, event(events.guiHandshake, '198.51.100.7', flight(6), 'TLSv1.2', suite, true, null));
  test.record(now, event(events.guiHandshake, '198.51.100.7', flight(7), null, null, false, 'refused'));
  assert.deepEqual(asked, ['inbound 198.51.100.7', 'inbound 192.0.2.1', 'gui 198.51.100.7']);
  assert.deepEqual(
    test.texts.filter((text) => text.includes('group')),
    ['ICID 1 TLS group x25519 (derived)'],
  );
  read(t, test);
  const database = new DatabaseSync(test.file, { readOnly: true });
  t.after(() => database.close());
  const kept = database.prepare('SELECT version, suite, number FROM derived_group ORDER BY hello').all();
  assert.deepEqual(
    kept.map((row) => Object.values(row)),
    [
      [0x0303, 0xc02f, 29],
      [0x0303, 0xc02f, 29],
    ],
  );
});

test('a restart goes on with the numbers of before', (t) => {
  const one = startHistory(t);
  one.record(now, ...connected(1), ...secure(flight(1)), close);
  one.history.stop();
  const two = startHistory(t, {}, one.file);
  two.record(now, ...connected(1), ...secure(flight(1)), close, ...connected(1), ...secure(flight(2)), close);
  const reader = read(t, two);
  assert.deepEqual(
    reader.helloUses('inbound', today).map(({ connections }) => connections),
    [2, 1],
  );
  assert.equal(reader.outcomes().size, 1);
  assert.equal(reader.services().size, 1);
});

test('hostile variety: 50 new hellos a day of each network, the rest counted together; known ones always', (t) => {
  const test = startHistory(t);
  const seen = (address: string, number: number) =>
    test.record(now, ...connected(1, { address }), ...secure(flight(number)), close);
  seen('203.0.113.1', 5000);
  for (let number = 0; number < 400; number++) seen(`198.51.100.${number % 250}`, number);
  seen('198.51.100.1', 5000);
  seen('198.51.101.1', 399);
  const reader = read(t, test);
  const uses = reader.helloUses('inbound', today);
  assert.equal(uses.filter(({ hello }) => hello > 0).length, 52);
  assert.equal(uses.find(({ hello }) => hello === unkeptHello)?.connections, 350);
  assert.equal(
    uses.reduce((sum, { connections }) => sum + connections, 0),
    403,
  );
  assert.equal(uses.find(({ connections }) => connections === 2)?.messages, 0);
});

test('a restart does not give a network a new allowance of hellos or peers; a new day does', async (t) => {
  const one = startHistory(t);
  const seen = (test: TestHistory, time: number, number: number) =>
    test.record(
      time,
      ...connected(1, { address: `2001:db8::${number.toString(16)}`, name: null }),
      ...secure(flight(number)),
      close,
    );
  for (let number = 0; number < 30; number++) seen(one, today, number);
  one.history.stop();
  const two = startHistory(t, {}, one.file);
  for (let number = 30; number < 300; number++) seen(two, today, number);
  const reader = read(t, two);
  const kept = async () =>
    new Set((await reader.uses(today - day)).flatMap(({ hello }) => (hello > 0 ? hello : []))).size;
  assert.equal(await kept(), 50);
  assert.equal(reader.services().size, 257, '256 and one for the rest of the network');
  two.history.stop();
  const three = startHistory(t, {}, one.file);
  for (let number = 100; number < 400; number++) seen(three, today + day, number);
  three.history.stop();
  assert.equal(await kept(), 100);
});

test('rehearsals are kept together, and destinations have the newest handshake of all their hosts', (t) => {
  const test = startHistory(t);
  const sent = (dcid: number, domain: string, protocol: string, cipher: string, time: number) =>
    test.record(
      time,
      dialled(dcid, domain),
      event(events.outgoingOffer, dcid, 0b1111, false),
      event(events.outgoingTls, dcid, protocol, cipher),
      ...received(dcid),
      ...delivered(dcid, dcid),
      event(events.outgoingClose, dcid),
    );
  sent(1, 'a.example', 'TLSv1.3', 'TLS_AES_128_GCM_SHA256', today);
  sent(2, 'a.example', 'TLSv1.2', 'ECDHE-RSA-AES128-GCM-SHA256', today + 5);
  sent(3, 'b.example', 'TLSv1.3', 'TLS_AES_256_GCM_SHA384', today);
  test.record(now, dialled(4, 'c.example'), ...received(4), ...delivered(4, 4), event(events.outgoingClose, 4));
  assert.deepEqual(test.history.queries.destinations(30, 10), [
    { domain: 'a.example', connections: 2, messages: 2, version: 0x0303, suite: 0xc02f },
    { domain: 'b.example', connections: 1, messages: 1, version: 0x0304, suite: 0x1302 },
    { domain: 'c.example', connections: 1, messages: 1, version: 0, suite: 0 },
  ]);
  const rehearsed = { host: 'mx', versions: 12, ciphers: 'HIGH', time: now, ok: true, version: 0x0304, suite: 0x1301 };
  const rows = ['a.example', 'b.example'].map((domain) => ({ ...rehearsed, domain, detail: '' }));
  test.history.queries.keepRehearsals(rows);
  const broken = [
    { ...rows[0], domain: 'c.example' },
    { ...rows[0], domain: null },
  ] as unknown as typeof rows;
  assert.throws(() => test.history.queries.keepRehearsals(broken), /NOT NULL|bound/);
  const kept = read(t, test).rehearsals({ versions: 12, ciphers: 'HIGH' }, 0);
  assert.deepEqual([...kept.keys()], ['a.example mx', 'b.example mx'], 'all of them or none');
});

test('hostile variety: hellos in all keep to an eighth of the bound, peers of one /64 to 256 a day', async (t) => {
  const test = startHistory(t, { limits: { history: 16 * 1024 * 1024 } });
  const bytes = flight(199).length;
  const most = Math.ceil((2 * 1024 * 1024) / 100);
  for (let number = 0; number < 30_000; number++) {
    test.record(
      now,
      event(
        events.guiHandshake,
        `198.51.${(number >> 5) & 255}.${number >> 13}`.replace(/\.\d+$/, `.${number & 31}`),
        flight(number % 40_000),
        'TLSv1.2',
        'X',
        false,
        null,
      ),
    );
  }
  for (let number = 0; number < 1000; number++) {
    test.record(now, ...connected(1, { address: `2001:db8::${number.toString(16)}`, name: null }), close);
  }
  const reader = read(t, test);
  const database = new DatabaseSync(test.file, { readOnly: true });
  t.after(() => database.close());
  const kept = database.prepare('SELECT count(*) AS count, sum(length(bytes)) AS size FROM hello').get();
  assert.ok(Number(kept?.['size']) <= 2 * 1024 * 1024, `${kept?.['size']} bytes of hellos`);
  assert.ok(
    Number(kept?.['count']) > 100 && Number(kept?.['count']) < most,
    `${kept?.['count']} hellos of up to ${bytes} bytes`,
  );
  const networks = [...reader.services()]
    .filter(([, service]) => service === 'inbound')
    .map(([id]) => reader.peer(id)?.address);
  assert.equal(networks.length, 257);
  assert.ok(networks.includes('2001:db8:0:0::/64'));
  const sum = (await reader.uses(today)).reduce((total, { connections }) => total + connections, 0);
  assert.equal(sum, 31_000, 'nothing is left out of the counts');
});

test('old observations go, and hellos that nobody sends any more; a client is forgotten', async (t) => {
  const one = startHistory(t);
  const old = now - 100 * day;
  one.record(
    old,
    ...connected(1),
    ...secure(flight(1)),
    close,
    ...connected(1, { address: '192.0.2.77' }),
    ...secure(flight(2)),
    close,
  );
  one.history.queries.audit({}, { limit: 1 });
  one.record(
    now,
    ...connected(1),
    ...secure(flight(1)),
    close,
    ...connected(1, { address: '203.0.113.9' }),
    ...secure(flight(3)),
    close,
  );
  one.history.stop();
  const database = new DatabaseSync(one.file);
  const removed: number[] = [];
  const retention = new Retention(database, { forget: () => undefined, removed: (ids) => removed.push(...ids) });
  retention.tick(now, snapshotWith({ privacy: { keepObservations: 90 * day } }));
  const addresses = () =>
    database
      .prepare('SELECT address FROM peer ORDER BY address')
      .all()
      .map((row) => row['address']);
  assert.deepEqual(addresses(), ['198.51.100.7', '203.0.113.9']);
  assert.equal(removed.length, 1);
  assert.equal(database.prepare('SELECT count(*) AS count FROM observation').get()?.['count'], 2);
  assert.equal(database.prepare('SELECT count(*) AS count FROM hello').get()?.['count'], 2);
  database.close();
  const two = startHistory(t, { privacy: { keepObservations: 90 * day } }, one.file);
  assert.equal(await two.history.queries.forgetAddress('203.0.113.9'), 1);
  assert.equal(read(t, two).services().size, 1);
});

test('networks', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['198.51.100.7', '198.51.100.0/24'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8:1::', '2001:db8:1:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1:2:3:4:5', 'fe80:0:0:1::/64'],
  ];
  for (const [address, network] of cases) assert.equal(networkOf(address), network);
});
