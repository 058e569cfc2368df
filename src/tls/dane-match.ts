// Whether what a server showed fits TLSA records: the leaf alone (DANE-EE), or a path of signatures to an authority that a
// record names (DANE-TA). Node builds no such paths, so this is done here, with OpenSSL's primitives behind X509Certificate.
import { createHash, createPublicKey, type KeyObject, timingSafeEqual, X509Certificate } from 'node:crypto';
import { describeTlsa, type TlsaRecord } from './dane.ts';
import { certificateExtensions, elements } from './der.ts';
import { keyBits, usesSha1 } from './own-certificate.ts';

export type DaneMatch =
  | { readonly ok: true; readonly record: TlsaRecord }
  /** Why no record fits, in plain words; `cause`: what alone keeps the path of signatures from counting. */
  | { readonly ok: false; readonly why: string; readonly cause: 'name' | 'expired' | 'other' };

/** RFC 6125 lets nobody send so many; a longer list is cut. */
const mostCertificates = 20;
const longestPath = 8;

/** The certificates in the order sent, the server's own first. */
export function sentChain(leaf: X509Certificate): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next: X509Certificate | undefined = leaf;
  while (next !== undefined && chain.length < mostCertificates && !chain.includes(next)) {
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}

/** `records`: usable ones (`usableRecords`). `names`: reference identifiers of DANE-TA. `now`: ms since the epoch. */
export function matchDane(
  records: readonly TlsaRecord[],
  leaf: X509Certificate,
  names: readonly string[],
  now: number,
): DaneMatch {
  // RFC 7672 3.1.1: name, dates and everything else in the certificate count for nothing here.
  const own = records.find((record) => record.usage === 3 && fits(record, leaf));
  if (own !== undefined) return { ok: true, record: own };
  const authorities = records.filter((record) => record.usage === 2);
  const reasons: string[] = [];
  let cause: 'name' | 'expired' | 'other' = 'other';
  if (authorities.length > 0) {
    const path = new PathSearch(authorities, sentChain(leaf), now);
    const found = path.from(leaf);
    if (found !== null) {
      if (matchesName(leaf, names)) return { ok: true, record: found };
      reasons.push(`the certificate is for other names than ${names.join(', ')}`);
      cause = 'name';
    } else {
      reasons.push(...path.reasons);
      if (path.expired && reasons.length === 1) cause = 'expired';
    }
  }
  if (reasons.length === 0) reasons.push('the certificate matches no TLSA record');
  return { ok: false, why: `${reasons.join('; ')} (${records.map(describeTlsa).join(', ')})`, cause };
}

/** `.name` stands for everything below it, as in OpenSSL. */
export function matchesName(leaf: X509Certificate, names: readonly string[]): boolean {
  return names.some((name) => leaf.checkHost(name, { partialWildcards: false }) !== undefined);
}

/** The record is about this certificate. */
function fits({ selector, matchingType, data }: TlsaRecord, certificate: X509Certificate): boolean {
  const content = selector === 0 ? certificate.raw : spki(certificate.publicKey);
  const compared = matchingType === 0 ? content : digest(matchingType, content);
  return compared.length === data.length && timingSafeEqual(compared, data);
}

