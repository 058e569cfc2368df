// Whether what a server showed fits TLSA records: the leaf alone (DANE-EE), or a path of signatures to an authority that a
// record names (DANE-TA). Node builds no such paths, so this is done here, with OpenSSL's primitives behind X509Certificate.
import { createHash, createPublicKey, type KeyObject, timingSafeEqual, X509Certificate } from 'node:crypto';
import { describeRecords, type TlsaRecord } from './dane.ts';
import { certificateExtensions, elements } from './der.ts';
import { keyBits, usesSha1 } from './own-certificate.ts';

export type DaneMatch =
  | { readonly ok: true; readonly record: TlsaRecord }
  /** Why no record fits, in plain words; `cause`: what alone keeps the path of signatures from counting. */
  | { readonly ok: false; readonly why: string; readonly cause: 'name' | 'expired' | 'other' };

/** Nobody needs so many; a longer list is cut. */
const mostCertificates = 20;
const longestPath = 8;
/** Signatures that are verified for one server. Whoever sends twenty authorities of one name and key would have millions of paths tried. */
const mostVerifications = 100;
const mostReasons = 3;
/** A stranger wrote them. */
const longestSubject = 100;

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
  return { ok: false, why: `${reasons.join('; ')} (${describeRecords(records)})`, cause };
}

/** `.name` stands for everything below it, as in OpenSSL. `commonName: false`: it does not count where there is no alternative name. */
export function matchesName(
  leaf: X509Certificate,
  names: readonly string[],
  { commonName = true }: { readonly commonName?: boolean } = {},
): boolean {
  const options = { partialWildcards: false, subject: commonName ? 'default' : 'never' } as const;
  return names.some((name) => leaf.checkHost(name, options) !== undefined);
}

/** The record is about this certificate. */
function fits({ selector, matchingType, data }: TlsaRecord, certificate: X509Certificate): boolean {
  const compared = contentOf(certificate, selector, matchingType);
  return compared.length === data.length && timingSafeEqual(compared, data);
}

/** A set of records may have hundreds, and each of a server's certificates is compared with all of them. */
const contents = new WeakMap<X509Certificate, Map<string, Buffer>>();

function contentOf(certificate: X509Certificate, selector: number, matchingType: number): Buffer {
  let known = contents.get(certificate);
  if (known === undefined) {
    known = new Map();
    contents.set(certificate, known);
  }
  const key = `${selector} ${matchingType}`;
  let content = known.get(key);
  if (content === undefined) {
    content = matchingType === 0 ? wholeOf(certificate, selector) : digestOf(certificate, selector, matchingType);
    known.set(key, content);
  }
  return content;
}

function wholeOf(certificate: X509Certificate, selector: number): Buffer {
  return selector === 0 ? certificate.raw : certificate.publicKey.export({ type: 'spki', format: 'der' });
}

/** Of certificates that were shown before, by their SHA-256: writing a key in DER takes longer than all else here. The oldest goes first. */
const digests = new Map<string, Buffer>();
const mostDigests = 2000;

