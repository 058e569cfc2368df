// The checklist of RFC 7672 and 7671, line by line: which questions are asked, and what the answers mean.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  answerKey,
  type DaneAnswer,
  type DaneHost,
  type DaneVerdict,
  decideDane,
  type TlsaRecord,
  usableRecords,
} from '../../src/tls/dane.ts';

const sha256 = new Uint8Array(32);
const sha512 = new Uint8Array(64);
const record = (usage: number, selector: number, matchingType: number, data: Uint8Array = sha256): TlsaRecord => ({
  usage,
  selector,
  matchingType,
  data: matchingType === 2 && data === sha256 ? sha512 : data,
});
const ee = record(3, 1, 1);

const secure = (name = 'mx.test'): DaneAnswer => ({ kind: 'records', secure: true, name });
const insecure = (name = 'mx.test'): DaneAnswer => ({ kind: 'records', secure: false, name });
const none = (isSecure: boolean, name = 'mx.test'): DaneAnswer => ({ kind: 'none', secure: isSecure, name });
const failed: DaneAnswer = { kind: 'failed', reason: 'SERVFAIL' };
const tlsa = (records: readonly TlsaRecord[], isSecure = true): DaneAnswer => ({
  kind: 'records',
  secure: isSecure,
  name: '_25._tcp.mx.test',
  tlsa: records,
});

interface Case {
  readonly what: string;
  readonly host?: Partial<DaneHost>;
  readonly answers: Readonly<Record<string, DaneAnswer>>;
  readonly asked: readonly string[];
  readonly verdict: string;
}

