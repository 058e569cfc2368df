// What a server's certificate is worth under a policy.
import type { ConnectedTls } from './connect.ts';
import { describeTlsa } from './dane.ts';
import { matchDane, matchesName, sentChain } from './dane-match.ts';
import type { TlsPolicy } from './policy.ts';
import { type ResultType, type TlsProblem, unnamedHost } from './tls-report.ts';

export interface PeerVerdict {
  /** The policy lets mail go out. */
  readonly ok: boolean;
  /** What the connection really is. */
  readonly got: 'encrypted' | 'verified' | 'dane';
  /** The name or record that matched, or why none did; empty where nothing was compared. */
  readonly detail: string;
  /** What the domain is to be told (RFC 8460); null: nothing is wrong, or it is no affair of the domain's. */
  readonly problem: TlsProblem | null;
}

const unchecked: PeerVerdict = { ok: true, got: 'encrypted', detail: '', problem: null };

/** `now`: ms since the epoch. */
export function checkPeer(
  policy: TlsPolicy,
  shown: Pick<ConnectedTls, 'peer' | 'verifyError'>,
  now: number = Date.now(),
): PeerVerdict {
  if (policy.check === 'none') return unchecked;
  const verdict = compare(policy, shown, now);
  const { sts } = policy;
  if (sts === null || sts.policy.mode !== 'testing') return verdict.ok ? { ...verdict, problem: null } : verdict;
  // RFC 8461 5: said, without consequences.
  const names = sts.named ? '' : `the policy of ${sts.domain} does not name the host`;
  const wrong = verdict.got === 'encrypted' ? verdict.detail : names;
  if (wrong === '') return verdict;
  return { ...verdict, detail: `MTA-STS testing: ${wrong}`, problem: verdict.problem ?? unnamedHost };
}

/**
 * How long what `checkPeer` found may stand for a later connection that goes on with this one's TLS session, ms from `now` (since the
 * epoch): as long as the certificates are valid, where their dates count.
 */
export function lastsFor(
  policy: Pick<TlsPolicy, 'check' | 'tlsa'>,
  { peer }: Pick<ConnectedTls, 'peer'>,
  now: number = Date.now(),
): number {
  const leaf = policy.check === 'none' || isDaneEe(policy) ? undefined : peer();
  if (leaf === undefined) return Number.POSITIVE_INFINITY;
  return Math.min(...sentChain(leaf).map(({ validToDate }) => validToDate.getTime() - now));
}

/** RFC 7672 3.1.1: dates count for nothing. */
function isDaneEe({ check, tlsa }: Pick<TlsPolicy, 'check' | 'tlsa'>): boolean {
  return check === 'dane' && tlsa.every(({ usage }) => usage === 3);
}

function compare(policy: TlsPolicy, shown: Pick<ConnectedTls, 'peer' | 'verifyError'>, now: number): PeerVerdict {
  const failed = (detail: string, type: ResultType, reason: string): PeerVerdict => ({
    ok: policy.onFailure.certificate === 'accept',
    got: 'encrypted',
    detail,
    problem: { type, reason },
  });
  const leaf = shown.peer();
  if (leaf === undefined) {
    return failed('the server showed no certificate', 'certificate-not-trusted', 'no certificate');
  }
  if (policy.check === 'dane') {
    const match = matchDane(policy.tlsa, leaf, policy.names, now);
    if (!match.ok) return failed(match.why, daneResults[match.cause], match.why);
    const detail = `TLSA ${describeTlsa(match.record)} at ${policy.sni ?? ''}`;
    return { ok: true, got: 'dane', detail, problem: null };
  }
  const verifyError = shown.verifyError();
  if (verifyError !== null) {
    const detail = `the certificate cannot be verified: ${verifyErrorText(verifyError)}`;
    const expired = verifyError === 'CERT_HAS_EXPIRED';
    return failed(detail, expired ? 'certificate-expired' : 'certificate-not-trusted', `X509_V_ERR_${verifyError}`);
  }
  const name = policy.names.find((one) => matchesName(leaf, [one], { commonName: !alternativesOnly(policy) }));
  if (name === undefined) {
    const wanted = policy.names.length === 0 ? 'any (the host has only an address)' : policy.names.join(', ');
    const detail = `the certificate is not for ${wanted}`;
    return failed(detail, 'certificate-host-mismatch', detail);
  }
  return { ok: true, got: 'verified', detail: `certificate for ${name}`, problem: null };
}

/** RFC 8460 4.3.1, 4.3.2.1. That no record fits is told as Microsoft tells it. */
const daneResults = {
  name: 'certificate-host-mismatch',
  expired: 'certificate-expired',
  other: 'tlsa-invalid',
} as const;

/** RFC 8461 4.2: the name must be an alternative name. A policy that is only tested changes nothing about what else is wanted. */
function alternativesOnly({ sts, onFailure }: TlsPolicy): boolean {
  return sts !== null && (sts.policy.mode === 'enforce' || onFailure.certificate === 'accept');
}

const verifyErrors: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its authority is not among those trusted',
  UNABLE_TO_GET_ISSUER_CERT: 'its authority is not among those trusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its authority is not among those trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its authority is not among those trusted, or the server does not send its chain',
  CERT_HAS_EXPIRED: 'it, or an authority above it, has expired',
  CERT_NOT_YET_VALID: 'it, or an authority above it, is not valid yet',
};

/** OpenSSL's word for what is wrong with a chain, in plain words. */
export function verifyErrorText(word: string): string {
  const text = verifyErrors[word];
  return text === undefined ? word : `${text} (${word})`;
}
