// tlsverify of a hundred domains by all faces of a running gateway: side by side, with progress, each told as it is.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Check } from 'typebox/value';
import {
  presentVerificationSchema,
  type Verification,
  type VerifiedDomain,
  verifiedDomainSchema,
} from '../../src/admin/api/schemas/verification.ts';
import { startApi } from '../admin/api/gateway.ts';
import { Peer } from '../delivery/peer.ts';
import { anyLevel, CertificateDirectory } from '../tls/peers.ts';
import { freePort } from './harness.ts';
import { startOpensslDestination } from './openssl-destination.ts';

const certificates = new CertificateDirectory();
const rsa = certificates.make('rsa:2048');
after(() => certificates.remove());

/** Domains at a time (limits.verificationConnections). */
const together = 20;

/** Answers nobody's EHLO before so many have said it at once: who comes one after the other waits for ever. */
class Gate {
  #waiting: (() => void)[] = [];
  readonly #least: number;
  most = 0;
  open = true;

  constructor(least: number) {
    this.#least = least;
  }

  async pass(): Promise<void> {
    if (this.open) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    this.most = Math.max(this.most, this.#waiting.length);
    if (this.#waiting.length >= this.#least) this.release();
    return promise;
  }

  release(): void {
    this.open = true;
    for (const go of this.#waiting.splice(0)) go();
  }
}

test('a hundred domains: shell, command line and API say the same of each, and how far they are', async (t) => {
  const gate = new Gate(together);
  const extensions = '250-peer.example\r\n250-PIPELINING\r\n';
  const peer = await Peer.start({
    tls: { key: rsa.key, cert: rsa.cert },
    reply: (command, session) => {
      // Before TLS only: the second EHLO comes on the same connection.
      if (!command.startsWith('EHLO') || session.commands.length > 1) return null;
      return gate.pass().then(() => `${extensions}250 STARTTLS\r\n`);
    },
  });
  const plain = await Peer.start();
  const only = await startOpensslDestination(rsa, ['-tls1_2', ...anyLevel], '127.0.0.31');
  t.after(() => Promise.all([peer.close(), plain.close(), only.close()]));
  const dead = await freePort();
  const routes = Array.from({ length: 97 }, (_, n) => `{ domain: d${n}.example, to: ["127.0.0.1:${peer.port}"] }`);
  const api = await startApi(t, {
    config: `hostname: gw.example.com
listeners: []
routes:
${routes.map((route) => `  - ${route}`).join('\n')}
  - { domain: old.example, to: ["${only.address}:${only.port}"] }
  - { domain: plain.example, to: ["127.0.0.1:${plain.port}"] }
  - { domain: dead.example, to: ["127.0.0.1:${dead}"] }
destinations:
  - { domain: d0.example, tls: required-verify, names: [d0.example] }
limits: { verifications: 1, verificationConnections: ${together} }
`,
    arguments: ['--workers', '1'],
  });
  const domains = [
    ...Array.from({ length: 97 }, (_, n) => `d${n}.example`),
    'old.example',
    'plain.example',
    'dead.example',
  ];

  // The command line: as many at a time as may be, a line of progress with each, and the count at the end.
  gate.open = false;
  const args = ['bin/postern.mjs', 'tlsverify', ...domains, '--data', api.gateway.data];
  const cli = await new Promise<{ readonly status: number; readonly output: string }>((resolve) => {
    const child = execFile(process.execPath, args, { maxBuffer: 1e7 }, (_, stdout, stderr) =>
      resolve({ status: child.exitCode ?? -1, output: `${stdout}${stderr}` }),
    );
  });
  assert.equal(gate.most, together, 'so many were verified at once');
  assert.equal(cli.status, 1, cli.output);
  for (let told = 1; told <= 100; told++) assert.ok(cli.output.includes(`[${told}/100] `), `${told} of 100`);
  assert.equal(cli.output.match(/^TLS connection succeeded d\d+\.example\.$/gm)?.length, 96);
  assert.match(cli.output, /^TLS connection succeeded old\.example\.$/m);
  assert.match(cli.output, /^TLS connection failed d0\.example: the certificate cannot be verified: /m);
  assert.match(
    cli.output,
    /^TLS connection failed plain\.example: STARTTLS is not offered; mail would go out in clear text\.$/m,
  );
  assert.match(cli.output, /^TLS connection failed dead\.example: \[Errno 111\] Connection refused\.$/m);
  assert.match(cli.output, /^97 of 100 succeeded; failed: d0\.example, dead\.example, plain\.example$/m);

  // The API: who may, how far it is, how many at a time, and what was found.
  const path = '/tls/verification';
  const present = async (): Promise<Verification> => {
    const answer = await api.ask('GET', path);
    assert.ok(Check(presentVerificationSchema, answer.json), answer.text);
    assert.ok(answer.json.verification !== null);
    return answer.json.verification;
  };
  assert.deepEqual((await api.ask('GET', path)).json, { verification: null });
  assert.equal((await api.ask('POST', path, { as: 'auditor', body: { domains } })).status, 403);
  const wrong = await api.ask('POST', path, { body: { domains: ['good.example', 'not a domain'] } });
  assert.deepEqual([wrong.status, wrong.json.errors[0].pointer], [400, '/domains/1'], wrong.text);
  gate.open = false;
  assert.equal(
    (await api.ask('POST', path, { body: { domains: [...domains, 'D1.example'], detail: false } })).status,
    200,
  );
  const again = await api.ask('POST', path, { body: { domains } });
  assert.deepEqual([again.status, again.json.code], [409, 'in-use']);
  const other = await api.ask('POST', path, { as: 'operator', body: { domains } });
  assert.deepEqual([other.status, other.json.code], [409, 'in-use'], 'one at a time was configured');
  let found = await present();
  while (found.ended === null) {
    assert.ok(found.told <= found.all && found.rows.length === found.told);
    await sleep(20);
    found = await present();
  }
  assert.deepEqual([found.told, found.all, found.failed, found.failure], [100, 100, 3, null]);
  assert.deepEqual(
    found.rows
      .slice(0, 4)
      .map(({ domain, ok, host, wanted, protocol, verified }) => [domain, ok, host, wanted, protocol, verified]),
    [
      ['d0.example', false, '127.0.0.1', 'required-verify', 'TLSv1.3', false],
      ['dead.example', false, '127.0.0.1', 'preferred', '', false],
      ['plain.example', false, '127.0.0.1', 'preferred', '', false],
      ['d1.example', true, '127.0.0.1', 'preferred', 'TLSv1.3', false],
    ],
  );
  assert.equal((await api.ask('GET', `${path}/d0.example`, { as: 'operator' })).status, 404, 'it is the other one’s');

  // The whole truth about one.
  assert.equal((await api.ask('POST', path, { body: { domains: ['old.example'], detail: true } })).status, 200);
  while ((await present()).ended === null) await sleep(20);
  const whole = await api.ask('GET', `${path}/old.example`);
  assert.ok(Check(verifiedDomainSchema, whole.json), whole.text);
  const [host] = (whole.json as VerifiedDomain).hosts;
  const [address] = host?.addresses ?? [];
  assert.equal(host?.policy.why, 'the level of the destination is preferred');
  assert.deepEqual([address?.address, address?.local, address?.decides], ['127.0.0.31', '127.0.0.1', true]);
  assert.match(address?.tls?.certificate ?? '', /^subject ".+" issuer ".+" expires .+ key RSA 2048 not verified /);
  assert.equal(address?.tls?.chain.length, 1);
  const versions = address?.versions.map(({ version, cipher, reason }) => [version, cipher !== '', reason !== '']);
  assert.deepEqual(versions, [
    ['TLSv1.0', false, true],
    ['TLSv1.1', false, true],
    ['TLSv1.2', true, false],
    ['TLSv1.3', false, true],
  ]);
  const { output } = await api.gateway.shell('tlsverify old.example --detail');
  assert.ok(output.includes(whole.json.lines.join('\n')), output);

  // One that is ended does not wait for hosts that say nothing.
  peer.script = { ...peer.script, greeting: null };
  assert.equal((await api.ask('POST', path, { as: 'operator', body: { domains } })).status, 200);
  assert.equal((await api.ask('DELETE', path, { as: 'operator' })).status, 204);
  const ended = async () => (await api.ask('GET', path, { as: 'operator' })).json.verification;
  while ((await ended()).ended === null) await sleep(20);
  assert.ok((await ended()).told < 100);
  await api.gateway.stop();
});
