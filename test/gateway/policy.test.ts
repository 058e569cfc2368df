// What the gateway promises to mail servers: who may send what, what is refused and how, where mail goes, and what a sender
// hears about it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Peer, type PeerMessage, type PeerScript } from '../delivery/peer.ts';
import { missing } from '../tls/peers.ts';
import { MailClient, sendMail } from './client.ts';
import { freePort, type RunningGateway, startGateway } from './harness.ts';
import { startNameServer } from './zone.ts';

const spool = 'spool: { reserve: 1MiB, lowWater: 16MiB, lowWaterShare: 0.001 }\n';

async function startPeers<K extends string>(t: TestContext, scripts: Readonly<Record<K, PeerScript>>) {
  const peers = {} as Record<K, Peer>;
  for (const name of Object.keys(scripts) as K[]) peers[name] = await Peer.start(scripts[name]);
  t.after(() => Promise.all(Object.values<Peer>(peers).map((peer) => peer.close())));
  return peers;
}

function routesTo(peers: Readonly<Record<string, Peer>>): string {
  return Object.entries(peers)
    .map(([name, peer]) => `  - { domain: ${name}.test, to: ["127.0.0.1:${peer.port}"] }\n`)
    .join('');
}

/** Waits until so many messages are at the peer, and returns the last. */
async function arrived(peer: Peer, count: number, gateway: RunningGateway): Promise<PeerMessage> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const message = peer.messages[count - 1];
    if (message !== undefined) return message;
    if (Date.now() > deadline) {
      throw new Error(`${peer.messages.length} of ${count} messages arrived:\n${gateway.log().join('\n')}`);
    }
    await sleep(20);
  }
}

interface Report {
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly auto: string;
  readonly type: string;
  readonly reportType: string;
  readonly parts: readonly string[];
  readonly text: string;
  /** The fields about the message, then those about each recipient. */
  readonly fields: readonly Readonly<Record<string, string>>[];
  readonly returned: string;
  readonly defects: readonly string[];
}

/** A report as Python's email package reads it. */
function readReport(message: PeerMessage): Report {
  const script = `
import email, email.policy, json, sys
m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
parts = list(m.iter_parts())
blocks = parts[1].get_payload()
if len(blocks) == 1:
    # message/global-delivery-status is not known to it: the rest of the blocks is the body of the first.
    rest = blocks[0].get_payload().strip().split('\\n\\n')
    blocks = [blocks[0]] + [email.message_from_string(block, policy=email.policy.default) for block in rest]
defects = [repr(d) for p in m.walk() for d in p.defects]
print(json.dumps({
  'from': m['From'], 'to': m['To'], 'subject': m['Subject'], 'auto': m['Auto-Submitted'],
  'type': m.get_content_type(), 'reportType': m.get_param('report-type'),
  'parts': [p.get_content_type() for p in parts],
  'text': parts[0].get_content(),
  'fields': [dict((k.lower(), str(v)) for k, v in block.items()) for block in blocks],
  'returned': parts[2].as_string(), 'defects': defects,
}))
`;
  const { stdout, stderr, status } = spawnSync('python3', ['-c', script], { input: message.body, encoding: 'utf8' });
  assert.equal(status, 0, `${stderr}\n${message.body.toString()}`);
  return JSON.parse(stdout) as Report;
}

