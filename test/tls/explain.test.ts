import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { acceptedSuites } from '../../src/tls/ciphers.ts';
import { isVersionMismatch, opensslError, systemErrorDetail, tlsErrorDetail } from '../../src/tls/errors.ts';
import { explainInbound, explainOutbound, type FailureCause, type OurSide } from '../../src/tls/explain.ts';
import type { ClientHello } from '../../src/tls/hello.ts';
import { suiteByName } from '../../src/tls/suites.ts';
import type { TlsVersion } from '../../src/tls/versions.ts';

function ours(
  versions: readonly TlsVersion[],
  ciphers = 'ECDHE+AESGCM',
  keys: OurSide['keys'] = ['ECDSA', 'RSA'],
): OurSide {
  return { settings: { versions, ciphers }, keys, accepted: () => acceptedSuites(ciphers, versions, keys) };
}

function hello(changes: Partial<ClientHello> = {}): ClientHello {
  return {
    legacyVersion: 0x0303,
    supportedVersions: null,
    suites: [0xc02f],
    groups: [29],
    signatureAlgorithms: [0x0401],
    serverName: null,
    alpn: [],
    sslv2: false,
    keyShares: [],
    extensions: [],
    ...changes,
  };
}

const ids = (...names: readonly string[]) => names.map((name) => suiteByName(name)?.id ?? assert.fail(name));
const openssl = (reason: string): FailureCause => ({ kind: 'openssl', reason });
const current: readonly TlsVersion[] = ['TLSv1.2', 'TLSv1.3'];

