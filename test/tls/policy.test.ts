import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { DaneVerdict } from '../../src/tls/dane.ts';
import { tlsPolicy } from '../../src/tls/message-policy.ts';
import type { StsVerdict } from '../../src/tls/mta-sts.ts';
import {
  type Demand,
  type DestinationLevel,
  destinationLevels,
  needsDane,
  type PolicyInput,
  type TlsPolicy,
} from '../../src/tls/policy.ts';
import { tlsVersions } from '../../src/tls/versions.ts';

const usable: DaneVerdict = {
  kind: 'usable',
  base: 'mx.test',
  records: [{ usage: 3, selector: 1, matchingType: 1, data: new Uint8Array(32) }],
  found: [{ usage: 3, selector: 1, matchingType: 1, data: new Uint8Array(32) }],
};
const unusable: DaneVerdict = { kind: 'unusable', base: 'mx.test', why: 'no TLSA record is usable: 0 0 1', found: [] };
const none: DaneVerdict = { kind: 'none', why: 'there is no TLSA record' };
const failed: DaneVerdict = { kind: 'failed', why: 'SERVFAIL' };

function policyOf(
  level: DestinationLevel,
  demand: Demand | null,
  dane: DaneVerdict | null,
  more: Partial<PolicyInput> = {},
) {
  return tlsPolicy({
    controls: { level, names: ['host'] },
    demand,
    message: null,
    domain: 'example.test',
    nextHops: ['example.test'],
    host: 'mail.test',
    secureHost: false,
    dane,
    sts: null,
    versions: tlsVersions,
    ...more,
  });
}

/** wanted trust level starttls check, what the three failures mean, whether the host may be dialled. */
function shown(policy: TlsPolicy): string {
  const { wanted, trust, level, starttls, check, onFailure, refusal } = policy;
  const failures = `${onFailure.starttls}/${onFailure.handshake}/${onFailure.certificate}`;
  return `${wanted} ${trust} ${level} ${starttls ? 'starttls' : 'clear'} ${check} ${failures}${refusal === null ? '' : ' refused'}`;
}

const table: readonly (readonly [DestinationLevel, Demand | null, DaneVerdict | null, string])[] = [
  ['none', null, null, 'none none none clear none clear/wait/accept'],
  ['preferred', null, null, 'preferred none none starttls none clear/wait/accept'],
  ['preferred-verify', null, null, 'preferred-verify none none starttls pkix clear/wait/accept'],
  ['required', null, null, 'required none encrypted starttls none host/wait/accept'],
  ['required-verify', null, null, 'required-verify none authenticated starttls pkix host/host/host'],
  ['dane', null, usable, 'dane dnssec authenticated starttls dane host/host/host'],
  ['dane', null, unusable, 'dane dnssec encrypted starttls none host/host/accept'],
  ['dane', null, none, 'dane none none starttls none clear/wait/accept'],
  ['dane', null, failed, 'dane dnssec authenticated starttls dane host/host/host refused'],
  ['dane-only', null, usable, 'dane-only dnssec authenticated starttls dane host/host/host'],
  ['dane-only', null, unusable, 'dane-only none authenticated starttls dane host/host/host refused'],
  ['dane-only', null, none, 'dane-only none authenticated starttls dane host/host/host refused'],
  ['dane-only', null, failed, 'dane-only dnssec authenticated starttls dane host/host/host refused'],
  // What a sender demands raises what is below it, and nothing else.
  ['none', 'required', null, 'required none encrypted starttls none host/wait/accept'],
  ['preferred', 'required', null, 'required none encrypted starttls none host/wait/accept'],
  ['preferred', 'required-verify', null, 'required-verify none authenticated starttls pkix host/host/host'],
  ['required-verify', 'required', null, 'required-verify none authenticated starttls pkix host/host/host'],
  ['required', 'dane-only', usable, 'dane-only dnssec authenticated starttls dane host/host/host'],
  ['required-verify', 'dane-only', none, 'dane-only none authenticated starttls dane host/host/host refused'],
  ['dane', 'required', usable, 'dane dnssec authenticated starttls dane host/host/host'],
  ['dane', 'required', none, 'required none encrypted starttls none host/wait/accept'],
  ['dane', 'required', unusable, 'dane dnssec encrypted starttls none host/host/accept'],
  ['dane', 'required-verify', none, 'required-verify none authenticated starttls pkix host/host/host'],
  ['dane', 'required-verify', unusable, 'required-verify none authenticated starttls pkix host/host/host'],
  ['dane', 'required-verify', failed, 'dane dnssec authenticated starttls dane host/host/host refused'],
  ['dane', 'dane-only', none, 'dane-only none authenticated starttls dane host/host/host refused'],
  ['dane-only', 'required', usable, 'dane-only dnssec authenticated starttls dane host/host/host'],
];

