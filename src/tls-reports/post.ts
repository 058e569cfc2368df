// Handing a report over by HTTPS (RFC 8460 5.4).
import type { SecureContext } from 'node:tls';
import type { MailResolver } from '../dns/resolver.ts';
import { messageOf } from '../errors.ts';
import { askHttps, RefusedAnswer } from '../mta-sts/https.ts';

export interface PostOptions {
  readonly resolver: Pick<MailResolver, 'addresses'>;
  readonly context: SecureContext;
  /** ms in all. */
  readonly timeout: number;
}

const httpsPort = 443;
const mostAddresses = 4;
/** What it answers is not looked at. */
const mostAnswer = 64 * 1024;

/** Null: it was taken; else why not. Never rejects. RFC 8460 3 lets certificates pass unchecked: what goes out here is nobody else's affair. */
export async function postReport(url: URL, content: Uint8Array, options: PostOptions): Promise<string | null> {
  const { resolver, context, timeout } = options;
  const signal = AbortSignal.timeout(timeout);
  let last = `${url.hostname} has no address`;
  try {
    const { addresses } = await resolver.addresses(url.hostname);
    for (const address of addresses.slice(0, mostAddresses)) {
      try {
        await askHttps({
          host: url.hostname,
          address,
          port: url.port === '' ? httpsPort : Number(url.port),
          method: 'POST',
          path: `${url.pathname}${url.search}`,
          headers: { 'Content-Type': 'application/tlsrpt+gzip' },
          body: content,
          context,
          signal,
          most: mostAnswer,
          refuse: (status) => (status >= 200 && status < 300 ? null : `it answers with HTTP status ${status}`),
        });
        return null;
      } catch (error) {
        if (signal.aborted) return `${url.hostname} took longer than ${timeout} ms`;
        last = messageOf(error);
        // Another address would say the same.
        if (error instanceof RefusedAnswer) break;
      }
    }
  } catch (error) {
    last = messageOf(error);
  }
  return last;
}
