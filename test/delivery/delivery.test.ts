import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Snapshot } from '../../src/config/snapshot.ts';
import { isLocalAddress } from '../../src/delivery/own-address.ts';
import { PosternError } from '../../src/errors.ts';
import { routedTo, Sender, snapshotOf, until } from './fixture.ts';
import { Peer, type PeerScript } from './peer.ts';

async function peerOf(t: TestContext, script: PeerScript = {}): Promise<Peer> {
  const peer = await Peer.start(script);
  t.after(() => peer.close());
  return peer;
}

function senderOf(t: TestContext, snapshot: Snapshot, directory?: string): Sender {
  const sender = new Sender(snapshot, directory);
  t.after(() => sender.stop());
  return sender;
}

test('a message goes out: the lines of the log, in order', async (t) => {
  const peer = await peerOf(t);
  const sender = senderOf(t, routedTo(peer.port));
  const mid = sender.send('b@example.com');
  assert.deepEqual(await sender.settled(mid), ['finished']);
  await sender.stop();
  assert.deepEqual(sender.log.lines, [
    `New SMTP DCID 1 interface 127.0.0.1 address 127.0.0.1 port ${peer.port}`,
    'DCID 1 domain example.com tls=preferred:none',
    'Delivery start DCID 1 MID 1 to RID [0]',
    'Message done DCID 1 MID 1 to RID [0]',
    "MID 1 RID [0] Response '2.0.0 OK'",
    'Message finished MID 1 done',
    'DCID 1 close',
  ]);
  assert.equal(peer.messages[0]?.body.toString(), 'Subject: hello\r\n\r\nhello\r\n');
  assert.deepEqual(sender.states, []);
});

test('the next message takes the idle connection, in the same turn', async (t) => {
  const peer = await peerOf(t);
  const sender = senderOf(t, routedTo(peer.port));
  await sender.settled(sender.send('b@example.com'));
  const lines = sender.log.lines.length;
  const mid = sender.send('c@example.net');
  assert.equal(sender.log.lines[lines], `Delivery start DCID 1 MID ${mid} to RID [0]`);
  assert.deepEqual(await sender.settled(mid), ['finished']);
  assert.equal(peer.sessions.length, 1);
});

test('each recipient has an answer of its own', async (t) => {
  const peer = await peerOf(t, {
    reply: (command) =>
      command.includes('gone') ? '550 5.1.1 no such user' : command.includes('full') ? '452 4.2.2 mailbox full' : null,
  });
  const sender = senderOf(t, routedTo(peer.port));
  const mid = sender.send(['ok@example.com', 'gone@example.com', 'full@example.net', 'fine@example.com']);
  assert.deepEqual(await sender.settled(mid), [
    '0 delivered 2.0.0 250 2.0.0 OK',
    '3 delivered 2.0.0 250 2.0.0 OK',
    '1 bounced 5.1.1 550 5.1.1 no such user',
    '2 deferred 4.2.2 452 4.2.2 mailbox full',
  ]);
  assert.deepEqual(sender.log.lines.slice(1), [
    'DCID 1 domain example.com tls=preferred:none',
    'Delivery start DCID 1 MID 1 to RID [0, 1, 2, 3]',
    'Message done DCID 1 MID 1 to RID [0, 3]',
    "MID 1 RID [0, 3] Response '2.0.0 OK'",
    "Bounced: DCID 1 MID 1 From: <a@example.org> To: <gone@example.com> RID 1 - 5.1.1 - Bad destination mailbox address ('550', ['5.1.1 no such user'])",
    "Delayed: DCID 1 MID 1 From: <a@example.org> To: <full@example.net> RID 2 - 4.2.2 - Mailbox full ('452', ['4.2.2 mailbox full'])",
  ]);
  assert.equal(sender.outcomes[0]?.recipients[0]?.host, '127.0.0.1');
  assert.deepEqual(sender.done, []);
});