for (const [level, demand, dane, expected] of table) {
  test(`${level}, demanded ${demand ?? 'nothing'}, DANE ${dane?.kind ?? 'not asked'}`, () => {
    assert.equal(shown(policyOf(level, demand, dane)), expected);
  });
}

test('SNI: the TLSA base under DANE, else the host; none for an address', () => {
  assert.equal(policyOf('dane', null, usable).sni, 'mx.test');
  assert.equal(policyOf('dane', null, unusable).sni, 'mx.test');
  assert.equal(policyOf('dane', null, none).sni, 'mail.test');
  assert.equal(policyOf('preferred', null, null).sni, 'mail.test');
  assert.equal(policyOf('preferred', null, null, { host: null }).sni, null);
});

test('names: those of DANE-TA, the host, the domain and a list', () => {
  const nextHops = ['example.test', 'expanded.test'];
  assert.deepEqual(policyOf('dane', null, usable, { nextHops }).names, ['mx.test', 'example.test', 'expanded.test']);
  assert.deepEqual(policyOf('dane', null, usable, { nextHops: [] }).names, ['mx.test']);
  const named = (names: readonly string[], more: Partial<PolicyInput> = {}) =>
    policyOf('required-verify', null, null, { controls: { level: 'required-verify', names }, ...more }).names;
  assert.deepEqual(named(['host']), ['mail.test']);
  assert.deepEqual(named(['domain']), ['example.test', '.example.test']);
  assert.deepEqual(named(['domain', '.other.test', 'mx.third.test']), [
    'example.test',
    '.example.test',
    '.other.test',
    'mx.third.test',
  ]);
  // Never a name that everything would match.
  assert.deepEqual(named(['host'], { host: null }), []);
  assert.deepEqual(named(['domain'], { domain: '' }), []);
  assert.deepEqual(policyOf('required', null, null).names, []);
});

test('what holds whatever comes together', () => {
  const input = fc.record({
    level: fc.constantFrom(...destinationLevels),
    demand: fc.constantFrom<Demand | null>(null, 'required', 'required-verify', 'dane-only'),
    dane: fc.constantFrom<DaneVerdict>(usable, unusable, none, failed),
  });
  fc.assert(
    fc.property(input, ({ level, demand, dane }) => {
      const policy = policyOf(level, demand, needsDane(level, demand, null) ? dane : null);
      if (policy.level === 'authenticated') {
        // 1.2 is the least wherever a policy authenticates, and nothing goes out where it does not.
        assert.deepEqual(policy.versions, ['TLSv1.2', 'TLSv1.3']);
        assert.equal(policy.onFailure.certificate, 'host');
        assert.notEqual(policy.check, 'none');
      } else assert.deepEqual(policy.versions, tlsVersions);
      if (policy.level !== 'none') assert.equal(policy.onFailure.starttls, 'host');
      // A demand is met or the host is refused.
      const reached = { none: 0, encrypted: 1, authenticated: 2 }[policy.level];
      if (demand !== null) assert.ok(reached >= (demand === 'required' ? 1 : 2));
      if (demand === 'dane-only') assert.ok(policy.check === 'dane' || policy.refusal !== null);
      // What DNS could not tell is never taken for "no".
      if (needsDane(level, demand, null) && dane.kind === 'failed') assert.notEqual(policy.refusal, null);
      assert.notEqual(policy.why, '');
    }),
  );
});

