// A change of TLS goes to a share of the peers first: who fails there and was foretold does not count, who was not takes it back.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Share } from '../../src/config/share.ts';
import { anyLevel, CertificateDirectory, negotiated, opensslClient } from '../tls/peers.ts';
import { MailClient, sendMail } from './client.ts';
import { freePort, type RunningGateway, startGateway } from './harness.ts';
import { startOpensslDestination } from './openssl-destination.ts';
import { startSink } from './sink.ts';
import { systemLog } from './web-gateway.ts';

const certificates = new CertificateDirectory();
const [one, two] = [certificates.make('rsa:2048'), certificates.make('rsa:2048')];
after(() => certificates.remove());

const starttls = ['-starttls', 'smtp'];

/** Networks of this machine, `127.0.N.0/24`, by whether the share of the roll-out holds them. */
function sides(data: string) {
  const record = JSON.parse(readFileSync(join(data, 'config', 'rollout.json'), 'utf8'));
  const share = new Share(record);
  const find = (inside: boolean, from: number, to: number, last = 1) => {
    for (let net = from; net < to; net++) {
      const address = `127.0.${net}.${last}`;
      if (share.holds(address) === inside) return address;
    }
    throw new Error('the share holds none, or all');
  };
  return {
    inside: (from: number, to: number) => find(true, from, to),
    outside: (from: number, to: number) => find(false, from, to),
  };
}

async function shown(gateway: RunningGateway, pattern: RegExp): Promise<string> {
  const end = Date.now() + 20_000;
  for (;;) {
    const { output } = await gateway.shell('rollout');
    if (pattern.test(output)) return output;
    if (Date.now() > end) throw new Error(`not told: ${pattern}\n${output}`);
    await sleep(100);
  }
}

