// Fetching the MTA-STS policy of a domain (RFC 8461 3.3): HTTPS with full verification, no redirect, bounds on size and time.
import { X509Certificate } from 'node:crypto';
import { type RequestOptions, request } from 'node:https';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
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
const mostHeader = 8 * 1024;

/** TLS 1.2 and 1.3, with the authorities of the system and `ca` (PEM text) beside them. Throws where that is no PEM. */
export function policyContext(ca: string | undefined): SecureContext {
  return createSecureContext({
    minVersion: 'TLSv1.2',
    ...(ca === undefined ? {} : { ca: [...getCACertificates('default'), ca] }),
  });
}

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

/** There was an answer, and it is not to be used. */
class RefusedAnswer extends Error {}

async function getPolicy(
  host: string,
  address: string,
  secureContext: SecureContext,
  signal: AbortSignal,
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const options: RequestOptions & { readonly secureContext: SecureContext } = {
    host: address,
    port: httpsPort,
    path: policyPath,
    servername: host,
    headers: { Host: host, Accept: 'text/plain', 'User-Agent': 'Postern' },
    secureContext,
    rejectUnauthorized: true,
    checkServerIdentity: (_name, certificate) => wrongName(host, certificate.raw),
    agent: false,
    maxHeaderSize: mostHeader,
    signal,
  };
  const asked = request(options, (response) => {
    const refuse = (why: string) => {
      reject(new RefusedAnswer(why));
      asked.destroy();
    };
    // RFC 8461 3.3: redirects must not be followed.
    if (response.statusCode !== 200) return refuse(`it answers with HTTP status ${response.statusCode}`);
    const type = (response.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
    if (type !== 'text/plain') return refuse('its answer is not of type text/plain');
    if (response.headers['content-encoding'] !== undefined) return refuse('its answer has a content encoding');
    const chunks: Buffer[] = [];
    let size = 0;
    response.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > mostPolicyBytes) refuse(`its answer is larger than ${mostPolicyBytes} bytes`);
      else chunks.push(chunk);
    });
    response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    response.on('error', reject);
    response.on('aborted', () => reject(new Error('the connection ended in the middle of the answer')));
  });
  asked.on('error', reject);
  asked.end();
  return promise;
}

/** RFC 8461 3.3: a DNS name of the subjectAltName; a wildcard is one whole label. The common name does not count. */
function wrongName(host: string, raw: Buffer): Error | undefined {
  const found = new X509Certificate(raw).checkHost(host, { subject: 'never', partialWildcards: false });
  if (found !== undefined) return undefined;
  return Object.assign(new Error(`the certificate is not for ${host}`), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
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
