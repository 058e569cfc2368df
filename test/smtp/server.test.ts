// The socket shell: what a dialogue cannot show.
import assert from 'node:assert/strict';
import net from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, test } from 'node:test';
import { Connection } from '../../src/smtp/connection.ts';
import { inboundPolicy } from '../../src/smtp/policy.ts';
import { createInboundServer } from '../../src/smtp/server.ts';
import { Client, type Gateway, MemoryHost, snapshotOf, startGateway } from './fixture.ts';

const ipv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

async function until(condition: () => boolean): Promise<void> {
  for (const end = performance.now() + 60_000; !condition(); await sleep(5)) {
    assert.ok(performance.now() < end, `never: ${condition}`);
  }
}

/** Runs with a gateway that is stopped whatever happens. */
async function withGateway(
  run: (gateway: Gateway) => Promise<void>,
  ...options: Parameters<typeof startGateway>
): Promise<void> {
  const gateway = await startGateway(...options);
  try {
    await run(gateway);
  } finally {
    await gateway.stop();
  }
}

describe('messages', () => {
  test('bodies arrive byte for byte behind one Received line', async () => {
    const eight = Buffer.from([...new Array(256).keys()].filter((byte) => byte !== 0 && byte !== 10 && byte !== 13));
    const crlf = Buffer.from('\r\n');
    const big = Buffer.alloc(20 * 1024 * 1024, Buffer.from(`${'0123456789.'.repeat(7)}\r\n.${'x'.repeat(60)}\r\n`));
    big.write('\r\n', big.length - 2);
    const bodies: Buffer[] = [
      Buffer.alloc(0),
      Buffer.from('.\r\n..\r\n.a\r\n'),
      Buffer.concat([Buffer.from('Subject: 8 bit\r\n\r\n'), eight, crlf]),
      Buffer.from('no header, no blank line\r\n'),
      Buffer.from(`${'x'.repeat(998)}\r\n`),
      big,
    ];
    await withGateway(async ({ port, host }) => {
      const client = await Client.connect(port);
      for (const [index, body] of bodies.entries()) {
        await client.begin();
        const stuffed = Buffer.from(body.toString('latin1').replaceAll(/(^|\r\n)\./g, '$1..'), 'latin1');
        client.write(Buffer.concat([stuffed, Buffer.from('.\r\n')]));
        assert.equal(await client.reply(), `250 2.0.0 Ok: Message ${index + 1} accepted`);
        const stored = host.messages[index]?.body ?? Buffer.alloc(0);
        const split = stored.length - body.length;
        assert.ok(stored.subarray(split).equals(body), `body ${index}`);
        assert.match(
          stored.subarray(0, split).toString('latin1'),
          /^Received: from client\.example\.org \(\[127\.0\.0\.1\]\)\r\n\tby gw\.example\.com with ESMTP\r\n\tid \d+ for <b@example\.com>;\r\n\t[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d{4} [\d:]{8} \+0000\r\n$/,
        );
      }
      // BDAT: no final newline is added.
      client.write('MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nBDAT 9 LAST\r\nno\r\n.\r\nxy');
      await client.reply();
      await client.reply();
      assert.match(await client.reply(), /^250/);
      assert.equal(host.messages.at(-1)?.body.toString().endsWith('\r\nno\r\n.\r\nxy'), true);
      client.destroy();
    });
  });

  test('a spool that is slow, full, or fails', async () => {
    await withGateway(async ({ port, host, lines }) => {
      const client = await Client.connect(port);
      host.slow = true;
      await client.begin();
      for (let i = 0; i < 50; i++) client.write(`${'x'.repeat(500)}\r\n`.repeat(20));
      assert.match(await client.say('.'), /^250/);
      host.slow = false;
      assert.ok((host.messages[0]?.body.length ?? 0) > 500_000);

      host.storeError = { code: 'disk-full', text: 'no space left on device' };
      await client.begin();
      assert.equal(await client.say('.'), '452 4.3.1 Insufficient system storage; try again later');
      assert.ok(lines.includes('Message aborted MID 2 Receiving aborted: no space left on device'));
      host.storeError = { code: 'io', text: 'write failed' };
      await client.begin();
      assert.match(await client.say('.'), /^451 4\.3\.0 /);
      host.storeError = null;
      host.isFull = true;
      assert.match(await client.say('MAIL FROM:<a@example.org>'), /^452 4\.3\.1 /);
      host.isFull = false;
      await client.begin();
      assert.match(await client.say('.'), /^250/);
      client.destroy();
    });
  });

  test('commands that come while the store is asked wait for its answer', async () => {
    await withGateway(async ({ port, host }) => {
      const client = await Client.connect(port);
      host.hold = true;
      await client.begin();
      client.write('one\r\n.\r\nNOOP\r\n');
      await host.log.wait(/ready/);
      client.write('VRFY x\r\nQUIT\r\n');
      await sleep(50);
      host.release();
      assert.match(await client.reply(), /^250 2\.0\.0 Ok: Message 1/);
      assert.equal(await client.reply(), '250 2.0.0 Ok');
      assert.match(await client.reply(), /^252/);
      assert.match(await client.reply(), /^221/);
      await client.closed();
    });
  });

  test('a client that is gone before the reply has its message stored', async () => {
    await withGateway(async ({ port, host }) => {
      const client = await Client.connect(port);
      host.hold = true;
      await client.begin();
      client.write('one\r\n.\r\n');
      await host.log.wait(/ready/);
      client.socket.resetAndDestroy();
      await host.log.wait(/^ICID 1 lost$/);
      host.release();
      await host.log.wait(/^MID 1 queued for delivery$/);
      assert.equal(host.messages.length, 1);
    });
  });

  test('a client that closes its side behind QUIT gets all replies', async () => {
    await withGateway(async ({ port, host }) => {
      const client = await Client.connect(port, { greeting: false });
      await client.reply();
      client.write('HELO c\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n');
      client.end();
      const replies: string[] = [];
      for (let reply = await client.reply(); reply !== ''; reply = await client.reply())
        replies.push(reply.slice(0, 3));
      assert.deepEqual(replies, ['250', '250', '250', '354', '250', '221']);
      await host.log.wait(/^ICID 1 close$/);
    });
  });

  test('a loss in mid-message leaves nothing behind', async () => {
    await withGateway(async ({ port, host, lines }) => {
      const client = await Client.connect(port);
      await client.begin();
      client.write('half a mess');
      await sleep(30);
      client.destroy();
      await host.log.wait(/^ICID 1 lost$/);
      assert.deepEqual(lines.slice(-2), ['Message aborted MID 1 Receiving aborted', 'ICID 1 lost']);
      assert.equal(host.aborted, 1);
      await until(() => host.open === 0);
    });
  });

  test('call-ahead answers late and in order', async () => {
    await withGateway(
      async ({ port, host }) => {
        host.delay = 30;
        host.answers.set('yes@example.com', 'exists');
        host.answers.set('later@example.com', 'try-later');
        const client = await Client.connect(port);
        client.write(
          'HELO c\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<yes@example.com>\r\nRCPT TO:<no@example.com>\r\n' +
            'RCPT TO:<later@example.com>\r\nRCPT TO:<postmaster@example.com>\r\nDATA\r\nx\r\n.\r\n',
        );
        const codes: string[] = [];
        for (let i = 0; i < 8; i++) codes.push((await client.reply()).slice(0, 9));
        assert.deepEqual(codes, [
          '250 gw.ex',
          '250 2.1.0',
          '250 2.1.5',
          '550 5.1.1',
          '451 4.4.1',
          '250 2.1.5',
          '354 Send ',
          '250 2.0.0',
        ]);
        assert.deepEqual(
          host.messages[0]?.envelope.recipients.map((recipient) => recipient.address),
          ['yes@example.com', 'postmaster@example.com'],
        );
        client.destroy();
      },
      { recipients: { callAhead: true } },
    );
  });
});

describe('smuggling', () => {
  const variants = [
    '\n.\n',
    '\r.\r',
    '\n.\r\n',
    '\r\n.\n',
    '\r.\r\n',
    '\r\n.\r',
    '\r\r\n.\r\r\n',
    '\r\n.\r\r\n',
    '\n\r\n.\r',
    '\r\n\x00.\r\n',
  ];
  const inner = 'MAIL FROM:<ceo@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\nSubject: smuggled\r\n\r\nx';
  for (const variant of variants) {
    for (const pieces of ['at once', 'byte by byte'] as const) {
      test(`${JSON.stringify(variant)} ${pieces}: one reply, no message`, async () => {
        await withGateway(async ({ port, host, lines }) => {
          const client = await Client.connect(port);
          await client.begin();
          const stream = `Subject: outer\r\n\r\nbody${variant}${inner}\r\n.\r\nVRFY in-step\r\n`;
          if (pieces === 'at once') client.write(stream);
          else for (const byte of stream) client.write(byte);
          assert.match(await client.reply(), /^554 5\.6\.0 /);
          assert.match(await client.reply(), /^252 /);
          assert.equal(host.messages.length, 0);
          assert.equal(lines.filter((line) => line.startsWith('Start MID')).length, 1);
          client.destroy();
        });
      });
    }
  }
});

describe('connections', () => {
  test('sender groups: REJECT says so, TCPREFUSE says nothing', async () => {
    await withGateway(
      async ({ port, host }) => {
        const client = await Client.connect(port, { greeting: false });
        assert.equal(await client.reply(), '554 5.7.1 Connections from this address are not accepted');
        await client.closed();
        await host.log.wait(/^ICID 1 REJECT SG BLOCKED match 127\.0\.0\.0\/8 SBRS None$/);
        await host.log.wait(/^ICID 1 close$/);
      },
      { senderGroups: [{ name: 'BLOCKED', match: '127.0.0.0/8', action: 'REJECT' }] },
    );
    await withGateway(
      async ({ port, host }) => {
        let said = '';
        const socket = net.connect(port, '127.0.0.1');
        // The reset may come before or after the client knows of its connection.
        socket
          .on('error', () => undefined)
          .on('data', (chunk) => {
            said += chunk;
          });
        await new Promise((resolve) => socket.once('close', resolve));
        assert.equal(said, '');
        await host.log.wait(/^ICID 1 TCPREFUSE SG SILENT match 127\.0\.0\.1 SBRS None$/);
        await host.log.wait(/^ICID 1 close$/);
        await until(() => host.open === 0);
      },
      { senderGroups: [{ name: 'SILENT', match: '127.0.0.1', action: 'TCPREFUSE' }] },
    );
  });

  test('the greeting waits for the reverse name; a name decides only if it is verified', async () => {
    const groups = { senderGroups: [{ name: 'PARTNERS', match: '.partner.example', action: 'RELAY' }] };
    for (const [verified, expected] of [
      [true, 'ICID 1 RELAY SG PARTNERS match .partner.example SBRS None'],
      [false, 'ICID 1 ACCEPT SG ALL match ALL SBRS None'],
    ] as const) {
      await withGateway(async ({ port, host, lines }) => {
        host.reverseName = sleep(50).then(() => ({ name: 'mx.partner.example', verified }));
        const client = await Client.connect(port);
        assert.deepEqual(lines, [
          `New SMTP ICID 1 interface Management (127.0.0.1) address 127.0.0.1 reverse dns host mx.partner.example verified ${verified ? 'yes' : 'no'}`,
          expected,
        ]);
        client.destroy();
      }, groups);
    }
  });

  test('who talks before the greeting is refused', async () => {
    await withGateway(async ({ port, host }) => {
      const { promise, resolve } = Promise.withResolvers<{ name: null; verified: false }>();
      host.reverseName = promise;
      const client = await Client.connect(port, { greeting: false });
      client.write('EHLO spammer\r\n');
      // Whatever time passes, what was written is read before this comes.
      await sleep(100);
      resolve({ name: null, verified: false });
      assert.match(await client.reply(), /^554 5\.5\.1 /);
      assert.equal(await client.closed(), '');
      await host.log.wait(/^ICID 1 Receiving Failed: Talked before the greeting$/);
    });
  });

  test('who is gone before the greeting is told in the log', async () => {
    await withGateway(async ({ port, host, lines }) => {
      for (const [index, leave] of (['destroy', 'resetAndDestroy'] as const).entries()) {
        host.reverseName = sleep(100).then(() => ({ name: null, verified: false }));
        const socket = net.connect(port, '127.0.0.1', () => socket[leave]());
        await host.log.wait(new RegExp(`^ICID ${index + 1} lost$`));
        assert.equal(lines.length, 3 * (index + 1));
        await until(() => host.open === 0);
      }
    });
  });

  test('limits per client: 421, one line in the log a second', async () => {
    await withGateway(
      async ({ port, host, lines }) => {
        const first = await Client.connect(port);
        const second = await Client.connect(port);
        const tries = 20;
        const over = await Promise.all(Array.from({ length: tries }, () => Client.connect(port, { greeting: false })));
        for (const client of over) {
          assert.match(await client.reply(), /^421 4\.7\.0 /);
          await client.closed();
        }
        const told = () => lines.filter((line) => line.startsWith('Connection from'));
        const counted = () =>
          lines.reduce((sum, line) => sum + Number(/^(\d+) more connections refused/.exec(line)?.[1] ?? 0), 0);
        await until(() => told().length + counted() === tries);
        assert.ok(told().length < tries / 2, told().join('\n'));
        assert.match(told()[0] ?? '', /^Connection from 127\.0\.0\.1 refused: 2 connections of this client are open/);
        first.destroy();
        await host.log.wait(/^ICID 1 lost$/);
        await until(() => host.open === 1);
        const again = await Client.connect(port);
        second.destroy();
        again.destroy();
      },
      { limits: { connectionsPerClient: 2 } },
    );
  });

  test('a peer that sends on after the closing reply still gets it, and is cut off', async () => {
    await withGateway(async ({ port }) => {
      const client = await Client.connect(port);
      client.write('GET / HTTP/1.1\r\n');
      const junk = Buffer.alloc(65_536, 0x41);
      let open = true;
      client.socket.on('error', () => undefined);
      client.socket.on('close', () => {
        open = false;
      });
      assert.match(await client.reply(), /^554 /);
      const start = performance.now();
      while (open && performance.now() - start < 60_000) {
        client.socket.write(junk);
        await sleep(5);
      }
      assert.equal(open, false);
    });
  });

  test('a peer that reads no replies is not read either', async () => {
    await withGateway(async ({ port, host }) => {
      const client = await Client.connect(port);
      client.socket.pause();
      const flood = Buffer.from('NOOP\r\n'.repeat(10_000));
      let sent = 0;
      while (client.socket.writableLength < 4_000_000 && sent < 200) {
        client.write(flood);
        sent++;
        await sleep(1);
      }
      assert.ok(client.socket.writableLength > 1_000_000, 'the server went on reading');
      client.destroy();
      await host.log.wait(/^ICID 1 lost$/);
    });
  });
});

describe('STARTTLS', () => {
  test('garbage instead of a handshake is logged and closed', async () => {
    await withGateway(async ({ port, host, lines }) => {
      const client = await Client.connect(port);
      assert.match(await client.say('STARTTLS'), /^220/);
      client.write('EHLO in clear\r\n');
      assert.equal(await client.closed(), '');
      await host.log.wait(/^ICID 1 TLS failed: /);
      await host.log.wait(/^ICID 1 close$/);
      assert.equal(
        lines.some((line) => line.includes('MID')),
        false,
      );
      await until(() => host.open === 0);
    });
  });

  test('a client that leaves in the handshake', async () => {
    await withGateway(async ({ port, host }) => {
      const client = await Client.connect(port);
      assert.match(await client.say('STARTTLS'), /^220/);
      client.destroy();
      await host.log.wait(/^ICID 1 TLS failed: /);
      await host.log.wait(/^ICID 1 close$/);
      await until(() => host.open === 0);
    });
  });

  test('a message over TLS, with the handshake in its Received line', async () => {
    await withGateway(async ({ port, host }) => {
      const client = await Client.connect(port);
      await client.say('EHLO c');
      assert.match(await client.say('STARTTLS'), /^220/);
      await client.startTls({ maxVersion: 'TLSv1.2' });
      await client.begin();
      assert.match(await client.say('x\r\n.'), /^250/);
      assert.match(host.messages[0]?.body.toString() ?? '', /with ESMTPS \(TLSv1\.2 ECDHE-ECDSA-[A-Z0-9-]+\)\r\n/);
      assert.match(await client.say('QUIT'), /^221/);
      await client.closed();
      await host.log.wait(/^ICID 1 close$/);
    });
  });

  test('no TLS to be had: 454, and the session goes on', async () => {
    await withGateway(async ({ port, host }) => {
      host.tls = null;
      const client = await Client.connect(port);
      assert.match(await client.say('STARTTLS'), /^454 4\.7\.0 /);
      assert.match(await client.say('NOOP'), /^250/);
      client.destroy();
    });
  });
});

describe('deadlines', () => {
  const short = { timeouts: { command: '1s', data: '1s', session: '1h' } };

  test('a silent client', async () => {
    await withGateway(async ({ port, host }) => {
      const client = await Client.connect(port);
      assert.equal(await client.reply(), '421 4.4.2 Timeout: waiting for a command');
      assert.equal(await client.closed(), '');
      await host.log.wait(/^ICID 1 Receiving Failed: Timeout: waiting for a command$/);
      await host.log.wait(/^ICID 1 close$/);
    }, short);
  });

  test('a message that stops half-way', async () => {
    await withGateway(async ({ port, host, lines }) => {
      const client = await Client.connect(port);
      await client.begin();
      client.write('Subject: half\r\n');
      assert.equal(await client.reply(), '421 4.4.2 Timeout: waiting for data');
      await client.closed();
      await host.log.wait(/^ICID 1 close$/);
      assert.deepEqual(lines.slice(-3), [
        'ICID 1 Receiving Failed: Timeout: waiting for data',
        'Message aborted MID 1 Receiving aborted',
        'ICID 1 close',
      ]);
      assert.equal(host.aborted, 1);
    }, short);
  });

  test('a session that never ends', async () => {
    await withGateway(
      async ({ port }) => {
        const client = await Client.connect(port);
        let reply = '';
        for (let i = 0; i < 40 && !reply.startsWith('421'); i++) {
          reply = await client.say('NOOP');
          await sleep(200);
        }
        assert.equal(reply, '421 4.4.2 Timeout: session too long');
      },
      { timeouts: { session: '2s' } },
    );
  });

  test('a command that comes letter by letter has no more time than silence', async () => {
    await withGateway(async ({ port }) => {
      const client = await Client.connect(port);
      const drip = setInterval(() => client.write('N'), 100);
      assert.equal(await client.reply(), '421 4.4.2 Timeout: waiting for a command');
      clearInterval(drip);
      client.end();
    }, short);
  });

  test('a message that trickles, and a store that never answers', async () => {
    const host = new MemoryHost(snapshotOf({ limits: { dataRate: '100B' } }));
    const [listener] = host.current.listeners;
    assert.ok(listener);
    const clock = { host, now: 0, stopping: false, gone: () => undefined };
    const connections: Connection<Buffer>[] = [];
    const listening = net.createServer({ allowHalfOpen: true }, (socket) => {
      const options = {
        listener,
        policy: inboundPolicy(host.current),
        address: '192.0.2.9',
        localAddress: '192.0.2.1',
        clientKey: '',
      };
      connections.push(new Connection(clock, socket, options));
    });
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
    const { port } = listening.address() as net.AddressInfo;
    const sweepTo = (now: number) => {
      clock.now = now;
      for (const connection of connections) connection.sweep();
    };

    const slow = await Client.connect(port);
    await slow.begin();
    slow.write(`${'x'.repeat(60)}\r\n`.repeat(60));
    await sleep(50);
    // 3,720 octets: enough for 37 seconds.
    sweepTo(36_000);
    slow.write('x\r\n');
    await sleep(50);
    sweepTo(40_000);
    assert.equal(await slow.reply(), '421 4.4.2 Timeout: data too slow');
    slow.destroy();

    const waiting = await Client.connect(port);
    host.hold = true;
    await waiting.begin();
    waiting.write('x\r\n.\r\n');
    await host.log.wait(/^MID 2 ready/);
    sweepTo(500_000);
    sweepTo(641_000);
    assert.equal(await waiting.reply(), '421 4.4.2 Timeout: no answer from the spool');
    // It is stored in the end, and the log says so.
    host.release();
    await host.log.wait(/^MID 2 queued for delivery$/);
    waiting.destroy();
    for (const connection of connections) connection.destroy();
    listening.close();
  });

  test('no hello after STARTTLS', async () => {
    await withGateway(
      async ({ port, host }) => {
        const client = await Client.connect(port);
        await client.say('STARTTLS');
        assert.equal(await client.closed(), '');
        await host.log.wait(/^ICID 1 TLS failed: /);
      },
      { timeouts: { hello: '1s' } },
    );
  });
});

describe('listening and stopping', () => {
  test('an address in use, and one that this machine has not', async () => {
    await withGateway(async ({ port }) => {
      const host = new MemoryHost(snapshotOf());
      const [listener] = host.current.listeners;
      assert.ok(listener);
      await assert.rejects(createInboundServer(host, { ...listener, port }).listen({ reusePort: false }), {
        code: 'in-use',
      });
      await assert.rejects(
        createInboundServer(host, { ...listener, address: '192.0.2.1', port: 0 }).listen({ reusePort: false }),
        {
          code: 'bad-configuration',
        },
      );
    });
  });

  test('idle clients are told, a message on its way arrives, newcomers get 421', async () => {
    const gateway = await startGateway();
    const { port, host, server } = gateway;
    const idle = await Client.connect(port);
    const sending = await Client.connect(port);
    const waiting = await Client.connect(port);
    await sending.begin();
    await waiting.begin();
    host.hold = true;
    waiting.write('x\r\n.\r\n');
    await host.log.wait(/^MID 2 ready/);
    let stopped = false;
    const stop = server.stop(8000).then(() => {
      stopped = true;
    });
    assert.match(await idle.reply(), /^421 4\.3\.2 /);
    assert.equal(await idle.closed(), '');
    idle.end();
    const late = await Client.connect(port, { greeting: false });
    assert.match(await late.reply(), /^421 4\.3\.2 /);
    await late.closed();
    late.end();
    sending.write('still coming\r\n');
    await sleep(50);
    assert.equal(stopped, false);
    sending.write('.\r\n');
    await host.log.wait(/^MID 1 ready/);
    host.release();
    for (const client of [sending, waiting]) {
      assert.match(await client.reply(), /^250 2\.0\.0 Ok: Message/);
      assert.match(await client.reply(), /^421 4\.3\.2 /);
      await client.closed();
      client.end();
    }
    await stop;
    assert.equal(host.messages.length, 2);
    await assert.rejects(
      new Promise((resolve, reject) => {
        net.connect(port, '127.0.0.1').once('connect', resolve).once('error', reject);
      }),
    );
  });

  test('who does not end is ended at the deadline', async () => {
    const { port, host, server } = await startGateway();
    const client = await Client.connect(port);
    await client.begin();
    const start = performance.now();
    await server.stop(300);
    assert.ok(performance.now() - start < 2000);
    await client.closed();
    await host.log.wait(/^ICID 1 lost$/);
  });

  test('IPv6', { skip: ipv6 ? false : 'this machine has no ::1' }, async () => {
    await withGateway(
      async ({ port, host, lines }) => {
        const client = new Client(net.connect(port, '::1'));
        await client.reply();
        await client.begin('postmaster@[IPv6:::1]');
        assert.match(await client.say('.'), /^250/);
        assert.ok(lines[0]?.startsWith('New SMTP ICID 1 interface Management (::1) address ::1 reverse'));
        assert.equal(lines[1], 'ICID 1 RELAY SG RELAYLIST match ::1 SBRS None');
        assert.match(
          host.messages[0]?.body.toString() ?? '',
          /^Received: from client\.example\.org \(\[IPv6:::1\]\)\r\n/,
        );
        assert.equal(host.messages[0]?.envelope.recipients[0]?.address, 'postmaster@example.com');
        client.destroy();
      },
      { relay: ['::1'] },
      { address: '::1' },
    );
  });

  test('a listener that is closed keeps its sessions; new settings are for new connections', async () => {
    await withGateway(async ({ port, host, server }) => {
      const old = await Client.connect(port);
      const [listener] = host.current.listeners;
      assert.ok(listener);
      server.update({ ...listener, tls: 'required' });
      assert.match(await old.say('HELO c'), /^250/);
      const fresh = await Client.connect(port);
      assert.match(await fresh.say('HELO c'), /^530/);
      server.close();
      assert.match(await old.say('NOOP'), /^250/);
      old.end();
      fresh.end();
      await host.log.wait(/^ICID 2 lost$/);
    });
  });
});
