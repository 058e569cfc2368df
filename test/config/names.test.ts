import assert from 'node:assert/strict';
import { BlockList, isIP } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  canonicalAddress,
  canonicalRange,
  formatTarget,
  parseDomain,
  parseRange,
  parseRecipient,
  parseTarget,
} from '../../src/config/names.ts';
import { parseDuration, parseSize } from '../../src/config/units.ts';

test('canonical addresses (RFC 5952)', () => {
  for (const [text, canonical] of [
    ['192.0.2.1', '192.0.2.1'],
    ['2001:DB8::0001', '2001:db8::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['FE80::1%eth0', 'fe80::1%eth0'],
  ] as const) {
    assert.equal(canonicalAddress(text), canonical);
  }
});

test('a canonical address is the same address, and is its own canonical form', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      const canonical = canonicalAddress(text);
      const family = isIP(text) === 4 ? 'ipv4' : 'ipv6';
      const list = new BlockList();
      list.addAddress(text, family);
      assert.ok(list.check(canonical, family), `${text} ${canonical}`);
      assert.equal(canonicalAddress(canonical), canonical);
    }),
  );
});

test('a range is taken exactly where no bit is set behind its prefix', () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.integer({ min: 0, max: 32 }), (address, prefix) => {
      const number = address.split('.').reduce((value, part) => value * 256 + Number(part), 0);
      const parsed = parseRange(`${address}/${prefix}`);
      assert.equal(parsed.ok, number % 2 ** (32 - prefix) === 0);
      if (!parsed.ok) {
        const [proposal = ''] = /[0-9.]+\/[0-9]+/.exec(parsed.remedy) ?? [];
        const again = parseRange(proposal);
        assert.ok(again.ok, parsed.remedy);
        const list = new BlockList();
        list.addSubnet(proposal.split('/')[0] ?? '', prefix, 'ipv4');
        assert.ok(list.check(address), `${proposal} has ${address} in it`);
      } else assert.ok(canonicalRange(parsed.value).startsWith(address));
    }),
  );
});

test('a target comes back from its text', () => {
  const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('mx.example.com', 'localhost', 'bücher.example'));
  fc.assert(
    fc.property(host, fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined }), (name, port) => {
      const bracketed = isIP(name) === 6 ? `[${name}]` : name;
      const parsed = parseTarget(port === undefined ? bracketed : `${bracketed}:${port}`, 25);
      assert.ok(parsed.ok);
      assert.equal(parsed.value.port, port ?? 25);
      const text = formatTarget(parsed.value);
      const again = parseTarget(text, 1);
      assert.ok(again.ok);
      assert.deepEqual(again.value, parsed.value);
    }),
  );
});

test('whatever is written, a parser answers, and a domain it takes is one', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.domain(), fc.webAuthority(), fc.emailAddress()), (text) => {
      for (const parse of [
        parseDomain,
        parseRange,
        (one: string) => parseTarget(one, 25),
        (one: string) => parseRecipient(one, true),
      ]) {
        const parsed = parse(text);
        if (!parsed.ok) assert.ok(parsed.reason !== '' && parsed.remedy !== '');
      }
      const domain = parseDomain(text);
      if (!domain.ok) return;
      assert.match(domain.value, /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/);
      assert.ok(domain.value.length <= 253 && isIP(domain.value) === 0);
      assert.deepEqual(parseDomain(domain.value), domain);
    }),
    { numRuns: 1000 },
  );
});

test('domains as A-labels in lower case', () => {
  for (const [text, ascii] of [
    ['EXAMPLE.com', 'example.com'],
    ['Bücher.example', 'xn--bcher-kva.example'],
    ['XN--BCHER-KVA.example', 'xn--bcher-kva.example'],
    ['例え.テスト', 'xn--r8jz45g.xn--zckzah'],
    ['localhost', 'localhost'],
  ] as const) {
    assert.deepEqual(parseDomain(text), { ok: true, value: ascii });
  }
  for (const text of [
    '',
    '.',
    'a.',
    '.a',
    'a..b',
    '1.2',
    '0x7f.1',
    '127.0.0.1',
    '[::1]',
    '-a.de',
    'a-.de',
    'a b',
    'a/b',
    'a%20b',
    'a:25',
    '*',
  ]) {
    assert.equal(parseDomain(text).ok, false, text);
  }
  assert.equal(parseDomain(`${'a'.repeat(63)}.de`).ok, true);
  assert.equal(parseDomain(`${'a'.repeat(64)}.de`).ok, false);
  assert.equal(parseDomain(`${'a.'.repeat(126)}de`).ok, false);
});

test('durations and sizes', () => {
  for (const [text, value] of [
    ['0s', 0],
    ['1500ms', 1500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['4h', 14_400_000],
    ['5d', 432_000_000],
  ] as const) {
    assert.equal(parseDuration(text), value);
  }
  for (const [text, value] of [
    ['0B', 0],
    ['100B', 100],
    ['256KiB', 262_144],
    ['32MiB', 33_554_432],
    ['1GiB', 1024 ** 3],
    ['1TiB', 1024 ** 4],
  ] as const) {
    assert.equal(parseSize(text), value);
  }
  for (const text of ['', '5', 'm', '5 m', '-5m', '+5m', '05m', '5.5m', '5M', '5min', '1e3s', '9999999999s', '5m5s']) {
    assert.throws(() => parseDuration(text), /is not a duration/, text);
  }
  for (const text of ['', '5', '5MB', '5mib', '5 MiB', '1.5GiB', '5M', '5K'])
    assert.throws(() => parseSize(text), /is not a size/, text);
});
