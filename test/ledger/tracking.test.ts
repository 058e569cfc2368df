import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import * as events from '../../src/ledger/events.ts';
import type { MessageState, TrackedMessage, TrackingFilter } from '../../src/ledger/protocol.ts';
import { connected, delivered, dialled, event, received, startHistory, type TestHistory } from './history-fixture.ts';

const begun = Date.UTC(2026, 10, 25, 12);
const tls = ['TLSv1.3', 'TLS_AES_256_GCM_SHA384'] as const;

function found(test: TestHistory, filter: TrackingFilter): number[] {
  return test.history.queries.trackMessages(filter, { limit: 1000 }).items.map(({ mid }) => mid);
}

test('the whole story of a message, with both legs', (t) => {
  const test = startHistory(t);
  test.record(
    begun,
    ...connected(30),
    event(events.incomingTls, 30, ...tls),
    event(events.incomingHelo, 30, 'mail.example.org'),
  );
  const options = { icid: 30, subject: 'hello', messageId: '<x@example.org>' };
  test.record(begun + 100, ...received(14, options), event(events.messageTls, 14, 'required'));
  test.record(
    begun + 150,
    dialled(44),
    event(events.outgoingTls, 44, 'TLSv1.2', 'ECDHE-RSA-AES128-GCM-SHA256'),
    event(events.outgoingCertificate, 44, 'subject "CN=mx.example.com" verified'),
    event(
      events.outgoingSecurity,
      44,
      'example.com',
      'requiretls',
      'verified',
      'certificate for mx.example.com, REQUIRETLS',
    ),
  );
  test.record(begun + 200, ...delivered(14, 44));
  const story = test.history.queries.trackMessage(14);
  assert.deepEqual(story?.message, {
    mid: 14,
    time: begun + 100,
    state: 'delivered',
    deferrals: 0,
    sender: 'alice@example.org',
    recipients: ['bob@example.com'],
    recipientCount: 1,
    subject: 'hello',
    messageId: '<x@example.org>',
    size: 280,
    icid: 30,
    listener: 'inbound',
    peer: '198.51.100.7',
    peerName: 'mail.example.org',
    tls: 'TLSv1.3',
  } satisfies TrackedMessage);
  assert.deepEqual(story?.incoming, {
    icid: 30,
    listener: 'inbound',
    interface: 'Management',
    localAddress: '192.0.2.1',
    address: '198.51.100.7',
    reverseName: 'mail.example.org',
    verified: true,
    helo: 'mail.example.org',
    senderGroup: 'ALL',
    action: 'ACCEPT',
    match: 'ALL',
    tls: { protocol: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', derivedGroup: null },
  });
  assert.deepEqual(story?.outgoing, [
    {
      dcid: 44,
      destination: 'example.com',
      host: 'mx.example.com',
      address: '203.0.113.5',
      port: 25,
      interface: '192.0.2.1',
      tls: {
        protocol: 'TLSv1.2',
        cipher: 'ECDHE-RSA-AES128-GCM-SHA256',
        certificate: 'subject "CN=mx.example.com" verified',
      },
      security: { wanted: 'requiretls', got: 'verified', detail: 'certificate for mx.example.com, REQUIRETLS' },
    },
  ]);
  assert.deepEqual(story?.events, [
    { time: begun + 100, kind: 'started' },
    { time: begun + 100, kind: 'received', size: 280 },
    { time: begun + 100, kind: 'queued' },
    { time: begun + 100, kind: 'tls', demand: 'required' },
    { time: begun + 200, kind: 'attempt', dcid: 44, rids: [0] },
    { time: begun + 200, kind: 'delivered', dcid: 44, rids: [0], response: '2.0.0 OK' },
    { time: begun + 200, kind: 'finished' },
  ]);
  assert.equal(story?.cut, false);
  assert.equal(test.history.queries.trackMessage(15), null);
});

test('a connection that ended before an attempt is told of with the failure: what TLS was wanted, and that it failed', (t) => {
  const test = startHistory(t);
  const reason = 'the certificate is not for mx.example.com';
  const failure = ['4.7.5', 'Cryptographic failure', '000', reason] as const;
  test.record(begun, ...connected(1), ...received(1, { recipients: ['b@example.com'] }));
  test.record(
    begun + 1000,
    dialled(7, 'example.com', 'required'),
    event(events.outgoingTls, 7, 'TLSv1.3', 'TLS_AES_256_GCM_SHA384'),
    event(events.outgoingSecurity, 7, 'example.com', 'required-verify', 'failed', reason),
    event(events.outgoingClose, 7),
    event(events.delayed, 7, 1, 'alice@example.org', 'b@example.com', 0, ...failure),
  );
  const story = test.history.queries.trackMessage(1);
  assert.deepEqual(
    story?.outgoing.map(({ dcid, tls, security }) => ({ dcid, protocol: tls?.protocol, security })),
    [{ dcid: 7, protocol: 'TLSv1.3', security: { wanted: 'required-verify', got: 'failed', detail: reason } }],
  );
});

test('what happens after its row was written is added: delays, a bounce, who held it', (t) => {
  const test = startHistory(t);
  test.record(begun, ...connected(1), ...received(1, { recipients: ['b@example.com', 'c@example.com'] }));
  assert.equal(test.history.queries.trackMessage(1)?.message.state, 'queued');
  const failure = ['4.3.2', 'Not accepting messages at this time', '421', '4.3.2 try again later'] as const;
  test.record(
    begun + 1000,
    event(events.deliveryStart, 7, 1, '0, 1'),
    event(events.delayed, 7, 1, 'alice@example.org', 'b@example.com', 0, ...failure),
    event(events.delayed, 7, 1, 'alice@example.org', 'c@example.com', 1, ...failure),
  );
  let story = test.history.queries.trackMessage(1);
  assert.equal(story?.message.state, 'queued');
  assert.equal(story?.message.deferrals, 2);
  assert.deepEqual(story?.events.at(-1), {
    time: begun + 1000,
    kind: 'delayed',
    dcid: 7,
    rids: [0, 1],
    status: failure[0],
    text: failure[1],
    code: failure[2],
    reply: failure[3],
  });
  test.record(
    begun + 2000,
    event(events.messageAdministered, 1, 'held', 'admin'),
    event(events.messageAdministered, 1, 'released', 'admin'),
  );
  test.history.queries.trackMessage(1);
  test.record(
    begun + 3000,
    event(events.deliveryStart, 8, 1, '0, 1'),
    event(events.deliveryDone, 8, 1, '0'),
    event(events.deliveryResponse, 1, '0', '2.0.0 OK'),
    event(events.bounced, 8, 1, 'alice@example.org', 'c@example.com', 1, '5.1.1', 'Bad mailbox', '550', 'no such user'),
  );
  test.record(
    begun + 3001,
    event(events.generatedForBounce, 2, 1),
    ...received(2, { icid: 0, sender: '', recipients: ['alice@example.org'] }),
    event(events.messageFinished, 1),
  );
  story = test.history.queries.trackMessage(1);
  assert.equal(story?.message.state, 'partial');
  assert.deepEqual(
    story?.events.map(({ kind }) => kind),
    'started received queued attempt delayed administered administered attempt delivered bounced bounce finished'.split(
      ' ',
    ),
  );
  assert.deepEqual(story?.events.at(-2), { time: begun + 3001, kind: 'bounce', mid: 2 });
  const bounce = test.history.queries.trackMessage(2);
  assert.equal(bounce?.incoming, null);
  assert.equal(bounce?.message.sender, '');
  assert.deepEqual(bounce?.events[0], { time: begun + 3001, kind: 'started' });
  assert.ok(bounce?.events.some((each) => each.kind === 'bounceOf' && each.mid === 1));
});

describe('how a message ended', () => {
  const bounced = (mid: number, sender = 'alice@example.org') =>
    event(events.bounced, 0, mid, sender, 'b@example.com', 0, '5.1.2', 'Bad destination host', '000', 'x');
  const cases: readonly (readonly [MessageState, ...ReturnType<typeof event>[]])[] = [
    ['delivered', ...received(1), ...delivered(1)],
    ['bounced', ...received(1), bounced(1), event(events.messageFinished, 1)],
    ['partial', ...received(1, { recipients: ['a@x', 'b@x'] }), bounced(1), ...delivered(1, 1, '1')],
    [
      'dropped',
      ...received(1, { sender: '' }),
      bounced(1, ''),
      event(events.doubleBounce, 1, 0, '5.1.2', 'Bad destination host', "000-'x'"),
      event(events.messageFinished, 1),
    ],
    [
      'deleted',
      ...received(1),
      event(events.messageAdministered, 1, 'deleted', 'admin'),
      event(events.messageFinished, 1),
    ],
    ['aborted', ...received(1).slice(0, 3), event(events.messageAborted, 1, 'Receiving aborted')],
    ['aborted', ...received(1).slice(0, 3), event(events.incomingLost, 1)],
    [
      'rejected',
      event(events.messageStart, 1, 1),
      event(events.messageFrom, 1, 1, 'a@x'),
      event(events.rejectedByRat, 1, 1, 'stranger@example.net'),
      event(events.messageAborted, 1, 'Receiving aborted'),
    ],
    ['queued', ...received(1)],
  ];
  for (const [state, ...records] of cases) {
    test(`${state}, written at once or bit by bit`, (t) => {
      const whole = startHistory(t);
      whole.record(begun, ...connected(1), ...records);
      assert.deepEqual(found(whole, { state }), [1]);
      const others = cases.map(([other]) => other).filter((other) => other !== state);
      for (const other of others) assert.deepEqual(found(whole, { state: other }), []);
      const pieces = startHistory(t);
      pieces.record(begun, ...connected(1));
      records.forEach((record, index) => {
        pieces.record(begun + index, record);
        pieces.history.queries.audit({}, { limit: 1 });
      });
      assert.deepEqual(found(pieces, { state }), [1]);
    });
  }
});

describe('searches', () => {
  const prepare = (t: import('node:test').TestContext) => {
    const test = startHistory(t);
    test.record(begun, ...connected(1), ...connected(2, { address: '2001:db8::9', listener: 'second' }));
    const give = (mid: number, options: Parameters<typeof received>[1]) =>
      test.record(begun + mid * 1000, ...received(mid, options), ...delivered(mid));
    give(1, {
      sender: 'Alice@Example.ORG',
      recipients: ['bob@example.com'],
      subject: 'Quarterly report',
      messageId: '<One.1@example.org>',
    });
    give(2, {
      sender: 'alice.b@example.org',
      recipients: ['carol@example.net', 'bob@example.com'],
      subject: 'Re: report (final)',
    });
    give(3, { icid: 2, sender: '', recipients: ["o'brien+x@example.com"], subject: 'Grüße aus Köln' });
    give(4, { icid: 2, sender: 'bob@example.com', recipients: ['alice@example.org'], messageId: '<two"@example.org>' });
    test.record(
      begun + 5000,
      event(events.messageStart, 5, 2),
      event(events.messageFrom, 5, 2, 'spammer@example.net'),
      event(events.rejectedUnknown, 5, 2, 'nobody@example.com'),
      event(events.messageAborted, 5, 'Receiving aborted'),
    );
    return test;
  };
  const cases: readonly (readonly [TrackingFilter, readonly number[]])[] = [
    [{}, [5, 4, 3, 2, 1]],
    [{ sender: 'alice@example.org' }, [1]],
    [{ sender: 'ALICE@EXAMPLE.ORG' }, [1]],
    [{ sender: 'alice*' }, [2, 1]],
    [{ sender: '@example.org' }, [2, 1]],
    [{ sender: '' }, [3]],
    [{ sender: 'ali' }, []],
    [{ recipient: 'bob@example.com' }, [2, 1]],
    [{ recipient: '@example.com' }, [5, 3, 2, 1]],
    [{ recipient: "o'brien+x@example.com" }, [3]],
    [{ recipient: 'nobody@example.com' }, [5]],
    [{ sender: 'alice*', recipient: 'carol@example.net' }, [2]],
    [{ subject: 'report' }, [2, 1]],
    [{ subject: 'final REPORT' }, [2]],
    [{ subject: 'quart*' }, [1]],
    [{ subject: 'quart' }, []],
    [{ subject: 'grüße' }, [3]],
    [{ subject: 'KÖLN' }, [3]],
    [{ messageId: 'one.1@example.org' }, [1]],
    [{ messageId: '<One.1@example.org>' }, [1]],
    [{ messageId: '<one*' }, [1]],
    [{ messageId: '<two"@example.org>' }, [4]],
    [{ mid: 3 }, [3]],
    [{ mid: 99 }, []],
    [{ icid: 2 }, [5, 4, 3]],
    [{ peer: '2001:db8::9' }, [5, 4, 3]],
    [{ listener: 'second', sender: '@example.com' }, [4]],
    [{ state: 'rejected' }, [5]],
    [{ state: 'rejected', sender: '@example.net' }, [5]],
    [{ state: 'rejected', sender: '@example.org' }, []],
    [{ state: 'delivered', peer: '2001:db8::9' }, [4, 3]],
    [{ from: begun + 2000 }, [5, 4, 3, 2]],
    [{ to: begun + 2000 }, [1]],
    [{ from: begun + 2000, to: begun + 4000, recipient: '@example.com' }, [3, 2]],
    [{ sender: '" OR "fbob@example.com' }, []],
    [{ subject: '"' }, [5, 4, 3, 2, 1]],
  ];
  test('each gives what it should', (t) => {
    const test = prepare(t);
    for (const [filter, expected] of cases) assert.deepEqual(found(test, filter), expected, JSON.stringify(filter));
  });

  test('pages put together are the whole, in order, for any size of page', (t) => {
    const test = startHistory(t);
    test.record(begun, ...connected(1));
    for (let mid = 1; mid <= 300; mid++) {
      const sender = mid % 3 === 0 ? 'x@example.org' : 'y@example.org';
      test.record(begun + mid, ...received(mid, { sender }), ...(mid % 5 === 0 ? [] : delivered(mid)));
    }
    const filters: TrackingFilter[] = [
      {},
      { sender: 'x@example.org' },
      { state: 'queued' },
      { from: begun + 100, to: begun + 200 },
    ];
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), fc.constantFrom(...filters), (limit, filter) => {
        const all: number[] = [];
        let cursor: string | null = null;
        do {
          const page: { items: readonly TrackedMessage[]; next: string | null } = test.history.queries.trackMessages(
            filter,
            {
              limit,
              ...(cursor === null ? {} : { cursor }),
            },
          );
          assert.ok(page.items.length <= limit);
          all.push(...page.items.map(({ mid }) => mid));
          cursor = page.next;
        } while (cursor !== null);
        assert.deepEqual(all, found(test, filter));
      }),
      { numRuns: 30 },
    );
  });

  test('wrong pages and cursors are refused in words', (t) => {
    const { queries } = startHistory(t).history;
    for (const limit of [0, -1, 1001, 1.5, Number.NaN]) {
      assert.throws(() => queries.trackMessages({}, { limit }), { code: 'bad-usage' });
    }
    assert.throws(() => queries.trackMessages({}, { limit: 1, cursor: "1' OR 1" }), { code: 'bad-usage' });
  });
});

