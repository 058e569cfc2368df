// One HTTPS request to a host that a domain names: full verification, no redirect, bounds on size; the caller's on time.
import { X509Certificate } from 'node:crypto';
import type { OutgoingHttpHeaders } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';

export interface HttpsRequest {
  /** For SNI, the Host field and the certificate; the connection goes to `address`. */
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body?: Uint8Array;
  readonly context: SecureContext;
  readonly signal: AbortSignal;
  /** Bytes of the answer; with more it is refused. */
  readonly most: number;
  /** Why the head of the answer is not to be used; null: it is. */
  readonly refuse: (status: number, headers: NodeJS.Dict<string | string[]>) => string | null;
}

const mostHeader = 8 * 1024;

/** There was an answer, and it is not to be used. */
export class RefusedAnswer extends Error {}

/** TLS 1.2 and 1.3, with the authorities of the system and `ca` (PEM text) beside them. Throws where that is no PEM. */
export function policyContext(ca: string | undefined): SecureContext {
  return createSecureContext({
    minVersion: 'TLSv1.2',
    ...(ca === undefined ? {} : { ca: [...getCACertificates('default'), ca] }),
  });
}

/** The body of the answer. Rejects with RefusedAnswer, or with what the connection came to. */
export function askHttps(wanted: HttpsRequest): Promise<Buffer> {
  const { host, address, port, method, path, headers, body, context, signal, most } = wanted;
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const options: RequestOptions & { readonly secureContext: SecureContext } = {
    host: address,
    port,
    method,
    path,
    servername: host,
    headers: {
      Host: port === 443 ? host : `${host}:${port}`,
      'User-Agent': 'Postern',
      ...headers,
      ...(body === undefined ? {} : { 'Content-Length': body.length }),
    },
    secureContext: context,
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
    const why = wanted.refuse(response.statusCode ?? 0, response.headers);
    if (why !== null) return refuse(why);
    const chunks: Buffer[] = [];
    let size = 0;
    response.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > most) refuse(`its answer is larger than ${most} bytes`);
      else chunks.push(chunk);
    });
    response.on('end', () => resolve(Buffer.concat(chunks)));
    response.on('error', reject);
    response.on('aborted', () => reject(new Error('the connection ended in the middle of the answer')));
  });
  asked.on('error', reject);
  asked.end(body);
  return promise;
}

/** RFC 8461 3.3: a DNS name of the subjectAltName; a wildcard is one whole label. The common name does not count. */
function wrongName(host: string, raw: Buffer): Error | undefined {
  const found = new X509Certificate(raw).checkHost(host, { subject: 'never', partialWildcards: false });
  if (found !== undefined) return undefined;
  return Object.assign(new Error(`the certificate is not for ${host}`), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
}
