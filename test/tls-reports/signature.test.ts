// Whose signature a report carries; the signatures are made by our own signer and checked by mailauth.
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { SigningKeys } from '../../src/dkim/keys.ts';
import { signMessage } from '../../src/dkim/sign.ts';
import type { Found } from '../../src/dns/lookup.ts';
import type { MailResolver } from '../../src/dns/resolver.ts';
import { PosternError } from '../../src/errors.ts';
import type { KeptReport } from '../../src/tls-reports/history.ts';
import { ReportReceiver } from '../../src/tls-reports/receiver.ts';
import { checkSignatures, signatureOf } from '../../src/tls-reports/signature.ts';
import { RecordedLog, snapshotOf } from '../delivery/fixture.ts';

const { privateKey } = generateKeyPairSync('ed25519');
const raw = createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64');
const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
const message = (from: string) =>
  Buffer.from(`From: <${from}>\r\nTLS-Report-Domain: example.net\r\nSubject: Report\r\n\r\n{}\r\n`);
const signed = (from: string, domain: string) =>
  Buffer.from(signMessage(message(from), new SigningKeys([{ domain, selector: 's', key: pem }]), Date.now()));

function resolver(broken = false): Pick<MailResolver, 'ask'> {
  return {
    ask: async (name): Promise<Found> => {
      if (broken) throw new PosternError('dns', 'SERVFAIL', { temporary: true });
      const records = [{ type: 'TXT' as const, name, data: `v=DKIM1; k=ed25519; s=tlsrpt; p=${raw}` }];
      return { kind: 'records', name, records, secure: false, ttl: 0, until: 0 };
    },
  };
}

async function verdict(bytes: Uint8Array, contact: string): Promise<string> {
  return signatureOf(await checkSignatures(bytes, resolver()), contact).text;
}

test('a report counts as signed only by its own sender, whole and unchanged', async () => {
  const good = signed('tls@mail.example.com', 'example.com');
  assert.equal(await verdict(good, 'tls-contact@example.com'), 'signed by example.com');
  assert.equal(await verdict(good, ''), 'signed by example.com', 'the author speaks for a report without a contact');
  assert.equal(await verdict(message('tls@example.com'), 'tls@example.com'), 'not signed');
  const changed = Buffer.from(good.toString('latin1').replace('{}', '[]'), 'latin1');
  assert.match(await verdict(changed, 'tls@example.com'), /^no valid signature \(example\.com: /);
  const other = Buffer.from(
    good.toString('latin1').replace('Report-Domain: example.net', 'Report-Domain: x'),
    'latin1',
  );
  assert.match(await verdict(other, 'tls@example.com'), /^no valid signature/, 'the fields of RFC 8460 5.3 are signed');
});

test('DNS does not answer about the key: tried again for a day, then kept as not signed; a stranger’s signature waits for nobody', async () => {
  const sign = (domain: string) => {
    const text = JSON.stringify({
      'contact-info': 'tls@example.com',
      'report-id': domain,
      'date-range': { 'start-datetime': '2026-11-20T00:00:00Z', 'end-datetime': '2026-11-20T23:59:59Z' },
      policies: [{}],
    });
    const plain = `From: <tls@example.com>\r\nTLS-Report-Domain: example.net\r\nContent-Type: application/tlsrpt+json\r\n\r\n${text}\r\n`;
    return Buffer.from(
      signMessage(Buffer.from(plain), new SigningKeys([{ domain, selector: 's', key: pem }]), Date.now()),
    );
  };
  const received = Date.parse('2026-11-21T01:00:00Z');
  let now = received;
  let broken = true;
  const kept: KeptReport[] = [];
  const snapshot = snapshotOf();
  const receiver = new ReportReceiver({
    history: {
      keepTlsReport: async (report) => kept.push(report) > 0,
      noteBadTlsReport: () => assert.fail('it can be read'),
    },
    resolver: () => ({ ...resolver(broken) }) as MailResolver,
    snapshot: () => snapshot,
    log: new RecordedLog(),
    now: () => now,
  });
  const take = (message: Uint8Array) =>
    receiver.take({ via: 'mail', message, sender: 'tls@example.com', mid: 1, received });
  const good = sign('example.com');
  await assert.rejects(
    take(good),
    (error) =>
      error instanceof PosternError &&
      error.temporary &&
      /cannot be told now: no valid signature \(example\.com: temperror DNS failure: SERVFAIL\)/.test(error.message),
  );
  assert.deepEqual(kept, []);
  await take(sign('evil.example'));
  broken = false;
  await take(good);
  broken = true;
  now += snapshot.tlsReports.retryFor;
  await take(good);
  assert.deepEqual(
    kept.map(({ signer, counted }) => `${signer} ${counted}`),
    [' false', 'example.com true', ' false'],
  );
});

test('somebody else’s good signature is not the sender’s; a hundred signatures are not looked at', async () => {
  const checked = await checkSignatures(signed('x@evil.example', 'evil.example'), resolver());
  assert.deepEqual(checked.valid, ['evil.example']);
  const borrowed = { ...checked, authors: [] };
  assert.equal(
    signatureOf(borrowed, 'tls@google.com').text,
    'no valid signature (evil.example: not the domain of the sender)',
  );
  const field = 'DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=s; h=from; bh=x; b=x\r\n';
  const many = Buffer.concat([Buffer.from(field.repeat(100)), message('a@example.com')]);
  const { reasons } = await checkSignatures(many, {
    ask: () => assert.fail('DNS is asked'),
  });
  assert.deepEqual(reasons, ['too many signatures']);
});
