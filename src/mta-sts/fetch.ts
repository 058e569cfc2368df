// Fetching the MTA-STS policy of a domain (RFC 8461 3.3): HTTPS with full verification, no redirect, bounds on size and time.
import type { SecureContext } from 'node:tls';
import type { MailResolver } from '../dns/resolver.ts';
import { messageOf } from '../errors.ts';
import {
  mostPolicyBytes,
  parseStsPolicy,
  policyHost,
  policyPath,
  type StsFailure,
  type StsFailureType,
  type StsPolicy,
} from '../tls/mta-sts.ts';
import { verifyErrorText } from '../tls/peer-check.ts';
import { askHttps, RefusedAnswer } from './https.ts';

export interface FetchOptions {
  readonly resolver: Pick<MailResolver, 'addresses'>;
  readonly context: SecureContext;
  /** ms in all. */
  readonly timeout: number;
}

export type Fetched =
  | { readonly ok: true; readonly policy: StsPolicy }
  | { readonly ok: false; readonly failure: StsFailure };

const httpsPort = 443;
const mostAddresses = 4;

/** Never rejects. */
export async function fetchPolicy(domain: string, { resolver, context, timeout }: FetchOptions): Promise<Fetched> {
  const host = policyHost(domain);
  const signal = AbortSignal.timeout(timeout);
  let addresses: readonly string[];
  try {
    ({ addresses } = await resolver.addresses(host));
  } catch (error) {
    return failed('sts-policy-fetch-error', messageOf(error));
  }
  let last: Fetched = failed('sts-policy-fetch-error', `${host} has no address`);
  for (const address of addresses.slice(0, mostAddresses)) {
    try {
      const text = await getPolicy(host, address, context, signal);
      const parsed = parseStsPolicy(text);
      return parsed.ok
        ? { ok: true, policy: parsed.policy }
        : failed('sts-policy-invalid', `the policy at ${host} is wrong: ${parsed.why}`);
    } catch (error) {
      if (signal.aborted) return failed('sts-policy-fetch-error', `${host} took longer than ${timeout} ms`);
      last = failureOf(host, error);
      // It answered: another address would say the same.
      if (error instanceof RefusedAnswer) return last;
    }
  }
  return last;
}

async function getPolicy(host: string, address: string, context: SecureContext, signal: AbortSignal): Promise<string> {
  const body = await askHttps({
    host,
    address,
    port: httpsPort,
    method: 'GET',
    path: policyPath,
    headers: { Accept: 'text/plain' },
    context,
    signal,
    most: mostPolicyBytes,
    refuse: (status, headers) => {
      // RFC 8461 3.3: redirects must not be followed.
      if (status !== 200) return `it answers with HTTP status ${status}`;
      const type = String(headers['content-type'] ?? '')
        .split(';', 1)[0]
        ?.trim()
        .toLowerCase();
      if (type !== 'text/plain') return 'its answer is not of type text/plain';
      return headers['content-encoding'] === undefined ? null : 'its answer has a content encoding';
    },
  });
  return body.toString('utf8');
}

function failureOf(host: string, error: unknown): Fetched {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return failed('sts-webpki-invalid', messageOf(error));
  if (/^(CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_(CA|PURPOSE)|PATH_LENGTH_|CA_MD_|EE_KEY_)/.test(code)) {
    return failed('sts-webpki-invalid', `the certificate of ${host} cannot be verified: ${verifyErrorText(code)}`);
  }
  return failed('sts-policy-fetch-error', `${host}: ${messageOf(error)}`);
}

function failed(type: StsFailureType, detail: string): { readonly ok: false; readonly failure: StsFailure } {
  return { ok: false, failure: { type, detail } };
}
