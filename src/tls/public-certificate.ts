// Whether browsers accept a certificate without a question: its chain leads to an authority of the built-in list.
import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import type { CertificateSettings } from '../config/snapshot.ts';

const longestChain = 8;

let builtIn: readonly X509Certificate[] | null = null;

/** Parsing the list takes 20 ms: once, when it is first asked for. */
function builtInRoots(): readonly X509Certificate[] {
  builtIn ??= rootCertificates.map((pem) => new X509Certificate(pem));
  return builtIn;
}

/** Every pair has a name of the DNS, is valid at `now`, and leads to one of `roots`. */
export function isPubliclyValid(
  { pairs }: CertificateSettings,
  now: number = Date.now(),
  roots: readonly X509Certificate[] = builtInRoots(),
): boolean {
  return (
    pairs.length > 0 &&
    pairs.every(({ cert }) => {
      const [leaf, ...chain] = certificatesIn(cert);
      return (
        leaf !== undefined &&
        /(^|, )DNS:/.test(leaf.subjectAltName ?? '') &&
        isCurrent(leaf, now) &&
        leadsTo(leaf, chain, roots, now)
      );
    })
  );
}

function certificatesIn(pem: string): X509Certificate[] {
  const texts = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return texts.map((text) => new X509Certificate(text));
}

function leadsTo(
  leaf: X509Certificate,
  chain: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  now: number,
): boolean {
  let present = leaf;
  for (let length = 0; length < longestChain; length++) {
    const last = present;
    const issued = (issuer: X509Certificate) =>
      issuer.ca && isCurrent(issuer, now) && last.checkIssued(issuer) && last.verify(issuer.publicKey);
    if (roots.some(issued)) return true;
    const next = chain.find((candidate) => candidate !== last && issued(candidate));
    if (next === undefined) return false;
    present = next;
  }
  return false;
}

function isCurrent(certificate: X509Certificate, now: number): boolean {
  return certificate.validFromDate.getTime() <= now && now <= certificate.validToDate.getTime();
}
