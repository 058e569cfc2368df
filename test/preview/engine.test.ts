// What a preview says about peers that were seen: real hellos, real OpenSSL, a history as the ledger writes it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import type { CertificateSettings, Snapshot } from '../../src/config/snapshot.ts';
import { keepRehearsals } from '../../src/ledger/observations/rehearsals.ts';
import { unkeptHello } from '../../src/ledger/observations/tables.ts';
import { PreviewEngine } from '../../src/preview/engine.ts';
import type { PreviewReport, TargetPreview } from '../../src/preview/report.ts';
import { type PreviewSettings, previewSettings } from '../../src/preview/settings.ts';
import { previewLines } from '../../src/preview/words.ts';
import { type TlsVersion, tlsVersions } from '../../src/tls/versions.ts';
import { clientFlight, dayLength, Population } from './population.ts';
import { testSettings } from './settings.ts';

const directory = mkdtempSync(join(tmpdir(), 'postern-preview-'));
const now = Date.UTC(2026, 10, 25, 12);
const today = now - (now % dayLength);
const engine = new PreviewEngine(join(directory, 'ledger.db'));
let running: PreviewSettings;
let snapshot: Snapshot;

before(async () => {
  snapshot = await testSettings(tlsVersions, 'destinations: [{ domain: strict.example, tls: required }]');
  running = previewSettings(snapshot);
  const population = new Population(join(directory, 'ledger.db'));
  const old = population.hello(
    clientFlight({ minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'AES128-SHA:ECDHE-RSA-AES128-SHA:@SECLEVEL=0' }),
    today,
  );
  const erp = population.hello(
    clientFlight({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES256-GCM-SHA384' }),
    today,
  );
  const modern = population.hello(clientFlight({ ecdhCurve: 'X25519MLKEM768:X25519' }), today);
  const rsaOnly = population.hello(
    clientFlight({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256', sigalgs: 'RSA+SHA256' }),
    today,
  );
  const cbc = population.hello(clientFlight({ maxVersion: 'TLSv1.2', ciphers: 'AES256-SHA256' }), today);
  const tls10 = population.outcome('tls', { version: 0x0301, suite: 0xc013 });
  const tls12 = population.outcome('tls', { version: 0x0303, suite: 0xc02c });
  const tls13 = population.outcome('tls', { version: 0x0304, suite: 0x1302 });
  const clear = population.outcome('clear');
  const refusal = population.outcome('failed', { alert: 48, revision: 3, detail: 'tlsv1 alert unknown ca' });
  const partner = population.peer('inbound', '198.51.100.7', { name: 'mail.partner.example', helo: 'mail' });
  population.seen(partner, { hello: old, outcome: tls10, day: today - dayLength, connections: 900, messages: 1240 });
  const printer = population.peer('inbound', '203.0.113.9', { helo: 'printer\u001b[2J.local' });
  population.seen(printer, { hello: old, outcome: tls10, day: today, connections: 4, messages: 4 });
  population.seen(printer, { outcome: clear, day: today - 3 * dayLength, connections: 7, messages: 12 });
  const bank = population.peer('inbound', '192.0.2.10', { name: 'mx.bank.example' });
  population.seen(bank, { hello: erp, outcome: tls12, day: today, connections: 50, messages: 60 });
  const cloud = population.peer('inbound', '2001:db8::5', { name: 'out.cloud.example' });
  population.seen(cloud, { hello: modern, outcome: tls13, day: today, connections: 5000, messages: 9000 });
  const strict = population.peer('inbound', '192.0.2.30', { name: 'mx.picky.example' });
  population.seen(strict, { hello: modern, outcome: refusal, day: today - 2 * dayLength, connections: 3, messages: 0 });
  const scanner = population.peer('inbound', '192.0.2.50', { helo: 'scanner.example' });
  population.seen(scanner, { outcome: clear, day: today, connections: 20, messages: 20 });
  const rsa = population.peer('inbound', '192.0.2.60', { name: 'mx.rsa.example' });
  population.seen(rsa, { hello: rsaOnly, outcome: tls12, day: today, connections: 5, messages: 5 });
  const block = population.peer('inbound', '192.0.2.70', { name: 'mx.cbc.example' });
  population.seen(block, { hello: cbc, outcome: tls12, day: today, connections: 2, messages: 2 });
  // Of too many kinds: their hellos were not kept. The bank sent some of them too.
  const crowd = population.peer('inbound', '198.18.0.0/24');
  population.seen(crowd, { hello: unkeptHello, outcome: tls12, day: today, connections: 300, messages: 5 });
  population.seen(crowd, { hello: unkeptHello, outcome: refusal, day: today, connections: 40, messages: 0 });
  population.seen(bank, { hello: unkeptHello, outcome: tls12, day: today, connections: 2, messages: 2 });
  // No hello ever came.
  population.seen(crowd, { outcome: population.outcome('failed', { detail: 'no ClientHello' }), day: today });
  // Forgotten: before the window.
  const gone = population.peer('inbound', '192.0.2.99', { name: 'gone.example' });
  population.seen(gone, { hello: old, outcome: tls10, day: today - 40 * dayLength });
  const admin = population.peer('gui', '10.0.0.5');
  population.seen(admin, { service: 'gui', listener: '', hello: erp, outcome: tls12, day: today, messages: 0 });
  // Outgoing: both were offered 1.0 to 1.3.
  const old12 = population.outcome('tls', { version: 0x0301, suite: 0xc013, offered: 15 });
  const good13 = population.outcome('tls', { version: 0x0304, suite: 0x1301, offered: 15 });
  const only12 = population.outcome('tls', { version: 0x0303, suite: 0xc02f, offered: 4 });
  const destination = (name: string, domain: string, outcome: number, messages: number) => {
    const id = population.peer('outbound', '203.0.113.80', { name, domain });
    population.seen(id, { service: 'outbound', listener: '', outcome, day: today, messages });
  };
  destination('mx.ancient.example', 'ancient.example', old12, 70);
  destination('mx.new.example', 'new.example', good13, 400);
  destination('mx.strict.example', 'strict.example', only12, 30);
  population.close();
});
after(() => {
  engine.close();
  rmSync(directory, { recursive: true });
});

const withInbound = (versions: readonly TlsVersion[], ciphers = running.tls.inbound.ciphers): PreviewSettings => ({
  ...running,
  tls: { ...running.tls, inbound: { versions, ciphers } },
});
const preview = (candidate: PreviewSettings, from = running): Promise<PreviewReport> =>
  engine.run(
    { running: from, candidate, days: 30 },
    {
      now,
      describeRevisions: async (numbers) =>
        new Map(numbers.map((number) => [number, `TLS 1.2, 1.3 (revision ${number})`])),
    },
  );
const inbound = ({ targets }: PreviewReport): TargetPreview => {
  const found = targets.find(({ service }) => service === 'inbound');
  assert.ok(found !== undefined);
  return found;
};
const peersOf = ({ totals }: TargetPreview) =>
  Object.fromEntries(Object.entries(totals).map(([change, { peers }]) => [change, peers]));

test('1.2 and 1.3 only: the TLS 1.0 partners by name, what becomes of their mail, and what would keep them', async () => {
  const report = await preview(withInbound(['TLSv1.2', 'TLSv1.3']));
  const target = inbound(report);
  assert.equal(report.complete, true);
  assert.equal(report.breaks, 2);
  assert.deepEqual(peersOf(target), { breaks: 2, weaker: 0, starts: 0, better: 0, unchanged: 6 });
  assert.deepEqual(target.totals.breaks, { peers: 2, connections: 904, messages: 1244 });
  const [group] = target.groups;
  assert.equal(target.groups.length, 1);
  assert.equal(group?.reason, 'protocol version');
  assert.equal(group?.offers, 'offers TLS 1.0 only');
  assert.match(group?.explanation ?? '', /offered TLS v1\.0 at most; Inbound SMTP allows TLS v1\.2, TLS v1\.3/);
  assert.deepEqual(
    group?.named.map(({ text }) => text),
    [
      'mail.partner.example (198.51.100.7), 1,240 messages in 30 days, last yesterday: offers TLS 1.0 only',
      '203.0.113.9 (calls itself printer?[2J.local), 4 messages in 30 days, last today: offers TLS 1.0 only; sent 12 messages in clear text, last on 2026-11-22',
    ],
  );
  assert.equal(group?.fate, 'clear-text');
  assert.match(group?.fateText ?? '', /in clear text, which this listener takes: 1 of 2 have done so before/);
  assert.deepEqual(group?.remedy, {
    text: 'also keep TLS v1.0, TLS v1.1 for Inbound SMTP',
    patch: { tls: { inbound: { versions: ['TLSv1.0', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] } } },
  });
  assert.deepEqual(
    target.moves.map(({ from, to, change, peers }) => [from, to, change, peers]),
    [
      ['TLS v1.3', 'TLS v1.3', 'unchanged', 1],
      ['TLS v1.0', 'refused', 'breaks', 2],
      ['TLS v1.2', 'TLS v1.2', 'unchanged', 3],
      ['clear text', 'clear text', 'unchanged', 2],
    ],
  );
  assert.deepEqual(target.clearText, { peers: 1, connections: 27, messages: 32 });
});

test('connections whose hellos were not kept are counted by themselves', async () => {
  const report = await preview(withInbound(['TLSv1.2', 'TLSv1.3']));
  assert.deepEqual(inbound(report).unjudged, { peers: 1, connections: 342, messages: 7 });
  const line =
    /^ {2}NOT JUDGED: 342 connections with hellos that were not kept \(too many different ones\), and 1 peer of whom/;
  assert.ok(previewLines(report).some((text) => line.test(text)));
  assert.deepEqual(inbound(await preview(running)).unjudged, { peers: 0, connections: 0, messages: 0 });
});

test('who once refused is never a certainty', async () => {
  const { mayRefuse } = inbound(await preview(withInbound(['TLSv1.2', 'TLSv1.3'])));
  assert.deepEqual(
    mayRefuse.map(({ text }) => text),
    [
      'mx.picky.example (192.0.2.30), 3 connections in 30 days, last on 2026-11-23: offers TLS 1.2 and 1.3; may refuse: it refused with "unknown ca" under TLS 1.2, 1.3 (revision 3) on 2026-11-23',
    ],
  );
});

test('where TLS is required, the mail of those who break is refused', async () => {
  const required = (settings: PreviewSettings): PreviewSettings => ({
    ...settings,
    listeners: settings.listeners.map((listener) => ({ ...listener, tls: 'required' as const })),
  });
  const target = inbound(await preview(required(withInbound(['TLSv1.2', 'TLSv1.3'])), required(running)));
  assert.equal(target.groups[0]?.fate, 'refused');
  assert.match(target.groups[0]?.fateText ?? '', /nothing without TLS \(530\)/);
  // From preferred to required: whoever sends in clear text breaks as well.
  const stricter = inbound(await preview(required(running)));
  assert.deepEqual(peersOf(stricter), { breaks: 2, weaker: 0, starts: 0, better: 0, unchanged: 6 });
  assert.equal(stricter.groups[0]?.reason, 'TLS is required');
  assert.deepEqual(
    stricter.groups[0]?.named.map(({ address }) => address),
    ['192.0.2.50', '203.0.113.9'],
  );
});

test('without 1.3: weaker, and in what', async () => {
  const target = inbound(await preview(withInbound(['TLSv1.0', 'TLSv1.1', 'TLSv1.2'])));
  assert.equal(target.totals.weaker.peers, 1);
  const weaker = target.groups.find(({ change }) => change === 'weaker');
  assert.deepEqual(
    weaker?.differences.map(({ aspect, better, from, to }) => [aspect, better, from, to]),
    [
      ['version', false, 'TLS v1.3', 'TLS v1.2'],
      ['cipher suite', false, 'TLS_AES_256_GCM_SHA384', 'ECDHE-RSA-AES128-GCM-SHA256'],
      ['post-quantum', false, 'yes', 'no'],
    ],
  );
});

test('the other way round: they start to work, and become better', async () => {
  const target = inbound(await preview(running, withInbound(['TLSv1.2'])));
  assert.deepEqual(peersOf(target), { breaks: 0, weaker: 0, starts: 2, better: 1, unchanged: 5 });
});

test('a cipher string without CBC: the suite would keep them', async () => {
  const target = inbound(await preview(withInbound(tlsVersions, 'ECDHE+AESGCM:ECDHE+AES')));
  const group = target.groups.find(({ change }) => change === 'breaks');
  assert.deepEqual(
    group?.named.map(({ name }) => name),
    ['mx.cbc.example'],
  );
  assert.equal(group?.reason, 'handshake failure');
  assert.match(group?.remedy?.text ?? '', /^also allow AES256-SHA256 for Inbound SMTP$/);
});

test('another certificate: who cannot use its key type', async () => {
  const key = join(directory, 'ec.key');
  const cert = join(directory, 'ec.crt');
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=x'].concat([
      ...['-days', '30', '-keyout', key, '-out', cert],
    ]),
    { stdio: 'ignore' },
  );
  const pair: CertificateSettings = {
    name: 'ecdsa',
    pairs: [{ cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }],
  };
  const candidate: PreviewSettings = {
    ...running,
    certificates: [...running.certificates, pair],
    listeners: running.listeners.map((listener) => ({ ...listener, certificate: 'ecdsa' })),
  };
  const target = inbound(await preview(candidate));
  const broken = target.groups.filter(({ change }) => change === 'breaks').flatMap(({ named }) => named);
  // Those of TLS 1.0 have no suite for an ECDSA key either.
  const olds = ['203.0.113.9', 'mail.partner.example'];
  assert.deepEqual(broken.map(({ name, address }) => name || address).toSorted(), [
    ...olds,
    'mx.cbc.example',
    'mx.rsa.example',
  ]);
  for (const group of target.groups) {
    assert.equal(group.remedy?.text, 'keep the certificate "demo" there');
  }
});

test('a listener that goes takes everybody with it; the web service has its own peers', async () => {
  const report = await preview({
    ...running,
    listeners: [],
    tls: { ...running.tls, gui: { ...running.tls.gui, versions: ['TLSv1.3'] } },
  });
  assert.equal(inbound(report).totals.breaks.peers, 7);
  const gui = report.targets.find(({ service }) => service === 'gui');
  assert.deepEqual(
    gui?.groups.map(({ fate, named }) => [fate, named[0]?.address]),
    [['locked-out', '10.0.0.5']],
  );
});

describe('outgoing', () => {
  const withOutbound = (versions: readonly TlsVersion[], ciphers = running.tls.outbound.ciphers): PreviewSettings => ({
    ...running,
    tls: { ...running.tls, outbound: { versions, ciphers } },
  });
  const told = (report: PreviewReport) => report.outgoing.named.map(({ verdict, text }) => `${verdict}: ${text}`);

  test('works, breaks, unknown', async () => {
    const report = await preview(withOutbound(['TLSv1.3']));
    assert.deepEqual(
      Object.entries(report.outgoing.totals).map(([verdict, { peers, messages }]) => [verdict, peers, messages]),
      [
        ['works', 1, 400],
        ['breaks', 1, 70],
        ['unknown', 1, 30],
      ],
    );
    assert.deepEqual(told(report), [
      'breaks: ancient.example: mx.ancient.example (203.0.113.80), 70 messages in 30 days, last today: it chose TLS 1.0 although newer versions were offered, and TLS 1.0 is no longer; its mail waits, and comes back after some days (TLS towards it: preferred)',
      'unknown: strict.example: mx.strict.example (203.0.113.80), 30 messages in 30 days, last today: it chose TLS 1.2, which is no longer offered; whether it speaks another is not known; a rehearsal would tell',
    ]);
  });

  test('a rehearsal answers under the settings that it was made with: those of an exception too', async () => {
    const time = now - 3 * dayLength;
    const rehearsed = { host: 'mx.strict.example', domain: 'strict.example', time, detail: 'alert' };
    const usual = { ...rehearsed, versions: 8, ciphers: running.tls.outbound.ciphers };
    const special = { ...rehearsed, versions: 12, ciphers: 'AES128-SHA' };
    const database = new DatabaseSync(join(directory, 'ledger.db'));
    keepRehearsals(database, [
      { ...usual, ok: false, version: 0, suite: 0 },
      { ...special, ok: true, version: 0x0303, suite: 0x2f },
    ]);
    database.close();
    const of = (report: PreviewReport) => report.outgoing.named.find(({ domain }) => domain === 'strict.example');
    const candidate = withOutbound(['TLSv1.3']);
    const without = of(await preview(candidate));
    assert.deepEqual([without?.verdict, without?.reason], ['breaks', 'rehearsed on 2026-11-22: alert']);
    const settings = { versions: ['TLSv1.2', 'TLSv1.3'] as const, ciphers: 'AES128-SHA' };
    const exception = { service: 'outbound' as const, peer: 'strict.example', settings, until: now + dayLength };
    const report = await preview({ ...candidate, exceptions: [exception] });
    assert.equal(of(report), undefined);
    assert.equal(report.outgoing.totals.works.messages, 430);
  });

  test('a suite that is gone is unknown, not broken', async () => {
    const report = await preview(withOutbound(tlsVersions, 'ECDHE-ECDSA-AES256-GCM-SHA384'));
    assert.equal(report.outgoing.totals.breaks.peers, 0);
    assert.equal(report.outgoing.totals.unknown.peers, 2);
  });

  test('unchanged settings change nothing', async () => {
    const report = await preview(running);
    assert.equal(report.outgoing.changed, false);
    assert.equal(report.breaks, 0);
    assert.deepEqual(peersOf(inbound(report)), { breaks: 0, weaker: 0, starts: 0, better: 0, unchanged: 9 });
  });
});

test('figures come while hellos are still being replayed, and an abort ends it', async () => {
  const slow = new PreviewEngine(join(directory, 'ledger.db'));
  const ended = new AbortController();
  const candidate = withInbound(['TLSv1.3']);
  ended.abort();
  await assert.rejects(
    slow.run({ running, candidate, days: 30 }, { now, signal: ended.signal }),
    (error: Error) => error.name === 'AbortError',
  );
  slow.close();
});

test('without any history there is nothing to say, and no failure', async () => {
  const empty = new PreviewEngine(join(directory, 'none.db'));
  const report = await empty.run({ running, candidate: withInbound(['TLSv1.3']), days: 30 });
  assert.equal(report.complete, true);
  assert.equal(report.breaks, 0);
  assert.equal(inbound(report).observed, null);
});
