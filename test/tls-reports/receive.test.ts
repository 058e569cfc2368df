// Reports of others: the shapes of large senders, and of those who mean harm.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { reportInBytes, reportInMail } from '../../src/tls-reports/extract.ts';
import { mimeParts } from '../../src/tls-reports/mime.ts';
import { parseReport, UnreadableReport } from '../../src/tls-reports/parse.ts';
import { sampleDay, samples } from './samples.ts';

const limits = { tlsReport: 256 * 1024, tlsReportContent: 1024 * 1024 };
const now = sampleDay + 2 * 86_400_000;
const range = { 'start-datetime': '2026-11-20T00:00:00Z', 'end-datetime': '2026-11-20T23:59:59Z' };

describe('shapes of large senders', () => {
  for (const sample of samples) {
    test(sample.sender, async () => {
      const report = parseReport(await reportInMail(sample.message, limits), now);
      assert.deepEqual(
        report.policies.map(({ type, domain, ok, failed }) => `${type} ${domain} ${ok} ${failed}`),
        sample.policies,
      );
      const failures = report.policies.flatMap((policy) => policy.failures);
      assert.deepEqual(
        failures.map(({ result, count, host }) => `${result} ${count} ${host}`),
        sample.failures,
      );
      assert.equal(report.organization, sample.organization);
      assert.equal(report.reportId, sample.reportId);
      assert.equal(report.start, sampleDay);
      assert.equal(report.cut, false);
    });
  }

  test('over HTTPS: compressed or plain, whatever it is called', async () => {
    const json = Buffer.from(JSON.stringify({ 'date-range': range, policies: [{ policy: {} }] }));
    assert.equal(parseReport(await reportInBytes(json, limits), now).policies.length, 1);
    assert.equal(parseReport(await reportInBytes(gzipSync(json), limits), now).policies.length, 1);
  });
});

describe('harm', () => {
  const unreadable = async (bytes: Buffer, why: RegExp) => {
    await assert.rejects(
      async () => parseReport(await reportInBytes(bytes, limits), now),
      (error: unknown) => error instanceof UnreadableReport && why.test(error.message),
    );
  };

  test('a bomb is put out before it is there: 64 MiB of blanks, and of bombs within bombs only the first', async () => {
    const { tlsReport } = limits;
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, 0x20));
    assert.ok(bomb.length < tlsReport);
    const before = process.memoryUsage().arrayBuffers;
    await unreadable(bomb, /larger than 1048576 bytes when decompressed/);
    assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 1024 * 1024, 'what was decompressed is thrown away');
    await unreadable(gzipSync(gzipSync(Buffer.alloc(1000, 0x20))), /not JSON/);
  });

  test('too large as it comes, cut short, no gzip', async () => {
    await unreadable(Buffer.alloc(limits.tlsReport + 1, 0x20), /larger than 262144 bytes/);
    await unreadable(gzipSync('{}').subarray(0, 12), /cannot be decompressed/);
    await unreadable(Buffer.from([0x1f, 0x8b, 1, 2, 3]), /cannot be decompressed/);
  });

  test('JSON: nested deep, a huge number, keys of prototypes, no object, no dates, no policies', async () => {
    const report = (more: object) => Buffer.from(JSON.stringify({ 'date-range': range, ...more }));
    await unreadable(Buffer.from('['.repeat(200_000)), /nested deeper than 16/);
    await unreadable(Buffer.from(`{"a":"${'['.repeat(50)}"`), /not JSON/);
    await unreadable(Buffer.from('[]'), /no object/);
    await unreadable(Buffer.from('{}'), /"date-range"/);
    await unreadable(report({}), /no "policies"/);
    await unreadable(report({ policies: [1, 'x'] }), /no objects/);
    const years = { 'start-datetime': '2020-01-01T00:00:00Z', 'end-datetime': '2026-11-20T00:00:00Z' };
    await unreadable(report({ 'date-range': years, policies: [{}] }), /no range of days/);
    const future = { 'start-datetime': '2036-01-01T00:00:00Z', 'end-datetime': '2036-01-02T00:00:00Z' };
    await unreadable(report({ 'date-range': future, policies: [{}] }), /long ago or not yet/);
    const odd = Buffer.from(
      `{"date-range":${JSON.stringify(range)},"__proto__":{"polluted":1},"policies":[{"policy":{"__proto__":{"policy-type":"x"}},"summary":{"total-successful-session-count":1e400,"total-failure-session-count":-5}}]}`,
    );
    const [policy] = parseReport(odd, now).policies;
    assert.deepEqual([policy?.type, policy?.ok, policy?.failed], ['no-policy-found', 0, 0]);
    assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false);
  });

  test('of many policies, failures, lines and long texts a part is kept, and said so', () => {
    const failure = {
      'result-type': 'x'.repeat(1000),
      'failed-session-count': 1,
      'failure-reason-code': 'y\r\n\u001b[31m',
    };
    const policies = Array.from({ length: 300 }, () => ({
      policy: { 'policy-string': Array.from({ length: 500 }, () => 'line') },
      'failure-details': Array.from({ length: 50 }, () => failure),
    }));
    const text = JSON.stringify({ 'date-range': range, 'organization-name': 'o'.repeat(100_000), policies });
    const report = parseReport(Buffer.from(text), now);
    assert.equal(report.cut, true);
    assert.equal(report.policies.length, 200);
    assert.equal(report.policies.flatMap(({ failures }) => failures).length, 2000);
    assert.equal(report.policies[0]?.lines.length, 100);
    assert.equal(report.organization.length, 300);
    assert.equal(report.policies[0]?.failures[0]?.result.length, 64);
    assert.equal(report.policies[0]?.failures[0]?.reason, 'y [31m');
  });

  test('a mail of nothing but boundaries, parts within parts, and endless fields', () => {
    const nested = Array.from(
      { length: 100 },
      (_, i) => `Content-Type: multipart/mixed; boundary=b${i}\r\n\r\n--b${i}\r\n`,
    );
    assert.ok(mimeParts(Buffer.from(nested.join(''))).length <= 64);
    const many = `Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n\r\n'.repeat(100_000)}`;
    assert.ok(mimeParts(Buffer.from(many)).length <= 64);
    const fields = `Content-Type: ${'a; '.repeat(300_000)}`;
    assert.equal(mimeParts(Buffer.from(fields)).length, 1);
    const blanks = `Content-Type: application/json\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n${' '.repeat(400_000)}x`;
    assert.equal(mimeParts(Buffer.from(blanks))[0]?.content().length, 400_001);
  });

  test('whatever comes is a report or unreadable, never anything else', async () => {
    const bytes = Buffer.from(
      '{"date-range":{"start-datetime":"2026-11-20","end-datetime":"2026-11-21"},"policies":[{}]}',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 6 }), async (changes) => {
        const changed = Buffer.from(bytes);
        for (const [at, value] of changes) changed[at] = value;
        try {
          parseReport(changed, now);
        } catch (error) {
          assert.ok(error instanceof UnreadableReport, String(error));
        }
      }),
    );
    const [, sample] = samples;
    const message = sample?.message ?? Buffer.alloc(0);
    await fc.assert(
      fc.asyncProperty(fc.nat(message.length), fc.nat(message.length), async (from, to) => {
        const cut = Buffer.concat([message.subarray(0, from), message.subarray(to)]);
        await reportInMail(cut, limits).then(
          (json) => json.length,
          (error) => assert.ok(error instanceof UnreadableReport, String(error)),
        );
      }),
      { numRuns: 100 },
    );
  });
});
