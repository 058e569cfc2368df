// Commits under load: when they take effect, what they leave alone, and what a refused one changes.
import assert from 'node:assert/strict';
import { copyFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CertificateDirectory } from '../tls/peers.ts';
import { MailClient } from './client.ts';
import { freePort, startGateway, temporaryDirectory } from './harness.ts';
import { startLoad } from './load.ts';
import { emptied, openSession } from './session.ts';
import { startSink } from './sink.ts';

const options = { timeout: 120_000 };
const certificates = new CertificateDirectory();
test.after(() => certificates.remove());

interface Settings {
  readonly versions?: string;
  /** Lines of `listeners:` beside the first. */
  readonly listeners?: readonly string[];
  readonly more?: string;
  readonly perClient?: number;
}

function configuration(port: number, destination: number, settings: Settings = {}): string {
  const { versions = 'TLSv1.2, TLSv1.3', listeners = [], more = '', perClient = 500 } = settings;
  return `hostname: gw.example.com
gui: { ports: [] }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${port}, tls: preferred }
${listeners.map((line) => `  - ${line}\n`).join('')}accept: [example.com]
routes:
  - { domain: "*", to: ["127.0.0.1:${destination}"] }
tls: { inbound: { versions: [${versions}] } }
limits: { connectionsPerClient: ${perClient} }
spool: { reserve: 1MiB, lowWater: 16MiB, lowWaterShare: 0.001 }
retry: { first: 1s, probe: 500ms }
dns: { reverse: false }
${more}`;
}

const middle = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

test(
  'TLS settings committed every 200 ms under load: in force for every handshake after the answer, no connection dropped',
  options,
  async (t) => {
    const port = await freePort();
    const sink = await startSink(t);
    const config = configuration(port, sink.port);
    const gateway = await startGateway(t, { config, arguments: ['--workers', '2'] });
    const session = await openSession(t, gateway.data);
    const idle = await Promise.all(Array.from({ length: 10 }, () => MailClient.open(port)));
    for (const client of idle) assert.match(await client.reply(), /^220 /);

    const fresh = startLoad(t, { port, connections: 16, prefix: 'fresh', tls: true, perConnection: 2 });
    const steady = startLoad(t, { port, connections: 4, prefix: 'steady', tls: true });
    await sleep(500);
    const commits: { readonly sent: number; readonly answered: number; readonly protocol: string }[] = [];
    const until = performance.now() + 10_000;
    for (let turn = 0; performance.now() < until; turn++) {
      const protocol = turn % 2 === 0 ? 'TLSv1.2' : 'TLSv1.3';
      const begin = performance.now();
      await session.load(configuration(port, sink.port, { versions: protocol }));
      const sent = performance.now();
      assert.match(await session.run('commit "turn" N Y'), /Changes committed: /);
      commits.push({ sent, answered: performance.now(), protocol });
      await sleep(Math.max(0, 200 - (performance.now() - begin)));
    }
    // What changes no TLS has no preview: the commit alone.
    const plain: number[] = [];
    const versions = commits.at(-1)?.protocol ?? '';
    for (let turn = 1; turn <= 15; turn++) {
      await session.load(configuration(port, sink.port, { versions, perClient: 500 + turn }));
      const sent = performance.now();
      assert.match(await session.run('commit "limits" N'), /Changes committed: /);
      plain.push(performance.now() - sent);
    }
    await Promise.all([fresh.stop(), steady.stop()]);

    assert.deepEqual([...fresh.broken, ...fresh.refused, ...steady.broken, ...steady.refused], []);
    for (const [index, client] of idle.entries()) {
      await client.say('EHLO idle.example.org');
      await client.say('MAIL FROM:<a@example.org>');
      await client.say('RCPT TO:<b@example.com>');
      await client.say('DATA');
      assert.match(await client.say(`X-Load-Id: idle-${index}\r\n\r\nhello\r\n.`), /^250 /);
    }
    const acknowledged = [
      ...fresh.acknowledged.keys(),
      ...steady.acknowledged.keys(),
      ...idle.keys().map((i) => `idle-${i}`),
    ];
    await sink.all(acknowledged);
    await emptied(t, gateway.data);
    assert.equal(sink.duplicates(), 0);

    let settled = 0;
    const effects: number[] = [];
    commits.forEach(({ sent, answered, protocol }, index) => {
      const next = commits[index + 1]?.sent ?? Number.POSITIVE_INFINITY;
      const within = fresh.handshakes.filter(({ begun, done }) => begun > answered && done < next);
      settled += within.length;
      for (const handshake of within) assert.equal(handshake.protocol, protocol);
      const first = fresh.handshakes.filter((handshake) => handshake.begun > sent && handshake.protocol === protocol);
      if (first.length > 0) effects.push(Math.min(...first.map(({ done }) => done)) - sent);
    });
    assert.ok(settled > commits.length, `only ${settled} handshakes between commits`);
    const times = commits.map(({ sent, answered }) => answered - sent);
    t.diagnostic(
      `${commits.length} commits, ${fresh.handshakes.length} handshakes, ${acknowledged.length} messages; from "commit" to its ` +
        `answer, all workers having taken it: median ${middle(times).toFixed(0)} ms, longest ${Math.max(...times).toFixed(0)} ms; ` +
        `to the end of the first new handshake: median ${middle(effects).toFixed(0)} ms, its preview included; without a preview: ` +
        `median ${middle(plain).toFixed(0)} ms, longest ${Math.max(...plain).toFixed(0)} ms`,
    );
    assert.ok(middle(plain) < 500, `median ${middle(plain)} ms`);
    // The preview waits for processor time while mail has it, 5 s at most.
    assert.ok(middle(times) < 6000, `median ${middle(times)} ms`);
  },
);

