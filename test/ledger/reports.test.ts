import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as events from '../../src/ledger/events.ts';
import type { Direction, TlsConnectionCounts } from '../../src/ledger/protocol.ts';
import { connected, delivered, dialled, event, type Recorded, received, startHistory } from './history-fixture.ts';

const hour = 3_600_000;
const day = 24 * hour;
/** The middle of a recent hour: reports by the hour are kept for a week. */
const now = Math.floor(Date.now() / hour) * hour - hour / 2;
const none: TlsConnectionCounts = {
  requiredOk: 0,
  requiredFailed: 0,
  preferredOk: 0,
  preferredFailed: 0,
  unencrypted: 0,
  total: 0,
  messages: 0,
  tls10: 0,
  tls11: 0,
  tls12: 0,
  tls13: 0,
};
const close = event(events.incomingClose, 1);
const failure = event(events.incomingTlsFailed, 1, "(167772418, 'error:0A000102:SSL routines::unsupported protocol')");
const secure = (protocol: string) => event(events.incomingTls, 1, protocol, 'X');
const secureOut = (protocol: string) => event(events.outgoingTls, 1, protocol, 'X');
const end = event(events.outgoingClose, 1);

describe('one connection in the report of TLS connections', () => {
  const cases: readonly (readonly [string, Direction, Partial<TlsConnectionCounts> | null, string, ...Recorded[]])[] = [
    [
      'preferred, with TLS',
      'incoming',
      { preferredOk: 1, total: 1, messages: 1, tls13: 1 },
      'example.org',
      ...connected(1),
      secure('TLSv1.3'),
      ...received(1),
      close,
    ],
    [
      'required, with TLS',
      'incoming',
      { requiredOk: 1, total: 1, tls12: 1 },
      'example.org',
      ...connected(1, { tls: 'required' }),
      secure('TLSv1.2'),
      close,
    ],
    ['preferred, failed', 'incoming', { preferredFailed: 1, total: 1 }, 'example.org', ...connected(1), failure, close],
    [
      'required, failed',
      'incoming',
      { requiredFailed: 1, total: 1 },
      'example.org',
      ...connected(1, { tls: 'required' }),
      failure,
      close,
    ],
    [
      'required, not begun',
      'incoming',
      { requiredFailed: 1, total: 1 },
      'example.org',
      ...connected(1, { tls: 'required' }),
      event(events.incomingTlsRequired, 1),
      close,
    ],
    [
      'clear text',
      'incoming',
      { unencrypted: 1, total: 1, messages: 2 },
      'example.org',
      ...connected(1),
      ...received(1),
      ...received(2),
      event(events.incomingLost, 1),
    ],
    ['a monitor that says nothing', 'incoming', null, '', ...connected(1), close],
    ['one that was rejected', 'incoming', null, '', ...connected(1, { action: 'REJECT' }), close],
    [
      'no verified name: the sender',
      'incoming',
      { preferredOk: 1, total: 1, messages: 1, tls10: 1 },
      'partner.co.uk',
      ...connected(1, { name: null }),
      secure('TLSv1'),
      ...received(1, { sender: 'a@mail.Partner.co.uk' }),
      close,
    ],
    [
      'neither name nor sender',
      'incoming',
      { preferredOk: 1, total: 1, tls11: 1 },
      'unknown',
      ...connected(1, { name: null }),
      secure('TLSv1.1'),
      close,
    ],
    [
      'outgoing, preferred',
      'outgoing',
      { preferredOk: 1, total: 1, messages: 1, tls12: 1 },
      'example.com',
      dialled(1),
      secureOut('TLSv1.2'),
      ...received(1),
      ...delivered(1),
      end,
    ],
    [
      'outgoing, required',
      'outgoing',
      { requiredOk: 1, total: 1, tls13: 1 },
      'example.com',
      dialled(1, 'example.com', 'required'),
      secureOut('TLSv1.3'),
      end,
    ],
    [
      'outgoing, failed',
      'outgoing',
      { preferredFailed: 1, total: 1 },
      'example.com',
      dialled(1),
      event(events.outgoingTlsDeferring, 1, 'x', true),
      end,
    ],
    [
      'outgoing, required and not offered',
      'outgoing',
      { requiredFailed: 1, total: 1 },
      'example.com',
      dialled(1, 'example.com', 'required'),
      event(events.outgoingTlsRequired, 1, '203.0.113.5'),
      end,
    ],
    [
      'outgoing, refused, then in clear text',
      'outgoing',
      { unencrypted: 1, total: 1, messages: 1 },
      'example.com',
      dialled(1),
      event(events.outgoingTlsFailed, 1, 'STARTTLS unexpected response'),
      ...received(1),
      ...delivered(1),
      end,
    ],
    ['outgoing, no SMTP at all', 'outgoing', null, '', dialled(1), end],
  ];
  for (const [name, direction, expected, domain, ...records] of cases) {
    test(name, (t) => {
      const { history, record } = startHistory(t);
      record(now, ...records);
      for (const range of [
        { from: now - 100, to: now + 1000 },
        { from: now - 30 * day, to: now + 1000 },
        { from: now - 2 * day, to: now + 2 * day },
        { from: now - 90 * day, to: now + 90 * day },
      ]) {
        const report = history.queries.tlsConnections({ ...range, direction, limit: 10 });
        const rows = expected === null ? [] : [{ domain, ...none, ...expected }];
        assert.deepEqual(report.items, rows);
        assert.deepEqual(report.sum, { ...none, ...expected });
        assert.equal(report.domains, rows.length);
        const other = direction === 'incoming' ? 'outgoing' : 'incoming';
        assert.deepEqual(history.queries.tlsConnections({ ...range, direction: other, limit: 10 }).items, []);
      }
      const before = { from: now - 90 * day, to: Math.floor(now / hour) * hour, direction, limit: 10 };
      if (Math.floor(now / day) === Math.floor((now - hour) / day)) {
        assert.deepEqual(history.queries.tlsConnections(before).items, []);
      }
    });
  }

  test('a time range counts each connection once, whatever its ends', (t) => {
    const { history, record } = startHistory(t);
    const first = Math.floor(now / day) * day - 4 * day;
    // One connection in the middle of each hour for five days.
    let count = 0;
    for (let time = first + hour / 2; time < now; time += hour) {
      record(time, ...connected(1), secure('TLSv1.3'), close);
      count++;
    }
    for (let from = 0; from < count; from += 7) {
      for (let to = from; to <= count; to += 5) {
        const range = { from: first + from * hour, to: first + to * hour };
        const { sum } = history.queries.tlsConnections({ ...range, direction: 'incoming', limit: 1 });
        assert.equal(sum.total, to - from, `${from} to ${to}`);
      }
    }
  });

  test('what TLS was wanted and what it became: in the report, and since the start', (t) => {
    const { history, record } = startHistory(t);
    const security = (wanted: string, got: string) => event(events.outgoingSecurity, 1, 'x', wanted, got, '');
    record(now, dialled(1, 'a.example'), security('dane', 'dane'), ...delivered(1, 1), end);
    record(now, dialled(1, 'b.example'), security('dane', 'dane'), end);
    record(now, dialled(1, 'b.example'), security('mta-sts', 'failed'), end);
    record(now, dialled(1, 'c.example'), end);
    record(now, event(events.outgoingHostRefused, 'b.example', 'mx.b.example', 'requiretls', 'no DNSSEC'));
    const request = { from: now - hour, to: now + hour, direction: 'outgoing' as const, limit: 1 };
    const all = [
      { wanted: 'dane', got: 'dane', connections: 2, messages: 1 },
      { wanted: 'mta-sts', got: 'failed', connections: 1, messages: 0 },
      { wanted: 'requiretls', got: 'failed', connections: 1, messages: 0 },
    ];
    assert.deepEqual(history.queries.tlsConnections(request).security, all);
    assert.deepEqual(history.security, all);
    assert.deepEqual(history.queries.tlsConnections({ ...request, domain: 'A.ex' }).security, [
      { wanted: 'dane', got: 'dane', connections: 1, messages: 1 },
    ]);
    assert.deepEqual(history.queries.tlsConnections({ ...request, direction: 'incoming' }).security, []);
    assert.deepEqual(history.queries.tlsConnections({ ...request, to: now - hour }).security, []);
  });

  test('sorted, filtered and in pages', (t) => {
    const { history, record } = startHistory(t);
    for (let n = 1; n <= 30; n++) {
      for (let times = 0; times < n; times++) record(now, dialled(1, `d${n}.example`), secureOut('TLSv1.3'), end);
    }
    const request = { from: now - hour, to: now + hour, direction: 'outgoing' as const };
    const all = history.queries.tlsConnections({ ...request, limit: 100 });
    assert.deepEqual(
      all.items.map(({ total }) => total),
      Array.from({ length: 30 }, (_, index) => 30 - index),
    );
    const first = history.queries.tlsConnections({ ...request, limit: 20 });
    const second = history.queries.tlsConnections({ ...request, limit: 20, cursor: first.next ?? '' });
    assert.deepEqual([...first.items, ...second.items], all.items);
    assert.equal(second.next, null);
    assert.equal(first.sum.total, 465);
    const some = history.queries.tlsConnections({ ...request, limit: 100, domain: 'D1', sort: 'domain' });
    assert.deepEqual(
      some.items.map(({ domain }) => domain),
      ['d1.example', ...Array.from({ length: 10 }, (_, index) => `d1${index}.example`)].sort(),
    );
  });

  test('domains without end are counted under "other"', (t) => {
    const { history, record } = startHistory(t);
    for (let n = 0; n < 10_050; n++) record(now, dialled(1, `d${n}.example`), secureOut('TLSv1.3'), end);
    const request = { from: now - hour, to: now + hour, direction: 'outgoing' as const, limit: 10 };
    const report = history.queries.tlsConnections(request);
    assert.equal(report.sum.total, 10_050);
    assert.equal(report.domains, 10_001);
    assert.equal(report.items[0]?.domain, 'other');
    assert.equal(report.items[0]?.total, 50);
  });
});

