// What somebody can do about TLS that failed, in one sentence: for the log, the queue, and the sender's notice.
import type { TlsPolicy } from './policy.ts';

/** What failed: the host is not even dialled, STARTTLS, the handshake, the certificate, REQUIRETLS behind all that. */
export type TlsFault = 'refused' | 'starttls' | 'handshake' | 'certificate' | 'requiretls';

/** Empty: the demand is the administrator's own, and whoever reads the failure knows all of it. */
export function remedyOf(policy: TlsPolicy, fault: TlsFault, host: string): string {
  if (policy.requireTls === 'demanded') return requireTlsRemedy(policy, fault, host);
  return publishedRemedy(policy, fault, host);
}

function requireTlsRemedy(policy: TlsPolicy, fault: TlsFault, host: string): string {
  const published = fault === 'requiretls' ? '' : publishedRemedy(policy, fault, host);
  return `${published || requireTlsRepair(fault, host)}, or the message must be sent again without REQUIRETLS`;
}

/** Where the domain has published nothing that fails. */
function requireTlsRepair(fault: TlsFault, host: string): string {
  switch (fault) {
    case 'requiretls':
      return `${host} must offer REQUIRETLS (RFC 8689)`;
    case 'refused':
      return `${host} needs a name that can be relied on, and a certificate for it`;
    case 'starttls':
      return `${host} must offer STARTTLS, and REQUIRETLS behind it`;
    case 'handshake':
      return `TLS 1.2 or newer must work on ${host}`;
    case 'certificate':
      return `${host} needs a certificate for its name, of an authority that is trusted here`;
  }
}

/** What the recipient's domain promises by MTA-STS or DANE, and its host does not keep. */
function publishedRemedy(policy: TlsPolicy, fault: TlsFault, host: string): string {
  const { check, trust, sts, sni } = policy;
  if (fault === 'refused') return refusedRemedy(policy);
  if (check === 'dane' && sni !== null) {
    if (fault === 'certificate')
      return `the TLSA records of ${sni} must be those of the certificate that ${host} shows`;
    return `the TLSA records of ${sni} promise TLS: it must work on ${host}, or the records must go`;
  }
  if (trust === 'mta-sts' && sts !== null) {
    const { domain } = sts;
    if (fault === 'certificate') {
      return `${host} needs a certificate of a public authority for its name, or ${domain} another policy`;
    }
    return `the policy of ${domain} promises TLS: it must work on ${host}, or the policy must change`;
  }
  return '';
}

/** Nothing was dialled: what was published, or was not, rules the host out. */
function refusedRemedy({ check, trust, sts, sni, tlsa }: TlsPolicy): string {
  const leftOut = sts !== null && sts.policy.mode === 'enforce' && !sts.named;
  // Where the DNS of TLSA records is in order the other policy is what is in the way.
  if (leftOut && (check !== 'dane' || tlsa.length > 0)) {
    return `${sts.domain} must name the host in its policy, or take it out of its MX records`;
  }
  if (check !== 'dane' || sni === null) return '';
  // `dane-only` is what the administrator wants: the domain has promised nothing.
  if (trust === 'none') return `${sni} must publish usable TLSA records in a signed zone, or the level must be another`;
  return `the DNS of ${sni} must answer questions for TLSA records, rightly signed`;
}
