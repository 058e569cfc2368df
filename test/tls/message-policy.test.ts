import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DaneVerdict } from '../../src/tls/dane.ts';
import { tlsPolicy } from '../../src/tls/message-policy.ts';
import type { StsFailure, StsVerdict } from '../../src/tls/mta-sts.ts';
import {
  type Demand,
  type DestinationLevel,
  type MessageTls,
  needsDane,
  needsSts,
  type PolicyInput,
} from '../../src/tls/policy.ts';
import { remedyOf } from '../../src/tls/remedy.ts';
import { tlsVersions } from '../../src/tls/versions.ts';

const usable: DaneVerdict = {
  kind: 'usable',
  base: 'mx.test',
  records: [{ usage: 3, selector: 1, matchingType: 1, data: new Uint8Array(32) }],
  found: [],
};
const unusable: DaneVerdict = { kind: 'unusable', base: 'mx.test', why: 'no TLSA record is usable: 0 0 1', found: [] };
const none: DaneVerdict = { kind: 'none', why: 'there is no TLSA record' };
const failed: DaneVerdict = { kind: 'failed', why: 'SERVFAIL' };
const sts = (mode: 'enforce' | 'testing', mx = 'mail.test'): StsVerdict => ({
  kind: 'policy',
  domain: 'example.test',
  policy: { mode, mx: [mx], maxAge: 86_400 },
  failure: null,
});
const noSts = (failure: StsFailure | null = null): StsVerdict => ({ kind: 'none', why: 'none', failure });

function policyOf(message: MessageTls, level: DestinationLevel, more: Partial<PolicyInput> = {}) {
  return tlsPolicy({
    controls: { level, names: ['host'] },
    demand: null,
    message,
    domain: 'example.test',
    nextHops: ['example.test'],
    host: 'mail.test',
    secureHost: false,
    dane: null,
    sts: noSts(),
    versions: tlsVersions,
    ...more,
  });
}

/** wanted, trust, check, the names; what the three failures mean; the code where the host is refused. */
function shown(message: MessageTls, level: DestinationLevel, more: Partial<PolicyInput> = {}): string {
  const { wanted, trust, check, names, onFailure, refusal, refusalStatus, requireTls } = policyOf(message, level, more);
  const failures = `${onFailure.starttls}/${onFailure.handshake}/${onFailure.certificate}`;
  const end = refusal === null ? '' : ` ${refusalStatus}`;
  return `${wanted} ${trust} ${check} ${names.join() || '-'} ${failures} ${requireTls ?? 'no'}${end}`;
}

test('REQUIRETLS: who must prove what, whatever the level is (RFC 8689 4.2.1)', () => {
  const demanded = 'host/host/host demanded';
  for (const level of ['none', 'preferred', 'preferred-verify', 'required', 'dane', 'required-verify'] as const) {
    const of = (more: Partial<PolicyInput>): string => shown('requiretls', level, { dane: none, ...more });
    assert.equal(of({}), `requiretls none pkix - ${demanded} 5.7.10`, 'an unsigned MX answer');
    assert.equal(of({ secureHost: true }), `requiretls dnssec pkix mail.test ${demanded}`);
    assert.equal(of({ sts: sts('enforce') }), `requiretls mta-sts pkix mail.test ${demanded}`);
    assert.equal(of({ sts: sts('testing') }), `requiretls none pkix - ${demanded} 5.7.10`);
    assert.equal(
      of({ sts: sts('enforce', 'mx.test') })
        .split(' ')
        .at(-1),
      '4.7.0',
    );
    const unknown = noSts({ type: 'sts-policy-fetch-error', detail: 'timeout' });
    assert.equal(of({ sts: unknown }), `requiretls none pkix - ${demanded} 4.7.5`, 'it may be known later');
    // The domain itself is the host: nothing was looked up that could be forged.
    assert.equal(of({ host: 'example.test' }), `requiretls none pkix example.test ${demanded}`);
    assert.equal(of({ host: null, secureHost: true }), `requiretls dnssec pkix - ${demanded} 5.7.10`);
    // Names that the administrator knows need no DNS; a name from DNS beside them stays out.
    const controls = { level, names: ['host', 'domain', 'mx.hoster.test'] };
    assert.equal(of({ controls }), `requiretls none pkix example.test,.example.test,mx.hoster.test ${demanded}`);
    assert.equal(
      of({ secureHost: true, versions: ['TLSv1.1'] })
        .split(' ')
        .at(-1),
      '4.7.5',
    );
  }
  for (const level of ['none', 'preferred', 'preferred-verify', 'required', 'dane'] as const) {
    const of = (dane: DaneVerdict) => shown('requiretls', level, { dane, secureHost: true });
    assert.equal(of(usable), `requiretls dnssec dane mx.test,example.test ${demanded}`);
    assert.equal(of(unusable), `requiretls dnssec pkix mail.test ${demanded}`, 'encryption alone is not enough');
    assert.equal(of(failed), `requiretls dnssec dane - ${demanded} 4.7.5`);
    assert.ok(needsDane(level, null, 'requiretls') && needsSts(level, null, 'requiretls'));
  }
  assert.equal(shown('requiretls', 'dane-only', { dane: none }), `requiretls none dane - ${demanded} 4.7.5`);
  assert.equal(
    shown('requiretls', 'preferred', { demand: 'dane-only', dane: usable, secureHost: true }),
    `requiretls dnssec dane mx.test,example.test ${demanded}`,
  );
  assert.ok(!needsDane('required-verify', null, 'requiretls'));
});