test('failures with both lines, counted by peer and reason', (t) => {
  const { history, record } = startHistory(t);
  const explained = event(events.incomingTlsExplained, 1, 'The peer offered TLS v1.0 at most');
  for (const time of [now - 2 * day, now - 1000, now]) record(time, ...connected(1), failure, explained, close);
  record(
    now,
    ...connected(1, { address: '203.0.113.9', name: null }),
    event(events.incomingTlsFailed, 1, 'reset'),
    close,
  );
  record(
    now,
    event(
      events.connectionError,
      2,
      'example.net',
      '203.0.113.10',
      25,
      '[Errno 111] Connection refused',
      '192.0.2.1',
      'network error',
    ),
  );
  record(now, event(events.guiTlsError, '192.0.2.7:51234', 'no shared cipher'));
  const range = { from: now - 30 * day, to: now + 1, limit: 10 };
  const rows = history.queries.failures({ ...range, direction: 'incoming' }).items;
  assert.deepEqual(
    rows.find(({ peer }) => peer === '198.51.100.7'),
    {
      direction: 'incoming',
      peer: '198.51.100.7',
      name: 'mail.example.org',
      detail: "(167772418, 'error:0A000102:SSL routines::unsupported protocol')",
      explanation: 'The peer offered TLS v1.0 at most',
      count: 3,
      first: now - 2 * day,
      last: now,
    },
  );
  assert.equal(rows.length, 2);
  const [outgoing] = history.queries.failures({ ...range, direction: 'outgoing' }).items;
  assert.equal(outgoing?.name, 'example.net');
  assert.equal(outgoing?.detail, '[Errno 111] Connection refused');
  assert.equal(history.queries.failures({ ...range, direction: 'web' }).items[0]?.peer, '192.0.2.7');
  assert.equal(history.queries.failures(range).items.length, 4);
  assert.equal(history.queries.failures({ ...range, text: 'V1.0 AT MOST' }).items.length, 1);
  assert.equal(history.queries.failures({ ...range, from: now - 3 * day, to: now - day }).items[0]?.count, 1);
});

