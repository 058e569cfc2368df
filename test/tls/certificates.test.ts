import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { defaultCiphers } from '../../src/config/schema.ts';
import { PosternError } from '../../src/errors.ts';
import { checkCertificatePair, ensureDemoCertificate } from '../../src/tls/certificates.ts';
import { compileServerTls } from '../../src/tls/contexts.ts';
import { CertificateDirectory, certificateOf, type KeyPair } from './peers.ts';

const certificates = new CertificateDirectory();
let ec: KeyPair;
let rsa: KeyPair;
before(() => {
  ec = certificates.make('ec');
  rsa = certificates.make('rsa:2048');
});
after(() => certificates.remove());

function refused(action: () => unknown, message: RegExp, remedy: RegExp): void {
  assert.throws(action, (error) => {
    assert.ok(error instanceof PosternError, String(error));
    assert.equal(error.code, 'bad-certificate');
    assert.match(error.message, message);
    assert.match(error.remedy ?? '', remedy);
    return true;
  });
}

describe('an own certificate', () => {
  test('that is in order', () => {
    assert.deepEqual(checkCertificatePair(ec.cert, ec.key).warnings, []);
    assert.equal(checkCertificatePair(ec.cert, ec.key).keyType, 'ec');
    assert.equal(checkCertificatePair(rsa.cert, rsa.key).keyType, 'rsa');
  });

  test('with RSA 1024 is refused', () => {
    const weak = certificates.make('rsa:1024');
    refused(() => checkCertificatePair(weak.cert, weak.key), /RSA 1024 bits/, /2,048 bits or more/);
    for (const versions of [['TLSv1.2', 'TLSv1.3'], ['TLSv1.0']] as const) {
      refused(
        () => compileServerTls({ versions, ciphers: defaultCiphers }, certificateOf(weak)),
        /^certificate "test": the key has RSA 1024 bits/,
        /2,048/,
      );
    }
  });

  test('with the key of another is refused', () => {
    refused(() => checkCertificatePair(ec.cert, rsa.key), /does not belong/, /first certificate of the file/);
  });

  test('with a DSA key is refused', () => {
    const parameters = join(certificates.path, 'dsa.pem');
    execFileSync('openssl', ['dsaparam', '-out', parameters, '2048'], { stdio: 'ignore' });
    const dsa = certificates.make(`dsa:${parameters}`);
    refused(() => checkCertificatePair(dsa.cert, dsa.key), /a dsa key cannot be used/, /RSA/);
  });

  test('that cannot be read is refused', () => {
    refused(() => checkCertificatePair('', ec.key), /no certificate in the file/, /BEGIN CERTIFICATE/);
    refused(() => checkCertificatePair(ec.key, ec.key), /no certificate in the file/, /BEGIN CERTIFICATE/);
    refused(
      () => checkCertificatePair(ec.cert.replace('M', '*'), ec.key),
      /certificate 1 of the file/,
      /unchanged PEM/,
    );
    refused(() => checkCertificatePair(ec.cert, 'nonsense'), /private key cannot be read/, /PRIVATE KEY/);
    refused(() => checkCertificatePair(ec.cert.repeat(21), ec.key), /21 certificates/, /chain/);
  });

  test('with a key under a password is refused, and says how to take it off', () => {
    const file = join(certificates.path, 'locked.key');
    execFileSync('openssl', ['pkey', '-in', ec.keyFile, '-aes256', '-passout', 'pass:x', '-out', file]);
    refused(() => checkCertificatePair(ec.cert, readFileSync(file, 'utf8')), /password/, /openssl pkey/);
  });

  test('that is over is a warning', () => {
    const old = certificates.expired();
    assert.deepEqual(checkCertificatePair(old.cert, old.key).warnings, ['expired on 2024-02-01']);
    assert.ok(compileServerTls({ versions: ['TLSv1.2'], ciphers: defaultCiphers }, certificateOf(old)).modern);
  });

  test('that is over soon, or not valid yet, is a warning', () => {
    const now = Date.now();
    const day = 86_400_000;
    assert.match(checkCertificatePair(ec.cert, ec.key, now + 20 * day).warnings[0] ?? '', /^expires on/);
    assert.match(checkCertificatePair(ec.cert, ec.key, now - day).warnings[0] ?? '', /^not valid before/);
  });

  test('with a chain out of order is a warning', () => {
    const warnings = checkCertificatePair(ec.cert + rsa.cert, ec.key).warnings;
    assert.match(warnings[0] ?? '', /certificate 2 of the file did not issue certificate 1/);
  });

  test('that somebody signed with SHA-1 is a warning: it still encrypts, but whoever verifies refuses it', () => {
    const sha1 = certificates.signedWithSha1();
    assert.match(checkCertificatePair(sha1.cert, sha1.key).warnings.join(), /signed with sha1.*, which peers refuse/i);
  });

  test('without a pair is refused', () => {
    refused(
      () => compileServerTls({ versions: ['TLSv1.2'], ciphers: defaultCiphers }, { name: 'none', pairs: [] }),
      /"none" has no key pair/,
      /PEM/,
    );
  });
});