test('a destination that is down: one line for the connection, the others wait no longer and do not dial', async (t) => {
  const free = await peerOf(t);
  const { port } = free;
  await free.close();
  const sender = senderOf(t, routedTo(port));
  const mids = Array.from({ length: 12 }, () => sender.send('b@example.com'));
  for (const mid of mids) {
    assert.deepEqual(await sender.settled(mid), ['0 deferred 4.4.1 [Errno 111] Connection refused']);
  }
  assert.ok(sender.log.count(/^Connection Error/) <= 5, 'no more than the first few connections were dialled');
  assert.equal(
    sender.log.lines[0],
    `Connection Error: DCID 1 domain: example.com IP: 127.0.0.1 port: ${port} details: [Errno 111] Connection refused interface: 127.0.0.1 reason: network error`,
  );
  assert.match(
    sender.log.lines.at(-1) ?? '',
    /^Delayed: DCID \d+ MID 12 From: <a@example.org> To: <b@example.com> RID 0 - 4.4.1 - No answer from host \('000', \['\[Errno 111\] Connection refused'\]\)$/,
  );
  const key = `route:127.0.0.1:${port}`;
  assert.deepEqual(sender.states, [{ destination: key, state: 'down', reason: '[Errno 111] Connection refused' }]);
  assert.equal(sender.delivery.canTake(key, 100), false);

  // The probe: one connection, whatever waits.
  const before = sender.log.count(/^Connection Error/);
  const probes = [1, 2, 3].map(() => sender.send('b@example.com', { direct: false, attempt: 2 }));
  for (const mid of probes) await sender.settled(mid);
  assert.equal(sender.log.count(/^Connection Error/) - before, 1);
  assert.equal(sender.states.length, 2, 'a failed probe is told too');

  const peer = await Peer.start({}, port);
  t.after(() => peer.close());
  assert.match(
    (await sender.settled(sender.send('b@example.com', { direct: false, attempt: 3 })))[0] ?? '',
    /delivered/,
  );
  assert.deepEqual(sender.states.at(-1), { destination: key, state: 'up', reason: '' });
  assert.equal(sender.delivery.canTake(key, 100), true);
});

test('a 421 or a lost connection fails that attempt only', async (t) => {
  let count = 0;
  const peer = await peerOf(t, {
    reply: (command, session) => {
      if (command !== '.') return null;
      count++;
      if (count === 2) {
        session.socket.end('421 4.3.2 try again later\r\n');
        return '';
      }
      if (count === 3) {
        session.socket.destroy();
        return '';
      }
      return null;
    },
  });
  const sender = senderOf(t, routedTo(peer.port));
  const results: string[][] = [];
  for (let i = 0; i < 4; i++) results.push(await sender.settled(sender.send('b@example.com')));
  assert.deepEqual(results, [
    ['finished'],
    ['0 deferred 4.3.2 421 4.3.2 try again later'],
    ['0 deferred 4.4.2 connection lost while waiting for the reply to the final dot (the message may have arrived)'],
    ['finished'],
  ]);
  assert.ok(
    sender.log.lines.includes(
      "Delayed: DCID 1 MID 2 From: <a@example.org> To: <b@example.com> RID 0 - 4.3.2 - Not accepting messages at this time ('421', ['4.3.2 try again later'])",
    ),
  );
  assert.deepEqual(sender.states, []);
});

test('an idle connection that is dead already costs no attempt', async (t) => {
  const peer = await peerOf(t, {
    reply: (command, session) => {
      if (!command.startsWith('MAIL') || session.commands.length < 5) return null;
      session.socket.destroy();
      return '';
    },
  });
  const sender = senderOf(t, routedTo(peer.port));
  await sender.settled(sender.send('b@example.com'));
  assert.deepEqual(await sender.settled(sender.send('b@example.com')), ['finished']);
  assert.equal(peer.sessions.length, 2);
  assert.equal(sender.log.count(/^Delayed/), 0);
});

test('a message that kills each connection is not sent for ever', async (t) => {
  const peer = await peerOf(t, {
    reply: (command, session) => {
      if (!command.includes('poison')) return null;
      session.socket.destroy();
      return '';
    },
  });
  const sender = senderOf(t, routedTo(peer.port));
  await sender.settled(sender.send('b@example.com'));
  const result = await sender.settled(sender.send('b@example.com', { envelope: { sender: 'poison@example.org' } }));
  assert.match(result[0] ?? '', /^0 deferred 4\.4\.2 connection lost/);
  assert.equal(peer.sessions.length, 2);
});