test('counts over time, in minutes and hours, are there again after a restart', (t) => {
  const one = startHistory(t);
  const at = Date.now() - 1000;
  one.record(at, ...connected(1), secure('TLSv1.3'), ...received(1, { size: 1000 }), ...received(2, { size: 500 }));
  one.record(at, dialled(1), secureOut('TLSv1.2'), ...delivered(1), ...connected(2, { action: 'TCPREFUSE' }));
  one.history.stop();
  const two = startHistory(t, {}, one.file);
  two.record(at, event(events.delayed, 0, 2, 'a@x', 'b@y', 0, '4.4.1', 'x', '000', 'x'));
  for (const step of ['minute', 'hour'] as const) {
    // What comes late counts for the minute that runs.
    const series = two.history.queries.series({ from: at - hour, to: Date.now() + 1, step });
    const sum = (name: keyof typeof series.values) => series.values[name].reduce((total, value) => total + value, 0);
    assert.equal(sum('accepted'), 2, step);
    assert.equal(sum('acceptedBytes'), 1500);
    assert.equal(sum('delivered'), 1);
    assert.equal(sum('deliveredBytes'), 1000);
    assert.equal(sum('refused'), 1);
    assert.equal(sum('deferred'), 1);
    assert.equal(sum('incomingConnections'), 2);
    assert.equal(sum('incomingTls13'), 1);
    assert.equal(sum('outgoingTls12'), 1);
    assert.equal(series.start % series.step, 0);
    assert.equal(series.values.bounced.length, series.values.accepted.length);
  }
  const { counts } = two.history.queries.overview();
  assert.equal(counts.accepted, 0);
  assert.equal(counts.deferred, 1);
});