test('a bounce of such a message: verified where that can be, sent all the same (RFC 8689 5)', () => {
  const of = (level: DestinationLevel, more: Partial<PolicyInput> = {}) => shown('requiretls-bounce', level, more);
  assert.equal(of('preferred'), 'preferred none none - clear/wait/accept no');
  assert.equal(of('preferred', { secureHost: true }), 'preferred none pkix mail.test clear/wait/accept preferred');
  assert.equal(of('required', { secureHost: true }), 'required none pkix mail.test host/wait/accept preferred');
  assert.equal(of('none', { secureHost: true }), 'none none none - clear/wait/accept no');
  assert.equal(of('preferred', { sts: sts('enforce') }), 'mta-sts mta-sts pkix mail.test host/host/host preferred');
  assert.equal(of('dane', { dane: usable }), 'dane dnssec dane mx.test,example.test host/host/host preferred');
  assert.equal(of('required-verify'), 'required-verify none pkix mail.test host/host/host no');
  assert.equal(
    of('required-verify', { secureHost: true }),
    'required-verify none pkix mail.test host/host/host preferred',
  );
});

test('TLS-Required: No puts aside what the domain publishes, nothing that the administrator demands', () => {
  const optional = 'optional none none - clear/clear/accept no';
  const of = (level: DestinationLevel, demand: Demand | null = null) =>
    shown('optional', level, { demand, dane: usable, sts: sts('enforce', 'mx.test') });
  assert.equal(of('preferred'), optional);
  assert.equal(of('dane'), optional);
  assert.equal(of('preferred-verify'), 'optional none pkix mail.test clear/clear/accept no');
  assert.equal(of('none'), 'none none none - clear/wait/accept no');
  assert.equal(of('required'), 'required none none - host/wait/accept no');
  assert.equal(of('required-verify'), 'required-verify none pkix mail.test host/host/host no');
  assert.equal(of('dane-only'), 'dane-only dnssec dane mx.test,example.test host/host/host no');
  assert.equal(of('dane', 'required'), 'required none none - host/wait/accept no');
  assert.equal(of('dane', 'required-verify'), 'required-verify none pkix mail.test host/host/host no');
  for (const level of ['preferred', 'dane', 'required'] as const) {
    assert.ok(!needsDane(level, null, 'optional') && !needsSts(level, null, 'optional'), 'nothing is even asked');
  }
});

test('what can be done about a failure names who can do it', () => {
  const policy = policyOf('requiretls', 'preferred', { dane: usable, secureHost: true });
  assert.equal(
    remedyOf(policy, 'certificate', 'mail.test'),
    'the TLSA records of mx.test must be those of the certificate that mail.test shows, or the message must be sent again without REQUIRETLS',
  );
  assert.match(remedyOf(policy, 'requiretls', 'mail.test'), /^mail\.test must offer REQUIRETLS \(RFC 8689\), or/);
  const stripped = policyOf('requiretls-bounce', 'preferred', { sts: sts('enforce') });
  assert.equal(
    remedyOf(stripped, 'starttls', 'mail.test'),
    'the policy of example.test promises TLS: it must work on mail.test, or the policy must change',
  );
  assert.equal(remedyOf(policyOf('optional', 'required'), 'starttls', 'mail.test'), '');
});