function spki(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

function digest(matchingType: number, content: Buffer): Buffer {
  return createHash(matchingType === 1 ? 'sha256' : 'sha512')
    .update(content)
    .digest();
}

class PathSearch {
  readonly reasons: string[] = [];
  /** A certificate was left out because it is over. */
  expired = false;
  readonly #records: readonly TlsaRecord[];
  readonly #candidates: readonly X509Certificate[];
  readonly #keys: readonly { readonly record: TlsaRecord; readonly key: KeyObject }[];
  readonly #now: number;

  constructor(records: readonly TlsaRecord[], sent: readonly X509Certificate[], now: number) {
    this.#records = records;
    this.#now = now;
    // A record with a whole certificate or key in it: the server need not send that (RFC 7671 5.2.2).
    const given = records.flatMap((record) => {
      const certificate = record.matchingType === 0 && record.selector === 0 ? readCertificate(record.data) : null;
      return certificate === null ? [] : [certificate];
    });
    this.#candidates = [...sent.slice(1), ...given];
    this.#keys = records.flatMap((record) => {
      const key = record.matchingType === 0 && record.selector === 1 ? readKey(record.data) : null;
      return key === null ? [] : [{ record, key }];
    });
  }

  /** The record that names an authority above the certificate, or null. */
  from(leaf: X509Certificate): TlsaRecord | null {
    const problem = this.#problem(leaf, 0) ?? serverPurpose(leaf);
    if (problem !== null) {
      this.reasons.push(problem);
      return null;
    }
    const found = this.#above([leaf]);
    if (found === null && this.reasons.length === 0) {
      this.reasons.push('no path of signatures leads to an authority of the TLSA records');
    }
    return found;
  }

  #above(path: readonly X509Certificate[]): TlsaRecord | null {
    const child = path.at(-1);
    if (child === undefined || path.length > longestPath) return null;
    for (const { record, key } of this.#keys) if (child.verify(key)) return record;
    for (const issuer of this.#candidates) {
      if (path.includes(issuer) || !child.checkIssued(issuer) || !child.verify(issuer.publicKey)) continue;
      const problem = this.#problem(issuer, path.length);
      if (problem !== null) {
        this.reasons.push(problem);
        continue;
      }
      const record = this.#records.find((one) => fits(one, issuer)) ?? this.#above([...path, issuer]);
      if (record !== null) return record;
    }
    return null;
  }

  /** What keeps the certificate out of a path; `depth` 0: the server's own. */
  #problem(certificate: X509Certificate, depth: number): string | null {
    const who = depth === 0 ? 'the certificate' : `the authority "${certificate.subject.replaceAll('\n', ', ')}"`;
    if (certificate.validToDate.getTime() < this.#now) {
      this.expired = true;
      return `${who} has expired`;
    }
    if (certificate.validFromDate.getTime() > this.#now) return `${who} is not valid yet`;
    const bits = keyBits(certificate);
    if (bits !== null && bits < 2048) return `${who} has a key of RSA ${bits} bits`;
    if (usesSha1(certificate)) return `${who} is signed with ${certificate.signatureAlgorithm}`;
    for (const { oid, critical, value } of certificateExtensions(certificate.raw)) {
      if (oid === basicConstraints) {
        const limit = pathLength(value);
        // RFC 5280 4.2.1.9: certificates between it and the server's own.
        if (depth > 0 && limit !== null && depth - 1 > limit) return `${who} may not have so many authorities below it`;
      } else if (critical && !understood.has(oid)) return `${who} has a critical extension that is not understood`;
    }
    return depth > 0 && !certificate.ca ? `${who} may not sign certificates` : null;
  }
}

const basicConstraints = '551d13';
/** subjectAltName, keyUsage (Node's `ca` looks at it), extendedKeyUsage, certificatePolicies, subjectKeyIdentifier, authorityKeyIdentifier. */
const understood: ReadonlySet<string> = new Set(['551d11', '551d0f', '551d25', '551d20', '551d0e', '551d23']);

/** BasicConstraints: SEQUENCE { cA BOOLEAN, pathLenConstraint INTEGER OPTIONAL }. */
function pathLength(value: Uint8Array): number | null {
  const [sequence] = elements(value);
  const number = elements(sequence?.content ?? new Uint8Array(0)).find(({ tag }) => tag === 0x02);
  return number === undefined ? null : number.content.reduce((sum, byte) => sum * 256 + byte, 0);
}

/** An extendedKeyUsage without serverAuth is for something else (RFC 5280 4.2.1.12). Node calls it `keyUsage`. */
function serverPurpose(leaf: X509Certificate): string | null {
  const purposes: readonly string[] | undefined = leaf.keyUsage;
  if (purposes === undefined || purposes.length === 0) return null;
  const served = purposes.includes('1.3.6.1.5.5.7.3.1') || purposes.includes('2.5.29.37.0');
  return served ? null : 'the certificate is not meant for servers';
}

function readCertificate(der: Uint8Array): X509Certificate | null {
  try {
    return new X509Certificate(der);
  } catch {
    return null; // a record with something else in it matches nothing
  }
}

function readKey(der: Uint8Array): KeyObject | null {
  try {
    return createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
  } catch {
    return null; // as above
  }
}