describe('a peer that connected', () => {
  const table: readonly [string, FailureCause, ClientHello | null, OurSide, string | RegExp][] = [
    [
      'too old',
      openssl('unsupported protocol'),
      hello({ legacyVersion: 0x0301 }),
      ours(current),
      'The peer offered TLS v1.0 at most; Inbound SMTP allows TLS v1.2, TLS v1.3. To serve it, also select TLS v1.0 and TLS v1.1 (sslconfig); better, have the peer updated.',
    ],
    [
      'too new',
      openssl('unsupported protocol'),
      hello({ supportedVersions: [0x3a3a, 0x0304] }),
      ours(['TLSv1.1', 'TLSv1.2']),
      'The peer offered TLS v1.3; Inbound SMTP allows TLS v1.1, TLS v1.2. To serve it, also select TLS v1.3 (sslconfig).',
    ],
    [
      'SSL 3',
      openssl('unsupported protocol'),
      hello({ legacyVersion: 0x0300 }),
      ours(['TLSv1.0']),
      /offered SSL v3 at most; .*Nothing older than TLS v1\.0 can be served by any setting/,
    ],
    [
      'versions with a hole',
      openssl('unsupported protocol'),
      hello({ supportedVersions: [0x0304, 0x0301] }),
      ours(['TLSv1.1', 'TLSv1.2']),
      /offered TLS v1\.0, TLS v1\.3; .*offers every version up to its highest/,
    ],
    [
      'only 3DES and RC4',
      openssl('no shared cipher'),
      hello({ suites: [...ids('DES-CBC3-SHA', 'RC4-SHA', 'RC4-MD5'), 0x00ff] }),
      ours(current),
      'The peer offered only 3DES, RC4 (DES-CBC3-SHA, RC4-SHA, RC4-MD5), which no longer exist in this OpenSSL: it cannot be served by any setting. It must be updated, or send without TLS where the listener lets it.',
    ],
    [
      'only SEED and IDEA',
      openssl('no shared cipher'),
      hello({ suites: ids('SEED-SHA', 'IDEA-CBC-SHA', 'DHE-RSA-SEED-SHA') }),
      ours(current),
      /only SEED, IDEA \(.*cannot be served by any setting/,
    ],
    [
      'only EXPORT',
      openssl('no shared cipher'),
      hello({ suites: ids('EXP-RC4-MD5', 'EXP-DES-CBC-SHA') }),
      ours(current),
      /only EXPORT \(/,
    ],
    [
      'only anonymous',
      openssl('no shared cipher'),
      hello({ suites: ids('ADH-AES128-SHA', 'NULL-SHA') }),
      ours(current),
      /only suites without a certificate or without encryption \(ADH-AES128-SHA, NULL-SHA\), which are never allowed/,
    ],
    [
      'suites that are switched off',
      openssl('no shared cipher'),
      hello({ suites: ids('AES128-SHA', 'DES-CBC3-SHA') }),
      ours(current),
      'The peer offered no cipher suite that we allow; it offered AES128-SHA, DES-CBC3-SHA. To serve it, add AES128-SHA to the ciphers (sslconfig).',
    ],
    [
      'suites for another certificate',
      openssl('no shared cipher'),
      hello({ suites: ids('ECDHE-ECDSA-AES128-GCM-SHA256') }),
      ours(current, 'ECDHE+AESGCM', ['RSA']),
      /another kind of certificate than RSA/,
    ],
    [
      'suites in common but no group',
      openssl('no shared cipher'),
      hello({ groups: [19, 0x2a2a] }),
      ours(current),
      /shares the suites ECDHE-RSA-AES128-GCM-SHA256 with us.*groups secp192r1 and the signature algorithms rsa_pkcs1_sha256/,
    ],
    [
      'only SHA-1',
      openssl('no shared signature algorithms'),
      hello({ signatureAlgorithms: [0x0201, 0x0203] }),
      ours(current),
      /only the signature algorithms rsa_pkcs1_sha1, ecdsa_sha1; SHA-256 or better/,
    ],
    ['no groups', openssl('no suitable key share'), hello({ groups: [23, 9999] }), ours(current), /secp256r1, 0x270f/],
    [
      'a second try',
      openssl('inappropriate fallback'),
      hello({ legacyVersion: 0x0302 }),
      ours(current),
      /TLS_FALLBACK_SCSV with TLS v1\.1/,
    ],
    [
      'an unknown authority',
      openssl('tlsv1 alert unknown ca'),
      hello(),
      ours(current),
      /does not accept our certificate \(unknown ca\)/,
    ],
    ['an alert', openssl('ssl/tls alert handshake failure'), hello(), ours(current), /alert "handshake failure"/],
    ['another reason', openssl('bad record mac'), hello(), ours(current), /offered TLS v1\.2 at most, 1 suites/],
    [
      'clear text',
      { kind: 'no-tls', first: Buffer.from('EHLO me\r\n') },
      null,
      ours(current),
      /in clear text \("EHLO me/,
    ],
    ['HTTP', { kind: 'no-tls', first: Buffer.from('GET / HTTP/1.1') }, null, ours(current), /HTTP, not TLS/],
    ['rubbish', { kind: 'no-tls', first: Buffer.of(1, 2, 255) }, null, ours(current), /first bytes were 01 02 ff/],
    ['nothing', { kind: 'closed' }, null, ours(current), /went away without a ClientHello/],
    ['silence', { kind: 'timeout' }, null, ours(current), /no complete ClientHello/],
    ['an end', { kind: 'closed' }, hello(), ours(current), /ended the connection during the handshake/],
  ];
  for (const [name, cause, offered, side, expected] of table) {
    test(name, () => {
      const text = explainInbound(cause, offered, side);
      if (typeof expected === 'string') assert.equal(text, expected);
      else assert.match(text ?? '', expected);
    });
  }

  test('what it sent never breaks the line, and the line stays short', () => {
    const cause = fc.oneof(
      fc.constantFrom('unsupported protocol', 'no shared cipher', 'no shared signature algorithms', 'x').map(openssl),
      fc.uint8Array({ maxLength: 64 }).map((first) => ({ kind: 'no-tls' as const, first })),
    );
    const numbers = fc.array(fc.nat(0xffff), { maxLength: 200 });
    fc.assert(
      fc.property(cause, numbers, numbers, fc.option(numbers), (what, suites, groups, supportedVersions) => {
        const offered = hello({ suites, groups, supportedVersions, signatureAlgorithms: groups });
        const text = explainInbound(what, offered, ours(current)) ?? '';
        assert.doesNotMatch(text, /[^\x20-\x7e]/);
        assert.ok(text.length < 1200, `${text.length}`);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a server that we connected to', () => {
  const settings = { versions: current, ciphers: 'ALL' };
  const table: readonly [FailureCause, boolean, RegExp][] = [
    [
      openssl('tlsv1 alert protocol version'),
      false,
      /none of the versions that we offered; Outbound SMTP allows TLS v1\.2, TLS v1\.3\. It may speak only an older one: then also select TLS v1\.0, TLS v1\.1/,
    ],
    [
      openssl('unsupported protocol'),
      true,
      /no version from TLS v1\.2 on\. It is tried once more with the older versions/,
    ],
    [openssl('dh key too small'), false, /less than 2,048 bits/],
    [openssl('wrong signature type'), false, /SHA-1 only/],
    [openssl('wrong version number'), false, /no TLS/],
    [openssl('ssl/tls alert handshake failure'), false, /nothing acceptable/],
    [openssl('tlsv1 alert internal error'), false, /alert "internal error"/],
    [openssl('inappropriate fallback'), false, /refused as an attack/],
    [{ kind: 'timeout' }, false, /path MTU/],
    [{ kind: 'closed' }, false, /did not say why/],
  ];
  for (const [cause, retry, expected] of table) {
    test(cause.kind === 'openssl' ? cause.reason : cause.kind, () => {
      assert.match(explainOutbound(cause, settings, { retry }) ?? '', expected);
    });
  }
});

describe('errors in the forms of the log', () => {
  const node =
    '406341B7137F0000:error:0A000102:SSL routines:tls_early_post_process_client_hello:unsupported protocol:../deps/openssl/openssl/ssl/statem/statem_srvr.c:1780:\n';

  test('of OpenSSL', () => {
    const detail = tlsErrorDetail(new Error(node));
    assert.equal(
      detail,
      "(167772418, 'error:0A000102:SSL routines:tls_early_post_process_client_hello:unsupported protocol')",
    );
    const [, decimal, hex] = /^\((\d+), 'error:(\w{8}):/.exec(detail) ?? [];
    assert.equal(Number(decimal), Number.parseInt(hex ?? '', 16));
    assert.ok(isVersionMismatch(opensslError(new Error(node))));
  });

  test('of OpenSSL without a function', () => {
    assert.equal(
      tlsErrorDetail(new Error('error:0A0000B9:SSL routines::no cipher match')),
      "(167772345, 'error:0A0000B9:SSL routines::no cipher match')",
    );
  });

  test('of the system, in the numbers of Linux', () => {
    const error = (code: string) => Object.assign(new Error(`read ${code}`), { code });
    assert.equal(tlsErrorDetail(error('ECONNRESET')), '[Errno 104] Connection reset by peer');
    assert.equal(tlsErrorDetail(error('ECONNREFUSED')), '[Errno 111] Connection refused');
    assert.equal(tlsErrorDetail(error('EHOSTUNREACH')), '[Errno 113] No route to host');
    assert.equal(systemErrorDetail(error('ENOTHING')), null);
  });

  test('of anything else, on one line', () => {
    assert.equal(tlsErrorDetail(new Error('a\r\nb\u0007c')), 'a b c');
    assert.equal(tlsErrorDetail('text'), 'text');
    assert.equal(tlsErrorDetail(new Error('x'.repeat(9000))).length, 500);
  });
});
