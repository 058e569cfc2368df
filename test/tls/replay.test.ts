// A replayed ClientHello gets the answer that its client got: version, suite, group, HelloRetryRequest or alert.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { defaultCiphers } from '../../src/config/schema.ts';
import { compileServerTls, type ServerTls } from '../../src/tls/contexts.ts';
import { groupName } from '../../src/tls/names.ts';
import { replayHello, type Verdict } from '../../src/tls/replay.ts';
import { parseServerFlight } from '../../src/tls/server-flight.ts';
import { suiteName } from '../../src/tls/suites.ts';
import { type TlsVersion, tlsVersions, wireVersionName } from '../../src/tls/versions.ts';
import {
  AcceptingServer,
  anyLevel,
  CertificateDirectory,
  certificateOf,
  type KeyPair,
  opensslClient,
  versionFlag,
} from './peers.ts';
import { Recorder } from './recording.ts';

const certificates = new CertificateDirectory();
const recorder = new Recorder();
let ec: KeyPair;
let rsa: KeyPair;
let current: ServerTls;
const server = new AcceptingServer(() => current);

const compile = (versions: readonly TlsVersion[], pairs: readonly KeyPair[] = [ec, rsa], ciphers = defaultCiphers) =>
  compileServerTls({ versions, ciphers }, certificateOf(...pairs));

before(async () => {
  ec = certificates.make('ec');
  rsa = certificates.make('rsa:2048');
  await recorder.start(await server.listen());
});
after(async () => {
  await recorder.close();
  await server.close();
  certificates.remove();
});

/** A real handshake with the settings of `tls`. */
async function shake(tls: ServerTls, args: readonly string[]) {
  current = tls;
  await opensslClient(recorder.port, args);
  await server.next();
  return await recorder.take();
}

function told(verdict: Verdict): string {
  if (verdict.outcome === 'served') {
    const { version, suite, group, retry } = verdict;
    return `${wireVersionName(version)} ${suiteName(suite)} ${group === null ? '-' : groupName(group)}${retry ? ' after a retry' : ''}`;
  }
  return verdict.outcome === 'refused' ? `alert ${verdict.alert}: ${verdict.reason}` : verdict.reason;
}

const clients: readonly (readonly [string, readonly string[]])[] = [
  ...tlsVersions.map((version) => [version, [versionFlag[version], ...anyLevel]] as const),
  ['P-384 only', ['-groups', 'P-384']],
  ['P-521 in 1.2', ['-tls1_2', '-groups', 'P-521']],
  ['DHE', ['-tls1_2', '-cipher', 'DHE-RSA-AES256-GCM-SHA384']],
  ['RSA key exchange', ['-tls1_2', '-cipher', 'AES128-SHA']],
  ['ECDSA only', ['-tls1_2', '-sigalgs', 'ECDSA+SHA256']],
  ['no signature of ours', ['-sigalgs', 'ed25519']],
  ['an unusual suite', ['-tls1_3', '-ciphersuites', 'TLS_AES_128_GCM_SHA256']],
  ['a suite that we lack', ['-tls1_3', '-ciphersuites', 'TLS_AES_128_CCM_SHA256']],
  ['a second try', ['-tls1_1', '-fallback_scsv', ...anyLevel]],
];

for (const selection of [['TLSv1.2', 'TLSv1.3'], ['TLSv1.0', 'TLSv1.1'], ['TLSv1.3'], tlsVersions] as const) {
  describe(`where ${selection.join(' ')} are selected`, () => {
    for (const [name, args] of clients) {
      for (const keys of ['ECDSA and RSA', 'RSA'] as const) {
        test(`openssl with ${name}, certificate ${keys}`, async () => {
          const tls = compile(selection, keys === 'RSA' ? [rsa] : [ec, rsa]);
          const { flight, answer } = await shake(tls, args);
          const real = parseServerFlight(answer);
          const verdict = await replayHello(flight, tls);
          if (real.status === 'alert') {
            assert.equal(verdict.outcome === 'refused' ? verdict.alert : told(verdict), real.description);
          } else {
            assert.ok(real.status === 'complete', JSON.stringify(real));
            const { version, suite, retry } = real.hello;
            assert.deepEqual(verdict, { outcome: 'served', version, suite, group: real.group, retry });
          }
        });
      }
    }
  });
}

