// What a session counts as in the report to the domain; sessions with real servers are in test/dane.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DaneVerdict } from '../../src/tls/dane.ts';
import { tlsPolicy } from '../../src/tls/message-policy.ts';
import type { StsVerdict } from '../../src/tls/mta-sts.ts';
import type { PolicyInput } from '../../src/tls/policy.ts';
import { refusalProblem, sessionResults, unnamedHost } from '../../src/tls/tls-report.ts';

const records = [{ usage: 3, selector: 1, matchingType: 1, data: Buffer.alloc(32, 0xab) }];
const usable: DaneVerdict = {
  kind: 'usable',
  base: 'mx.example.net',
  records,
  found: [...records, { usage: 1, selector: 0, matchingType: 1, data: Buffer.alloc(32, 0xcd) }],
};
const enforce: StsVerdict = {
  kind: 'policy',
  domain: 'example.net',
  policy: { mode: 'enforce', mx: ['mx.example.net', '*.backup.example.net'], maxAge: 604_800 },
  failure: null,
};

function policyOf(more: Partial<PolicyInput>) {
  return tlsPolicy({
    controls: { level: 'dane', names: ['host'] },
    demand: null,
    message: null,
    secureHost: true,
    domain: 'example.net',
    nextHops: ['example.net'],
    host: 'mx.example.net',
    dane: null,
    sts: null,
    versions: ['TLSv1.2', 'TLSv1.3'],
    tells: true,
    ...more,
  });
}

test('the policy stands as RFC 8460 4.5 has it: each record of the TLSA set, each line of the MTA-STS policy', () => {
  const [tlsa] = sessionResults(policyOf({ dane: usable }), 'mx.example.net', null);
  assert.equal(tlsa?.policyDomain, 'mx.example.net');
  assert.equal(tlsa.policyString, `3 1 1 ${'ab'.repeat(32)}\n1 0 1 ${'cd'.repeat(32)}`);
  const [sts] = sessionResults(policyOf({ sts: enforce }), 'mx.example.net', null);
  assert.equal(sts?.policyDomain, 'example.net');
  assert.deepEqual(sts.policyString.split('\n'), [
    'version: STSv1',
    'mode: enforce',
    'mx: mx.example.net',
    'mx: *.backup.example.net',
    'max_age: 604800',
  ]);
});

test('nobody is told of sessions that are no affair of the domain: configured hosts, TLS switched off', () => {
  assert.deepEqual(sessionResults(policyOf({ tells: false }), 'mx.example.net', null), []);
  const off = policyOf({ controls: { level: 'none', names: [] } });
  assert.deepEqual(sessionResults(off, 'mx.example.net', null), []);
});

test('of what was not even asked about nobody is told', () => {
  const unasked = policyOf({ controls: { level: 'preferred', names: ['host'] } });
  assert.deepEqual(sessionResults(unasked, 'mx.example.net', null), []);
});

test('a host that MTA-STS does not name is told as such, also where DANE is demanded and there', () => {
  const controls = { level: 'dane-only', names: ['host'] } as const;
  const left = policyOf({ controls, dane: usable, sts: enforce, host: 'mx.elsewhere.net' });
  assert.match(left.refusal ?? '', /does not name/);
  assert.equal(refusalProblem(left), unnamedHost);
  const none = policyOf({ controls, dane: { kind: 'none', why: 'there is no TLSA record' } });
  assert.deepEqual(refusalProblem(none), { type: 'dane-required', reason: 'there is no TLSA record' });
});

test('what our own configuration keeps from being used is not told as a fault of the domain', () => {
  const old = policyOf({ sts: enforce, controls: { level: 'preferred', names: ['host'] }, versions: ['TLSv1.1'] });
  assert.match(old.refusal ?? '', /tls\.outbound\.versions/);
  assert.equal(refusalProblem(old), null);
});
