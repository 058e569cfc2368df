// Whether a report by mail is signed by who says it is from (RFC 8460 3; RFC 6376).
import { getDomain } from 'tldts';
import type { MailResolver } from '../dns/resolver.ts';
import { textOf } from '../dns/text.ts';
import { messageOf } from '../errors.ts';
import { headerCount } from './mime.ts';

export interface Signature {
  /** Domain whose signature holds; empty: none does. */
  readonly signer: string;
  /** In words. */
  readonly text: string;
}

/** DNS is asked for no more keys than this. */
const mostSignatures = 5;

/** `contact`: of the report; its domain, or that of the author, must be the signer's. Never rejects. */
export async function verifySignature(
  message: Uint8Array,
  contact: string,
  resolver: Pick<MailResolver, 'ask'>,
): Promise<Signature> {
  try {
    if (headerCount(message, 'dkim-signature') > mostSignatures) return { signer: '', text: 'too many signatures' };
    // Loaded with the first report that comes by mail.
    const { dkimVerify } = await import('mailauth/lib/dkim/verify.js');
    const { results, headerFrom } = await dkimVerify(Buffer.from(message), {
      resolver: (name: string, type: string) => resolveText(resolver, name, type),
    });
    const authors = [contact, ...[headerFrom ?? []].flat()].map(organizationOf).filter((domain) => domain !== null);
    const reasons: string[] = [];
    for (const { signingDomain, status, canonBodyLengthLimited } of results) {
      const domain = String(signingDomain ?? '').toLowerCase();
      if (domain === '') continue;
      if (status.result !== 'pass') reasons.push(`${domain}: ${status.result} ${status.comment ?? ''}`.trim());
      // RFC 8460 3: whoever could add to the body could change the report.
      else if (canonBodyLengthLimited === true) reasons.push(`${domain}: signed in part (l=)`);
      else if (!authors.includes(getDomain(domain) ?? domain)) reasons.push(`${domain}: not the domain of the sender`);
      else return { signer: domain, text: `signed by ${domain}` };
    }
    return { signer: '', text: reasons.length === 0 ? 'not signed' : `no valid signature (${reasons.join('; ')})` };
  } catch (error) {
    return { signer: '', text: `the signature cannot be checked: ${messageOf(error)}` };
  }
}

function organizationOf(address: string): string | null {
  const domain = address.slice(address.lastIndexOf('@') + 1).toLowerCase();
  return domain === '' ? null : (getDomain(domain) ?? domain);
}

/** As `dns.promises.resolve`. */
async function resolveText(resolver: Pick<MailResolver, 'ask'>, name: string, type: string): Promise<string[][]> {
  if (type !== 'TXT') throw Object.assign(new Error(`no question about ${type}`), { code: 'ENODATA' });
  const found = await resolver.ask(name, 'TXT');
  if (found.kind !== 'records') {
    throw Object.assign(new Error(`${name} has no TXT record`), {
      code: found.kind === 'nxdomain' ? 'ENOTFOUND' : 'ENODATA',
    });
  }
  return found.records.flatMap((record) => (record.type === 'TXT' ? [[textOf(record.data)]] : []));
}
