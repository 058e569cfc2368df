// Certificates as people have them: files that openssl writes in every form that Windows and others use.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import forge from 'node-forge';
import { checkCertificatePair } from '../../src/tls/certificates.ts';
import { importPair } from '../../src/tls/import.ts';
import { makeRequest, requestKeys } from '../../src/tls/request.ts';

const directory = mkdtempSync(join(tmpdir(), 'postern-import-'));
const passphrase = 'p4ss wörd';
after(() => rmSync(directory, { recursive: true, force: true }));

function openssl(...words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('openssl', words, { cwd: directory, encoding: 'utf8' });
  assert.equal(status, 0, `openssl ${words.join(' ')}: ${stderr}`);
  return stdout;
}

const text = (name: string): string => readFileSync(join(directory, name), 'utf8');
const file = (name: string): Uint8Array => new Uint8Array(readFileSync(join(directory, name)));

before(() => {
  const extensions = 'basicConstraints=critical,CA:TRUE';
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '90'];
  openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    'root.key',
    '-out',
    'root.crt',
    '-subj',
    '/CN=root',
    '-addext',
    extensions,
  );
  const ca = (by: string) => ['-CA', `${by}.crt`, '-CAkey', `${by}.key`];
  openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    'mid.key',
    '-out',
    'mid.crt',
    '-subj',
    '/CN=mid',
    '-addext',
    extensions,
    ...ca('root'),
  );
  const names = 'subjectAltName=DNS:mx.example.com';
  openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    'ec.key',
    '-out',
    'ec.crt',
    '-subj',
    '/CN=ec',
    '-addext',
    names,
    ...ca('mid'),
  );
  const rsa = ['-newkey', 'rsa:2048', '-nodes', '-days', '90'];
  openssl(
    'req',
    '-x509',
    ...rsa,
    '-keyout',
    'rsa.key',
    '-out',
    'rsa.crt',
    '-subj',
    '/CN=rsa',
    '-addext',
    names,
    ...ca('mid'),
  );
  // The chain in the wrong order, with the root and the certificate itself in it.
  writeFileSync(join(directory, 'all.crt'), ['root', 'mid', 'ec', 'rsa'].map((name) => text(`${name}.crt`)).join('\n'));
});

function subjects(cert: string): string[] {
  const blocks = cert.match(/-----BEGIN[^-]*-----[^-]*-----END[^-]*-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block).subject.replace('CN=', ''));
}

test('PKCS#12 in every protection: the certificate first, its chain in order, no root', async () => {
  const protections: Readonly<Record<string, readonly string[]>> = {
    'AES-256, as OpenSSL 3 and Windows 2019 make it': [],
    '3DES and RC2-40, as Windows and OpenSSL 1 made it': [
      '-legacy',
      '-keypbe',
      'PBE-SHA1-3DES',
      '-certpbe',
      'PBE-SHA1-RC2-40',
    ],
    '3DES': ['-legacy', '-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES'],
    'certificates in clear': ['-certpbe', 'NONE'],
    'SHA-512': ['-macalg', 'sha512'],
  };
  for (const kind of ['ec', 'rsa']) {
    for (const [name, words] of Object.entries(protections)) {
      const from = ['-inkey', `${kind}.key`, '-in', `${kind}.crt`, '-certfile', 'all.crt'];
      openssl('pkcs12', '-export', ...from, '-out', 'a.p12', '-passout', `pass:${passphrase}`, ...words);
      const pair = await importPair({ kind: 'pkcs12', data: file('a.p12'), passphrase });
      assert.deepEqual(subjects(pair.cert), [kind, 'mid'], `${kind}, ${name}`);
      assert.equal(
        new X509Certificate(pair.cert).fingerprint256,
        new X509Certificate(text(`${kind}.crt`)).fingerprint256,
      );
      assert.equal(checkCertificatePair(pair.cert, pair.key).keyType, kind);
      const wrong = importPair({ kind: 'pkcs12', data: file('a.p12'), passphrase: 'wrong' });
      await assert.rejects(wrong, { code: 'bad-certificate', message: /passphrase is wrong/ }, `${kind}, ${name}`);
    }
  }
  openssl('pkcs12', '-export', '-inkey', 'rsa.key', '-in', 'rsa.crt', '-out', 'open.p12', '-passout', 'pass:');
  assert.deepEqual(subjects((await importPair({ kind: 'pkcs12', data: file('open.p12'), passphrase: '' })).cert), [
    'rsa',
  ]);
});