test('20 %: a foretold peer that fails does not count, also after a crash; one that nobody foretold takes it back', async (t) => {
  const port = await freePort();
  const sink = await startSink(t);
  const config = (versions: string, listener = 'certificate: one') => `hostname: gw.example.com
gui: { ports: [] }
tls: { inbound: { versions: [${versions}] } }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${port}, ${listener} }
certificates:
  - { name: one, cert: ${one.certFile}, key: ${one.keyFile} }
  - { name: two, cert: ${two.certFile}, key: ${two.keyFile} }
relay: [127.0.0.0/8]
routes:
  - { domain: "*", to: ["127.0.0.1:${sink.port}"] }
alerts: { to: [ops@example.net] }
dns: { reverse: false }
spool: { reserve: 1MiB, lowWater: 16MiB, lowWaterShare: 0.001 }
`;
  const both = 'TLSv1.2, TLSv1.3';
  const gateway = await startGateway(t, { config: config(both), arguments: ['--workers', '2'] });
  const { data } = gateway;
  const load = (text: string) => {
    writeFileSync(join(data, 'candidate.yaml'), text);
    return ['loadconfig 2 candidate.yaml'];
  };
  const from = async (address: string, ...args: string[]) =>
    negotiated((await opensslClient(port, [...starttls, '-bind', `${address}:0`, ...anyLevel, ...args])).output)
      ?.protocol;
  // Known before: of so many networks the share holds some.
  const known = Array.from({ length: 40 }, (_, net) => `127.0.${net + 1}.1`);
  await Promise.all(known.map((address) => knownWith12(port, address)));

  await t.test('what is no TLS, and a second one, are refused with the reason', async () => {
    const rollOut = 'commitrollout 20 10m 0 0 "1.3 alone" Y Y';
    const foreign = await gateway.shell([...load(config('TLSv1.3', 'tls: required, certificate: one')), rollOut]);
    assert.match(
      foreign.output,
      /only TLS can be rolled out to a share of the peers; this changes as well: listeners\[inbound\]\.tls/i,
    );
    const { output } = await gateway.shell([
      ...load(config('TLSv1.3')),
      rollOut,
      'rollout',
      'sslconfig outbound 1',
      '',
      '',
      'commit "more" Y Y',
      'clearchanges Y',
    ]);
    assert.match(output, /It goes to all at .* unless more peers fail than was foretold/);
    assert.match(output, /State: +running/, 'from the answer to the commit on');
    assert.match(output, /revision 2 is being rolled out to 20 %.*rollout all/is);
  });

  const { inside, outside } = sides(data);
  const [foretold, modern, other] = [inside(1, 41), inside(41, 100), outside(1, 41)];
  await t.test('the share is the same each time, in each worker; foretold failures do not take it back', async () => {
    for (let count = 0; count < 4; count++) {
      assert.equal(await from(foretold, '-tls1_2'), undefined);
      assert.equal(await from(other, '-tls1_2'), 'TLSv1.2');
    }
    assert.equal(await from(modern), 'TLSv1.3');
    const output = await shown(gateway, /In the share: +2 peers, 1 of them fail/);
    assert.match(output, /State: +running/);
    assert.match(output, new RegExp(`${foretold.replaceAll('.', '\\.')}, in the share, 4 times, foretold: `));
    assert.match(
      (await gateway.shell('status')).output,
      /Roll-out: +revision 2, 20 % until .*; 1 of 2 peers fail, 0 not foretold/,
    );
  });

  await gateway.kill();
  const again = await startGateway(t, { data, arguments: ['--workers', '2'] });
  await t.test('kill -9: it goes on, with what it knew', async () => {
    assert.deepEqual(await Promise.all([from(foretold, '-tls1_2'), from(other, '-tls1_2')]), [undefined, 'TLSv1.2']);
    assert.match(
      await shown(again, /State: +running/),
      new RegExp(`${foretold.replaceAll('.', '\\.')}, in the share, \\d+ times, foretold`),
    );
    await systemLog(again, /the roll-out of revision 2 goes on/);
  });

  await t.test('a peer that nobody foretold takes it back, with its name', async () => {
    const stranger = inside(100, 250);
    assert.equal(await from(stranger, '-tls1_2'), undefined);
    const line = await systemLog(again, /Alert: Revision 2 is taken back/);
    assert.match(line, /taken back from 20 % of the peers: 1 peer fails that nobody foretold: /);
    assert.ok(line.includes(stranger) && !line.includes(foretold), line);
    assert.match(line, /offered TLS v1\.2 at most.*; revision 3 has the former settings/);
    assert.deepEqual(await Promise.all([from(stranger, '-tls1_2'), from(foretold, '-tls1_2')]), ['TLSv1.2', 'TLSv1.2']);
    assert.match((await again.shell('rollout')).output, /State: +taken back, .*: 1 peer fails that nobody foretold/);
    assert.match((await again.shell('displayalerts')).output, /Revision 2 is taken back from 20 % of the peers\n/);
    const deadline = Date.now() + 20_000;
    while (sink.total < 1 && Date.now() < deadline) await sleep(50);
    assert.equal(sink.total, 1, 'the mail');
  });

  await t.test('a certificate that a client does not trust', async () => {
    const begun = await again.shell([
      ...load(config(both, 'certificate: two')),
      'commitrollout 20 10m 0 0 "new certificate" Y Y',
    ]);
    assert.match(begun.output, /It goes to all at/);
    const next = sides(data);
    const trusting = ['-CAfile', one.certFile, '-verify_return_error'];
    assert.equal(await from(next.outside(41, 200), ...trusting), 'TLSv1.3');
    const refusing = next.inside(41, 250);
    await opensslClient(port, [...starttls, '-bind', `${refusing}:0`, ...trusting]);
    const line = await systemLog(again, /Alert: Revision 4 is taken back/);
    assert.ok(line.includes(refusing), line);
  });

  await t.test('its time is over: it goes to all, and may have to be confirmed then', async () => {
    await again.shell([...load(config('TLSv1.3')), 'commitrollout 20 1s 0 5 "again" Y Y']);
    await systemLog(again, /revision 6 goes to all peers; 0 of \d+ peers in the share failed/);
    assert.equal(await from('127.0.251.1', '-tls1_2'), undefined);
    assert.equal(await from(other, '-tls1_2'), undefined);
    assert.match((await again.shell('status')).output, /Must be confirmed: +revision 6, by /);
    assert.match((await again.shell('confirm')).output, /revision 6 stays in force/);
    assert.match((await again.shell('rollout all')).output, /nothing is being rolled out/i);
  });

  await again.shell([...load(config(both)), 'commitrollout 20 6s 0 0 "once more" Y Y']);
  const { until } = JSON.parse(readFileSync(join(data, 'config', 'rollout.json'), 'utf8'));
  await again.kill();
  await sleep(Math.max(0, until - Date.now()));
  const later = await startGateway(t, { data, arguments: ['--workers', '2'] });
  await t.test('its time is over while nothing runs: the next start gives it to all', async () => {
    await systemLog(later, /revision 7 goes to all peers; 0 of 0 peers in the share failed/);
    assert.equal(await from(other, '-tls1_2'), 'TLSv1.2');
    assert.match((await later.shell('rollout')).output, /State: +went to all, /);
  });
});