describe('the demo certificate', () => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-demo-'));
  after(() => rmSync(directory, { recursive: true, force: true }));

  test('is made once, with both kinds of keys', async () => {
    const made = await ensureDemoCertificate(join(directory, 'a'), 'gw.example.com');
    assert.equal(made.name, 'demo');
    assert.deepEqual(
      made.pairs.map((pair) => checkCertificatePair(pair.cert, pair.key).keyType),
      ['ec', 'rsa'],
    );
    const files = readdirSync(join(directory, 'a')).toSorted();
    assert.deepEqual(files, ['demo-ecdsa.crt', 'demo-ecdsa.key', 'demo-rsa.crt', 'demo-rsa.key']);
    for (const file of files) {
      const expected = file.endsWith('.key') ? 0o600 : 0o644;
      assert.equal(statSync(join(directory, 'a', file)).mode & 0o777, expected & ~process.umask(), file);
    }
    assert.deepEqual(await ensureDemoCertificate(join(directory, 'a'), 'gw.example.com'), made);
  });

  test('is what the openssl program takes for a proper certificate of the host', async () => {
    await ensureDemoCertificate(join(directory, 'b'), 'gw.example.com');
    for (const [kind, bits] of [
      ['ecdsa', '256'],
      ['rsa', '2048'],
    ] as const) {
      const file = join(directory, 'b', `demo-${kind}.crt`);
      const args = ['verify', '-CAfile', file, '-verify_hostname', 'gw.example.com', '-purpose', 'sslserver', file];
      assert.match(execFileSync('openssl', args, { encoding: 'utf8' }), /: OK/);
      const text = execFileSync('openssl', ['x509', '-in', file, '-noout', '-text'], { encoding: 'utf8' });
      assert.match(text, new RegExp(`Public-Key: \\(${bits} bit\\)`));
      assert.match(text, /DNS:gw\.example\.com/);
    }
  });

  test('for an address', async () => {
    const made = await ensureDemoCertificate(join(directory, 'c'), '192.0.2.1');
    const { certificate } = checkCertificatePair(made.pairs[0]?.cert ?? '', made.pairs[0]?.key ?? '');
    assert.equal(certificate.checkIP('192.0.2.1'), '192.0.2.1');
  });

  test('that does not match its key (a crash in between) is made again; the other stays', async () => {
    const first = await ensureDemoCertificate(join(directory, 'd'), 'gw.example.com');
    writeFileSync(join(directory, 'd', 'demo-ecdsa.key'), ec.key);
    const second = await ensureDemoCertificate(join(directory, 'd'), 'gw.example.com');
    assert.notEqual(second.pairs[0]?.cert, first.pairs[0]?.cert);
    assert.equal(second.pairs[1]?.cert, first.pairs[1]?.cert);
    for (const pair of second.pairs) checkCertificatePair(pair.cert, pair.key);
  });

  test('with a very long host name', async () => {
    const host = `${'a'.repeat(60)}.${'b'.repeat(60)}.example.com`;
    const made = await ensureDemoCertificate(join(directory, 'e'), host);
    const { certificate } = checkCertificatePair(made.pairs[0]?.cert ?? '', made.pairs[0]?.key ?? '');
    assert.equal(certificate.checkHost(host), host);
  });

  test('where nothing can be written says so', async () => {
    writeFileSync(join(directory, 'file'), '');
    await assert.rejects(ensureDemoCertificate(join(directory, 'file', 'x'), 'gw.example.com'), (error) => {
      assert.ok(error instanceof PosternError);
      assert.equal(error.code, 'io');
      assert.match(error.remedy ?? '', /writable/);
      return true;
    });
  });
});
