import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ask, Bench, until } from './harness.ts';

const benches: Bench[] = [];
after(async () => {
  for (const bench of benches) await bench.end();
});

function bench(document: Record<string, unknown> = {}): Bench {
  const one = new Bench(document);
  benches.push(one);
  return one;
}

const alert = {
  domain: 'Partner.example',
  host: 'mx.partner.example',
  wanted: 'dane',
  reason: 'TLS is required, but STARTTLS is not offered',
};
const line =
  'Alert: TLS to Partner.example failed: host mx.partner.example, tls=dane: TLS is required, but STARTTLS is not offered';

test('once a domain and hour, over all workers: log, list, mail to the addresses configured', async () => {
  const one = bench({ alerts: { to: ['admin@example.com', 'boss@example.com', 'x@example.net'] } });
  const spool = one.start();
  const first = one.worker(spool, 'mail-0', 10);
  const second = one.worker(spool, 'mail-1', 10);
  first.client.alert(alert);
  await until(() => one.log.lines.includes(line), 'the line');
  second.client.alert({ ...alert, domain: 'partner.example', reason: 'again' });
  second.client.alert({ ...alert, domain: 'other.example' });
  await until(() => one.log.lines.some((text) => text.includes('TLS to other.example')), 'the other domain');
  assert.equal(one.log.lines.filter((text) => text.startsWith('Alert: ')).length, 2);
  const alerts = await ask(spool)('alerts', 10);
  assert.deepEqual(
    alerts.map((raised) => ('domain' in raised ? raised.domain : raised.title)),
    ['other.example', 'Partner.example'],
  );
  assert.ok(Math.abs((alerts[1]?.time ?? 0) - Date.now()) < 60_000);
  const jobs = () => [...first.jobs, ...second.jobs];
  await until(() => jobs().length === 4, 'two mails to two destinations each');
  const mail = jobs().find((job) => job.destination === 'example.com');
  assert.ok(mail?.body instanceof Uint8Array);
  const text = Buffer.from(mail.body).toString();
  assert.match(text, /^Date: /);
  assert.match(text, /\r\nSubject: TLS to Partner\.example failed\r\n/);
  assert.match(text, /\r\nAuto-Submitted: auto-generated\r\n/);
  assert.match(text, /\r\nReason: TLS is required, but STARTTLS is not offered\r\n/);
  assert.deepEqual(mail.rids, [0, 1]);
  const envelope = JSON.parse(mail.envelope) as { sender: string; recipients: readonly { address: string }[] };
  assert.equal(envelope.sender, '');
  assert.deepEqual(
    envelope.recipients.map(({ address }) => address),
    ['admin@example.com', 'boss@example.com', 'x@example.net'],
  );
  for (const each of text.split('\r\n')) assert.ok(each.length <= 78, each);
  // An hour later the same domain is told again.
  one.ahead = 3600 * 1000 + 1;
  first.client.alert(alert);
  await until(() => one.log.lines.filter((text) => text === line).length === 2, 'the second line');
});

test("nobody is told by mail where nobody is to be, nor about their own domain; a stranger's words stay on their line", async () => {
  const one = bench({ alerts: { to: ['admin@partner.example'] } });
  const spool = one.start();
  const worker = one.worker(spool, 'mail-0', 10);
  worker.client.alert({ ...alert, reason: 'x\r\nBcc: <y@z>\r\n\r\nü' });
  await until(() => one.log.lines.some((text) => text.startsWith('Alert: ')), 'the line');
  assert.equal((await ask(spool)('status')).messages, 0);
  worker.client.alert({ ...alert, domain: 'third.example', reason: 'x\r\nBcc: <y@z>\r\n\r\nü' });
  await until(() => worker.jobs.length === 1, 'the mail');
  const body = worker.jobs[0]?.body;
  assert.ok(body instanceof Uint8Array);
  assert.doesNotMatch(Buffer.from(body).toString(), /\r\nBcc:|[^\r\n -~]/);
});
