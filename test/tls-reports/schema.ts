// RFC 8460 4.4 as a strict check, written from the text and not from our generator: every key is one of the RFC's, every value of
// its kind. `optional`: what the RFC calls so; its own example (Appendix B) leaves out `receiving-ip` and `failure-reason-code` too.
import assert from 'node:assert/strict';
import { isIP } from 'node:net';

const policyTypes = ['tlsa', 'sts', 'no-policy-found'];
/** RFC 8460 6.6. */
const resultTypes = [
  'starttls-not-supported',
  'certificate-host-mismatch',
  'certificate-expired',
  'tlsa-invalid',
  'dnssec-invalid',
  'dane-required',
  'certificate-not-trusted',
  'sts-policy-invalid',
  'sts-webpki-invalid',
  'validation-failure',
  'sts-policy-fetch-error',
];

type Check = (value: unknown, path: string) => void;

const text: Check = (value, path) => {
  assert.equal(typeof value, 'string', path);
  assert.notEqual(value, '', path);
  assert.ok(String(value).isWellFormed(), `${path}: I-JSON (RFC 7493 2.1)`);
};
/** I-JSON: an integer that every reader has exactly (RFC 7493 2.2). */
const count: Check = (value, path) => assert.ok(Number.isSafeInteger(value) && (value as number) >= 0, path);
const address: Check = (value, path) => {
  text(value, path);
  assert.notEqual(isIP(String(value)), 0, `${path}: ${String(value)}`);
  // RFC 5952 5: mapped IPv4 has a form of its own; a zone is none of the other side's business.
  assert.doesNotMatch(String(value), /^::ffff:|%/, path);
};
/** A-labels. */
const domain: Check = (value, path) => {
  text(value, path);
  assert.match(String(value), /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/, path);
};
const mxPattern: Check = (value, path) => domain(String(value).replace(/^\*\./, ''), path);
/** RFC 3339 5.6. */
const dateTime: Check = (value, path) =>
  assert.match(String(value), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/, path);
/** RFC 5322 3.4.1. */
const addrSpec: Check = (value, path) => assert.match(String(value), /^[^\s@<>()]+@[a-z0-9.-]+$/i, path);
const oneOf =
  (...values: readonly string[]): Check =>
  (value, path) =>
    assert.ok(values.includes(String(value)), `${path}: ${String(value)}`);
const list =
  (each: Check): Check =>
  (value, path) => {
    assert.ok(Array.isArray(value), `${path} is an array`);
    for (const [index, one] of value.entries()) each(one, `${path}[${index}]`);
  };
const object =
  (required: Readonly<Record<string, Check>>, optional: Readonly<Record<string, Check>> = {}): Check =>
  (value, path) => {
    assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value), `${path} is an object`);
    for (const key of Object.keys(required)) assert.ok(Object.hasOwn(value, key), `${path} has ${key}`);
    for (const [key, one] of Object.entries(value)) {
      const check = required[key] ?? optional[key];
      assert.ok(check !== undefined, `${path}: ${key} is not of the RFC`);
      check(one, `${path}.${key}`);
    }
  };

const failure = object(
  {
    'result-type': oneOf(...resultTypes),
    'sending-mta-ip': address,
    'receiving-mx-hostname': domain,
    'failed-session-count': count,
  },
  {
    'receiving-mx-helo': text,
    'receiving-ip': address,
    'additional-information': text,
    'failure-reason-code': text,
  },
);

const report = object({
  'organization-name': text,
  'date-range': object({ 'start-datetime': dateTime, 'end-datetime': dateTime }),
  'contact-info': addrSpec,
  'report-id': text,
  policies: list(
    object({
      policy: object(
        { 'policy-type': oneOf(...policyTypes), 'policy-string': list(text), 'policy-domain': domain },
        { 'mx-host': list(mxPattern) },
      ),
      summary: object({ 'total-successful-session-count': count, 'total-failure-session-count': count }),
      'failure-details': list(failure),
    }),
  ),
});

interface Policy {
  readonly policy: Readonly<Record<string, unknown>>;
  readonly summary: Readonly<Record<string, number>>;
  readonly 'failure-details': readonly Readonly<Record<string, number>>[];
}

/** Throws an AssertionError that names the place. */
export function checkSchema(json: string): void {
  const value = JSON.parse(json);
  report(value, 'report');
  const { policies, 'date-range': range } = value as {
    readonly policies: readonly Policy[];
    readonly 'date-range': Readonly<Record<string, string>>;
  };
  // RFC 8460 4.1: a full UTC day.
  assert.match(range['start-datetime'] ?? '', /T00:00:00Z$/);
  assert.equal(Date.parse(range['end-datetime'] ?? '') - Date.parse(range['start-datetime'] ?? ''), 86_399_000);
  assert.ok(policies.length > 0, 'there is no report about nothing');
  for (const { policy, summary, 'failure-details': details } of policies) {
    // RFC 8460 4.4: mx-host belongs to sts.
    assert.equal(Object.hasOwn(policy, 'mx-host'), policy['policy-type'] === 'sts');
    const told = details.reduce((sum, one) => sum + (one['failed-session-count'] ?? 0), 0);
    assert.equal(told, summary['total-failure-session-count'], 'each failed session has its reason');
  }
}