test('PKCS#12 without a key, without sense, cut short: each says so', async () => {
  openssl('pkcs12', '-export', '-nokeys', '-in', 'ec.crt', '-out', 'nokey.p12', '-passout', 'pass:x');
  const whole = file('open.p12');
  const table: readonly (readonly [Uint8Array, RegExp])[] = [
    [file('nokey.p12'), /no private key/],
    [new Uint8Array(0), /not a PKCS#12 file/],
    [new Uint8Array(Buffer.from('hello')), /not a PKCS#12 file/],
    [whole.subarray(0, whole.length / 2), /not a PKCS#12 file/],
    [new Uint8Array(Buffer.from(text('ec.crt'))), /not a PKCS#12 file/],
  ];
  for (const [data, message] of table) {
    const importing = importPair({ kind: 'pkcs12', data, passphrase: 'x' });
    await assert.rejects(importing, { code: 'bad-certificate', message });
  }
});

test('a file that hashes its password without end is given up', async () => {
  const { asn1, util } = forge;
  const pfx = asn1.fromDer(util.createBuffer(Buffer.from(file('open.p12')).toString('binary')));
  const [, , mac] = pfx.value as forge.asn1.Asn1[];
  const [, , rounds] = (mac?.value ?? []) as forge.asn1.Asn1[];
  assert.ok(rounds !== undefined && typeof rounds.value === 'string');
  rounds.value = '\x7f\xff\xff\xff';
  const data = new Uint8Array(Buffer.from(asn1.toDer(pfx).getBytes(), 'binary'));
  const importing = importPair({ kind: 'pkcs12', data, passphrase: '' }, 1500);
  await assert.rejects(importing, { code: 'bad-certificate', message: /takes too long/ });
});

test('PEM: protected keys, chains out of order, what does not belong together', async () => {
  openssl('pkcs8', '-topk8', '-in', 'ec.key', '-out', 'locked.key', '-passout', `pass:${passphrase}`);
  openssl('rsa', '-aes128', '-traditional', '-in', 'rsa.key', '-out', 'old.key', '-passout', `pass:${passphrase}`);
  const certificate = text('all.crt');
  for (const [name, kind] of [
    ['ec.key', 'ec'],
    ['rsa.key', 'rsa'],
    ['locked.key', 'ec'],
    ['old.key', 'rsa'],
  ] as const) {
    const pair = await importPair({ kind: 'pem', certificate, key: text(name), passphrase });
    assert.deepEqual(subjects(pair.cert), [kind, 'mid'], name);
    assert.doesNotMatch(pair.key, /ENCRYPTED/);
  }
  const table: readonly (readonly [string, string, string, RegExp])[] = [
    [certificate, text('locked.key'), '', /protected by a passphrase/],
    [certificate, text('locked.key'), 'wrong', /passphrase is wrong/],
    [certificate, text('root.key').slice(0, 60), '', /cannot be read/],
    [text('mid.crt'), text('ec.key'), '', /no certificate belongs to the private key/],
    ['nothing', text('ec.key'), '', /there is no certificate/],
  ];
  for (const [cert, key, word, message] of table) {
    const importing = importPair({ kind: 'pem', certificate: cert, key, passphrase: word });
    await assert.rejects(importing, { code: 'bad-certificate', message });
  }
});

test('requests: openssl verifies them, and the certificate for one belongs to its key', async () => {
  for (const kind of requestKeys) {
    const subject = { commonName: 'mx.example.com', organization: 'Exämple, Inc.', country: 'de' };
    const made = await makeRequest(subject, ['mx.example.com', '*.example.org', '192.0.2.1', '2001:db8::1'], kind);
    assert.equal(made.subject, 'CN=mx.example.com, O=Exämple, Inc., C=DE');
    writeFileSync(join(directory, 'a.csr'), made.csr);
    const shown = openssl('req', '-in', 'a.csr', '-noout', '-verify', '-text', '-nameopt', 'utf8,sep_comma_plus');
    assert.match(
      shown,
      /DNS:mx\.example\.com, DNS:\*\.example\.org, IP Address:192\.0\.2\.1, IP Address:2001:DB8:0:0:0:0:0:1/,
    );
    assert.match(shown, /C=DE,O=Exämple\\?, Inc\.,CN=mx\.example\.com/);
    openssl(
      'x509',
      '-req',
      '-in',
      'a.csr',
      '-CA',
      'mid.crt',
      '-CAkey',
      'mid.key',
      '-out',
      'a.crt',
      '-days',
      '9',
      '-copy_extensions',
      'copyall',
    );
    const pair = await importPair({ kind: 'pem', certificate: text('a.crt'), key: made.key, passphrase: '' });
    assert.equal(checkCertificatePair(pair.cert, pair.key).keyType, kind.startsWith('rsa') ? 'rsa' : 'ec');
  }
});
