// The certificates of an installation; made here: the one that it starts with, fine for encryption, never verifiable.
import { randomBytes, webcrypto } from 'node:crypto';
import { mkdir, open, readFile, rename, unlink } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { CertificateSettings } from '../config/snapshot.ts';
import { PosternError } from '../errors.ts';
import { checkCertificatePair } from './own-certificate.ts';

export { checkCertificatePair } from './own-certificate.ts';

interface KeyPlan {
  readonly file: string;
  readonly algorithm: webcrypto.EcKeyGenParams | webcrypto.RsaHashedKeyGenParams;
  readonly signing: { readonly name: string; readonly hash: string };
}

// ECDSA for those who can, RSA for old partners.
const plans: readonly KeyPlan[] = [
  {
    file: 'demo-ecdsa',
    algorithm: { name: 'ECDSA', namedCurve: 'P-256' },
    signing: { name: 'ECDSA', hash: 'SHA-256' },
  },
  {
    file: 'demo-rsa',
    algorithm: {
      name: 'RSASSA-PKCS1-v1_5',
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
      hash: 'SHA-256',
    },
    signing: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  },
];

const lifetimeDays = 3650;
const dayMilliseconds = 86_400_000;

/**
 * The built-in certificate `demo`: an ECDSA P-256 and an RSA-2048 pair, self-signed for `hostname`, read from `directory` and
 * made there if they are missing, damaged or expired. Keys are 0600; files appear whole or not at all.
 * Throws `io` where the directory cannot be written.
 */
export async function ensureDemoCertificate(directory: string, hostname: string): Promise<CertificateSettings> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const pairs = await Promise.all(
      plans.map(async (plan) => (await readPair(directory, plan)) ?? (await makePair(directory, plan, hostname))),
    );
    await syncDirectory(directory);
    return { name: 'demo', pairs };
  } catch (error) {
    if (error instanceof PosternError) throw error;
    throw new PosternError('io', `cannot make the demo certificate in ${directory}`, {
      cause: error,
      remedy: 'the directory must be writable for the user that Postern runs as, and have space',
    });
  }
}

/** Null: not there, or of no use (a crash between the two files leaves a pair that does not match). */
async function readPair(directory: string, plan: KeyPlan): Promise<{ cert: string; key: string } | null> {
  let cert: string;
  let key: string;
  try {
    cert = await readFile(join(directory, `${plan.file}.crt`), 'utf8');
    key = await readFile(join(directory, `${plan.file}.key`), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  try {
    const { certificate } = checkCertificatePair(cert, key);
    return certificate.validToDate.getTime() < Date.now() ? null : { cert, key };
  } catch {
    // Nobody else's file: the names are ours, and what is unusable is made anew.
    return null;
  }
}

async function makePair(directory: string, plan: KeyPlan, hostname: string): Promise<{ cert: string; key: string }> {
  // Only here: 60 ms and 4 MB that a start with its certificate in place does not need.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const keys = await webcrypto.subtle.generateKey(plan.algorithm, true, ['sign', 'verify']);
  if (!('privateKey' in keys)) throw new PosternError('tls', 'no key pair was made');
  const now = Date.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      // RFC 5280 4.1.2.2: positive, at most 20 octets.
      serialNumber: `01${randomBytes(15).toString('hex')}`,
      // A common name is 64 characters at most (RFC 5280, ub-common-name); the whole name stands in subjectAltName.
      name: [{ CN: [hostname.slice(0, 64)] }, { O: ['Postern demo certificate'] }],
      notBefore: new Date(now - dayMilliseconds),
      notAfter: new Date(now + lifetimeDays * dayMilliseconds),
      signingAlgorithm: plan.signing,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
        new x509.SubjectAlternativeNameExtension([{ type: isIP(hostname) === 0 ? 'dns' : 'ip', value: hostname }]),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    },
    webcrypto,
  );
  const cert = `${certificate.toString('pem')}\n`;
  const exported = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  const lines = exported.toString('base64').replaceAll(/(.{64})(?=.)/g, '$1\n');
  const key = `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----\n`;
  await writeWhole(join(directory, `${plan.file}.key`), key, 0o600);
  await writeWhole(join(directory, `${plan.file}.crt`), cert, 0o644);
  return { cert, key };
}

async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const file = await open(temporary, 'wx', mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    await file.close();
    await unlink(temporary);
    throw error;
  }
  await file.close();
  await rename(temporary, path);
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