test('connections and messages a connection are limited, and all are counted out again', async (t) => {
  let held = 0;
  const peer = await peerOf(t, {
    reply: (command) => {
      if (command !== '.') return null;
      held++;
      return sleep(5, '250 2.0.0 OK');
    },
  });
  const snapshot = routedTo(peer.port, { limits: { destinationConnections: 3, destinationMessages: 4 } });
  const sender = senderOf(t, snapshot);
  const mids = Array.from({ length: 30 }, () => sender.send('b@example.com'));
  for (const mid of mids) assert.deepEqual(await sender.settled(mid), ['finished']);
  assert.equal(held, 30);
  assert.equal(sender.most.get(`route:127.0.0.1:${peer.port}`), 3);
  assert.ok(peer.sessions.length >= 8);
  for (const session of peer.sessions) {
    assert.ok(session.commands.filter((command) => command.startsWith('MAIL')).length <= 4);
  }
  await sender.stop();
});

test('where more waits than there are connections, the next message follows the final dot at once', async (t) => {
  // Answers only what has come before it reads on, as a server that is busy does.
  const peer = await peerOf(t, {
    reply: (command, session) => {
      if (command !== '.') return null;
      const refused = session.commands.filter((one) => one === 'DATA').length === 3;
      return sleep(2, refused ? '554 5.7.1 not this one' : '250 2.0.0 OK');
    },
  });
  const sender = senderOf(t, routedTo(peer.port, { limits: { destinationConnections: 1 } }));
  const mids = Array.from({ length: 6 }, () => sender.send('b@example.com'));
  const results: string[][] = [];
  for (const mid of mids) results.push(await sender.settled(mid));
  assert.deepEqual(results, [
    ['finished'],
    ['finished'],
    ['0 bounced 5.7.1 554 5.7.1 not this one'],
    ['finished'],
    ['finished'],
    ['finished'],
  ]);
  assert.equal(peer.sessions.length, 1);
  const order = sender.log.lines.map((line) => line.replace(/^(\w+).* MID (\d).*/, '$1 $2'));
  assert.deepEqual(order.slice(2, 10), [
    'Delivery 1',
    'Message 1',
    "MID 1 RID [0] Response '2.0.0 OK'",
    'Message 1',
    'Delivery 2',
    'Message 2',
    "MID 2 RID [0] Response '2.0.0 OK'",
    'Message 2',
  ]);
});

test('a message that followed is not tried where the connection ends before its first reply', async (t) => {
  let dots = 0;
  const peer = await peerOf(t, {
    reply: (command, session) => {
      if (command !== '.' || ++dots !== 2) return null;
      session.socket.end('421 4.3.2 enough\r\n');
      return '';
    },
  });
  const sender = senderOf(t, routedTo(peer.port, { limits: { destinationConnections: 1 } }));
  const mids = Array.from({ length: 4 }, () => sender.send('b@example.com'));
  const results: string[][] = [];
  for (const mid of mids) results.push(await sender.settled(mid));
  assert.deepEqual(results, [['finished'], ['0 deferred 4.3.2 421 4.3.2 enough'], ['finished'], ['finished']]);
});

test('no free connection in all workers: the message comes back untried', async (t) => {
  const peer = await peerOf(t);
  const sender = senderOf(t, routedTo(peer.port, { limits: { outgoingConnections: 5 } }));
  sender.taken.set('*', 5);
  const mid = sender.send('b@example.com');
  assert.deepEqual(await sender.settled(mid, 15_000), ['untried']);
  sender.taken.set('*', 0);
  assert.deepEqual(await sender.settled(sender.send('b@example.com')), ['finished']);
});