test('without addresses and subjects in the log there are none in the history', (t) => {
  const test = startHistory(t, { privacy: { logAddresses: false, logSubjects: false } });
  const options = {
    subject: 'secret',
    sender: 'alice@example.org',
    recipients: ['bob@example.com'],
    messageId: '<x@example.org>',
  };
  const reply = '<bob@example.com>: no such user bob';
  test.record(
    begun,
    ...connected(1),
    ...received(1, options),
    event(events.bounced, 0, 1, 'alice@example.org', 'bob@example.com', 0, '5.1.1', 'Bad mailbox', '550', reply),
    event(events.messageFinished, 1),
  );
  const story = JSON.stringify(test.history.queries.trackMessage(1));
  assert.match(story, /redacted/);
  assert.doesNotMatch(story, /alice|bob@|secret/);
  assert.match(story, /<x@example\.org>/);
  for (const filter of [{ sender: 'alice@example.org' }, { recipient: '@example.com' }, { subject: 'secret' }]) {
    assert.deepEqual(found(test, filter), []);
  }
});

test('a person is forgotten by address, a client by its own; others stay', async (t) => {
  const test = startHistory(t);
  test.record(begun, ...connected(1), ...connected(2, { address: '203.0.113.77' }));
  test.record(
    begun,
    ...received(1),
    ...received(2, { sender: 'x@example.org', recipients: ['alice@example.org', 'y@example.org'] }),
  );
  test.record(begun, ...received(3, { sender: 'z@example.org' }), ...received(4, { icid: 2, sender: 'w@example.org' }));
  test.record(begun, event(events.incomingTlsFailed, 2, 'reset'), event(events.incomingClose, 2));
  assert.equal(await test.history.queries.forgetAddress('Alice@example.org'), 2);
  assert.deepEqual(found(test, {}), [4, 3]);
  assert.deepEqual(found(test, { sender: 'alice@example.org' }), []);
  assert.equal(test.history.queries.trackMessage(1), null);
  const range = { from: begun - 1, to: begun + 86_400_000, limit: 10 };
  assert.equal(test.history.queries.failures(range).items.length, 1);
  assert.equal(await test.history.queries.forgetAddress('203.0.113.77'), 4);
  assert.deepEqual(found(test, {}), [3]);
  assert.equal(test.history.queries.failures(range).items.length, 0);
  assert.equal(await test.history.queries.forgetAddress('*'), 0);
  test.history.stop();
});
