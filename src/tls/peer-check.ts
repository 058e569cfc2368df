// What a server's certificate is worth under a policy.
import type { ConnectedTls } from './connect.ts';
import { describeTlsa } from './dane.ts';
import { matchDane, matchesName } from './dane-match.ts';
import type { TlsPolicy } from './policy.ts';

export interface PeerVerdict {
  /** The policy lets mail go out. */
  readonly ok: boolean;
  /** What the connection really is. */
  readonly got: 'encrypted' | 'verified' | 'dane';
  /** The name or record that matched, or why none did; empty where nothing was compared. */
  readonly detail: string;
}

const unchecked: PeerVerdict = { ok: true, got: 'encrypted', detail: '' };

/** `now`: ms since the epoch. */
export function checkPeer(
  policy: TlsPolicy,
  shown: Pick<ConnectedTls, 'peer' | 'verifyError'>,
  now: number = Date.now(),
): PeerVerdict {
  if (policy.check === 'none') return unchecked;
  const verdict = compare(policy, shown, now);
  const { sts } = policy;
  if (sts === null || sts.policy.mode !== 'testing') return verdict;
  // RFC 8461 5: said, without consequences.
  const names = sts.named ? '' : `the policy of ${sts.domain} does not name the host`;
  const wrong = verdict.got === 'encrypted' ? verdict.detail : names;
  return wrong === '' ? verdict : { ...verdict, detail: `MTA-STS testing: ${wrong}` };
}

function compare(policy: TlsPolicy, shown: Pick<ConnectedTls, 'peer' | 'verifyError'>, now: number): PeerVerdict {
  const failed = (detail: string): PeerVerdict => ({
    ok: policy.onFailure.certificate === 'accept',
    got: 'encrypted',
    detail,
  });
  const leaf = shown.peer();
  if (leaf === undefined) return failed('the server showed no certificate');
  if (policy.check === 'dane') {
    const match = matchDane(policy.tlsa, leaf, policy.names, now);
    if (!match.ok) return failed(match.why);
    return { ok: true, got: 'dane', detail: `TLSA ${describeTlsa(match.record)} at ${policy.sni ?? ''}` };
  }
  const verifyError = shown.verifyError();
  if (verifyError !== null) return failed(`the certificate cannot be verified: ${verifyErrorText(verifyError)}`);
  const name = policy.names.find((one) => matchesName(leaf, [one]));
  if (name === undefined) {
    const wanted = policy.names.length === 0 ? 'any (the host has only an address)' : policy.names.join(', ');
    return failed(`the certificate is not for ${wanted}`);
  }
  return { ok: true, got: 'verified', detail: `certificate for ${name}` };
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
