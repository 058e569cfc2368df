// Our own certificates, checked before they are used.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { PosternError } from '../errors.ts';

/** The own certificate that `checkCertificatePair` found in order. */
export interface OwnCertificate {
  readonly certificate: X509Certificate;
  /** Node's name of the key's kind: `ec`, `rsa`, `rsa-pss`, `ed25519`, `ed448`. */
  readonly keyType: string;
  /** For the administrator: expired, not valid yet, SHA-1, chain out of order. */
  readonly warnings: readonly string[];
}

const begin = '-----BEGIN CERTIFICATE-----';
const dayMilliseconds = 86_400_000;

/**
 * Checks that `cert` (PEM: the certificate first, then its chain) and `key` (PEM) belong together and are strong enough for
 * others to accept. An expired certificate is a warning: mail goes on, and encryption does not depend on it.
 * Throws `bad-certificate` with the remedy.
 */
export function checkCertificatePair(cert: string, key: string, now: number = Date.now()): OwnCertificate {
  const chain = readChain(cert);
  const certificate = chain[0];
  if (certificate === undefined) {
    throw refused('no certificate in the file', `the file must hold PEM text with ${begin}`);
  }
  const privateKey = readKey(key);
  if (!certificate.checkPrivateKey(privateKey)) {
    throw refused(
      'the key does not belong to the certificate',
      'the first certificate of the file must be the one made for this key; its chain follows after it',
    );
  }
  const keyType = certificate.publicKey.asymmetricKeyType ?? 'unknown';
  if (!['rsa', 'rsa-pss', 'ec', 'ed25519', 'ed448'].includes(keyType)) {
    throw refused(`a ${keyType} key cannot be used for TLS`, 'use RSA (2,048 bits or more) or ECDSA (P-256)');
  }
  if (keyBits(certificate) !== null && (keyBits(certificate) ?? 0) < 2048) {
    throw refused(
      `the key has RSA ${keyBits(certificate)} bits; peers refuse less than 2,048`,
      'make a new key: RSA with 2,048 bits or more, or ECDSA P-256',
    );
  }
  return { certificate, keyType, warnings: warningsOf(chain, certificate, keyType, now) };
}

function readChain(cert: string): readonly X509Certificate[] {
  const blocks = cert.split(begin).slice(1);
  if (blocks.length > 20)
    throw refused(`${blocks.length} certificates in one file`, 'put the certificate and its chain there, no more');
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(begin + block);
    } catch (error) {
      throw refused(
        `certificate ${index + 1} of the file cannot be read`,
        'the file must hold unchanged PEM text',
        error,
      );
    }
  });
}

function readKey(key: string): KeyObject {
  if (/ENCRYPTED/.test(key)) {
    throw refused('the key is protected by a password', 'take the password off: openssl pkey -in KEY -out NEWKEY');
  }
  try {
    return createPrivateKey(key);
  } catch (error) {
    throw refused(
      'the private key cannot be read',
      'the file must hold PEM text with -----BEGIN PRIVATE KEY-----',
      error,
    );
  }
}

function warningsOf(chain: readonly X509Certificate[], own: X509Certificate, keyType: string, now: number): string[] {
  const warnings: string[] = [];
  if (own.validToDate.getTime() < now) warnings.push(`expired on ${day(own.validToDate)}`);
  else if (own.validToDate.getTime() < now + 14 * dayMilliseconds) warnings.push(`expires on ${day(own.validToDate)}`);
  if (own.validFromDate.getTime() > now) warnings.push(`not valid before ${day(own.validFromDate)}`);
  if (usesSha1(own)) warnings.push(`signed with ${own.signatureAlgorithm}, which peers refuse`);
  if (keyType === 'ed25519' || keyType === 'ed448') {
    warnings.push(`${keyType} keys are understood by few mail servers; offer an RSA or ECDSA certificate too`);
  }
  chain.slice(1).forEach((issuer, index) => {
    const child = chain[index];
    if (child !== undefined && !child.checkIssued(issuer)) {
      warnings.push(
        `certificate ${index + 2} of the file did not issue certificate ${index + 1}: the chain is out of order`,
      );
    }
  });
  return warnings;
}

function refused(message: string, remedy: string, cause?: unknown): PosternError {
  return new PosternError('bad-certificate', message, { remedy, cause });
}

/** RSA modulus bits, or null for other kinds of keys. */
export function keyBits(certificate: X509Certificate): number | null {
  return certificate.publicKey.asymmetricKeyDetails?.modulusLength ?? null;
}

/** Signed with SHA-1 or MD5 by somebody else; a self-signature proves nothing whatever its hash. */
export function usesSha1(certificate: X509Certificate): boolean {
  return (
    /sha-?1(?![0-9])|md5/i.test(certificate.signatureAlgorithm ?? '') && certificate.subject !== certificate.issuer
  );
}

/** `2026-11-24` (UTC). */
export function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
