// Reports as they go out: the RFC's schema, the mail around them, where a domain wants them.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { reportInMail } from '../../src/tls-reports/extract.ts';
import { reportMessage } from '../../src/tls-reports/message.ts';
import { parseReport } from '../../src/tls-reports/parse.ts';
import { parseReportRecord } from '../../src/tls-reports/record.ts';
import { type ReportFacts, reportFile, reportJson } from '../../src/tls-reports/report.ts';
import { simpleParser } from '../tls-reports/mail.ts';
import { checkSchema } from './schema.ts';

const day = Date.parse('2026-11-30T00:00:00Z');
const detail = {
  result: 'certificate-expired',
  reason: 'X509_V_ERR_CERT_HAS_EXPIRED',
  host: 'mx.example.net',
  local: '::ffff:192.0.2.1',
  helo: 'mx \ud800 odd',
  address: '2001:db8::25',
  count: 2,
};
const facts: ReportFacts = {
  organization: 'Müller & Söhne',
  contact: 'tls-reports@example.com',
  hostname: 'gw.example.com',
  domain: 'example.net',
  day,
  policies: [
    {
      type: 'sts',
      policyDomain: 'example.net',
      text: 'version: STSv1\nmode: enforce\nmx: mx.example.net\nmx: *.backup.example.net\nmax_age: 86400',
      ok: 3,
      failed: 2,
      details: [detail],
    },
    { type: 'tlsa', policyDomain: 'mx.example.net', text: `3 1 1 ${'ab'.repeat(32)}`, ok: 1, failed: 0, details: [] },
    { type: 'no-policy-found', policyDomain: 'example.net', text: '', ok: 5, failed: 0, details: [] },
  ],
};

test('the report is what the schema of the RFC says', () => {
  checkSchema(reportJson(facts));
  const [sts] = JSON.parse(reportJson(facts)).policies;
  assert.deepEqual(sts.policy['mx-host'], ['mx.example.net', '*.backup.example.net']);
  assert.equal(sts['failure-details'][0]['sending-mta-ip'], '192.0.2.1');
});

test('the mail: type, fields, file name and subject of RFC 8460 5.3, and our own reader finds the report', async () => {
  const json = reportJson(facts);
  const to = 'reports@example.net';
  const message = reportMessage({ facts, to, content: gzipSync(json), now: day + 90_000_000, unique: 'abc123' });
  const lines = message.toString('latin1').split('\r\n');
  assert.ok(
    lines.every((line) => line.length <= 998 && !/[\n\r]|[^\x20-\x7e\t]/.test(line)),
    'lines of plain ASCII',
  );
  const { field, parts } = simpleParser(message);
  assert.equal(field('from'), '<tls-reports@example.com>');
  assert.equal(field('tls-report-domain'), 'example.net');
  assert.equal(field('tls-report-submitter'), 'example.com');
  assert.equal(field('tls-required'), 'No');
  assert.match(field('content-type'), /^multipart\/report; report-type="tlsrpt"; boundary="=_abc123"$/);
  assert.match(
    field('subject'),
    /^Report Domain: example\.net Submitter: example\.com Report-ID: <[\w.-]+@example\.com>$/,
  );
  assert.deepEqual(
    parts.map(({ type }) => type),
    ['text/plain; charset=us-ascii', 'application/tlsrpt+gzip'],
  );
  assert.equal(reportFile(facts), 'example.com!example.net!1795996800!1796083199!gwexamplecom.json.gz');
  assert.match(parts[1]?.disposition ?? '', /filename="example\.com!example\.net!1795996800!1796083199!/);
  assert.equal(gunzipSync(Buffer.from(parts[1]?.body ?? '', 'base64')).toString(), json);
  const limits = { tlsReport: 1e6, tlsReportContent: 1e6 };
  const read = parseReport(await reportInMail(message, limits), day + 90_000_000);
  assert.deepEqual(
    read.policies.map(({ type, ok, failed }) => `${type} ${ok} ${failed}`),
    ['sts 3 2', 'tlsa 1 0', 'no-policy-found 5 0'],
  );
});

describe('the record', () => {
  const cases: readonly (readonly [string, readonly string[], readonly string[] | RegExp])[] = [
    ['mail', ['v=TLSRPTv1;rua=mailto:a@example.com'], ['mailto:a@example.com']],
    [
      'blanks, several, both kinds',
      ['v=TLSRPTv1 ; rua=mailto:a@example.com , https://r.example.com/x ; '],
      ['mailto:a@example.com', 'https://r.example.com/x'],
    ],
    ['unknown fields', ['v=TLSRPTv1; x=1; rua=mailto:a@example.com; y.z=2'], ['mailto:a@example.com']],
    ['other records beside', ['v=spf1 -all', 'v=TLSRPTv1; rua=mailto:a@example.com'], ['mailto:a@example.com']],
    ['two', ['v=TLSRPTv1; rua=mailto:a@example.com', 'v=TLSRPTv1; rua=mailto:b@example.com'], /2 TLSRPT records/],
    ['another version', ['v=TLSRPTv2; rua=mailto:a@example.com'], /no reports/],
    ['the version is written in its case', ['V=tlsrptv1; rua=mailto:a@example.com'], /no reports/],
    ['nothing', [], /no reports/],
    ['no rua', ['v=TLSRPTv1;'], /no address/],
    ['HTTP is not HTTPS', ['v=TLSRPTv1; rua=http://r.example.com/x'], /no address/],
    ['percent-encoded', ['v=TLSRPTv1; rua=mailto:a%2Bb@example.com?subject=x'], ['mailto:a%2Bb@example.com?subject=x']],
    ['a command in an address', ['v=TLSRPTv1; rua=mailto:a%0D%0ADATA@example.com'], /no address/],
    ['credentials in a URL', ['v=TLSRPTv1; rua=https://a:b@r.example.com/'], /no address/],
    ['twice the same', ['v=TLSRPTv1; rua=mailto:a@example.com,mailto:a@example.com'], ['mailto:a@example.com']],
  ];
  for (const [what, texts, expected] of cases) {
    test(what, () => {
      const record = parseReportRecord(texts);
      if (expected instanceof RegExp) assert.match(record.kind === 'none' ? record.why : 'endpoints', expected);
      else assert.deepEqual(record.kind === 'none' ? record.why : record.endpoints.map(({ uri }) => uri), expected);
    });
  }

  test('a record that names a hundred places is not the reason for a hundred mails', () => {
    const uris = Array.from({ length: 100 }, (_, i) => `mailto:a${i}@example.com`);
    const record = parseReportRecord([`v=TLSRPTv1; rua=${uris.join(',')}`]);
    assert.equal(record.kind === 'endpoints' && record.endpoints.length, 8);
  });
});
