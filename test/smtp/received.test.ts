import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDate, receivedField, type Trace, traceOf } from '../../src/smtp/received.ts';

const trace: Trace = {
  hostname: 'gw.example.com',
  helo: 'client.example.org',
  extended: true,
  address: '198.51.100.7',
  name: 'mail.example.org',
  tls: { protocol: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' },
};
const one = { sender: 'a@b', recipients: [{ address: 'c@d.example' }] };
const now = Date.UTC(2026, 10, 3, 4, 5, 6);
const field = (changes: Partial<Trace> = {}, envelope: Parameters<typeof receivedField>[3] = one) =>
  receivedField({ ...trace, ...changes }, traceOf({ ...trace, ...changes }), 14, envelope, now);

test('the whole field', () => {
  assert.equal(
    field(),
    'Received: from client.example.org (mail.example.org [198.51.100.7])\r\n' +
      '\tby gw.example.com with ESMTPS (TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n' +
      '\tid 14 for <c@d.example>;\r\n' +
      '\tTue, 3 Nov 2026 04:05:06 +0000\r\n',
  );
});

test('names no one where there are several recipients (RFC 5321 7.2)', () => {
  const two = { sender: 'a@b', recipients: [{ address: 'c@d' }, { address: 'e@f' }] };
  assert.equal(field({}, two).includes(' for '), false);
});

test('protocols (RFC 3848, RFC 6531)', () => {
  const utf8 = { ...one, smtputf8: true };
  const protocol = (text: string) => / with ([A-Z0-9]+)/.exec(text)?.[1];
  assert.equal(protocol(field({ tls: null, extended: false })), 'SMTP');
  assert.equal(protocol(field({ tls: null })), 'ESMTP');
  assert.equal(protocol(field()), 'ESMTPS');
  assert.equal(protocol(field({ tls: null }, utf8)), 'UTF8SMTP');
  assert.equal(protocol(field({}, utf8)), 'UTF8SMTPS');
});

test('literals, unknown names, and names that would break the field', () => {
  assert.match(
    field({ address: '2001:db8::1', name: null }),
    /^Received: from client\.example\.org \(\[IPv6:2001:db8::1\]\)\r\n/,
  );
  assert.match(field({ helo: 'a(b);c' }), /^Received: from a\?b\?\?c \(/);
  assert.match(field({ helo: '[192.0.2.1]' }), /^Received: from \[192\.0\.2\.1\] \(/);
});

test('dates', () => {
  assert.equal(formatDate(Date.UTC(2024, 1, 29, 23, 59, 59, 999)), 'Thu, 29 Feb 2024 23:59:59 +0000');
  assert.equal(formatDate(0), 'Thu, 1 Jan 1970 00:00:00 +0000');
});
