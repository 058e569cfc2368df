// The whole gateway: its own policies over HTTPS, and a policy of another that it keeps over a restart.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Authority, authority, server } from '../dane/certificates.ts';
import { claimNetwork } from '../dane/network.ts';
import { startSignedZone } from '../dane/zone.ts';
import { until } from '../delivery/fixture.ts';
import { Peer } from '../delivery/peer.ts';
import { policy, startPolicyHost } from '../mta-sts/policy-host.ts';
import { missing } from '../tls/peers.ts';
import { MailClient } from './client.ts';
import { freePort, startGateway } from './harness.ts';

const run = promisify(execFile);

test('policies of our own domains: the file, nothing else, and a commit that changes them', async (t) => {
  const certificates = new Authority();
  t.after(() => certificates.remove());
  const root = certificates.issue('root', { extensions: authority });
  const one = certificates.issue('one', { issuer: root, extensions: server('mta-sts.one.test') });
  const two = certificates.issue('two', { issuer: root, extensions: server('mta-sts.two.test') });
  const port = await freePort();
  const config = (mode: string) => `
certificates:
  - { name: one, cert: ${one.certFile}, key: ${one.keyFile} }
  - { name: two, cert: ${two.certFile}, key: ${two.keyFile} }
limits: { mtaStsConnectionsPerClient: 2 }
mtaSts:
  port: ${port}
  domains:
    - { domain: one.test, mode: ${mode}, mx: [MX1.one.test, "*.mail.one.test"], maxAge: 14d, certificate: one }
    - { domain: two.test, mx: [mx.two.test], certificate: two }
    - { domain: three.test, mx: [mx.three.test], certificate: two }
`;
  const gateway = await startGateway(t, { config: config('enforce') });
  const get = async (host: string, path = '/.well-known/mta-sts.txt', ...more: string[]) => {
    const args = ['--cacert', root.certFile, '--connect-to', `${host}:443:127.0.0.1:${port}`, '-s', '-i', ...more];
    const { stdout } = await run('curl', [...args, `https://${host}${path}`]).catch((error) => ({
      stdout: `status ${error.code}`,
    }));
    return stdout.replaceAll('\r\n', '\n');
  };
  const first = await get('mta-sts.one.test');
  assert.match(first, /^HTTP\/1\.1 200 /);
  assert.match(first, /^Content-Type: text\/plain/m);
  assert.ok(
    first.endsWith('\n\nversion: STSv1\nmode: enforce\nmx: mx1.one.test\nmx: *.mail.one.test\nmax_age: 1209600\n'),
    first,
  );
  assert.ok((await get('mta-sts.two.test')).endsWith('mode: testing\nmx: mx.two.test\nmax_age: 604800\n'));
  assert.match(await get('mta-sts.one.test', '/'), /^HTTP\/1\.1 404 /);
  assert.match(await get('mta-sts.one.test', '/.well-known/mta-sts.txt', '-X', 'POST'), /^HTTP\/1\.1 405 /);
  assert.match(
    await get('mta-sts.one.test', '/.well-known/mta-sts.txt', '-H', 'Host: mta-sts.two.test'),
    /^HTTP\/1\.1 421 /,
  );
  assert.equal(await get('mta-sts.three.test'), 'status 60', 'its certificate is for another name');
  assert.equal(await get('mta-sts.four.test'), 'status 35', 'no such name');
  const system = () => readFileSync(join(gateway.data, 'logs/system.current'), 'utf8');
  const before =
    /MTA-STS policy of one\.test is served \(enforce\); DNS: _mta-sts\.one\.test TXT "v=STSv1; id=(\w+);"/.exec(
      system(),
    );
  assert.ok(before !== null, system());
  assert.match(system(), /MTA-STS: certificate "two" is not for mta-sts\.three\.test: no sender will take the policy/);

  const yaml = `gui: { ports: [] }${config('testing')}`.split('\n');
  const done = await gateway.shell(['loadconfig 1', ...yaml, '.', 'commit', 'testing', '']);
  assert.match(await get('mta-sts.one.test'), /^mode: testing$/m, done.output);
  const after = /policy of one\.test is served \(testing\); .*id=(\w+);/.exec(system());
  assert.notEqual(after?.[1], before[1]);
  // One client has so many connections and no more; the next is closed before its handshake.
  const sockets = Array.from({ length: 3 }, () => net.connect(port, '127.0.0.1'));
  await Promise.race(
    sockets.map((socket) =>
      once(
        socket.on('error', () => undefined),
        'close',
      ),
    ),
  );
  assert.equal(sockets.filter((socket) => !socket.closed).length, 2);
  for (const socket of sockets) socket.destroy();
  assert.equal(await gateway.stop(), 0);
});