test('the overview counts open connections by version', (t) => {
  const { history, record } = startHistory(t);
  record(now, ...connected(1), secure('TLSv1.3'), ...connected(2), dialled(1), secureOut('TLSv1.2'));
  const clear = { clear: 0, tls10: 0, tls11: 0, tls12: 0, tls13: 0 };
  assert.deepEqual(history.queries.overview().incoming, { ...clear, clear: 1, tls13: 1 });
  assert.deepEqual(history.queries.overview().outgoing, { ...clear, tls12: 1 });
  record(now, close, event(events.incomingLost, 2), end);
  assert.deepEqual(history.queries.overview().incoming, clear);
  assert.deepEqual(history.queries.overview().outgoing, clear);
});

test('the audit trail, searched', (t) => {
  const { history, record } = startHistory(t);
  record(now, event(events.audit, 'admin', 'administrator', '192.0.2.7', 'API', 'token', 'made "monitoring"'));
  record(now + 1, event(events.auditOnly, 'eve', '', '203.0.113.66', 'UI', 'logonFailed', 'wrong password'));
  record(now + 2, event(events.auditOnly, 'admin', 'administrator', '', 'shell', 'commit', 'TLS 1.3 for inbound'));
  const actions = (filter: Parameters<typeof history.queries.audit>[0]) =>
    history.queries.audit(filter, { limit: 10 }).items.map(({ action }) => action);
  assert.deepEqual(actions({}), ['commit', 'logonFailed', 'token']);
  assert.deepEqual(actions({ user: 'admin' }), ['commit', 'token']);
  assert.deepEqual(actions({ face: 'API' }), ['token']);
  assert.deepEqual(actions({ action: 'logonFailed' }), ['logonFailed']);
  assert.deepEqual(actions({ text: 'tls 1.3' }), ['commit']);
  assert.deepEqual(actions({ text: '203.0.113' }), ['logonFailed']);
  assert.deepEqual(actions({ from: now + 1, to: now + 2 }), ['logonFailed']);
  const first = history.queries.audit({}, { limit: 2 });
  assert.deepEqual(history.queries.audit({}, { limit: 2, cursor: first.next ?? '' }).items, [
    {
      id: 1,
      time: now,
      user: 'admin',
      role: 'administrator',
      address: '192.0.2.7',
      face: 'API',
      action: 'token',
      detail: 'made "monitoring"',
    },
  ]);
});