test('a slow destination does not hold up another', async (t) => {
  const slow = await peerOf(t, { greeting: null });
  const fast = await peerOf(t);
  const sender = senderOf(
    t,
    snapshotOf({
      routes: [
        { domain: 'slow.example', to: [`127.0.0.1:${slow.port}`] },
        { domain: '*', to: [`127.0.0.1:${fast.port}`] },
      ],
    }),
  );
  for (let i = 0; i < 100; i++) sender.send('b@slow.example');
  const started = performance.now();
  for (let i = 0; i < 20; i++) assert.deepEqual(await sender.settled(sender.send('b@example.com')), ['finished']);
  assert.ok(performance.now() - started < 2000);
});

test('deadlines: greeting, reply to the final dot, idle', async (t) => {
  const silent = await peerOf(t, { greeting: null });
  const peer = await peerOf(t, { reply: (command) => (command === '.' ? '' : null) });
  const sender = senderOf(
    t,
    snapshotOf({
      routes: [
        { domain: 'silent.example', to: [`127.0.0.1:${silent.port}`] },
        { domain: '*', to: [`127.0.0.1:${peer.port}`] },
      ],
      timeouts: { greeting: '1s', dataTermination: '1s', idle: '1s' },
    }),
  );
  const silence = sender.send('b@silent.example');
  const dot = sender.send('b@example.com');
  assert.deepEqual(await sender.settled(silence), ['0 deferred 4.4.2 timeout while waiting for the greeting']);
  assert.match(
    sender.log.lines.find((line) => line.startsWith('Connection Error')) ?? '',
    /details: timeout while waiting for the greeting interface: 127\.0\.0\.1 reason: network error$/,
  );
  assert.match((await sender.settled(dot))[0] ?? '', /timeout while waiting for the reply to the final dot/);
  peer.script = {};
  await sender.settled(sender.send('b@example.com'));
  await until(() => peer.commands.includes('QUIT'), 'QUIT on the idle connection', 5000);
  await until(() => sender.log.lines.at(-1)?.endsWith('close') === true, 'the line of the close');
});

test('hosts in order: refused, unwilling, then one that takes it; and only the first is asked again', async (t) => {
  const gone = await peerOf(t);
  const { port } = gone;
  await gone.close();
  const unwilling = await peerOf(t, { greeting: '554 5.3.2 not today' });
  const willing = await peerOf(t);
  const to = [port, unwilling.port, willing.port].map((one) => `127.0.0.1:${one}`);
  const sender = senderOf(t, routedTo(to));
  assert.deepEqual(await sender.settled(sender.send('b@example.com')), ['finished']);
  assert.deepEqual(
    sender.log.lines
      .filter((line) => line.startsWith('Connection Error'))
      .map((line) => line.replace(/.*details: /, '')),
    [
      '[Errno 111] Connection refused interface: 127.0.0.1 reason: network error',
      '554 5.3.2 not today interface: 127.0.0.1 reason: unexpected SMTP response',
    ],
  );
  assert.deepEqual(unwilling.commands, ['QUIT']);
  assert.deepEqual(sender.states, []);
});

test('bounces without a connection: no such domain, null MX, ourselves', async (t) => {
  const sender = senderOf(t, snapshotOf());
  sender.resolver.mx['null.example'] = 'null';
  sender.resolver.mx['loop.example'] = [
    { name: 'mx.loop.example', preference: 20 },
    { name: 'gw.example.com', preference: 10 },
  ];
  sender.resolver.mx['slow.example'] = new PosternError(
    'dns',
    'DNS Soft Error looking up slow.example (MX):  SERVFAIL',
    {
      temporary: true,
    },
  );
  const mids = ['example.com', 'null.example', 'loop.example', 'slow.example'].map((domain) =>
    sender.send(`b@${domain}`),
  );
  for (const mid of mids) await sender.settled(mid);
  assert.deepEqual(sender.log.lines.toSorted(), [
    "Bounced: DCID 0 MID 1 From: <a@example.org> To: <b@example.com> RID 0 - 5.1.2 - Bad destination host ('000', ['DNS Hard Error looking up example.com (MX):  NXDomain'])",
    "Bounced: DCID 0 MID 2 From: <a@example.org> To: <b@null.example> RID 0 - 5.1.10 - Recipient address has null MX ('000', ['null.example does not accept mail (null MX)'])",
    "Bounced: DCID 0 MID 3 From: <a@example.org> To: <b@loop.example> RID 0 - 5.4.6 - Routing loop detected ('000', ['mail loop: we are the best mail host of loop.example'])",
    "Delayed: DCID 0 MID 4 From: <a@example.org> To: <b@slow.example> RID 0 - 4.4.3 - Directory server failure ('000', ['DNS Soft Error looking up slow.example (MX):  SERVFAIL'])",
  ]);
});