const skip = process.getuid?.() === 0 ? missing('unbound') || missing('ldns-signzone') : 'ports 25, 53, 443 need root';

test('the policy of a recipient domain holds over a restart, though its record is hidden and STARTTLS stripped', {
  skip,
}, async (t) => {
  const network = await claimNetwork();
  const certificates = new Authority();
  t.after(() => certificates.remove());
  const root = certificates.issue('root', { extensions: authority });
  const pair = certificates.issue('policy', { issuer: root, extensions: server('mta-sts.kept.dane.test') });
  const mx = certificates.issue('mx', { issuer: root, extensions: server('mx.kept.dane.test') });
  const host = await startPolicyHost(network.at(20), pair);
  t.after(() => host.close());
  host.answers.set('mta-sts.kept.dane.test', { body: policy('enforce', ['mx.kept.dane.test']) });
  const good = await Peer.start({ tls: { cert: mx.cert, key: mx.key } }, 25, network.at(1));
  t.after(() => good.close());
  const hosts = `kept IN MX 10 mx.kept\nmx.kept IN A ${network.at(1)}\nmta-sts.kept IN A ${network.at(20)}\n`;
  let zone = await startSignedZone(
    { signed: `${hosts}_mta-sts.kept IN TXT "v=STSv1; id=1;"\n`, plain: '', forged: [] },
    network.at(53),
  );
  t.after(() => zone.stop());
  const port = await freePort();
  const config = `
listeners: [{ name: in, port: ${port} }]
relay: [127.0.0.0/8]
dns: { servers: [${network.at(53)}], validationCheck: 1s }
mtaSts: { ca: ${root.certFile} }
destinations: [{ domain: kept.dane.test, ca: ${root.certFile} }, { domain: other.test, tls: dane }]
retry: { first: 1s, probe: 1s }
`;
  // One worker: what it asked for this mail is what it asks again; the root is not to be had here.
  const gateway = await startGateway(t, { config, arguments: ['--workers', '1'] });
  const send = async () => {
    const client = await MailClient.open(port);
    await client.reply();
    for (const line of ['EHLO x', 'MAIL FROM:<a@example.org>', 'RCPT TO:<b@kept.dane.test>', 'DATA']) {
      assert.match(await client.say(line), /^(250|354)/);
    }
    assert.match(await client.say('Subject: x\r\n\r\nx\r\n.'), /^250/);
    await client.say('QUIT');
  };
  await send();
  await gateway.logged(/kept\.dane\.test tls=mta-sts:verified \(certificate for mx\.kept\.dane\.test\)$/);
  assert.equal(good.messages.length, 1);

  // The resolver stops, and comes back; nobody asks it about mail meanwhile.
  const says = (line: string) => {
    const told = () => readFileSync(join(gateway.data, 'logs/system.current'), 'utf8').match(/^.*DNSSEC: .*$/gm) ?? [];
    return until(() => told().at(-1)?.includes(line) === true, `"${line}"`);
  };
  const validates = `DNSSEC: the resolver ${network.at(53)} validates DNSSEC`;
  await says(validates);
  zone.stop();
  await says(`Warning: DNSSEC: the resolver ${network.at(53)} does not answer (`);
  const status = await gateway.shell('status');
  assert.match(status.output, /^DNSSEC: +the resolver \S+ does not answer \(.+\)$/m);
  // From now on: no record, no policy host, no STARTTLS.
  zone = await startSignedZone({ signed: hosts, plain: '', forged: [] }, network.at(53));
  await says(validates);
  assert.equal(await gateway.stop(), 0);
  await host.close();
  good.script = {};
  const again = await startGateway(t, { data: gateway.data });
  await send();
  await again.logged(/kept\.dane\.test tls=mta-sts:failed \(TLS is required, but STARTTLS is not offered\)/);
  await again.logged(/Alert: TLS to kept\.dane\.test failed: host mx\.kept\.dane\.test, tls=mta-sts: /);
  assert.equal(good.messages.length, 1, 'nothing went out');
  // The man in the middle goes away.
  good.script = { tls: { cert: mx.cert, key: mx.key } };
  await again.logged(/kept\.dane\.test tls=mta-sts:verified/);
  assert.equal(await again.stop(), 0);
});