test('a listener comes and goes by commits under load; what is connected to it stays', options, async (t) => {
  const port = await freePort();
  const second = await freePort();
  const sink = await startSink(t);
  const config = configuration(port, sink.port);
  const gateway = await startGateway(t, { config });
  const session = await openSession(t, gateway.data);
  const load = startLoad(t, { port, connections: 8, prefix: 'm', perConnection: 5 });
  const with2 = { listeners: [`{ name: second, address: 127.0.0.1, port: ${second}, tls: off }`] };
  const survivors: MailClient[] = [];
  for (let turn = 0; turn < 5; turn++) {
    assert.match(await session.commit(configuration(port, sink.port, with2)), /Changes committed/);
    const client = await MailClient.open(second);
    assert.match(await client.reply(), /^220 gw\.example\.com /);
    assert.match(await client.say('EHLO x'), /^250/);
    survivors.push(client);
    assert.match(await session.commit(config), /Changes committed/);
    await assert.rejects(MailClient.open(second), /ECONNREFUSED/, 'the removed listener still answers');
  }
  for (const client of survivors) {
    for (const line of ['MAIL FROM:<a@example.org>', 'RCPT TO:<b@example.com>']) {
      assert.match(await client.say(line), /^250 /);
    }
    assert.match(await client.say('QUIT'), /^221 /);
  }
  await load.stop();
  assert.deepEqual([...load.broken, ...load.refused], []);
  await sink.all(load.acknowledged.keys());
  assert.equal(sink.duplicates(), 0);
});

/** A program that has the port. */
async function occupy(t: TestContext, reusePort: boolean): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', reusePort }, resolve));
  t.after(() => server.close());
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

test('a refused commit changes nothing and says why', options, async (t) => {
  const port = await freePort();
  const sink = await startSink(t);
  const directory = temporaryDirectory(t);
  const pair = certificates.make('ec');
  const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  copyFileSync(pair.certFile, cert);
  copyFileSync(pair.keyFile, key);
  const config = configuration(port, sink.port);
  const gateway = await startGateway(t, { config });
  const session = await openSession(t, gateway.data);
  const load = startLoad(t, { port, connections: 8, prefix: 'm', tls: true, perConnection: 5 });
  const revision = async () => /Configuration revision: +(\d+)/.exec(await session.run('status'))?.[1];
  const before = await revision();

  // A good new listener stands before the bad one: it must be gone again as well.
  for (const reusePort of [false, true]) {
    const good = await freePort();
    const taken = await occupy(t, reusePort);
    const listeners = [
      `{ name: good, address: 127.0.0.1, port: ${good}, tls: off }`,
      `{ name: taken, address: 127.0.0.1, port: ${taken}, tls: off }`,
    ];
    const refused = await session.commit(configuration(port, sink.port, { versions: 'TLSv1.2', listeners }));
    assert.match(
      refused,
      new RegExp(
        `listener "taken": 127\\.0\\.0\\.1 port ${taken} is in use by another program\\.?\nstop that program`,
        'i',
      ),
    );
    assert.doesNotMatch(refused, /Changes committed/);
    await assert.rejects(MailClient.open(good), /ECONNREFUSED/);
  }
  const strange = { listeners: ['{ name: strange, address: 192.0.2.1, port: 2525, tls: off }'] };
  assert.match(
    await session.commit(configuration(port, sink.port, strange)),
    /192\.0\.2\.1.*this machine has no such address/i,
  );

  // A certificate that is broken between its edit and the commit.
  const own = `certificates: [{ name: own, cert: ${cert}, key: ${key} }]\n`;
  const withOwn = { versions: 'TLSv1.2', more: own };
  const loaded = await session.load(
    configuration(port, sink.port, withOwn).replace('tls: preferred }', 'tls: preferred, certificate: own }'),
  );
  assert.match(loaded, /Values have been loaded/);
  writeFileSync(cert, 'no certificate');
  const broken = await session.run('commit "own" N');
  assert.doesNotMatch(broken, /Changes committed/);
  assert.ok(broken.includes(cert), broken);

  const changed = performance.now();
  await sleep(300);
  assert.equal(await revision(), before);
  copyFileSync(pair.certFile, cert);
  await load.stop();
  assert.deepEqual([...load.broken, ...load.refused], []);
  await sink.all(load.acknowledged.keys());
  const later = load.handshakes.filter(({ begun }) => begun > changed);
  assert.ok(later.length > 0);
  assert.ok(load.handshakes.every(({ protocol }) => protocol === 'TLSv1.3'));
  // The candidate is still there; now it is right.
  assert.match(await session.run('commit "own" N'), /Changes committed/);
  const after = startLoad(t, { port, connections: 2, prefix: 'after', messages: 4, tls: true });
  await after.done;
  assert.deepEqual(
    after.handshakes.map(({ protocol }) => protocol),
    ['TLSv1.2', 'TLSv1.2'],
  );
});