function digestOf(certificate: X509Certificate, selector: number, matchingType: number): Buffer {
  const key = `${certificate.fingerprint256} ${selector} ${matchingType}`;
  const known = digests.get(key);
  if (known !== undefined) return known;
  const content = digest(matchingType, wholeOf(certificate, selector));
  if (digests.size >= mostDigests) {
    const oldest = digests.keys().next();
    if (oldest.done !== true) digests.delete(oldest.value);
  }
  digests.set(key, content);
  return content;
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
  #verifications = 0;

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
    const problem = this.#problem(leaf, 0) ?? serverPurpose(leaf, 'the certificate');
    if (problem !== null) {
      this.reasons.push(problem);
      return null;
    }
    const found = this.#search(leaf);
    if (found === null && this.reasons.length === 0) {
      this.reasons.push('no path of signatures leads to an authority of the TLSA records');
    }
    return found;
  }

  /** Level by level: each authority is met on its shortest path, and once; a longer one would only be less good for it. */
  #search(leaf: X509Certificate): TlsaRecord | null {
    const left = new Set(this.#candidates);
    let level: readonly X509Certificate[] = [leaf];
    for (let depth = 1; depth <= longestPath && level.length > 0; depth++) {
      const next: X509Certificate[] = [];
      for (const child of level) {
        for (const { record, key } of this.#keys) if (this.#signed(child, key)) return record;
        for (const issuer of left) {
          if (!child.checkIssued(issuer) || !this.#signed(child, issuer.publicKey)) continue;
          left.delete(issuer);
          const record = this.#records.find((one) => fits(one, issuer));
          const problem = this.#problem(issuer, depth, record !== undefined) ?? serverPurpose(issuer, 'the authority');
          if (problem !== null) this.#refuse(problem);
          else if (record !== undefined) return record;
          else next.push(issuer);
        }
      }
      level = next;
    }
    return null;
  }

  #signed(certificate: X509Certificate, key: KeyObject): boolean {
    if (this.#verifications === mostVerifications) this.#refuse('the server sends too many certificates to follow');
    return this.#verifications++ < mostVerifications && certificate.verify(key);
  }

  #refuse(problem: string): void {
    if (this.reasons.length < mostReasons) this.reasons.push(problem);
  }

  /** What keeps the certificate out of a path; `depth` 0: the server's own. `named`: by a record, so that who signed it does not count. */
  #problem(certificate: X509Certificate, depth: number, named = false): string | null {
    const who = depth === 0 ? 'the certificate' : `the authority "${subjectOf(certificate)}"`;
    if (certificate.validToDate.getTime() < this.#now) {
      this.expired = true;
      return `${who} has expired`;
    }
    if (certificate.validFromDate.getTime() > this.#now) return `${who} is not valid yet`;
    const bits = keyBits(certificate);
    if (bits !== null && bits < 2048) return `${who} has a key of RSA ${bits} bits`;
    if (!named && usesSha1(certificate)) return `${who} is signed with ${certificate.signatureAlgorithm}`;
    for (const { oid, critical, value } of certificateExtensions(certificate.raw)) {
      if (oid === basicConstraints) {
        const limit = pathLength(value);
        // RFC 5280 4.2.1.9: certificates between it and the server's own.
        if (depth > 0 && limit !== null && depth - 1 > limit) return `${who} may not have so many authorities below it`;
      } else if (oid === nameConstraints || (critical && !understood.has(oid))) {
        return `${who} has a critical extension that is not understood`;
      }
    }
    return depth > 0 && !certificate.ca ? `${who} may not sign certificates` : null;
  }
}

function subjectOf({ subject }: X509Certificate): string {
  const line = subject.replaceAll('\n', ', ');
  return line.length > longestSubject ? `${line.slice(0, longestSubject)}...` : line;
}

const basicConstraints = '551d13';
/** RFC 5280 4.2.1.10: always critical. Where it is not marked so it must not be passed over either. */
const nameConstraints = '551d1e';
/** subjectAltName, keyUsage (Node's `ca` looks at it), extendedKeyUsage, certificatePolicies, subjectKeyIdentifier, authorityKeyIdentifier. */
const understood: ReadonlySet<string> = new Set(['551d11', '551d0f', '551d25', '551d20', '551d0e', '551d23']);

/** BasicConstraints: SEQUENCE { cA BOOLEAN, pathLenConstraint INTEGER OPTIONAL }. */
function pathLength(value: Uint8Array): number | null {
  const [sequence] = elements(value);
  const number = elements(sequence?.content ?? new Uint8Array(0)).find(({ tag }) => tag === 0x02);
  return number === undefined ? null : number.content.reduce((sum, byte) => sum * 256 + byte, 0);
}

/** An extendedKeyUsage without serverAuth is for something else (RFC 5280 4.2.1.12), above the server's own too. Node calls it `keyUsage`. */
function serverPurpose(certificate: X509Certificate, who: string): string | null {
  const purposes: readonly string[] | undefined = certificate.keyUsage;
  if (purposes === undefined || purposes.length === 0) return null;
  const served = purposes.includes('1.3.6.1.5.5.7.3.1') || purposes.includes('2.5.29.37.0');
  return served ? null : `${who} is not meant for servers`;
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
