// Whether a report by mail is signed by who says it is from (RFC 8460 3; RFC 6376).
import { getDomain } from 'tldts';
import type { MailResolver } from '../dns/resolver.ts';
import { textsOf } from '../dns/text.ts';
import { messageOf, PosternError } from '../errors.ts';
import { headerCount } from './mime.ts';

export interface Signature {
  /** Domain whose signature holds; empty: none does. */
  readonly signer: string;
  /** In words. */
  readonly text: string;
  /** DNS did not answer about a key that may be the sender's: another time it can be told. */
  readonly later: boolean;
}

/** DNS is asked for no more keys than this. */
const mostSignatures = 5;

/** What was found on a message, before it is known whose report is in it. */
export interface Checked {
  /** Domains whose signatures hold, over the whole body. */
  readonly valid: readonly string[];
  readonly authors: readonly string[];
  /** Domains whose key could not be had for now. */
  readonly unknown: readonly string[];
  /** Why others do not. */
  readonly reasons: readonly string[];
}

/** Asks DNS for the keys. Never rejects. */
export async function checkSignatures(message: Uint8Array, resolver: Pick<MailResolver, 'ask'>): Promise<Checked> {
  const nothing = { valid: [], authors: [], unknown: [] };
  if (headerCount(message, 'dkim-signature') > mostSignatures) return { ...nothing, reasons: ['too many signatures'] };
  try {
    // Loaded with the first report that comes by mail.
    const { dkimVerify } = await import('mailauth/lib/dkim/verify.js');
    const unanswered = new Set<string>();
    const { results, headerFrom } = await dkimVerify(Buffer.from(message), {
      resolver: async (name: string, type: string) => {
        try {
          return await resolveText(resolver, name, type);
        } catch (error) {
          if (!(error instanceof PosternError && error.temporary)) throw error;
          unanswered.add(name.toLowerCase());
          throw new Error(error.message, { cause: error }); // its words, not its code
        }
      },
    });
    const valid: string[] = [];
    const unknown: string[] = [];
    const reasons: string[] = [];
    for (const { signingDomain, selector, status, canonBodyLengthLimited } of results) {
      const domain = String(signingDomain ?? '').toLowerCase();
      if (domain === '') continue;
      if (unanswered.has(`${selector}._domainkey.${domain}`.toLowerCase())) unknown.push(domain);
      if (status.result !== 'pass') reasons.push(`${domain}: ${status.result} ${status.comment ?? ''}`.trim());
      // RFC 8460 3: whoever could add to the body could change the report.
      else if (canonBodyLengthLimited === true) reasons.push(`${domain}: signed in part (l=)`);
      else valid.push(domain);
    }
    return { valid, authors: [headerFrom ?? []].flat(), unknown, reasons };
  } catch (error) {
    return { ...nothing, reasons: [messageOf(error)] };
  }
}

/** `contact`: of the report; its organisation, or that of the author, must be the signer's. */
export function signatureOf({ valid, authors, unknown, reasons }: Checked, contact: string): Signature {
  const organizations = [contact, ...authors].map(organizationOf);
  const isSender = (domain: string) => organizations.includes(organizationOf(domain));
  const signer = valid.find(isSender);
  if (signer !== undefined) return { signer, text: `signed by ${signer}`, later: false };
  const why = [...reasons, ...valid.map((domain) => `${domain}: not the domain of the sender`)];
  const text = why.length === 0 ? 'not signed' : `no valid signature (${why.join('; ')})`;
  return { signer: '', text, later: unknown.some(isSender) };
}

function organizationOf(address: string): string {
  const domain = address.slice(address.lastIndexOf('@') + 1).toLowerCase();
  return getDomain(domain) ?? domain;
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
  return textsOf(found).map((text) => [forReports(text)]);
}

/** RFC 8460 3: a key of the service `tlsrpt` is for reports; mailauth knows the service `email` alone. */
function forReports(record: string): string {
  return record.replace(/(^|;)(\s*s\s*=)([^;]*)/, (whole, start: string, tag: string, services: string) =>
    services.split(':').some((service) => service.trim() === 'tlsrpt') ? `${start}${tag}*` : whole,
  );
}
