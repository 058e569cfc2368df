// What a recipient domain is told about one session with one of its hosts (RFC 8460): under which policy, and what came of it.
import { type DaneVerdict, tlsaText } from './dane.ts';
import { policyLines, type StsPolicy } from './mta-sts.ts';
import type { TlsPolicy } from './policy.ts';

/** RFC 8460 4.3, 6.6. */
export const resultTypes = [
  'starttls-not-supported',
  'certificate-host-mismatch',
  'certificate-expired',
  'certificate-not-trusted',
  'validation-failure',
  'tlsa-invalid',
  'dnssec-invalid',
  'dane-required',
  'sts-policy-fetch-error',
  'sts-policy-invalid',
  'sts-webpki-invalid',
] as const;
export type ResultType = (typeof resultTypes)[number];

/** RFC 8460 4.4. */
export const policyTypes = ['tlsa', 'sts', 'no-policy-found'] as const;
export type PolicyType = (typeof policyTypes)[number];

export interface TlsProblem {
  readonly type: ResultType;
  /** `failure-reason-code`: an error code or a short text. */
  readonly reason: string;
}

export interface SessionResult {
  readonly policy: PolicyType;
  /** RFC 8460 1.1: the recipients' domain; of a TLSA policy the TLSA base domain. */
  readonly policyDomain: string;
  /** `policy-string`, a line each. */
  readonly policyString: string;
  /** Null: as the policy wants it. */
  readonly problem: TlsProblem | null;
}

/** The MX is not among those that the MTA-STS policy names (RFC 8461 4.1). */
export const unnamedHost: TlsProblem = {
  type: 'validation-failure',
  reason: 'the MTA-STS policy does not name the MX',
};

export const noStartTls = (reason: string): TlsProblem => ({ type: 'starttls-not-supported', reason });

/** Why a host was not even dialled; null: no affair of the domain's. */
export function refusalProblem({ facts, check, sts }: TlsPolicy): TlsProblem | null {
  if (facts === null) return null;
  const { dane } = facts;
  if (dane?.kind === 'failed') return { type: 'dnssec-invalid', reason: dane.why };
  // RFC 8460 4.3.2.1: the configuration demands DANE. REQUIRETLS of a message does not: a certificate of an authority would do.
  if (check === 'dane' && dane !== null && dane.kind !== 'usable') {
    return { type: dane.kind === 'unusable' ? 'tlsa-invalid' : 'dane-required', reason: dane.why };
  }
  return sts !== null && !sts.named ? unnamedHost : null;
}

/**
 * What a session counts as, once for the policy that ruled it; what was wrong with another policy of the domain counts beside it (RFC
 * 8460 4). `host`: its name.
 */
export function sessionResults(policy: TlsPolicy, host: string, problem: TlsProblem | null): readonly SessionResult[] {
  const { facts } = policy;
  if (facts === null) return [];
  const { domain, dane, sts } = facts;
  const results: SessionResult[] = [];
  const tlsa = (about: TlsProblem | null): SessionResult => ({
    policy: 'tlsa',
    policyDomain: dane?.kind === 'usable' || dane?.kind === 'unusable' ? dane.base : host,
    policyString: tlsaLines(dane),
    problem: about,
  });
  const own = (about: TlsProblem | null): SessionResult => ({
    policy: sts?.kind === 'policy' ? 'sts' : 'no-policy-found',
    policyDomain: domain,
    policyString: sts?.kind === 'policy' ? stsLines(sts.policy) : '',
    problem: about,
  });
  const ruledByDane = dane?.kind === 'usable' || dane?.kind === 'failed' || problem?.type === 'dane-required';
  if (ruledByDane && problem !== unnamedHost) results.push(tlsa(problem));
  else if (ruledByDane) {
    if (policy.refusal === null) results.push(tlsa(null));
    results.push(own(problem));
  } else if (dane?.kind === 'unusable') {
    const invalid: TlsProblem = { type: 'tlsa-invalid', reason: dane.why };
    if (sts?.kind === 'policy') results.push(own(problem), tlsa(invalid));
    else results.push(tlsa(problem ?? invalid));
  } else results.push(own(problem));
  const failure = sts?.failure ?? null;
  if (failure !== null) {
    const { type, detail: reason } = failure;
    results.push({ policy: 'sts', policyDomain: domain, policyString: '', problem: { type, reason } });
  }
  return results;
}

function tlsaLines(dane: DaneVerdict | null): string {
  return dane?.kind === 'usable' || dane?.kind === 'unusable' ? dane.found.map(tlsaText).join('\n') : '';
}

/** A policy stays the same object while it is in force. */
const lines = new WeakMap<StsPolicy, string>();

function stsLines(policy: StsPolicy): string {
  let text = lines.get(policy);
  if (text === undefined) {
    text = policyLines(policy).join('\n');
    lines.set(policy, text);
  }
  return text;
}
