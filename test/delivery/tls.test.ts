import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import { CertificateDirectory } from '../tls/peers.ts';
import { routedTo, Sender, snapshotOf, until } from './fixture.ts';
import { Peer, type PeerScript } from './peer.ts';

const directory = new CertificateDirectory();
const pair = directory.make('rsa:2048', 'mx.example');
const key = { cert: pair.cert, key: pair.key };
/** What an old server is made of: Node's own OpenSSL needs level 0 for it. */
const old = { ...key, minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
const allVersions = { outbound: { versions: ['TLSv1.0', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] } };

test.after(() => directory.remove());

async function peerOf(t: TestContext, script: PeerScript): Promise<Peer> {
  const peer = await Peer.start(script);
  t.after(() => peer.close());
  return peer;
}

function senderTo(t: TestContext, peer: Peer, document: Record<string, unknown> = {}): Sender {
  const sender = new Sender(routedTo(peer.port, document));
  t.after(() => sender.stop());
  return sender;
}

test('preferred: TLS, its line and the certificate between connection and delivery', async (t) => {
  const peer = await peerOf(t, { tls: key });
  const sender = senderTo(t, peer);
  assert.deepEqual(await sender.settled(sender.send('b@example.com')), ['finished']);
  await sender.settled(sender.send('c@example.com'));
  assert.equal(sender.log.lines[1], 'DCID 1 TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384');
  assert.match(
    sender.log.lines[2] ?? '',
    /^DCID 1 TLS certificate subject "CN=mx\.example".*not verified.*self-signed/,
  );
  assert.equal(sender.log.lines[3], 'DCID 1 domain example.com tls=preferred:encrypted');
  assert.equal(sender.log.lines[4], 'Delivery start DCID 1 MID 1 to RID [0]');
  assert.equal(sender.log.count(/TLS certificate/), 1, 'once a connection');
  assert.deepEqual(
    peer.messages.map((message) => message.protocol),
    ['TLSv1.3', 'TLSv1.3'],
  );
  assert.deepEqual(peer.commands.slice(0, 3), ['EHLO gw.example.com', 'STARTTLS', 'EHLO gw.example.com']);
});

test('preferred: clear text where STARTTLS is refused before the handshake', async (t) => {
  const peer = await peerOf(t, {
    tls: key,
    reply: (command) => (command === 'STARTTLS' ? '454 4.7.0 no TLS today' : null),
  });
  const sender = senderTo(t, peer);
  assert.deepEqual(await sender.settled(sender.send('b@example.com')), ['finished']);
  assert.equal(sender.log.lines[1], 'DCID 1 TLS failed: STARTTLS unexpected response');
  assert.equal(peer.messages[0]?.protocol, 'none');
});

test('preferred: behind the 220 nothing goes out in clear text', async (t) => {
  const peer = await peerOf(t, { tls: { ...key, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } });
  const sender = senderTo(t, peer, { tls: { outbound: { versions: ['TLSv1.3'] } } });
  const result = await sender.settled(sender.send('b@example.com'));
  assert.match(result[0] ?? '', /^0 deferred 4\.7\.5 TLS handshake failed: \(\d+, 'error:[0-9A-F]{8}:SSL routines:/);
  assert.match(
    sender.log.lines[1] ?? '',
    /^DCID 1 TLS deferring: \(\d+, 'error:[0-9A-F]{8}:SSL routines:[^:]*:.*protocol version'\) TLS version mismatch could be the failure reason$/,
  );
  assert.match(sender.log.lines[2] ?? '', /^DCID 1 TLS explanation: ./);
  assert.match(sender.log.lines[3] ?? '', /^DCID 1 domain example\.com tls=preferred:failed \(TLS handshake failed: /);
  assert.equal(sender.log.lines[4], 'DCID 1 close');
  assert.match(sender.log.lines[5] ?? '', /^Delayed: DCID 1 MID 1 .* - 4\.7\.5 - Cryptographic failure/);
  assert.equal(peer.sessions.length, 1);
  assert.equal(peer.messages.length, 0);
});

test('preferred: a reset in the handshake, and bytes behind the 220', async (t) => {
  for (const answer of ['220 go\r\n', '220 go\r\n250 injected\r\n']) {
    const peer = await peerOf(t, {
      tls: key,
      reply: (command, session) => {
        if (command !== 'STARTTLS') return null;
        session.socket.write(answer);
        setTimeout(() => session.socket.resetAndDestroy(), 20);
        return '';
      },
    });
    const sender = senderTo(t, peer);
    const result = await sender.settled(sender.send('b@example.com'));
    assert.match(result[0] ?? '', /^0 deferred 4\.7\./);
    assert.equal(sender.log.count(/^DCID 1 TLS deferring: /), 1);
    assert.equal(peer.sessions.length, 1);
    assert.equal(peer.messages.length, 0);
  }
});

test('required: without TLS nothing goes out', async (t) => {
  for (const script of [
    {},
    { tls: key, reply: (command: string) => (command === 'STARTTLS' ? '454 4.7.0 no' : null) },
    { tls: { ...key, maxVersion: 'TLSv1.2' as const } },
  ]) {
    const peer = await peerOf(t, script);
    const sender = senderTo(t, peer, {
      destinations: [{ domain: 'example.com', tls: 'required' }],
      tls: { outbound: { versions: ['TLSv1.3'] } },
    });
    assert.match((await sender.settled(sender.send('b@example.com')))[0] ?? '', /^0 deferred 4\.7\.[45] /);
    assert.ok(
      sender.log.lines.includes('DCID 1 IP 127.0.0.1 TLS was required but could not be successfully negotiated'),
    );
    assert.equal(peer.messages.length, 0);
    assert.ok(!peer.commands.some((command) => command.startsWith('MAIL')));
  }
  const peer = await peerOf(t, { tls: key });
  const sender = senderTo(t, peer, { destinations: [{ domain: 'example.com', tls: 'required' }] });
  assert.deepEqual(await sender.settled(sender.send('b@example.com')), ['finished']);
});

test('none: STARTTLS is not asked for; another domain of the same route has connections of its own', async (t) => {
  const peer = await peerOf(t, { tls: key });
  const sender = senderTo(t, peer, { destinations: [{ domain: 'clear.example', tls: 'none' }] });
  await sender.settled(sender.send('b@clear.example'));
  await sender.settled(sender.send('b@example.com'));
  assert.deepEqual(
    peer.messages.map((message) => message.protocol),
    ['none', 'TLSv1.3'],
  );
});

test('old TLS: one retry on a new connection, remembered, and not offered to anybody else', async (t) => {
  const peer = await peerOf(t, { tls: old });
  const sender = senderTo(t, peer, { tls: allVersions });
  assert.deepEqual(await sender.settled(sender.send('b@example.com')), ['finished']);
  assert.equal(peer.messages[0]?.protocol, 'TLSv1');
  assert.match(sender.log.main[1] ?? '', /^DCID 1 TLS failed: \(\d+, 'error:/);
  assert.equal(sender.log.count(/^DCID 2 TLS success protocol TLSv1 cipher /), 1);
  assert.equal(sender.log.count(/takes no TLS version from 1\.2 on/), 1);
  assert.deepEqual(sender.states, []);

  // A new connection, with the old versions from the start.
  for (const socket of peer.sockets) socket.destroy();
  await until(() => sender.log.lines.at(-1) === 'DCID 2 close', 'the close');
  assert.deepEqual(await sender.settled(sender.send('b@example.com')), ['finished']);
  assert.equal(peer.sessions.length, 3);
  assert.equal(sender.log.count(/takes no TLS version/), 1);
});

test('old TLS: no retry after a reset, where it is not allowed, or where only 1.2 and 1.3 are on', async (t) => {
  const resetting = await peerOf(t, {
    tls: old,
    reply: (command, session) => {
      if (command !== 'STARTTLS') return null;
      session.socket.write('220 go\r\n');
      setTimeout(() => session.socket.resetAndDestroy(), 20);
      return '';
    },
  });
  const sender = senderTo(t, resetting, { tls: allVersions });
  await sender.settled(sender.send('b@example.com'));
  assert.equal(resetting.sessions.length, 1);
  assert.equal(sender.log.count(/^DCID 1 TLS deferring: /), 1);

  const peer = await peerOf(t, { tls: old });
  const modern = senderTo(t, peer);
  await modern.settled(modern.send('b@example.com'));
  assert.equal(peer.sessions.length, 1);
});

test('a commit: idle connections made under other settings are closed, the next handshake has the new ones', async (t) => {
  const peer = await peerOf(t, { tls: key });
  const sender = senderTo(t, peer);
  await sender.settled(sender.send('b@example.com'));
  sender.use(routedTo(peer.port, { tls: { outbound: { versions: ['TLSv1.2'] } } }));
  await until(() => peer.commands.includes('QUIT'), 'QUIT');
  await sender.settled(sender.send('b@example.com'));
  assert.deepEqual(
    peer.messages.map((message) => message.protocol),
    ['TLSv1.3', 'TLSv1.2'],
  );
  // A commit that changes nothing for the destination leaves its connections alone.
  sender.use(routedTo(peer.port, { tls: { outbound: { versions: ['TLSv1.2'] } }, accept: ['example.net'] }));
  await sender.settled(sender.send('b@example.com'));
  assert.equal(peer.sessions.length, 2);
});

test('a commit while a message is under way: it is finished, then the connection goes', async (t) => {
  const peer = await peerOf(t, {
    tls: key,
    reply: (command) => (command === '.' ? sleep(50, '250 2.0.0 OK') : null),
  });
  const sender = senderTo(t, peer);
  const mid = sender.send('b@example.com');
  await until(() => peer.messages.length === 1, 'the message');
  sender.use(routedTo(peer.port, { tls: { outbound: { versions: ['TLSv1.2'] } } }));
  assert.deepEqual(await sender.settled(mid), ['finished']);
  await until(() => peer.commands.includes('QUIT'), 'QUIT');
});

test('a destination that was down because of TLS is up again when the settings change', async (t) => {
  const peer = await peerOf(t, { tls: { ...key, maxVersion: 'TLSv1.2' } });
  const sender = senderTo(t, peer, { tls: { outbound: { versions: ['TLSv1.3'] } } });
  await sender.settled(sender.send('b@example.com'));
  assert.equal(sender.states.at(-1)?.state, 'down');
  sender.use(routedTo(peer.port));
  assert.equal(sender.states.at(-1)?.state, 'up');
  assert.deepEqual(await sender.settled(sender.send('b@example.com')), ['finished']);
});

test('SNI: the name of the host, none for an address', async (t) => {
  const peer = await peerOf(t, { tls: key });
  const named = new Sender(snapshotOf({ routes: [{ domain: '*', to: [`mx.example:${peer.port}`] }] }));
  t.after(() => named.stop());
  named.resolver.hosts['mx.example'] = ['127.0.0.1'];
  await named.settled(named.send('b@example.com'));
  const plain = senderTo(t, peer);
  await plain.settled(plain.send('b@example.com'));
  const names = peer.sessions.map(({ socket }) => socket instanceof TLSSocket && socket.servername);
  assert.deepEqual(names, ['mx.example', false]);
});
