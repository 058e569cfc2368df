import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { Duplex } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { connect, createSecureContext, TLSSocket } from 'node:tls';
import fc from 'fast-check';
import { defaultCiphers } from '../../src/config/schema.ts';
import { PosternError } from '../../src/errors.ts';
import { acceptedSuites, checkCiphers, cipherLines, cipherWarnings } from '../../src/tls/ciphers.ts';
import { compileServerTls, type ServerTls } from '../../src/tls/contexts.ts';
import { parseClientHello, parseServerHello } from '../../src/tls/hello.ts';
import { cipherLine, suiteByName, suites, tls13Suites } from '../../src/tls/suites.ts';
import { logName, tlsVersions } from '../../src/tls/versions.ts';
import { CertificateDirectory, certificateOf } from './peers.ts';

class Tap extends Duplex {
  readonly written: Buffer[] = [];
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(chunk);
    done();
  }
}

describe('the table', () => {
  test('has every suite once', () => {
    assert.equal(new Set(suites.map((suite) => suite.id)).size, suites.length);
    assert.equal(new Set(suites.map((suite) => suite.name)).size, suites.length);
    assert.equal(new Set(suites.map((suite) => suite.standardName)).size, suites.length);
  });

  test('has what the openssl program has, in the same words', () => {
    const lines = execFileSync('openssl', ['ciphers', '-V', '-stdname', 'ALL:COMPLEMENTOFALL:@SECLEVEL=0'], {
      encoding: 'utf8',
    });
    // SRP is not in the OpenSSL of Node.
    const theirs = lines.split('\n').filter((line) => line.includes('0x') && !line.includes('SRP'));
    for (const line of theirs) {
      const [, high = '', low = '', standard = '', plain = ''] = /0x(..),0x(..) - (\S+)\s+- (.*)$/.exec(line) ?? [];
      const suite = suites.find((known) => known.id === Number.parseInt(high + low, 16));
      assert.ok(suite?.available, line);
      assert.equal(suite.standardName, standard);
      assert.equal(
        cipherLine(suite),
        plain.trimEnd().length === plain.length ? plain.padEnd(cipherLine(suite).length) : plain,
      );
    }
    assert.equal(theirs.length, suites.filter((suite) => suite.available).length);
  });

  test('has all that the OpenSSL of Node has, no more', () => {
    const tap = new Tap();
    const secureContext = createSecureContext({ ciphers: 'ALL:COMPLEMENTOFALL:@SECLEVEL=0', minVersion: 'TLSv1' });
    const socket = connect({ socket: tap, secureContext, rejectUnauthorized: false, pskCallback: () => null });
    socket.on('error', () => {});
    const parsed = parseClientHello(Buffer.concat(tap.written));
    socket.destroy();
    assert.ok(parsed.status === 'complete');
    const ids = parsed.hello.suites.filter((id) => id !== 0x00ff);
    assert.deepEqual(
      ids.toSorted(),
      suites
        .filter((suite) => suite.available)
        .map((suite) => suite.id)
        .toSorted(),
    );
  });
});