async function knownWith12(port: number, address: string): Promise<void> {
  const client = await MailClient.open(port, { local: address });
  await client.reply();
  await client.say('EHLO known.example');
  await client.startTls({ maxVersion: 'TLSv1.2' });
  await client.say('QUIT');
  client.end();
}

test('outgoing and web: the address that is dialled, or that dials, chooses; on purpose to all and back', async (t: TestContext) => {
  const [port, remote, gui] = [await freePort(), await freePort(), await freePort()];
  const rollOut = ['sslconfig outbound 1', '', '', 'commitrollout 50 10m 0 0 "1.3 alone" Y Y'];
  const nets = Array.from({ length: 60 }, (_, net) => net + 1);
  const gateway = await startGateway(t, {
    config: `hostname: gw.example.com
gui: { address: 127.0.0.1, ports: [${gui}], certificate: one }
certificates:
  - { name: one, cert: ${one.certFile}, key: ${one.keyFile} }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${port} }
relay: [127.0.0.1]
routes:
${nets.map((net) => `  - { domain: "n${net}.example", to: ["127.0.${net}.1:${remote}"] }`).join('\n')}
dns: { reverse: false }
retry: { first: 1s }
spool: { reserve: 1MiB, lowWater: 16MiB, lowWaterShare: 0.001 }
`,
    arguments: ['--workers', '1'],
  });
  await gateway.shell(rollOut);
  const { inside, outside } = sides(gateway.data);
  const [within, without] = [inside(1, 61), outside(1, 61)];
  const servers = await Promise.all(
    [within, without].map((address) => startOpensslDestination(one, ['-tls1_2', ...anyLevel], address, remote)),
  );
  t.after(() => Promise.all(servers.map((server) => server.close())));
  const domainOf = (address: string) => `n${address.split('.')[2]}.example`;
  await sendMail(port, { to: [`a@${domainOf(without)}`] });
  await gateway.logged(/DCID \d+ TLS success protocol TLSv1\.2/);
  await sendMail(port, { to: [`a@${domainOf(within)}`] });
  await gateway.logged(/DCID \d+ TLS (failed|deferring)/);
  const line = await systemLog(gateway, /Alert: Revision 2 is taken back from 50 % of the peers/);
  assert.ok(line.includes(within) && line.includes(', outgoing'), line);

  assert.match(
    (await gateway.shell([...rollOut, 'rollout back'])).output,
    /Taken back: revision 5 has the former settings\./,
  );
  const { output } = await gateway.shell([...rollOut, 'rollout all', 'rollout']);
  assert.match(output, /All peers have the new settings\./);
  assert.match(output, /State: +went to all, /);
  await systemLog(gateway, /revision 6 goes to all peers by /);

  await gateway.shell(['sslconfig gui 1', '', '', 'commitrollout 50 10m 0 0 "1.3 alone" Y Y']);
  const web = sides(gateway.data);
  const browser = async (address: string) =>
    negotiated((await opensslClient(gui, ['-bind', `${address}:0`, '-tls1_2', ...anyLevel])).output)?.protocol;
  assert.equal(await browser(web.outside(61, 120)), 'TLSv1.2');
  const refused = web.inside(61, 120);
  assert.equal(await browser(refused), undefined);
  const told = await systemLog(gateway, /Alert: Revision 7 is taken back from 50 % of the peers/);
  assert.ok(told.includes(`${refused}, web UI`), told);
  assert.equal(await browser(refused), 'TLSv1.2');
});
