// Keys for tests, with the records of their public halves.
import { generateKeyPairSync } from 'node:crypto';
import type { Snapshot } from '../../src/config/snapshot.ts';
import { recordOf } from '../../src/dkim/keys.ts';

const encoding = { type: 'pkcs8', format: 'pem' } as const;
export const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export(encoding).toString();
export const ed25519 = generateKeyPairSync('ed25519').privateKey.export(encoding).toString();

export function recordsOf(keys: Snapshot['dkim']): Map<string, string> {
  return new Map(keys.map(({ domain, selector, key }) => [`${selector}._domainkey.${domain}`, recordOf(key)]));
}