const at = 'TLSA _25._tcp.mx.test';
const cases: readonly Case[] = [
  {
    what: 'an insecure answer about MX: no DANE, and nothing is asked',
    host: { secure: false },
    answers: {},
    asked: [],
    verdict: 'none: the answer about MX is not signed (DNSSEC)',
  },
  {
    what: 'addresses first, then TLSA',
    answers: { 'A mx.test': secure(), 'AAAA mx.test': none(true), [at]: tlsa([ee]) },
    asked: ['A mx.test', 'AAAA mx.test', at],
    verdict: 'usable at mx.test: 3 1 1',
  },
  {
    what: 'insecure addresses: TLSA is not asked for',
    answers: { 'A mx.test': insecure(), 'AAAA mx.test': none(false) },
    asked: ['A mx.test', 'AAAA mx.test'],
    verdict: 'none: the addresses of the host are not signed (DNSSEC)',
  },
  {
    what: 'IPv6 alone',
    answers: { 'A mx.test': none(true), 'AAAA mx.test': secure(), [at]: tlsa([ee]) },
    asked: ['A mx.test', 'AAAA mx.test', at],
    verdict: 'usable at mx.test: 3 1 1',
  },
  {
    what: 'no address at all',
    answers: { 'A mx.test': none(true), 'AAAA mx.test': none(true) },
    asked: ['A mx.test', 'AAAA mx.test'],
    verdict: 'none: the host has no address',
  },
  {
    what: 'addresses that cannot be asked for: not now',
    answers: { 'A mx.test': failed, 'AAAA mx.test': none(true) },
    asked: ['A mx.test', 'AAAA mx.test'],
    verdict: 'failed: SERVFAIL',
  },
  {
    what: 'one family fails, the other is there',
    answers: { 'A mx.test': secure(), 'AAAA mx.test': failed, [at]: tlsa([ee]) },
    asked: ['A mx.test', 'AAAA mx.test', at],
    verdict: 'usable at mx.test: 3 1 1',
  },
  {
    what: 'one family secure, the other not: both are dialled, so no DANE',
    answers: { 'A mx.test': secure(), 'AAAA mx.test': insecure() },
    asked: ['A mx.test', 'AAAA mx.test'],
    verdict: 'none: the addresses of the host are not signed (DNSSEC)',
  },
  {
    what: 'secure denial of TLSA',
    answers: { 'A mx.test': secure(), 'AAAA mx.test': none(true), [at]: none(true) },
    asked: ['A mx.test', 'AAAA mx.test', at],
    verdict: 'none: there is no TLSA record',
  },
  {
    what: 'insecure denial of TLSA (an unsigned _tcp zone)',
    answers: { 'A mx.test': secure(), 'AAAA mx.test': none(true), [at]: none(false) },
    asked: ['A mx.test', 'AAAA mx.test', at],
    verdict: 'none: there is no TLSA record',
  },
  {
    what: 'insecure TLSA records are as good as none',
    answers: { 'A mx.test': secure(), 'AAAA mx.test': none(true), [at]: tlsa([ee], false) },
    asked: ['A mx.test', 'AAAA mx.test', at],
    verdict: 'none: the TLSA records are not signed (DNSSEC)',
  },
  {
    what: 'TLSA SERVFAIL, timeout, bogus: this host not now, never a downgrade',
    answers: { 'A mx.test': secure(), 'AAAA mx.test': none(true), [at]: failed },
    asked: ['A mx.test', 'AAAA mx.test', at],
    verdict: 'failed: SERVFAIL',
  },
  {
    what: 'usages 0 and 1 are unusable: encryption without authentication',
    answers: {
      'A mx.test': secure(),
      'AAAA mx.test': none(true),
      [at]: tlsa([record(0, 1, 1), record(1, 0, 1)]),
    },
    asked: ['A mx.test', 'AAAA mx.test', at],
    verdict: 'unusable at mx.test',
  },
  {
    what: 'a usable one beside unusable ones',
    answers: {
      'A mx.test': secure(),
      'AAAA mx.test': none(true),
      [at]: tlsa([record(1, 0, 1), record(2, 0, 1), record(3, 9, 1), record(3, 1, 7)]),
    },
    asked: ['A mx.test', 'AAAA mx.test', at],
    verdict: 'usable at mx.test: 2 0 1',
  },
  {
    what: 'digests of the wrong length are unusable',
    answers: {
      'A mx.test': secure(),
      'AAAA mx.test': none(true),
      [at]: tlsa([record(3, 1, 1, new Uint8Array(31)), record(3, 1, 0, new Uint8Array(0))]),
    },
    asked: ['A mx.test', 'AAAA mx.test', at],
    verdict: 'unusable at mx.test',
  },
  {
    what: 'CNAME, secure to its end: the expanded name first',
    answers: {
      'A mx.test': secure('host.other.test'),
      'AAAA mx.test': none(true, 'host.other.test'),
      'TLSA _25._tcp.host.other.test': tlsa([ee]),
    },
    asked: ['A mx.test', 'AAAA mx.test', 'TLSA _25._tcp.host.other.test'],
    verdict: 'usable at host.other.test: 3 1 1',
  },
  {
    what: 'CNAME, secure to its end: then the name before it',
    answers: {
      'A mx.test': secure('host.other.test'),
      'AAAA mx.test': none(true, 'host.other.test'),
      'TLSA _25._tcp.host.other.test': none(true),
      [at]: tlsa([ee]),
    },
    asked: ['A mx.test', 'AAAA mx.test', 'TLSA _25._tcp.host.other.test', at],
    verdict: 'usable at mx.test: 3 1 1',
  },
  {
    what: 'a failure at the expanded name does not lead to the one before it',
    answers: {
      'A mx.test': secure('host.other.test'),
      'AAAA mx.test': none(true, 'host.other.test'),
      'TLSA _25._tcp.host.other.test': failed,
      [at]: tlsa([ee]),
    },
    asked: ['A mx.test', 'AAAA mx.test', 'TLSA _25._tcp.host.other.test'],
    verdict: 'failed: SERVFAIL',
  },
  {
    what: 'unusable records at the expanded name end the search',
    answers: {
      'A mx.test': secure('host.other.test'),
      'AAAA mx.test': none(true, 'host.other.test'),
      'TLSA _25._tcp.host.other.test': tlsa([record(0, 0, 1)]),
      [at]: tlsa([ee]),
    },
    asked: ['A mx.test', 'AAAA mx.test', 'TLSA _25._tcp.host.other.test'],
    verdict: 'unusable at host.other.test',
  },
  {
    what: 'a secure CNAME into an unsigned zone: the name before it alone',
    answers: {
      'A mx.test': insecure('host.plain.test'),
      'AAAA mx.test': none(false, 'host.plain.test'),
      'CNAME mx.test': secure(),
      [at]: tlsa([ee]),
    },
    asked: ['A mx.test', 'AAAA mx.test', 'CNAME mx.test', at],
    verdict: 'usable at mx.test: 3 1 1',
  },
  {
    what: 'an insecure CNAME: no DANE',
    answers: {
      'A mx.test': insecure('host.plain.test'),
      'AAAA mx.test': none(false, 'host.plain.test'),
      'CNAME mx.test': insecure(),
    },
    asked: ['A mx.test', 'AAAA mx.test', 'CNAME mx.test'],
    verdict: 'none: the addresses of the host are not signed (DNSSEC)',
  },
  {
    what: 'whether the CNAME is secure cannot be told: not now',
    answers: {
      'A mx.test': insecure('host.plain.test'),
      'AAAA mx.test': none(false, 'host.plain.test'),
      'CNAME mx.test': failed,
    },
    asked: ['A mx.test', 'AAAA mx.test', 'CNAME mx.test'],
    verdict: 'failed: SERVFAIL',
  },
  {
    what: 'another port has records of its own',
    host: { port: 2525 },
    answers: {
      'A mx.test': secure(),
      'AAAA mx.test': none(true),
      'TLSA _2525._tcp.mx.test': tlsa([ee]),
    },
    asked: ['A mx.test', 'AAAA mx.test', 'TLSA _2525._tcp.mx.test'],
    verdict: 'usable at mx.test: 3 1 1',
  },
];

