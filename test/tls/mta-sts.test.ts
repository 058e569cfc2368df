import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decideSts,
  type FailedFetch,
  type KnownPolicy,
  matchesMx,
  parseStsPolicy,
  parseStsRecord,
  policyFile,
  policyId,
  refreshAt,
  type StsPolicy,
  type StsRecord,
  stsRecords,
} from '../../src/tls/mta-sts.ts';

const records: readonly (readonly [readonly string[], string])[] = [
  [['v=STSv1; id=20260101T000000Z;'], '20260101T000000Z'],
  [['v=STSv1;id=a'], 'a'],
  [['v=STSv1 ; x=y ; id=1 ;'], '1'],
  [['v=spf1 -all', 'v=STSv1; id=2;', 'STSv1'], '2'],
  [['v=STSv1; id=1; id=2'], '1'],
  [[], 'absent'],
  [['v=STSv2; id=1'], 'absent'],
  [['v=stsv1; id=1'], 'absent'],
  [[' v=STSv1; id=1'], 'absent'],
  [['v=STSv1'], 'invalid'],
  [['v=STSv1;'], 'invalid'],
  [['v=STSv1; id='], 'invalid'],
  [['v=STSv1; id=1-2'], 'invalid'],
  [[`v=STSv1; id=${'1'.repeat(33)}`], 'invalid'],
  [['v=STSv1; id=1', 'v=STSv1; id=1'], 'invalid'],
];

test('records (RFC 8461 3.1)', () => {
  for (const [texts, expected] of records) {
    const record = parseStsRecord(texts);
    assert.equal(record.kind === 'record' ? record.id : record.kind, expected, texts.join(' | '));
  }
});

const good = 'version: STSv1\nmode: enforce\nmx: mx.example.com\nmax_age: 86400\n';
const policies: readonly (readonly [string, string | RegExp])[] = [
  [good, 'enforce mx.example.com 86400'],
  [good.replaceAll('\n', '\r\n'), 'enforce mx.example.com 86400'],
  [
    'mode:testing\nmax_age:604800 \nmx:*.Example.COM.\nmx: b.example\nversion:STSv1',
    'testing *.example.com,b.example 604800',
  ],
  ['version: STSv1\nmode: none\nmax_age: 86400', 'none  86400'],
  [`${good}mode: none\nmax_age: 1\nnew_field: x y z\n`, 'enforce mx.example.com 86400'],
  [good.replace('86400', '9999999999'), 'enforce mx.example.com 31557600'],
  [good.replace('86400', '0'), 'enforce mx.example.com 60'],
  [good.replace('STSv1', 'STSv2'), /version/],
  [good.replace('enforce', 'Enforce'), /mode/],
  [good.replace('86400', '-1'), /max_age/],
  [good.replace('86400', '1d'), /max_age/],
  [good.replace('mx: mx.example.com\n', ''), /no mx/],
  [good.replace('mx.example.com', '*'), /line 3/],
  [good.replace('mx.example.com', 'a.*.example.com'), /line 3/],
  [good.replace('mx.example.com', 'localhost'), /line 3/],
  [good.replace('mx.example.com', 'mx.example.com mx2.example.com'), /line 3/],
  [`<html>${good}`, /line 1/],
  ['', /version/],
  [`${good}${Array.from({ length: 1001 }, (_, i) => `mx: h${i}.example.com\n`).join('')}`, /more than 1000/],
];

test('policies (RFC 8461 3.2)', () => {
  for (const [text, expected] of policies) {
    const parsed = parseStsPolicy(text);
    if (typeof expected === 'string') {
      assert.ok(parsed.ok, text);
      assert.equal(`${parsed.policy.mode} ${parsed.policy.mx.join()} ${parsed.policy.maxAge}`, expected);
    } else assert.match(parsed.ok ? 'ok' : parsed.why, expected, text);
  }
});