test('a listener on all addresses makes the addresses of this machine ours, and no others', async (t) => {
  const peer = await peerOf(t);
  const sender = senderOf(t, routedTo(peer.port));
  sender.isOwnAddress = (_address, port) => port === peer.port;
  assert.match((await sender.settled(sender.send('b@example.com')))[0] ?? '', /^0 bounced 5\.4\.6 mail loop: /);
  assert.equal(isLocalAddress('127.0.0.5'), true);
  assert.equal(isLocalAddress('::1'), true);
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  for (const { address } of own) assert.equal(isLocalAddress(address), true, address);
  assert.equal(isLocalAddress('192.0.2.200'), false);
  assert.equal(isLocalAddress('2001:db8::200'), false);
});

test('a body in a file arrives byte for byte', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-delivery-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const lines =
    randomBytes(3_000_000)
      .toString('base64')
      .match(/.{1,70}/g) ?? [];
  const body = Buffer.from(
    `Subject: big\r\n\r\n.\r\n..\r\n${lines.map((line, i) => `${i % 3 === 0 ? '.' : ''}${line}\r\n`).join('')}`,
  );
  writeFileSync(join(directory, 'body'), body);
  writeFileSync(join(directory, 'cut'), body);
  truncateSync(join(directory, 'cut'), 1_000_000);
  const peer = await peerOf(t);
  const sender = senderOf(t, routedTo(peer.port), directory);
  const file = (name: string) => ({ body: { file: name, size: body.length } });
  assert.deepEqual(await sender.settled(sender.send('b@example.com', file('body'))), ['finished']);
  assert.ok(peer.messages[0]?.body.equals(body));

  // A file that is gone, or too short, never becomes a shorter message.
  assert.match(
    (await sender.settled(sender.send('b@example.com', file('missing'))))[0] ?? '',
    /^0 deferred 4\.3\.0 the message cannot be read from the spool: ENOENT/,
  );
  assert.match(
    (await sender.settled(sender.send('b@example.com', file('cut'))))[0] ?? '',
    /deferred 4\.4\.2 the message cannot be read from the spool: the file ends after 1000000 of \d+ bytes/,
  );
  assert.deepEqual(await sender.settled(sender.send('b@example.com', file('body'))), ['finished']);
  assert.equal(peer.messages.length, 2);
});

test('stop: what is under way finishes, the rest comes back untried', async (t) => {
  const peer = await peerOf(t, {
    reply: (command) => (command === '.' ? sleep(100, '250 2.0.0 OK') : null),
  });
  const sender = senderOf(t, routedTo(peer.port, { limits: { destinationConnections: 1 } }));
  const first = sender.send('b@example.com');
  await until(() => peer.messages.length === 1, 'the first message');
  const second = sender.send('b@example.com');
  await sender.stop();
  assert.deepEqual(sender.result(first), ['finished']);
  assert.deepEqual(sender.result(second), ['untried']);
  assert.deepEqual(sender.result(sender.send('b@example.com')), ['untried']);
  assert.equal(sender.delivery.canTake('x', 1), false);
  assert.equal(sender.delivery.room(), 0);
});

test('stop: after the deadline the connection is cut and the message deferred', async (t) => {
  const peer = await peerOf(t, { reply: (command) => (command === '.' ? '' : null) });
  const sender = senderOf(t, routedTo(peer.port));
  const mid = sender.send('b@example.com');
  await until(() => peer.messages.length === 1, 'the message');
  const started = performance.now();
  await sender.stop(100);
  assert.ok(performance.now() - started < 1000);
  assert.match(
    sender.result(mid)[0] ?? '',
    /^0 deferred 4\.4\.2 shutting down while waiting for the reply to the final dot/,
  );
});

