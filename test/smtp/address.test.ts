import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { asciiDomain, comparable, isIpv4, isIpv6, parsePath } from '../../src/smtp/address.ts';

const long = (length: number) => 'x'.repeat(length);

describe('paths (RFC 5321 4.1.2)', () => {
  const good: readonly (readonly [path: string, address: string, domain: string])[] = [
    ['<>', '', ''],
    ['<a@example.org>', 'a@example.org', 'example.org'],
    ['<A.b@EXAMPLE.Org>', 'A.b@example.org', 'example.org'],
    ["<!#$%&'*+-/=?^_`{|}~@example.org>", "!#$%&'*+-/=?^_`{|}~@example.org", 'example.org'],
    ['<"a b"@example.org>', '"a b"@example.org', 'example.org'],
    ['<"a\\"b\\\\c"@example.org>', '"a\\"b\\\\c"@example.org', 'example.org'],
    ['<"a@b>c"@example.org>', '"a@b>c"@example.org', 'example.org'],
    ['<""@example.org>', '""@example.org', 'example.org'],
    ['<@relay.example,@two.example:a@example.org>', 'a@example.org', 'example.org'],
    ['<a@[192.0.2.1]>', 'a@[192.0.2.1]', '[192.0.2.1]'],
    ['<a@[IPv6:2001:db8::1]>', 'a@[IPv6:2001:db8::1]', '[IPv6:2001:db8::1]'],
    ['<a@[IPv6:::ffff:192.0.2.1]>', 'a@[IPv6:::ffff:192.0.2.1]', '[IPv6:::ffff:192.0.2.1]'],
    ['<a@[x-tag:anything]>', 'a@[x-tag:anything]', '[x-tag:anything]'],
    ['<postmaster>', 'postmaster', ''],
    ['<a@localhost>', 'a@localhost', 'localhost'],
    ['<a@my_host.example>', 'a@my_host.example', 'my_host.example'],
    ['<a@3com.example>', 'a@3com.example', '3com.example'],
    ['<jörg@münchen.example>', 'jörg@münchen.example', 'münchen.example'],
    [`<${long(80)}@example.org>`, `${long(80)}@example.org`, 'example.org'],
    [`<a@${long(63)}.example>`, `a@${long(63)}.example`, `${long(63)}.example`],
  ];
  for (const [path, address, domain] of good) {
    test(path, () => {
      const parsed = parsePath(path, 0);
      assert.ok(typeof parsed !== 'string', String(parsed));
      assert.deepEqual(
        { address: parsed.address, domain: parsed.domain, end: parsed.end },
        { address, domain, end: path.length },
      );
    });
  }

  const bad: readonly string[] = [
    '',
    'a@example.org',
    '<',
    '<a',
    '<a@',
    '<a@>',
    '<@example.org>',
    '<a@example.org',
    '<a b@example.org>',
    '<.a@example.org>',
    '<a.@example.org>',
    '<a..b@example.org>',
    '<a@.example>',
    '<a@example.>',
    '<a@example..org>',
    '<a@-x.example>',
    '<a@x-.example>',
    '<a@exa mple>',
    '<a@b@example.org>',
    '<"a@example.org>',
    '<"a"b@example.org>',
    '<"a\tb"@example.org>',
    '<a@[192.0.2.256]>',
    '<a@[192.0.2]>',
    '<a@[IPv6:1::2::3]>',
    '<a@[IPv6:12345::]>',
    '<a@[]>',
    '<a@[tag:]>',
    '<a@[x y:z]>',
    '<a@[192.0.2.1>',
    '<a@example.org\0>',
    '<a\r@example.org>',
    '<@relay.example>',
    '<@relay.example,:a@example.org>',
    '<@relay.example;a@example.org>',
    '<a,b@example.org>',
    '<a(c)@example.org>',
    `<a@${long(64)}.example>`,
    `<${long(250)}@example.org>`,
    '<a@xn--\u00fc.example>',
    `<${'ü'.repeat(130)}@example.org>`,
    '<a@exa\u2003mple.org>',
  ];
  for (const path of bad) {
    test(`refused: ${JSON.stringify(path).slice(0, 60)}`, () => assert.equal(typeof parsePath(path, 0), 'string'));
  }

  test('says what is outside ASCII', () => {
    const international = (path: string) => {
      const parsed = parsePath(path, 0);
      return typeof parsed === 'string' ? parsed : parsed.international;
    };
    assert.equal(international('<jörg@example.org>'), true);
    assert.equal(international('<a@münchen.example>'), true);
    assert.equal(international('<a@xn--mnchen-3ya.example>'), false);
  });

  test('any text gives a path or a reason, and the path ends with its bracket', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom('<', '>', '@', '"', '\\', '.', ',', ':', '[', ']', 'a', '1', 'ü', ' ', '-'),
        }),
        (text) => {
          const parsed = parsePath(`<${text}`, 0);
          if (typeof parsed !== 'string') assert.equal(`<${text}`[parsed.end - 1], '>');
        },
      ),
      { numRuns: 3000 },
    );
  });
});

describe('comparison of addresses', () => {
  test('without case, needless quotes and forms of a domain', () => {
    assert.equal(comparable('Info@Example.COM'), 'info@example.com');
    assert.equal(comparable('"Info"@example.com'), 'info@example.com');
    assert.equal(comparable('"a\\@b"@example.com'), 'a@b@example.com');
    assert.equal(comparable('JÖRG@MÜNCHEN.example'), 'jörg@xn--mnchen-3ya.example');
    assert.equal(comparable('jo\u0308rg@example.com'), 'jörg@example.com');
    assert.equal(comparable('@Example.com'), '@example.com');
  });

  test('asciiDomain', () => {
    assert.equal(asciiDomain('MÜNCHEN.example'), 'xn--mnchen-3ya.example');
    assert.equal(asciiDomain('example.org'), 'example.org');
    assert.equal(asciiDomain('[IPv6:2001:DB8::1]'), '[ipv6:2001:db8::1]');
    assert.equal(asciiDomain(`${'ü'.repeat(70)}.example`), '');
  });
});

describe('addresses', () => {
  test('agree with node:net', () => {
    const digits = fc.constantFrom('0', '1', '25', '255', '256', '.', ':', '::', 'a', 'ffff', 'g', '1.2.3.4');
    fc.assert(
      fc.property(fc.array(digits, { maxLength: 12 }), (parts) => {
        const text = parts.join('');
        // RFC 5321 Snum allows a leading zero, node:net does not.
        if (/\./.test(text) && /(^|[.:])0[0-9]/.test(text)) return;
        assert.equal(isIpv6(text), net.isIPv6(text), text);
        assert.equal(isIpv4(text), net.isIPv4(text), text);
      }),
      { numRuns: 3000 },
    );
    fc.assert(fc.property(fc.ipV6(), (address) => assert.equal(isIpv6(address), true)));
  });
});
