import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CallAhead } from '../../src/delivery/callahead.ts';
import { CertificateDirectory } from '../tls/peers.ts';
import { routedTo, Sender } from './fixture.ts';
import { Peer, type PeerScript } from './peer.ts';

const certificates = new CertificateDirectory();
const pair = certificates.make('ec', 'mx.example');
test.after(() => certificates.remove());

async function setUp(t: TestContext, script: PeerScript, document: Record<string, unknown> = {}) {
  const peer = await Peer.start(script);
  t.after(() => peer.close());
  const sender = new Sender(routedTo(peer.port, { recipients: { callAhead: true }, ...document }));
  t.after(() => sender.stop());
  return { peer, sender, callAhead: new CallAhead(sender) };
}

const known: PeerScript['reply'] = (command) =>
  command.startsWith('RCPT') && !command.includes('<known') ? '550 5.1.1 no such user' : null;

test('exists, unknown, and known at once the second time', async (t) => {
  const { peer, callAhead } = await setUp(t, { reply: known });
  assert.equal(await callAhead.ask('known@example.com'), 'exists');
  assert.equal(await callAhead.ask('other@example.com'), 'unknown');
  assert.equal(callAhead.ask('known@EXAMPLE.com'), 'exists');
  assert.equal(callAhead.ask('other@example.com'), 'unknown');
  assert.equal(peer.sessions.length, 2);
  assert.deepEqual(peer.sessions[0]?.commands, [
    'EHLO gw.example.com',
    'MAIL FROM:<>',
    'RCPT TO:<known@example.com>',
    'QUIT',
  ]);
  assert.equal(peer.messages.length, 0);
});

test('postmaster is never asked about (RFC 5321 4.5.1)', async (t) => {
  const { peer, callAhead } = await setUp(t, { reply: known });
  assert.equal(callAhead.ask('Postmaster@example.com'), 'exists');
  assert.equal(callAhead.ask('postmaster'), 'exists');
  assert.equal(peer.sessions.length, 0);
});

test('equal questions fly once; a negative answer is kept a quarter as long', async (t) => {
  const { peer, callAhead } = await setUp(t, { reply: known }, { recipients: { callAhead: true, cache: '1h' } });
  const clock = performance.now.bind(performance);
  let ahead = 0;
  t.mock.method(performance, 'now', () => clock() + ahead);
  const answers = await Promise.all(Array.from({ length: 10 }, () => callAhead.ask('other@example.com')));
  assert.deepEqual(new Set(answers), new Set(['unknown']));
  await callAhead.ask('known@example.com');
  assert.equal(peer.sessions.length, 2);
  ahead = 16 * 60_000;
  await callAhead.ask('other@example.com');
  await callAhead.ask('known@example.com');
  assert.equal(peer.sessions.length, 3);
  ahead = 61 * 60_000;
  await callAhead.ask('known@example.com');
  assert.equal(peer.sessions.length, 4);
});

test('what says nothing about the address is `try-later`, and is not kept', async (t) => {
  const replies: Record<string, PeerScript> = {
    greylisting: { reply: (command) => (command.startsWith('RCPT') ? '451 4.7.1 later' : null) },
    'a refused sender': { reply: (command) => (command.startsWith('MAIL') ? '550 5.7.1 no null sender here' : null) },
    'a refused connection': { greeting: '554 5.7.1 go away' },
    'a full mailbox': { reply: (command) => (command.startsWith('RCPT') ? '552 5.2.2 full' : null) },
    '421': { reply: (command) => (command.startsWith('RCPT') ? '421 4.3.2 bye' : null) },
  };
  for (const [name, script] of Object.entries(replies)) {
    const { peer, callAhead, sender } = await setUp(t, script);
    assert.equal(await callAhead.ask('b@example.com'), 'try-later', name);
    assert.equal(await callAhead.ask('b@example.com'), 'try-later', name);
    assert.equal(peer.sessions.length, 2, name);
    assert.equal(sender.log.count(/^Call-ahead for the domain example\.com failed: /), 2, name);
  }
});

test('nobody there, silence, a loop to ourselves: `try-later` in time', async (t) => {
  const { peer, callAhead, sender } = await setUp(t, { greeting: null }, { timeouts: { callAhead: '1s' } });
  const started = performance.now();
  assert.equal(await callAhead.ask('b@example.com'), 'try-later');
  assert.ok(performance.now() - started < 1500);
  sender.own.add(`127.0.0.1 ${peer.port}`);
  assert.equal(await callAhead.ask('c@example.com'), 'try-later');
  assert.equal(sender.log.count(/mail loop/), 1);
  sender.own.clear();
  await peer.close();
  assert.equal(await callAhead.ask('d@example.com'), 'try-later');
});

test('over TLS where it is offered; required where it is required', async (t) => {
  const { peer, callAhead } = await setUp(t, { tls: { cert: pair.cert, key: pair.key }, reply: known });
  assert.equal(await callAhead.ask('known@example.com'), 'exists');
  assert.ok(peer.commands.includes('STARTTLS'));
  const plain = await setUp(t, { reply: known }, { destinations: [{ domain: 'example.com', tls: 'required' }] });
  assert.equal(await plain.callAhead.ask('known@example.com'), 'try-later');
  assert.ok(!plain.peer.commands.some((command) => command.startsWith('RCPT')));
});

test('a server that speaks only TLS 1.0 is asked too, where that is allowed', async (t) => {
  const old = {
    cert: pair.cert,
    key: pair.key,
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1',
    ciphers: 'DEFAULT:@SECLEVEL=0',
  } as const;
  const versions = ['TLSv1.0', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];
  const { peer, callAhead } = await setUp(t, { tls: old, reply: known }, { tls: { outbound: { versions } } });
  assert.equal(await callAhead.ask('known@example.com'), 'exists');
  assert.equal(await callAhead.ask('other@example.com'), 'unknown');
  assert.equal(peer.sessions.length, 3);
});

test('never more than a bounded number of questions under way', async (t) => {
  const { callAhead, peer } = await setUp(t, { greeting: null }, { timeouts: { callAhead: '1s' } });
  const answers = Array.from({ length: 150 }, (_, i) => callAhead.ask(`b${i}@example.com`));
  assert.equal(answers.filter((answer) => answer === 'try-later').length, 50);
  await Promise.all(answers);
  assert.ok(peer.sessions.length <= 100);
});