describe('a cipher string', () => {
  const normalized: readonly [string, string][] = [
    ['AES128', 'AES128:!aNULL:!eNULL'],
    [' AES128 , AES256;DHE ', 'AES128:AES256:DHE:!aNULL:!eNULL'],
    ['HIGH:!aNULL', 'HIGH:!aNULL:!eNULL'],
    ['HIGH:!eNULL:!aNULL:!RC4', 'HIGH:!eNULL:!aNULL:!RC4'],
    ['AES128:@STRENGTH', 'AES128:@STRENGTH:!aNULL:!eNULL'],
    ['ECDHE+AESGCM:-AES128', 'ECDHE+AESGCM:-AES128:!aNULL:!eNULL'],
    ['RC4-SHA:3DES:AES128:!EXPORT:!SEED', 'RC4-SHA:3DES:AES128:!EXPORT:!SEED:!aNULL:!eNULL'],
    ['aNULL:eNULL:AES128', 'aNULL:eNULL:AES128:!aNULL:!eNULL'],
  ];
  for (const [input, output] of normalized) {
    test(`"${input}"`, () => {
      assert.equal(checkCiphers(input, ['TLSv1.1', 'TLSv1.2']), output);
      assert.equal(checkCiphers(output, ['TLSv1.1', 'TLSv1.2']), output);
    });
  }

  const refused: readonly [string, RegExp, RegExp][] = [
    ['', /is empty/, /enter one such as/],
    [' : ', /is empty/, /enter one such as/],
    ['AES128:@SECLEVEL=0', /@SECLEVEL=0 cannot be set/, /level 2, TLS 1\.0 and 1\.1 at level 0/],
    ['AES128@SECLEVEL=0', /not a word/, /spelling/],
    ['@SPEED', /is no command/, /@STRENGTH/],
    ['TLS_AES_128_GCM_SHA256', /three suites of TLS v1\.3 are fixed/, /leave it out/],
    ['AES128:-TLS_AES_128_GCM_SHA256', /three suites of TLS v1\.3 are fixed/, /leave it out/],
    ['TLS_RSA_WITH_AES_128_CBC_SHA', /IANA's name/, /AES128-SHA/],
    ['aes128', /not a word/, /capitals count: write AES128/],
    ['AES128:GARBAGE', /"GARBAGE" is not a word/, /spelling/],
    ['AES128:!', /"" is not a word/, /spelling/],
    ['AES128+', /"" is not a word/, /spelling/],
    ['AES\u0000128', /"AES\?128" is not a word/, /spelling/],
    ['RC4:3DES', /no cipher match/, /that this OpenSSL has/],
    ['aNULL', /no cipher match/, /that this OpenSSL has/],
    ['PSK', /leaves no suite for TLS v1\.1, TLS v1\.2/, /add a group/],
    ['SUITEB128', /changes more/, /name the suites/],
    ['A'.repeat(5000), /longer than 4096/, /name groups/],
  ];
  for (const [input, message, remedy] of refused) {
    test(`${JSON.stringify(input.slice(0, 40))} is refused`, () => {
      assert.throws(
        () => checkCiphers(input, ['TLSv1.1', 'TLSv1.2']),
        (error) => {
          assert.ok(error instanceof PosternError);
          assert.equal(error.code, 'bad-ciphers');
          assert.match(error.message, message);
          assert.match(error.remedy ?? '', remedy);
          return true;
        },
      );
    });
  }

  test('that leaves a selected version out is allowed, with a warning', () => {
    const checked = checkCiphers('AESGCM', ['TLSv1.1', 'TLSv1.2']);
    assert.match(cipherWarnings(checked, ['TLSv1.1', 'TLSv1.2'])[0] ?? '', /^TLS v1\.1 is selected, but/);
    assert.deepEqual(cipherWarnings(checkCiphers(defaultCiphers, tlsVersions), tlsVersions), []);
  });

  test('of anything is normalized or refused with a remedy', () => {
    const word = fc.constantFrom(
      'AES128',
      '!RC4',
      'ECDHE+AES',
      '@STRENGTH',
      'kRSA',
      '-SHA',
      '+SHA',
      'ALL',
      'PSK',
      'FOO',
    );
    const strings = fc.oneof(
      fc.string(),
      fc.array(word, { maxLength: 6 }).map((words) => words.join(':')),
    );
    fc.assert(
      fc.property(strings, (input) => {
        try {
          const output = checkCiphers(input, ['TLSv1.2']);
          assert.equal(checkCiphers(output, ['TLSv1.2']), output);
          for (const suite of acceptedSuites(output, tlsVersions)) {
            assert.ok(suite.au !== 'None' && suite.enc !== 'None', suite.name);
          }
        } catch (error) {
          assert.ok(error instanceof PosternError, String(error));
          assert.ok(error.remedy !== undefined);
        }
      }),
      { numRuns: 200 },
    );
  });
});

const strings = [
  defaultCiphers,
  'HIGH',
  'ALL',
  'DEFAULT',
  'AES128:AES256',
  'ECDHE+AESGCM:DHE+AESGCM',
  'kRSA:!SHA1',
  'ALL:-AES256:+SHA1:@STRENGTH',
  'CAMELLIA:ARIA',
  'ECDHE-RSA-AES256-SHA:AES128-SHA',
  'CHACHA20:!kRSA',
];

describe('VERIFY', () => {
  for (const string of strings) {
    test(`agrees with the openssl program about 1.2: ${string.slice(0, 40)}`, () => {
      const args = ['ciphers', '-s', '-v', '-tls1_2', `${string}:!aNULL:!eNULL:@SECLEVEL=2`];
      const theirs = execFileSync('openssl', args, { encoding: 'utf8' }).trimEnd().split('\n');
      // DSA certificates are refused, so suites that need one are none of ours. CCM8 counts as 64 bits since OpenSSL 3.2, which
      // level 2 does not allow; 3.0, of Debian 12, still lists it.
      const usable = theirs
        .filter((line) => !line.includes('Au=DSS') && !line.includes('CCM8'))
        .map((line) => line.trimEnd());
      assert.deepEqual(
        cipherLines(string, ['TLSv1.2']).map((line) => line.trimEnd()),
        usable,
      );
    });

    test(`agrees with the openssl program about 1.0: ${string.slice(0, 40)}`, () => {
      const args = ['ciphers', '-s', '-v', '-tls1', `${string}:!aNULL:!eNULL:@SECLEVEL=0`];
      const theirs = execFileSync('openssl', args, { encoding: 'utf8' }).trimEnd().split('\n');
      const usable = theirs.filter((line) => line !== '' && !line.includes('Au=DSS')).map((line) => line.trimEnd());
      assert.deepEqual(
        cipherLines(string, ['TLSv1.0']).map((line) => line.trimEnd()),
        usable,
      );
    });
  }

  test('shows the three of TLS 1.3 first, in their order, whatever the string says', () => {
    for (const string of strings) {
      assert.deepEqual(acceptedSuites(string, ['TLSv1.2', 'TLSv1.3']).slice(0, 3), tls13Suites);
    }
    assert.deepEqual(
      cipherLines('AES128', ['TLSv1.3']).map((line) => line.split(' ')[0]),
      ['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256'],
    );
  });

  test('leaves out what the certificate cannot do', () => {
    assert.ok(acceptedSuites('ALL', ['TLSv1.2'], ['RSA']).every((suite) => suite.au === 'RSA'));
    assert.ok(acceptedSuites('ALL', ['TLSv1.2'], ['ECDSA']).every((suite) => suite.au === 'ECDSA'));
  });
});

describe('what VERIFY shows is what a listener accepts', () => {
  const certificates = new CertificateDirectory();
  let certificate: ReturnType<typeof certificateOf>;
  before(() => {
    certificate = certificateOf(certificates.make('ec'), certificates.make('rsa:2048'));
  });
  after(() => certificates.remove());

  /** A hello with one suite and one version, answered by the listener's own contexts. */
  async function accepts(tls: ServerTls, name: string, version: (typeof tlsVersions)[number]): Promise<boolean> {
    const client = new Tap();
    const node = logName(version);
    const options = { ciphers: `${name}:@SECLEVEL=0`, minVersion: node, maxVersion: node };
    const caller = connect({ socket: client, secureContext: createSecureContext(options), rejectUnauthorized: false });
    caller.on('error', () => {});
    const flight = Buffer.concat(client.written);
    caller.destroy();
    const parsed = parseClientHello(flight);
    if (parsed.status !== 'complete') return false;
    const server = new Tap();
    const socket = new TLSSocket(server, { isServer: true, secureContext: tls.choose(parsed.hello) });
    socket.on('error', () => {});
    server.push(flight);
    for (let turn = 0; turn < 50 && server.written.length === 0; turn++)
      await new Promise((done) => setImmediate(done));
    socket.destroy();
    const answer = parseServerHello(Buffer.concat(server.written));
    return answer.status === 'complete' && answer.hello.suite === suiteByName(name)?.id;
  }

  for (const string of [defaultCiphers, 'ALL', 'AES128:!SHA1']) {
    test(string.slice(0, 40), async () => {
      const settings = { versions: tlsVersions, ciphers: string };
      const tls = compileServerTls(settings, certificate);
      for (const version of ['TLSv1.0', 'TLSv1.2'] as const) {
        const shown = acceptedSuites(string, [version]).map((suite) => suite.name);
        const candidates = suites.filter((suite) => suite.available && suite.protocol !== 'TLSv1.3');
        const really: string[] = [];
        for (const suite of candidates) if (await accepts(tls, suite.name, version)) really.push(suite.name);
        assert.deepEqual(really.toSorted(), shown.toSorted(), version);
      }
    });
  }
});
