// From a handshake that fails to a report that is read: two gateways, a signed zone, servers that break their promises.
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { SigningKeys } from '../../src/dkim/keys.ts';
import { signMessage } from '../../src/dkim/sign.ts';
import { Authority, authority, server, tlsaText } from '../dane/certificates.ts';
import { startSignedZone } from '../dane/zone.ts';
import { Peer } from '../delivery/peer.ts';
import { policy, startPolicyHost } from '../mta-sts/policy-host.ts';
import { missing } from '../tls/peers.ts';
import { checkSchema } from '../tls-reports/schema.ts';
import { sendMail } from './client.ts';
import { freePort, type RunningGateway, startGateway, temporaryDirectory } from './harness.ts';

const skip = process.getuid?.() === 0 ? missing('unbound') || missing('ldns-signzone') : 'ports 25, 53, 443 need root';
const day = 86_400_000;

test('failures under MTA-STS and DANE are counted, reported by mail and HTTPS once, read, and shown', {
  skip,
}, async (t) => {
  const certificates = new Authority();
  t.after(() => certificates.remove());
  const root = certificates.issue('root', { extensions: authority });
  const issue = (name: string, ...names: readonly string[]) =>
    certificates.issue(name, { issuer: root, extensions: server(names.join(',DNS:')) });
  const policyPair = issue('policy', 'mta-sts.sts.dane.test');
  const webPair = issue('web', 'rep.dane.test');
  const takerPair = issue('taker', 'taker.dane.test');
  const stranger = certificates.issue('stranger', { extensions: server('mx.sts.dane.test') });
  const policies = await startPolicyHost('127.9.5.20', policyPair);
  t.after(() => policies.close());
  policies.answers.set('mta-sts.sts.dane.test', { body: policy('enforce', ['mx.sts.dane.test']) });
  const key = { cert: stranger.cert, key: stranger.key };
  const peer = await Peer.start({ tls: key }, 25, '127.9.5.1');
  t.after(() => peer.close());

  // Somebody who takes reports by HTTPS and keeps them as they come.
  const taken: { readonly type: string; readonly body: Buffer }[] = [];
  const taker = createServer(
    { cert: readFileSync(takerPair.certFile), key: readFileSync(takerPair.keyFile) },
    async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      taken.push({ type: request.headers['content-type'] ?? '', body: Buffer.concat(chunks) });
      // The first time it is busy.
      response.writeHead(taken.length === 1 ? 503 : 200).end();
    },
  );
  await new Promise<void>((resolve) => taker.listen(443, '127.9.5.21', resolve));
  t.after(() => taker.close());

  const signing = generateKeyPairSync('ed25519');
  const spki = createPublicKey(signing.privateKey).export({ type: 'spki', format: 'der' });
  const keyFile = join(temporaryDirectory(t), 'dkim.pem');
  writeFileSync(keyFile, signing.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const zone = await startSignedZone(
    {
      signed: [
        'sts IN MX 10 mx.sts',
        'mx.sts IN A 127.9.5.1',
        '_mta-sts.sts IN TXT "v=STSv1; id=1;"',
        'mta-sts.sts IN A 127.9.5.20',
        '_smtp._tls.sts IN TXT "v=TLSRPTv1; rua=mailto:tls@reports.dane.test,https://rep.dane.test/tlsrpt"',
        'tlsa IN MX 10 mx.tlsa',
        'mx.tlsa IN A 127.9.5.1',
        `_25._tcp.mx.tlsa IN TLSA ${tlsaText(root, 3, 1, 1)}`,
        '_smtp._tls.tlsa IN TXT "v=TLSRPTv1; rua=https://taker.dane.test/x?y=1"',
        'quiet IN MX 10 mx.quiet',
        'mx.quiet IN A 127.9.5.1',
        'reports IN MX 10 mx.reports',
        'mx.reports IN A 127.9.5.2',
        // RFC 8460 3: a report arrives whatever is wrong with TLS.
        `_25._tcp.mx.reports IN TLSA ${tlsaText(root, 3, 1, 1)}`,
        'rep IN A 127.9.5.3',
        'taker IN A 127.9.5.21',
        's2._domainkey.sender IN CNAME x.broken.test.',
        `s1._domainkey.sender IN TXT "v=DKIM1; k=ed25519; p=${spki.subarray(-32).toString('base64')}"`,
      ]
        .join('\n')
        .concat('\n'),
      plain: '',
      forged: [],
    },
    '127.9.5.53',
  );
  t.after(() => zone.stop());

  const common = `
dns: { servers: [127.9.5.53], reverse: false }
spool: { reserve: 1MiB, lowWater: 16MiB, lowWaterShare: 0.001 }
`;
  let receiver = await startGateway(t, {
    config: `${common}
gui: { address: 127.9.5.3, ports: [443], certificate: web }
listeners: [{ name: in, address: 127.9.5.2, port: 25 }]
certificates: [{ name: web, cert: ${webPair.certFile}, key: ${webPair.keyFile} }]
tlsReports: { receive: [TLS@reports.dane.test], https: true }
limits: { tlsReport: 64KiB, tlsReportContent: 256KiB, tlsReportRate: 24 }
`,
    arguments: ['--workers', '1'],
  });
  const port = await freePort();
  const start = (data?: string): Promise<RunningGateway> =>
    startGateway(t, {
      ...(data === undefined ? {} : { data }),
      config: `${common}
hostname: gw.sender.dane.test
listeners: [{ name: in, port: ${port} }]
relay: [127.0.0.0/8]
mtaSts: { ca: ${root.certFile} }
destinations: [{ domain: "*", tls: dane }, { domain: sts.dane.test, tls: preferred }]
dkim: { keys: [{ domain: sender.dane.test, selector: s1, key: ${keyFile}, state: active }] }
tlsReports: { send: true, organization: "Sender & Co", contact: tls@sender.dane.test }
`,
      arguments: ['--workers', '1'],
    });
  let gateway = await start();
  for (const domain of ['sts', 'tlsa', 'quiet']) {
    await sendMail(port, { to: `b@${domain}.dane.test` });
  }
  await gateway.logged(/sts\.dane\.test tls=mta-sts:failed/);
  await gateway.logged(/tlsa\.dane\.test tls=dane:failed/);
  await gateway.logged(/quiet\.dane\.test tls=dane:encrypted/);
  const refused = await gateway.shell('tlsreports send today');
  assert.match(refused.output, /is not over/);
  assert.equal(await gateway.stop(), 0);

  // A day passes.
  const database = new DatabaseSync(join(gateway.data, 'ledger.db'));
  database.exec(`UPDATE tls_policy SET day = day - ${day}`);
  database.close();
  gateway = await start(gateway.data);
  const sent = await gateway.shell('tlsreports send yesterday');
  assert.match(sent.output, /sts\.dane\.test: sent: mailto:tls@reports\.dane\.test, https:\/\/rep\.dane\.test\/tlsrpt/);
  assert.match(sent.output, /quiet\.dane\.test: not wanted: it asks for no reports/);
  assert.match(sent.output, /mx\.tlsa\.dane\.test: not wanted/, 'the TLSA base domain was asked too');
  assert.match(sent.output, /\btlsa\.dane\.test: waits until .+: it answers with HTTP status 503/);
  // What waits is tried again; what was sent is not sent again, also by one who comes back from the dead.
  await gateway.kill();
  gateway = await start(gateway.data);
  const again = await gateway.shell('tlsreports send yesterday');
  assert.match(again.output, /\btlsa\.dane\.test: sent: https:\/\/taker\.dane\.test\/x\?y=1/);
  assert.doesNotMatch(again.output, /sts\.dane\.test/);
  assert.match((await gateway.shell('tlsreports send yesterday')).output, /There is nothing to send\./);

  assert.equal(taken.length, 2);
  const [first, second] = taken;
  assert.equal(first?.type, 'application/tlsrpt+gzip');
  assert.deepEqual(second?.body, first.body, 'the same report, so that it is known when it comes twice');
  const json = gunzipSync(first.body).toString();
  checkSchema(json);
  const report = JSON.parse(json);
  assert.equal(report['organization-name'], 'Sender & Co');
  assert.equal(report.policies[0].policy['policy-type'], 'tlsa');
  assert.equal(report.policies[0].policy['policy-domain'], 'mx.tlsa.dane.test');
  assert.equal(report.policies[0]['failure-details'][0]['result-type'], 'tlsa-invalid');

  // The other end.
  await receiver.logged(/about .+ \(MID \d+, from <tls@sender\.dane\.test>; signed by sender\.dane\.test\) is kept/);
  const list = await receiver.shell('tlsreports list');
  assert.equal(list.output.match(/Sender & Co about/g)?.length, 2, list.output);
  assert.match(list.output, /does not count: by HTTPS/, 'the same by mail and by HTTPS counts once');
  const sums = await receiver.shell('tlsreports');
  assert.match(sums.output, /Reported by\nSender & Co +0 +1\n/, sums.output);
  assert.match(sums.output, /What failed\ncertificate-not-trusted +1\n/);
  assert.match(sums.output, /Mail hosts\nmx\.sts\.dane\.test +1\n/);
  const [, number = ''] = / (\d+) {2}Sender/.exec(list.output) ?? [];
  const story = await receiver.shell(`tlsreports show ${number}`);
  assert.match(
    story.output,
    /1 x certificate-not-trusted from 127\.0\.0\.1 to mx\.sts\.dane\.test 127\.9\.5\.1: X509_V_ERR_/,
  );
  assert.match(story.output, /\| mode: enforce/);

  // Strangers.
  const text = (more: string) => `From: x@evil.example\r\nContent-Type: application/tlsrpt+json\r\n\r\n${more}\r\n`;
  const bring = (data: string) =>
    sendMail(25, { host: '127.9.5.2', from: 'x@evil.example', to: 'tls@reports.dane.test', data });
  await bring(text('no report'));
  await receiver.logged(/What came as a TLS report \(MID \d+, from <x@evil\.example>\) cannot be read: it is not JSON/);
  await bring(text(json.replaceAll('Sender & Co', 'Forger')));
  await receiver.logged(/of Forger about .+; not signed\) is kept/);
  assert.doesNotMatch((await receiver.shell('tlsreports')).output, /Forger/, 'what is not signed does not count');
  // DNS does not give the key of its sender: it waits in the queue like other mail.
  const pem = readFileSync(keyFile, 'utf8');
  const keys = new SigningKeys([{ domain: 'sender.dane.test', selector: 's2', key: pem }]);
  const waiting = text(json.replaceAll('Sender & Co', 'Waits')).replace('x@evil.example', 'tls@sender.dane.test');
  await bring(Buffer.from(signMessage(Buffer.from(waiting), keys, Date.now())).toString());
  await receiver.logged(
    /Delayed: .+ To: <tls@reports\.dane\.test> .+whether it is signed cannot be told now: .*DNS Soft Error looking up s2\._domainkey\.sender\.dane\.test \(TXT\)/i,
  );
  const post = (body: string | Buffer) =>
    fetchFrom('127.9.5.3', 'rep.dane.test', root.cert, body).then(({ status }) => status);
  assert.equal(await post(json.replaceAll('Sender & Co', 'By web')), 201);
  assert.equal(await post(json.replaceAll('Sender & Co', 'By web')), 200);
  assert.equal(await post('{}'), 400);
  assert.equal(await post(Buffer.alloc(70_000)), 413);
  const flood = await Promise.all(Array.from({ length: 10 }, () => post('{}')));
  assert.ok(flood.includes(429), String(flood));

  // Said 250, and gone.
  await bring(text(json.replaceAll('Sender & Co', 'Late')));
  await receiver.kill();
  receiver = await startGateway(t, { data: receiver.data, arguments: ['--workers', '1'] });
  await receiver.logged(/of Late about .+ is (kept|known already)/);
  assert.equal((await receiver.shell('tlsreports list')).output.match(/Late about/g)?.length, 1);
  assert.equal(await receiver.stop(), 0);
  assert.equal(await gateway.stop(), 0);
});

async function fetchFrom(
  address: string,
  host: string,
  ca: string,
  body: string | Buffer,
): Promise<{ status: number }> {
  return await new Promise((resolve, reject) => {
    const headers = { Host: host, 'Content-Type': 'application/tlsrpt+json' };
    const asked = httpsRequest(
      { host: address, port: 443, path: '/tlsrpt', method: 'POST', servername: host, ca, headers, agent: false },
      (response) => {
        response.resume();
        response.on('end', () => resolve({ status: response.statusCode ?? 0 }));
      },
    );
    asked.on('error', reject);
    asked.end(body);
  });
}