test('DSN: passed on where offered; where it is not, the spool hears of each delivery that is to be told', async (t) => {
  const peer = await peerOf(t, { extensions: ['PIPELINING', 'DSN'] });
  const plain = await peerOf(t);
  const sender = senderOf(
    t,
    snapshotOf({
      routes: [
        { domain: 'dsn.example', to: [`127.0.0.1:${peer.port}`] },
        { domain: '*', to: [`127.0.0.1:${plain.port}`] },
      ],
    }),
  );
  const to = (domain: string) => ({
    envelope: { recipients: [{ address: `b@${domain}`, notify: ['SUCCESS'] as const }, { address: `c@${domain}` }] },
    rids: [0, 1],
  });
  assert.deepEqual(await sender.settled(sender.send('b@dsn.example', to('dsn.example'))), ['finished']);
  assert.ok(peer.commands.includes('RCPT TO:<b@dsn.example> NOTIFY=SUCCESS'));
  await sender.settled(sender.send('b@example.com', to('example.com')));
  assert.deepEqual(
    sender.outcomes[0]?.recipients.map((one) => [one.rid, one.result, one.dsnPassed]),
    [
      [0, 'delivered', undefined],
      [1, 'delivered', undefined],
    ],
  );
  await sender.settled(sender.send('b@dsn.example', { ...to('dsn.example'), direct: false }));
  assert.deepEqual(
    sender.outcomes[1]?.recipients.map((one) => one.dsnPassed),
    [true, undefined],
  );
});

test('routes changed since a message was stored: under another key, or split', async (t) => {
  const peer = await peerOf(t);
  const other = await peerOf(t);
  const sender = senderOf(t, routedTo(peer.port));
  const old = { direct: false, attempt: 2, destination: 'route:127.0.0.1:9' };
  assert.deepEqual(sender.result(sender.send('b@example.com', old)), [
    'untried',
    `reroute route:127.0.0.1:${peer.port}`,
  ]);
  sender.use(
    snapshotOf({
      routes: [
        { domain: 'one.example', to: [`127.0.0.1:${peer.port}`] },
        { domain: 'two.example', to: [`127.0.0.1:${other.port}`] },
      ],
    }),
  );
  const result = await sender.settled(sender.send(['b@one.example', 'c@two.example', 'd@one.example'], old));
  assert.deepEqual(result.toSorted(), [
    '0 delivered 2.0.0 250 2.0.0 OK',
    '1 delivered 2.0.0 250 2.0.0 OK',
    '2 delivered 2.0.0 250 2.0.0 OK',
  ]);
  assert.deepEqual(peer.messages.at(-1)?.to, ['b@one.example', 'd@one.example']);
  assert.deepEqual(other.messages.at(-1)?.to, ['c@two.example']);
});

test('memory: what is under way counts, and one destination gets no more than its share', async (t) => {
  const peer = await peerOf(t, { reply: (command) => (command === '.' ? '' : null) });
  const sender = senderOf(
    t,
    routedTo(peer.port, {
      limits: { deliveryMemory: '1MiB', destinationConnections: 2 },
      spool: { bigBody: '128KiB' },
    }),
  );
  const key = `route:127.0.0.1:${peer.port}`;
  const room = sender.delivery.room();
  assert.equal(room, 8);
  let sent = 0;
  while (sender.delivery.canTake(key, 50_000) && sent < 100) {
    sender.send('b@example.com', { body: Buffer.from(`x: ${'y'.repeat(49_995)}\r\n`) });
    sent++;
  }
  assert.equal(sent, 5);
  assert.equal(sender.delivery.canTake('other.example', 50_000), true);
  assert.equal(sender.delivery.canTake(key, 0), true, 'a body in a file takes no memory');
  assert.ok(sender.delivery.room() < room);
  assert.equal(sender.delivery.status().memory, 250_000);
  await sleep(10);
  await sender.stop(50);
  assert.equal(sender.delivery.status().memory, 0);
  assert.equal(sender.delivery.status().transfers, 0);
});