test('what is served is what a sender reads, and the id follows the content', () => {
  const label = fc.stringMatching(/^[a-z0-9]{1,10}$/);
  const pattern = fc.tuple(fc.boolean(), label, label).map(([wild, a, b]) => `${wild ? '*.' : ''}${a}.${b}`);
  const arbitrary: fc.Arbitrary<StsPolicy> = fc.record(
    {
      mode: fc.constantFrom('enforce', 'testing', 'none'),
      mx: fc.uniqueArray(pattern, { minLength: 1, maxLength: 10 }),
      maxAge: fc.integer({ min: 86_400, max: 31_536_000 }),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(arbitrary, arbitrary, (policy, other) => {
      assert.deepEqual(parseStsPolicy(policyFile(policy)), { ok: true, policy });
      const [record] = stsRecords({ domain: 'example.com', policy });
      assert.deepEqual(parseStsRecord([record?.value ?? '']), { kind: 'record', id: policyId(policy) });
      if (policyFile(policy) !== policyFile(other)) assert.notEqual(policyId(policy), policyId(other));
    }),
  );
});

test('whatever a policy host sends, the parser answers', () => {
  fc.assert(fc.property(fc.string({ maxLength: 500 }), (text) => typeof parseStsPolicy(text).ok === 'boolean'));
});

test('hosts and patterns (RFC 8461 4.1)', () => {
  for (const [host, patterns, expected] of [
    ['mx.example.com', ['mx.example.com'], true],
    ['MX.Example.com.', ['mx.example.com'], true],
    ['mx.example.com', ['*.example.com'], true],
    ['a.mx.example.com', ['*.example.com'], false],
    ['example.com', ['*.example.com'], false],
    ['mx.example.com', ['example.com'], false],
    ['mx.example.com', ['mx2.example.com', '*.example.org'], false],
    ['mxexample.com', ['*.example.com'], false],
  ] as const) {
    assert.equal(matchesMx(host, patterns), expected, `${host} ${patterns}`);
  }
});

const now = 1_000_000_000;
const record = (id: string): StsRecord => ({ kind: 'record', id });
const absent: StsRecord = { kind: 'absent', why: 'there is no MTA-STS record' };
const unknown: StsRecord = { kind: 'unknown', why: 'SERVFAIL' };
const known = (id: string, age: number, mode: StsPolicy['mode'] = 'enforce'): KnownPolicy => ({
  id,
  policy: { mode, mx: ['mx.example.com'], maxAge: 3600 },
  fetched: now - age * 1000,
});
const failed = (id: string): FailedFetch => ({ id, failure: { type: 'sts-webpki-invalid', detail: 'expired' } });

const decisions: readonly (readonly [string, StsRecord, KnownPolicy | null, FailedFetch | null, string])[] = [
  ['nothing', absent, null, null, 'none'],
  ['no answer of DNS, nothing known', unknown, null, null, 'none'],
  ['new', record('1'), null, null, 'fetch 1'],
  ['known', record('1'), known('1', 10), null, 'enforce'],
  ['known, record hidden', absent, known('1', 10), null, 'enforce'],
  ['known, DNS fails', unknown, known('1', 10), null, 'enforce'],
  ['known, record broken', { kind: 'invalid', why: 'two' }, known('1', 10), null, 'enforce'],
  ['another id', record('2'), known('1', 10), null, 'fetch 2'],
  ['another id, and its policy cannot be had', record('2'), known('1', 10), failed('2'), 'enforce sts-webpki-invalid'],
  ['another id than the one that failed', record('3'), known('1', 10), failed('2'), 'fetch 3'],
  ['over', record('1'), known('1', 3600), null, 'fetch 1'],
  ['over, and cannot be had', record('1'), known('1', 3600), failed('1'), 'none sts-webpki-invalid'],
  ['over, record hidden', absent, known('1', 3600), null, 'none'],
  ['cannot be had', record('1'), null, failed('1'), 'none sts-webpki-invalid'],
  ['mode none', record('1'), known('1', 10, 'none'), null, 'none'],
  ['mode testing', record('1'), known('1', 10, 'testing'), null, 'testing'],
];

test('what to do (RFC 8461 3.3, 5.1)', () => {
  for (const [what, found, policy, failure, expected] of decisions) {
    const step = decideSts('example.com', found, { known: policy, failed: failure }, now);
    let text = step.kind === 'fetch' ? `fetch ${step.id}` : '';
    if (step.kind === 'decided') {
      const { verdict } = step;
      text = verdict.kind === 'none' ? 'none' : verdict.policy.mode;
      if (verdict.failure !== null) text += ` ${verdict.failure.type}`;
    }
    assert.equal(text, expected, what);
  }
});

test('renewed in half of its life, after a day at the latest', () => {
  assert.equal(refreshAt(known('1', 0)), now + 1_800_000);
  const long = { ...known('1', 0), policy: { ...known('1', 0).policy, maxAge: 31_557_600 } };
  assert.equal(refreshAt(long), now + 86_400_000);
});
