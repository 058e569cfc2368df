// The signature that a report by mail must have (RFC 8460 3).
import type { Snapshot } from '../config/snapshot.ts';
import { signingKeys } from '../dkim/keys.ts';
import { signMessage } from '../dkim/sign.ts';
import { PosternError } from '../errors.ts';

/** The message with its DKIM-Signature. Throws where no key signs for the domain: nobody would count the report. */
export async function signReport(message: Buffer, domain: string, snapshot: Snapshot): Promise<Uint8Array> {
  const keys = signingKeys(snapshot);
  if (keys.for(domain).length === 0) {
    throw new PosternError('bad-configuration', `no DKIM key signs for ${domain}, and reports by mail must be signed`, {
      remedy: `add an active key for ${domain} (dkim.keys), or receive no reports by mail`,
    });
  }
  return signMessage(message, keys, Date.now());
}