test('what a sender hears: reports of failure, delay and relaying', async (t) => {
  const extensions = ['PIPELINING', 'ENHANCEDSTATUSCODES', '8BITMIME'];
  const peers = await startPeers(t, {
    home: { extensions: [...extensions, 'SMTPUTF8'] },
    refusing: { reply: (command) => (command.startsWith('RCPT') ? '550 5.1.1 no such user here' : null) },
    busy: { reply: (command) => (command.startsWith('RCPT') ? '451 4.2.2 mailbox full, try later' : null) },
    plain: { extensions },
    telling: { extensions: [...extensions, 'DSN'] },
    world: { extensions: [...extensions, 'SMTPUTF8'] },
  });
  const port = await freePort();
  const gateway = await startGateway(t, {
    config: `hostname: gw.example.com
gui: { ports: [] }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${port} }
relay: [127.0.0.1]
routes:
${routesTo(peers)}retry: { first: 1s, maximum: 1s, jitter: 0, probe: 1s, delayNotice: 2s, lifetime: 5s, bounceLifetime: 5s }
dns: { reverse: false }
${spool}`,
  });
  const { home } = peers;
  let heard = 0;
  const next = async () => readReport(await arrived(home, ++heard, gateway));
  const data =
    'From: <me@home.test>\r\nTo: <you@example.net>\r\nSubject: Grüße\r\nMessage-ID: <1@home.test>\r\n\r\nbody text\r\n';

  await t.test('550: a report of failure', async () => {
    await sendMail(port, { from: 'me@home.test', to: ['a@refusing.test', 'b@refusing.test'], data });
    const report = await next();
    assert.deepEqual(home.messages[0]?.from, '');
    assert.deepEqual(home.messages[0]?.to, ['me@home.test']);
    assert.deepEqual(report.defects, []);
    assert.equal(report.type, 'multipart/report');
    assert.equal(report.reportType, 'delivery-status');
    assert.deepEqual(report.parts, ['text/plain', 'message/delivery-status', 'text/rfc822-headers']);
    assert.equal(report.from, 'Mail Delivery System <MAILER-DAEMON@gw.example.com>');
    assert.match(report.to, /^<?me@home\.test>?$/);
    assert.match(report.auto, /^auto-/);
    assert.match(report.text, /could not be delivered/);
    assert.match(report.text, /550 5\.1\.1 no such user here/);
    const [about, ...recipients] = report.fields;
    assert.equal(about?.['reporting-mta'], 'dns; gw.example.com');
    assert.ok(Number.isFinite(Date.parse(about?.['arrival-date'] ?? '')));
    assert.deepEqual(
      recipients.map((fields) => [
        fields['final-recipient'],
        fields['action'],
        fields['status'],
        fields['diagnostic-code'],
      ]),
      ['a', 'b'].map((name) => [
        `rfc822; ${name}@refusing.test`,
        'failed',
        '5.1.1',
        'smtp; 550 5.1.1 no such user here',
      ]),
    );
    assert.ok(recipients.every((fields) => fields['remote-mta']?.startsWith('dns; ')));
    assert.match(report.returned, /^Message-ID: <1@home\.test>$/m);
    assert.doesNotMatch(report.returned, /body text/);
  });

  await t.test('RET=FULL returns the message, ENVID and ORCPT are told', async () => {
    await sendMail(port, {
      from: 'me@home.test',
      to: 'a@refusing.test',
      mailParameters: 'RET=FULL ENVID=QQ+2B314159',
      rcptParameters: 'NOTIFY=FAILURE,DELAY ORCPT=rfc822;first+2Btag@example.net',
    });
    const report = await next();
    assert.equal(report.parts[2], 'message/rfc822');
    assert.match(report.returned, /hello/);
    assert.equal(report.fields[0]?.['original-envelope-id'], 'QQ+314159');
    assert.equal(report.fields[1]?.['original-recipient'], 'rfc822; first+tag@example.net');
  });

  await t.test('the null sender gets nothing, nor does who asked for nothing', async () => {
    const twice = await sendMail(port, { from: '', to: 'a@refusing.test' });
    await gateway.logged(new RegExp(`^Info: Double bounce: MID ${twice} to 0 - 5\\.1\\.1 - `));
    const never = await sendMail(port, { from: 'me@home.test', to: 'a@refusing.test', rcptParameters: 'NOTIFY=NEVER' });
    await gateway.logged(new RegExp(`^Info: Bounced: DCID \\d+ MID ${never} `));
    await gateway.logged(new RegExp(`^Info: Message finished MID ${never} done$`));
    for (const mid of [twice, never]) {
      assert.ok(!gateway.log().some((line) => line.endsWith(`was generated for bounce of MID ${mid}`)));
    }
  });

  await t.test('addresses beyond ASCII: passed on, or returned with 5.6.7', async () => {
    const message = { from: 'me@home.test', mailParameters: 'SMTPUTF8 BODY=8BITMIME', data };
    await sendMail(port, { ...message, to: 'grüße@world.test' });
    const passed = await arrived(peers.world, 1, gateway);
    assert.deepEqual(passed.to, ['grüße@world.test']);
    assert.match(peers.world.commands.find((command) => command.startsWith('MAIL')) ?? '', / SMTPUTF8\b/);
    assert.match(passed.body.toString(), /with UTF8SMTP\b/);
    await sendMail(port, { ...message, to: 'grüße@plain.test' });
    const report = await next();
    assert.equal(report.fields[1]?.['status'], '5.6.7');
    assert.equal(report.fields[1]?.['action'], 'failed');
    assert.equal(peers.plain.messages.length, 0);
    await gateway.logged(
      /^Info: Bounced: DCID \d+ MID \d+ .* To: <grüße@plain\.test> RID 0 - 5\.6\.7 - Non-ASCII addresses not permitted /,
    );
  });

  await t.test('SUCCESS: passed on where the next hop knows DSN, else a notice that it was relayed', async () => {
    const asked = {
      from: 'me@home.test',
      mailParameters: 'RET=HDRS ENVID=E1',
      rcptParameters: 'NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;o@example.net',
    };
    await sendMail(port, { ...asked, to: 'x@telling.test' });
    await arrived(peers.telling, 1, gateway);
    const commands = peers.telling.commands.join('\n');
    assert.match(
      commands,
      /^MAIL FROM:<me@home\.test>.* RET=HDRS\b.* ENVID=E1\b|^MAIL FROM:<me@home\.test>.* ENVID=E1\b.* RET=HDRS\b/m,
    );
    assert.match(commands, /^RCPT TO:<x@telling\.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;o@example\.net$/m);
    await sendMail(port, { ...asked, to: 'x@plain.test' });
    await arrived(peers.plain, 1, gateway);
    assert.doesNotMatch(peers.plain.commands.join('\n'), /NOTIFY|ENVID|ORCPT/);
    const report = await next();
    assert.equal(report.fields[1]?.['action'], 'relayed');
    assert.match(report.fields[1]?.['status'] ?? '', /^2\./);
    assert.equal(report.fields[1]?.['final-recipient'], 'rfc822; x@plain.test');
    assert.match(report.text, /passed on/);
  });

  await t.test('451 for long: a notice of delay, then the report that it is given up', async () => {
    await sendMail(port, { from: 'me@home.test', to: 'slow@busy.test' });
    const delay = await next();
    assert.equal(delay.fields[1]?.['action'], 'delayed');
    assert.equal(delay.fields[1]?.['status'], '4.2.2');
    assert.ok(Date.parse(delay.fields[1]?.['will-retry-until'] ?? '') > Date.now() - 5000);
    assert.match(delay.text, /YOU DO NOT NEED TO SEND YOUR MESSAGE AGAIN/);
    const failure = await next();
    assert.equal(failure.fields[1]?.['action'], 'failed');
    assert.match(failure.fields[1]?.['status'] ?? '', /^5\.4\.7$/);
    assert.match(failure.text.replaceAll(/\s+/g, ' '), /last error: 451 4\.2\.2 mailbox full, try later/);
    await gateway.logged(
      /^Info: Bounced: DCID 0 MID \d+ .* RID 0 - 5\.4\.7 - Delivery expired \(message too old\) \('000', /,
    );
    const attempts = peers.busy.commands.filter((command) => command.startsWith('RCPT'));
    assert.ok(attempts.length >= 3, `${attempts.length} attempts`);
    assert.equal(home.messages.length, heard);
  });
});

function portReason(): string | false {
  // MX hosts are spoken to on port 25.
  const found = spawnSync('python3', ['-c', "import socket; socket.create_server(('127.0.0.61', 25)).close()"]);
  return found.status === 0
    ? false
    : 'port 25 of 127.0.0.61 cannot be bound: run as root, or with CAP_NET_BIND_SERVICE';
}

test('where mail goes: MX, addresses, aliases, IPv6, and never to ourselves', {
  skip: missing('unbound') || portReason(),
}, async (t) => {
  const [one, two] = [await Peer.start({}, 25, '127.0.0.61'), await Peer.start({}, 25, '127.0.0.62')];
  const [six, home] = [await Peer.start({}, 0, '::1'), await Peer.start()];
  t.after(() => Promise.all([one, two, six, home].map((peer) => peer.close())));
  const equal = Array.from({ length: 16 }, (_, index) => `eq${index} IN MX 10 a\neq${index} IN MX 10 b\n`).join('');
  const dns = await startNameServer(t, {
    'zone.test': `a IN A 127.0.0.61
b IN A 127.0.0.62
dead IN A 127.0.0.69
me IN A 127.0.0.63
here IN A 127.0.0.1
ordered IN MX 20 b
ordered IN MX 10 a
fallback IN MX 10 dead
fallback IN MX 20 b
null IN MX 0 .
address IN A 127.0.0.61
alias IN CNAME ordered
mxalias IN MX 10 nick
nick IN CNAME b
self IN MX 10 me
backup IN MX 10 a
backup IN MX 20 me
behind IN MX 10 me
behind IN MX 20 b
text IN TXT "no mail here"
${equal}`,
  });
  const port = await freePort();
  const gateway = await startGateway(t, {
    config: `hostname: gw.example.com
gui: { ports: [] }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${port} }
  - { name: mx, address: 127.0.0.63, port: 25 }
  - { name: six, address: "::1", port: ${port} }
relay: [127.0.0.1, "::1/128"]
routes:
  - { domain: home.test, to: ["127.0.0.1:${home.port}"] }
  - { domain: six.test, to: ["[::1]:${six.port}"] }
  - { domain: circle.test, to: ["here.zone.test:${port}"] }
dns: { servers: ["127.0.0.1:${dns}"], reverse: false }
${spool}`,
  });
  const send = (domain: string) => sendMail(port, { from: 'me@home.test', to: `x@${domain}` });
  const at = (peer: Peer, domain: string) => peer.messages.filter(({ to }) => to[0] === `x@${domain}`).length;
  const finished = async (domain: string) => {
    const mid = await send(domain);
    await gateway.logged(new RegExp(`^Info: Message finished MID ${mid} done$`));
    return mid;
  };

  await t.test(
    'the lowest preference first, the next where it is down, the address where there is no MX, aliases',
    async () => {
      for (const [domain, peer] of [
        ['ordered.zone.test', one],
        ['fallback.zone.test', two],
        ['address.zone.test', one],
        ['alias.zone.test', one],
        ['mxalias.zone.test', two],
        ['backup.zone.test', one],
        ['[127.0.0.62]', two],
      ] as const) {
        await finished(domain);
        assert.equal(at(peer, domain), 1, domain);
        assert.equal(at(peer === one ? two : one, domain), 0, domain);
      }
      await gateway.logged(
        /^Info: Connection Error: DCID \d+ domain: fallback\.zone\.test IP: 127\.0\.0\.69 port: 25 details: \[Errno 111\] Connection refused /,
      );
    },
  );

  await t.test('equal preferences share the load', async () => {
    await Promise.all(Array.from({ length: 16 }, (_, index) => finished(`eq${index}.zone.test`)));
    const count = (peer: Peer) => peer.messages.filter(({ to }) => to[0]?.startsWith('x@eq')).length;
    assert.equal(count(one) + count(two), 16);
    assert.ok(count(one) > 0 && count(two) > 0, `${count(one)} and ${count(two)}`);
  });

  const bounces: readonly [string, string, string, RegExp][] = [
    ['null.zone.test', 'a null MX', '5.1.10', /null MX/],
    ['self.zone.test', 'an MX that is ourselves', '5.4.6', /loop/],
    // RFC 5321 5.1: hosts of our own preference and above are left out, though one further away answers.
    ['behind.zone.test', 'ourselves before another', '5.4.6', /loop/],
    ['circle.test', 'a route that leads back', '5.4.6', /loop/],
    ['missing.zone.test', 'a name that does not exist', '5.1.2', /NXDomain/],
    ['text.zone.test', 'a name without an address', '5.1.2', /./],
  ];
  for (const [domain, name, status, text] of bounces) {
    await t.test(`${name}: a bounce with ${status}`, async () => {
      const before = home.messages.length;
      await finished(domain);
      const line = await gateway.logged(new RegExp(`^Info: Bounced: DCID 0 MID \\d+ .*<x@${domain}> RID 0 - `));
      assert.ok(line.includes(` - ${status} - `), line);
      assert.match(line, text);
      const report = readReport(await arrived(home, before + 1, gateway));
      assert.equal(report.fields[1]?.['status'], status);
      assert.equal(report.fields[1]?.['remote-mta'], undefined);
    });
  }

  await t.test('IPv6, in and out', async () => {
    const client = await MailClient.open(port, { host: '::1' });
    await client.reply();
    await client.say('EHLO six.example.org');
    await client.say('MAIL FROM:<me@home.test>');
    assert.match(await client.say('RCPT TO:<x@six.test>'), /^250 /);
    await client.say('DATA');
    assert.match(await client.say('Subject: six\r\n\r\nhello\r\n.'), /^250 /);
    await client.say('QUIT');
    const message = await arrived(six, 1, gateway);
    assert.match(message.body.toString(), /^Received: from six\.example\.org \(\[IPv6:::1\]\)/);
    await gateway.logged(/^Info: New SMTP ICID \d+ interface Management \(::1\) address ::1 reverse dns host /);
    await gateway.logged(/^Info: ICID \d+ RELAY SG RELAYLIST match ::1(\/128)? SBRS None$/);
    await gateway.logged(new RegExp(`^Info: New SMTP DCID \\d+ interface ::1 address ::1 port ${six.port}$`));
  });
});

describe('what is refused, and how', () => {
  test('policy, protocol and limits', async (t) => {
    const good = await Peer.start();
    t.after(() => good.close());
    const port = await freePort();
    const gateway = await startGateway(t, {
      config: `hostname: gw.example.com
gui: { ports: [] }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${port} }
accept: [good.test]
relay: [127.0.0.1, 127.0.1.0/24]
routes:
  - { domain: "*", to: ["127.0.0.1:${good.port}"] }
limits: { connectionsPerClient: 5, messagesPerConnection: 2, recipients: 3, errors: 4, messageSize: 64KiB, headerSize: 64KiB, hops: 10 }
dns: { reverse: false }
${spool}`,
    });
    const opened = async (local = '127.0.0.1') => {
      const client = await MailClient.open(port, { local });
      assert.match(await client.reply(), /^220 gw\.example\.com ESMTP/);
      assert.match(await client.say('EHLO client.example.org'), /^250-/);
      return client;
    };
    const inData = async () => {
      const client = await opened();
      await client.say('MAIL FROM:<a@example.org>');
      await client.say('RCPT TO:<x@good.test>');
      assert.match(await client.say('DATA'), /^354 /);
      return client;
    };

    await t.test('EHLO names what there is; VRFY and HELP answer', async () => {
      const client = await MailClient.open(port);
      await client.reply();
      const offer = await client.say('EHLO client.example.org');
      const words = offer.split('\n').map((line) => line.slice(4).split(' ')[0]);
      assert.match(words[0] ?? '', /^gw\.example\.com$/);
      assert.deepEqual(
        words.slice(1).toSorted(),
        [
          '8BITMIME',
          'CHUNKING',
          'DSN',
          'ENHANCEDSTATUSCODES',
          'HELP',
          'PIPELINING',
          'SIZE',
          'SMTPUTF8',
          'STARTTLS',
        ].toSorted(),
      );
      assert.match(offer, /^250[- ]SIZE 65536$/m);
      assert.match(await client.say('VRFY somebody'), /^252 2\.\d\.\d /);
      assert.match(await client.say('HELP'), /^214/);
      assert.match(await client.say('EXPN list'), /^50\d 5\./);
      await client.startTls();
      const secured = await client.say('EHLO client.example.org');
      assert.doesNotMatch(secured, /STARTTLS/);
      assert.match(await client.say('STARTTLS'), /^50\d 5\.5\.1 /);
      assert.match(await client.say('QUIT'), /^221 /);
    });

    await t.test('relaying: who may, and who may not', async () => {
      const stranger = await opened('127.0.0.8');
      await stranger.say('MAIL FROM:<a@example.org>');
      assert.match(await stranger.say('RCPT TO:<x@elsewhere.test>'), /^550 5\.7\.1 /);
      assert.match(await stranger.say('RCPT TO:<x@good.test>'), /^250 /);
      // Tricks that have made relays open: a routed local part, a quoted one.
      for (const trick of [
        'x%elsewhere.test@good.test.elsewhere.test',
        '"x@elsewhere.test"@elsewhere.test',
        '@good.test:x@elsewhere.test',
      ]) {
        assert.match(await stranger.say(`RCPT TO:<${trick}>`), /^5\d\d 5\./, trick);
      }
      stranger.end();
      const friend = await opened('127.0.1.77');
      await friend.say('MAIL FROM:<a@example.org>');
      assert.match(await friend.say('RCPT TO:<x@elsewhere.test>'), /^250 /);
      friend.end();
    });

    await t.test('what was said before STARTTLS is forgotten, what is pipelined behind it is no command', async () => {
      const client = await opened();
      await client.say('MAIL FROM:<a@example.org>');
      await client.startTls();
      assert.match(await client.say('RCPT TO:<x@good.test>'), /^503 5\.5\.1 /);
      client.end();
      const injector = await opened();
      injector.write('STARTTLS\r\nEHLO evil.example.org\r\nMAIL FROM:<evil@example.org>\r\n');
      const replies = [await injector.reply(), await injector.closed()].join('\n');
      assert.doesNotMatch(replies, /^2[25]0/m);
      assert.match(replies, /^5\d\d 5\./);
      await gateway.logged(/^Info: ICID \d+ Receiving Failed: .*STARTTLS/);
      assert.ok(!gateway.log().some((line) => line.includes('evil@example.org')));
    });

    await t.test('only CRLF.CRLF ends a message', async () => {
      const before = good.messages.length;
      for (const end of ['\n.\n', '\n.\r\n', '\r\n.\n', '\r.\r', '\r\n.\r', '\r.\r\n', '\n\n.\r\n']) {
        const client = await inData();
        const smuggled = 'MAIL FROM:<evil@example.org>\r\nRCPT TO:<x@good.test>\r\nDATA\r\nSubject: evil\r\n\r\nevil';
        const reply = await client.say(`Subject: outer\r\n\r\nouter${end}${smuggled}\r\n.`);
        assert.match(reply, /^5\d\d 5\.\d\.\d /, JSON.stringify(end));
        assert.match(reply, /CR or LF alone/, JSON.stringify(end));
        // In sync: the next command is the next command.
        assert.match(await client.say('NOOP'), /^250 2\.0\.0 /, JSON.stringify(end));
        client.end();
      }
      const chunk = 'Subject: outer\r\n\r\nouter\n.\r\nMAIL FROM:<evil@example.org>\r\n';
      const client = await opened();
      await client.say('MAIL FROM:<a@example.org>');
      await client.say('RCPT TO:<x@good.test>');
      assert.match(await client.say(`BDAT ${chunk.length} LAST\r\n${chunk.slice(0, -2)}`), /^5\d\d 5\./);
      assert.match(await client.say('NOOP'), /^250 2\.0\.0 /);
      client.end();
      await sleep(200);
      assert.equal(good.messages.length, before);
    });

    await t.test('noise', async () => {
      const browser = await MailClient.open(port);
      await browser.reply();
      browser.write('GET / HTTP/1.1\r\nHost: gw.example.com\r\n\r\n');
      assert.match(await browser.closed(), /^[45]\d\d [^\n]*$/);
      const nul = await opened();
      assert.match(await nul.say('MAIL FROM:<a\0@example.org>'), /^5\d\d 5\./);
      assert.match(await nul.say(`NOOP ${'x'.repeat(3000)}`), /^500 5\.5\./);
      assert.match(await nul.say('NOOP'), /^250 /);
      nul.end();
    });

    await t.test('limits', async () => {
      const clients = await Promise.all(
        Array.from({ length: 9 }, () => MailClient.open(port, { local: '127.0.0.88' })),
      );
      const greetings = await Promise.all(clients.map((client) => client.reply()));
      assert.equal(greetings.filter((text) => text.startsWith('220 ')).length, 5, greetings.join('\n'));
      assert.equal(greetings.filter((text) => /^421 4\.\d\.\d /.test(text)).length, 4);
      await gateway.logged(
        /^Warning: Connection from 127\.0\.0\.88 refused: 5 connections of this client are open \(limits\.connectionsPerClient\)$/,
      );
      for (const client of clients) client.end();

      const sender = await opened();
      for (let message = 0; message < 2; message++) {
        await sender.say('MAIL FROM:<a@example.org>');
        await sender.say('RCPT TO:<x@good.test>');
        await sender.say('DATA');
        assert.match(await sender.say('Subject: x\r\n\r\nx\r\n.'), /^250 2\.0\.0 /);
      }
      assert.match(await sender.say('MAIL FROM:<a@example.org>'), /^421 4\.\d\.\d /);

      const many = await opened();
      await many.say('MAIL FROM:<a@example.org>');
      for (let rid = 0; rid < 3; rid++) assert.match(await many.say(`RCPT TO:<x${rid}@good.test>`), /^250 /);
      assert.match(await many.say('RCPT TO:<x3@good.test>'), /^452 4\.5\.3 /);
      many.end();

      const wrong = await opened();
      let last = '';
      for (let error = 0; error < 6 && !last.startsWith('421'); error++) last = await wrong.say('NONSENSE');
      assert.match(last, /^421 4\.7\.0 /);

      const large = await opened();
      assert.match(await large.say('MAIL FROM:<a@example.org> SIZE=65537'), /^552 5\.3\.4 /);
      large.end();

      const looping = `${'Received: from a by b; Mon, 23 Nov 2026 14:49:00 +0000\r\n'.repeat(11)}Subject: loop\r\n\r\nx\r\n`;
      await assert.rejects(sendMail(port, { to: 'x@good.test', data: looping }), /^Error: 554 5\.4\.6 /);
    });
  });
});