const stsOf = (mode: 'enforce' | 'testing', mx = 'mail.test'): StsVerdict => ({
  kind: 'policy',
  domain: 'example.test',
  policy: { mode, mx: [mx], maxAge: 86_400 },
  failure: null,
});
const noSts: StsVerdict = { kind: 'none', why: 'there is no MTA-STS record', failure: null };
const enforced = 'mta-sts mta-sts authenticated starttls pkix host/host/host';

test('what an MTA-STS policy adds', () => {
  const rows: readonly (readonly [DestinationLevel, Demand | null, DaneVerdict | null, StsVerdict, string])[] = [
    ['preferred', null, null, noSts, 'preferred none none starttls none clear/wait/accept'],
    ['none', null, null, stsOf('enforce'), 'none none none clear none clear/wait/accept'],
    ['none', 'required', null, stsOf('enforce'), enforced],
    ['preferred', null, null, stsOf('enforce'), enforced],
    ['preferred-verify', null, null, stsOf('enforce'), enforced],
    ['required', null, null, stsOf('enforce'), enforced],
    ['preferred', null, null, stsOf('enforce', 'mx.test'), `${enforced} refused`],
    [
      'required-verify',
      null,
      null,
      stsOf('enforce'),
      'required-verify mta-sts authenticated starttls pkix host/host/host',
    ],
    [
      'required-verify',
      null,
      null,
      stsOf('enforce', 'mx.test'),
      'required-verify mta-sts authenticated starttls pkix host/host/host refused',
    ],
    ['dane', null, usable, stsOf('enforce'), 'dane dnssec authenticated starttls dane host/host/host'],
    [
      'dane',
      null,
      usable,
      stsOf('enforce', 'mx.test'),
      'dane dnssec authenticated starttls dane host/host/host refused',
    ],
    ['dane', null, unusable, stsOf('enforce'), enforced],
    ['dane', null, none, stsOf('enforce'), enforced],
    ['dane', null, failed, stsOf('enforce'), 'dane dnssec authenticated starttls dane host/host/host refused'],
    ['dane-only', null, none, stsOf('enforce'), 'dane-only none authenticated starttls dane host/host/host refused'],
    ['preferred', null, null, stsOf('testing'), 'preferred none none starttls pkix clear/wait/accept'],
    ['preferred', null, null, stsOf('testing', 'mx.test'), 'preferred none none starttls pkix clear/wait/accept'],
    ['required', null, null, stsOf('testing'), 'required none encrypted starttls pkix host/wait/accept'],
    ['dane', null, usable, stsOf('testing', 'mx.test'), 'dane dnssec authenticated starttls dane host/host/host'],
  ];
  for (const [level, demand, dane, sts, expected] of rows) {
    const policy = policyOf(level, demand, dane, { sts });
    assert.equal(shown(policy), expected, `${level} ${demand} ${dane?.kind} ${JSON.stringify(sts)}`);
    if (sts.kind === 'policy' && level !== 'none') assert.equal(policy.sts?.policy, sts.policy);
  }
  const names = policyOf('preferred-verify', null, null, {
    sts: stsOf('enforce'),
    controls: { level: 'preferred-verify', names: ['domain'] },
  });
  assert.deepEqual([names.names, names.sni, names.versions], [['mail.test'], 'mail.test', ['TLSv1.2', 'TLSv1.3']]);
  const old = policyOf('preferred', null, null, { sts: stsOf('enforce'), versions: ['TLSv1.1'] });
  assert.match(old.refusal ?? '', /TLS 1\.2 or 1\.3 is needed/);
});

test('where a certificate decides and neither TLS 1.2 nor 1.3 is left, the host is not dialled', () => {
  const versions = ['TLSv1.1'] as const;
  for (const policy of [
    policyOf('dane', null, usable, { versions }),
    policyOf('dane-only', null, usable, { versions }),
    policyOf('required-verify', null, null, { versions }),
    policyOf('preferred', 'required-verify', null, { versions }),
  ]) {
    assert.match(policy.refusal ?? '', /TLS 1\.2 or 1\.3 is needed, which tls\.outbound\.versions leaves out$/);
  }
  assert.equal(policyOf('required', null, null, { versions }).refusal, null);
});
