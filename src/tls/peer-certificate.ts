// The certificate that a peer showed: reported, with its weaknesses, not judged.
import type { X509Certificate } from 'node:crypto';
import { day, keyBits, usesSha1 } from './own-certificate.ts';

/** What the other side showed, and what our check of it said. Nothing here is a condition by itself. */
export interface CertificateReport {
  /** Distinguished names on one line: `CN=mx.example.org, O=Example`. */
  readonly subject: string;
  readonly issuer: string;
  /** subjectAltName as `DNS:mx.example.org, IP:192.0.2.1`; empty where there is none. */
  readonly names: string;
  /** ms since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** `RSA 2048`, `ECDSA prime256v1`, `ed25519`. */
  readonly key: string;
  /** Such as `sha256WithRSAEncryption`. */
  readonly signatureAlgorithm: string;
  /** SHA-256 of the certificate, hex. */
  readonly fingerprint: string;
  /** The chain ends at an authority that we trust, and the times are right. */
  readonly trusted: boolean;
  /** OpenSSL's word for why not, such as `DEPTH_ZERO_SELF_SIGNED_CERT`. */
  readonly verifyError: string | null;
  /** The name that was asked for stands in it; null where there was no name to check. */
  readonly nameMatches: boolean | null;
  /** `self-signed`, `expired`, `RSA 1024`, `SHA-1 signature`, `name mismatch`... */
  readonly weaknesses: readonly string[];
}

/**
 * `verifyError`: Node's `authorizationError` (chain and times only). `name`: the name to check, or null. Null: no certificate.
 */
export function reportCertificate(
  certificate: X509Certificate | undefined,
  verifyError: string | null,
  name: string | null,
  now: number = Date.now(),
): CertificateReport | null {
  if (certificate === undefined) return null;
  const nameMatches = name === null ? null : certificate.checkHost(name) !== undefined;
  const bits = keyBits(certificate);
  const weaknesses: string[] = [];
  if (certificate.subject === certificate.issuer) weaknesses.push('self-signed');
  if (certificate.validToDate.getTime() < now) weaknesses.push('expired');
  if (certificate.validFromDate.getTime() > now) weaknesses.push('not valid yet');
  if (bits !== null && bits < 2048) weaknesses.push(`RSA ${bits}`);
  if (usesSha1(certificate)) weaknesses.push('SHA-1 signature');
  if (nameMatches === false) weaknesses.push('name mismatch');
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    names: oneLine((certificate.subjectAltName ?? '').replaceAll('IP Address:', 'IP:')),
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
    key: keyText(certificate),
    signatureAlgorithm: certificate.signatureAlgorithm ?? 'unknown',
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    trusted: verifyError === null,
    verifyError,
    nameMatches,
    weaknesses,
  };
}

function keyText(certificate: X509Certificate): string {
  const type = certificate.publicKey.asymmetricKeyType ?? 'unknown';
  const details = certificate.publicKey.asymmetricKeyDetails;
  if (type === 'rsa' || type === 'rsa-pss') return `RSA ${details?.modulusLength ?? '?'}`;
  return type === 'ec' ? `ECDSA ${details?.namedCurve ?? '?'}` : type;
}

/** A stranger wrote these texts: no control character reaches the log, and no more than 200 characters. */
function oneLine(text: string): string {
  const line = text
    .trim()
    .replaceAll(/\r?\n/g, ', ')
    .replaceAll(/[\x00-\x1f\x7f-\x9f]/g, '?');
  return line.length > 200 ? `${line.slice(0, 200)}...` : line;
}

/** One line for the log: subject, issuer, expiry, key, verification result, weaknesses. */
export function describeCertificate(report: CertificateReport | null): string {
  if (report === null) return 'none shown';
  const verified = report.trusted && report.nameMatches !== false;
  const failure = report.verifyError ?? 'name mismatch';
  const parts = [
    `subject "${report.subject}"`,
    `issuer "${report.issuer}"`,
    `expires ${day(new Date(report.notAfter))}`,
    `key ${report.key}`,
    verified ? 'verified' : `not verified (${failure})`,
  ];
  if (report.weaknesses.length > 0) parts.push(`weak: ${report.weaknesses.join(', ')}`);
  return parts.join(' ');
}
