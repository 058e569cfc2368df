// What single senders and single recipients demand of TLS, and a server that demands a certificate of us, from end to end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Authority, authority, server } from '../dane/certificates.ts';
import { Peer } from '../delivery/peer.ts';
import { sendMail } from './client.ts';
import { freePort, startGateway } from './harness.ts';
import { startOpensslDestination } from './openssl-destination.ts';

test('demands of a sender and of a recipient, and our own certificate', async (t) => {
  const certificates = new Authority();
  t.after(() => certificates.remove());
  const root = certificates.issue('root', { extensions: authority });
  const mx = certificates.issue('mx', { issuer: root, extensions: server('mx.mutual.test') });
  const own = certificates.issue('own', { issuer: root, extensions: server('gw.ours.test') });
  const self = certificates.issue('self', { extensions: server('mx.self.test') });
  const clear = await Peer.start();
  const encrypting = await Peer.start({ tls: { cert: self.cert, key: self.key } });
  // Refuses every handshake without a certificate that the authority has signed.
  const verifying = ['-Verify', '1', '-verify_return_error', '-CAfile', root.certFile];
  const mutual = await startOpensslDestination(mx, verifying);
  const strict = await startOpensslDestination(mx, verifying);
  t.after(() => Promise.all([clear.close(), encrypting.close(), mutual.close(), strict.close()]));
  const port = await freePort();
  const gateway = await startGateway(t, {
    config: `
listeners: [{ name: in, port: ${port} }]
relay: [127.0.0.0/8]
timeouts: { idle: 100ms }
certificates: [{ name: own, cert: ${own.certFile}, key: ${own.keyFile} }]
routes:
  - { domain: clear.test, to: ["127.0.0.1:${clear.port}"] }
  - { domain: self.test, to: ["127.0.0.1:${encrypting.port}"] }
  - { domain: mutual.test, to: ["127.0.0.1:${mutual.port}"] }
  - { domain: nothing.test, to: ["127.0.0.1:${strict.port}"] }
destinations:
  - { domain: board@self.test, tls: required-verify }
  - { domain: mutual.test, tls: required-verify, names: [mx.mutual.test], ca: ${root.certFile}, certificate: own }
  - { domain: nothing.test, tls: required-verify, names: [mx.mutual.test], ca: ${root.certFile} }
senders:
  - { sender: legal@ours.test, tls: required }
  - { sender: "@finance.ours.test", tls: required-verify }
`,
  });
  const rows = [
    // from, to, what the connection is to be and is, whether the message arrives
    ['any@ours.test', 'b@clear.test', 'preferred:none', true],
    ['legal@ours.test', 'b@clear.test', 'required:failed', false],
    ['legal@ours.test', 'b@self.test', 'required:encrypted', true],
    ['Any@Finance.ours.test', 'b@self.test', 'required-verify:failed', false],
    ['any@ours.test', 'b@self.test', 'preferred:encrypted', true],
    ['any@ours.test', 'board@self.test', 'required-verify:failed', false],
    ['legal@ours.test', 'board@self.test', 'required-verify:failed', false],
    ['any@ours.test', 'b@mutual.test', 'required-verify:verified', true],
  ] as const;
  for (const [from, to, security, arrives] of rows) {
    const mid = await sendMail(port, { from, to });
    const end = await gateway.logged(new RegExp(`(Message done|Delayed:) DCID \\d+ MID ${mid} `));
    assert.equal(/Message done/.test(end), arrives, `${from} to ${to}: ${end}`);
    const dcid = /DCID (\d+)/.exec(end)?.[1];
    const line = gateway.log().find((one) => one.includes(` DCID ${dcid} domain `));
    assert.ok(line?.includes(` tls=${security}`), `${from} to ${to}: ${line}`);
    if (!arrives) assert.match(end, / - 4\.7\.[45] - /);
  }
  assert.deepEqual(
    clear.messages.map(({ from }) => from),
    ['any@ours.test'],
  );
  assert.deepEqual(
    encrypting.messages.map(({ from, to }) => `${from} ${to.join()}`),
    ['legal@ours.test b@self.test', 'any@ours.test b@self.test'],
  );
  assert.deepEqual(mutual.recipients, ['b@mutual.test']);
  await gateway.logged(/Alert: TLS to clear\.test failed: host 127\.0\.0\.1, tls=required: TLS is required, but/);

  // The same server, and nothing to show it.
  const mid = await sendMail(port, { to: 'b@nothing.test' });
  await gateway.logged(new RegExp(`Delayed: DCID \\d+ MID ${mid} `));
  assert.deepEqual(strict.recipients, []);

  const encrypted = gateway.log().find((one) => one.includes(' domain self.test tls=required:encrypted')) ?? '';
  await gateway.logged(new RegExp(`^Info: DCID ${/DCID (\d+)/.exec(encrypted)?.[1]} close`));
  const shown = await gateway.shell('tlsconnections self.test');
  assert.match(shown.output, /^required +encrypted +1 +1$/m);
  assert.match(shown.output, /^required-verify +failed +\d+ +0$/m);
});