describe('one hello under other settings', () => {
  const expected: readonly (readonly [readonly TlsVersion[], string, RegExp])[] = [
    [tlsVersions, defaultCiphers, /^TLS v1\.2 ECDHE-ECDSA-AES\S+ x25519$/],
    [['TLSv1.3'], defaultCiphers, /^alert 70: unsupported protocol$/],
    [['TLSv1.2'], 'ECDHE-RSA-AES128-GCM-SHA256', /^TLS v1\.2 ECDHE-RSA-AES128-GCM-SHA256 x25519$/],
    [['TLSv1.2'], 'AES256-GCM-SHA384', /^TLS v1\.2 AES256-GCM-SHA384 -$/],
    [['TLSv1.2'], 'ECDHE-RSA-CAMELLIA256-SHA384', /^alert 40: no shared cipher$/],
  ];
  for (const [versions, ciphers, text] of expected) {
    test(`${versions.join(' ')}, ${ciphers.slice(0, 40)}`, async () => {
      const { flight } = await shake(compile(tlsVersions), ['-tls1_2']);
      assert.match(told(await replayHello(flight, compile(versions, [ec, rsa], ciphers))), text);
    });
  }
});

describe('what is no whole hello', () => {
  test('cut anywhere: said at once, nothing waits', async () => {
    const tls = compile(tlsVersions);
    const { flight } = await shake(tls, ['-tls1_3']);
    for (let length = 0; length < flight.length; length += 1) {
      const verdict = await replayHello(flight.subarray(0, length), tls);
      assert.deepEqual(verdict, { outcome: 'no-hello', reason: 'the hello is cut' });
    }
  });

  test('no TLS', async () => {
    const verdict = await replayHello(Buffer.from('EHLO me\r\n'), compile(tlsVersions));
    assert.deepEqual(verdict, { outcome: 'no-hello', reason: 'first byte 0x45 is no TLS handshake' });
  });

  test('broken inside: OpenSSL says so with its alert', async () => {
    const verdict = await replayHello(Buffer.from('16030100090100000503030000ff', 'hex'), compile(tlsVersions));
    assert.ok(verdict.outcome === 'refused');
    assert.equal(verdict.alert, 50);
  });

  test('an SSLv2-format hello is served where TLS 1.0 is selected', async () => {
    const hello = Buffer.concat([Buffer.from('801c01030100030000001000002f', 'hex'), Buffer.alloc(16, 7)]);
    assert.equal(told(await replayHello(hello, compile(tlsVersions))), 'TLS v1.0 AES128-SHA -');
    assert.equal(told(await replayHello(hello, compile(['TLSv1.2', 'TLSv1.3']))), 'alert 70: unsupported protocol');
  });
});

test('protocols of the service: no overlap is refused, none offered is served', async () => {
  const tls = compile(['TLSv1.2', 'TLSv1.3']);
  const web = { alpn: ['h2', 'http/1.1'] };
  const mismatch = await shake(tls, ['-tls1_3', '-alpn', 'smtp']);
  assert.match(told(await replayHello(mismatch.flight, tls, web)), /^alert 120: /);
  assert.match(told(await replayHello(mismatch.flight, tls)), /^TLS v1\.3 /);
  const http = await shake(tls, ['-tls1_3', '-alpn', 'h2']);
  assert.match(told(await replayHello(http.flight, tls, web)), /^TLS v1\.3 /);
});

test('a thousand replays, many at a time, leave no timer and no socket behind', async () => {
  const tls = compile(tlsVersions);
  const served = (await shake(tls, ['-tls1_3'])).flight;
  const refused = (await shake(tls, ['-sigalgs', 'ed25519'])).flight;
  const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout' || name.includes('TLS'));
  for (let round = 0; round < 20; round++) {
    const verdicts = await Promise.all(
      Array.from({ length: 50 }, (_, index) => replayHello(index % 2 === 0 ? served : refused, tls)),
    );
    assert.deepEqual(
      verdicts.map(({ outcome }) => outcome),
      verdicts.map((_, index) => (index % 2 === 0 ? 'served' : 'refused')),
    );
  }
  const left = process.getActiveResourcesInfo().filter((name) => name === 'Timeout' || name.includes('TLS'));
  assert.deepEqual(left, before);
});