function shown(verdict: DaneVerdict): string {
  switch (verdict.kind) {
    case 'usable': {
      const records = verdict.records.map((one) => `${one.usage} ${one.selector} ${one.matchingType}`);
      return `usable at ${verdict.base}: ${records.join(', ')}`;
    }
    case 'unusable':
      return `unusable at ${verdict.base}`;
    default:
      return `${verdict.kind}: ${verdict.why}`;
  }
}

for (const { what, host, answers, asked, verdict } of cases) {
  test(what, () => {
    const known = new Map<string, DaneAnswer>();
    const questions: string[] = [];
    for (;;) {
      const step = decideDane({ name: 'mx.test', port: 25, secure: true, ...host }, known);
      if (step.kind === 'decided') {
        assert.deepEqual(questions, asked);
        assert.equal(shown(step.verdict), verdict);
        return;
      }
      const key = answerKey(step.type, step.name);
      questions.push(key);
      const answer = answers[key];
      assert.ok(answer !== undefined, `not expected: ${key}`);
      known.set(key, answer);
    }
  });
}

test('digest agility: the strongest digest of each usage and selector, and whole values always', () => {
  const table: readonly (readonly [readonly TlsaRecord[], readonly string[]])[] = [
    [[record(3, 1, 1), record(3, 1, 2)], ['3 1 2']],
    [
      [record(3, 1, 1), record(3, 0, 2)],
      ['3 1 1', '3 0 2'],
    ],
    [
      [record(2, 1, 1), record(3, 1, 2)],
      ['2 1 1', '3 1 2'],
    ],
    [
      [record(3, 1, 0, Uint8Array.from([0x30, 0x00])), record(3, 1, 2), record(3, 1, 1)],
      ['3 1 0', '3 1 2'],
    ],
    [[record(3, 1, 1), record(3, 1, 2, new Uint8Array(9))], ['3 1 1']],
    [
      [record(3, 1, 1), record(3, 1, 1)],
      ['3 1 1', '3 1 1'],
    ],
  ];
  for (const [records, expected] of table) {
    const left = usableRecords(records).map((one) => `${one.usage} ${one.selector} ${one.matchingType}`);
    assert.deepEqual(left, expected);
  }
});

test('whatever is answered: it ends within six questions, and a failure about TLSA never means less than DANE', () => {
  const answer = fc.oneof(
    fc.constant(failed),
    fc.record({
      kind: fc.constantFrom('records' as const, 'none' as const),
      secure: fc.boolean(),
      name: fc.constantFrom('mx.test', 'host.test'),
      tlsa: fc.constantFrom([ee], [record(0, 0, 1)], []),
    }),
  );
  fc.assert(
    fc.property(fc.array(answer, { minLength: 6, maxLength: 6 }), (answers) => {
      const known = new Map<string, DaneAnswer>();
      let tlsaFailed = false;
      for (const one of answers) {
        const step = decideDane({ name: 'mx.test', port: 25, secure: true }, known);
        if (step.kind === 'decided') {
          if (tlsaFailed) assert.equal(step.verdict.kind, 'failed');
          return;
        }
        known.set(answerKey(step.type, step.name), one);
        if (step.type === 'TLSA' && one.kind === 'failed') tlsaFailed = true;
      }
      assert.equal(decideDane({ name: 'mx.test', port: 25, secure: true }, known).kind, 'decided');
    }),
  );
});

test('a whole certificate or key that is no DER is no record that could match', () => {
  const whole = (...bytes: number[]) => usableRecords([record(3, 0, 0, Uint8Array.from(bytes))]).length;
  assert.equal(whole(0x30, 0x02, 0x05, 0x00), 1);
  assert.equal(whole(0x30, 0x81, 0x02, 0x05, 0x00), 1);
  for (const wrong of [
    [],
    [0x30],
    [0x31, 0x00],
    [0x30, 0x02, 0x05],
    [0x30, 0x01, 0x05, 0x00],
    [0x30, 0x82, 0x01],
    [0x30, 0x80],
  ]) {
    assert.equal(whole(...wrong), 0, String(wrong));
  }
});

test('a name with hundreds of unusable records: a reason names the first ones', () => {
  const host = { name: 'mx.test', port: 25, secure: true };
  const answers = new Map<string, DaneAnswer>([
    [answerKey('A', 'mx.test'), secure()],
    [answerKey('AAAA', 'mx.test'), none(true)],
    [answerKey('TLSA', '_25._tcp.mx.test'), tlsa(Array.from({ length: 300 }, () => record(0, 0, 1)))],
  ]);
  const step = decideDane(host, answers);
  assert.ok(step.kind === 'decided' && step.verdict.kind === 'unusable');
  assert.match(step.verdict.why, /^no TLSA record is usable: (0 0 1, ){4}0 0 1 and 295 more$/);
});
