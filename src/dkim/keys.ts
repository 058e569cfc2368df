// The keys that a thread signs with.
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import type { Snapshot } from '../config/snapshot.ts';
import { PosternError } from '../errors.ts';

export type DkimAlgorithm = 'rsa-sha256' | 'ed25519-sha256';

export interface SigningKey {
  /** `d=` and `s=`: A-labels in lower case. */
  readonly domain: string;
  readonly selector: string;
  readonly algorithm: DkimAlgorithm;
  readonly key: KeyObject;
}

/** Those of a snapshot that sign now, by domain. */
export class SigningKeys {
  readonly #byDomain = new Map<string, SigningKey[]>();

  constructor(keys: Snapshot['dkim']) {
    for (const { domain, selector, key: pem } of keys) {
      const key = createPrivateKey(pem);
      const one = { domain, selector, algorithm: algorithmOf(key), key };
      const there = this.#byDomain.get(domain);
      if (there === undefined) this.#byDomain.set(domain, [one]);
      else there.push(one);
    }
  }

  get empty(): boolean {
    return this.#byDomain.size === 0;
  }

  /**
   * The keys for mail from a domain: its own, or those of the nearest domain above it, which is aligned with it (RFC 7489
   * 3.1.1): a key's domain is never above what its owner registered (config/dkim.ts).
   */
  for(domain: string): readonly SigningKey[] {
    for (let name = domain; ; name = name.slice(name.indexOf('.') + 1)) {
      const keys = this.#byDomain.get(name);
      if (keys !== undefined) return keys;
      if (!name.includes('.')) return [];
    }
  }
}

const bySnapshot = new WeakMap<Snapshot, SigningKeys>();

/** Those of a snapshot, read once in each thread. */
export function signingKeys(snapshot: Snapshot): SigningKeys {
  let keys = bySnapshot.get(snapshot);
  if (keys === undefined) {
    keys = new SigningKeys(snapshot.dkim);
    bySnapshot.set(snapshot, keys);
  }
  return keys;
}

/** The kind of a private key (PEM). Throws `bad-certificate` with the remedy where it cannot sign. */
export function checkSigningKey(pem: string): DkimAlgorithm {
  if (pem.includes('ENCRYPTED')) {
    throw refused('the key is protected by a password', 'take the password off: openssl pkey -in KEY -out NEWKEY');
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    throw refused(
      'the private key cannot be read',
      'the file must hold PEM text with -----BEGIN PRIVATE KEY-----',
      error,
    );
  }
  const type = key.asymmetricKeyType;
  if (type === 'ed25519') return 'ed25519-sha256';
  if (type !== 'rsa') throw refused(`a ${type} key cannot sign mail`, 'make an RSA or an Ed25519 key');
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  // RFC 8301 3.2: receivers check 1,024 to 4,096 bits; less than 2,048 should not be made any more.
  if (bits < 2048 || bits > 4096) {
    throw refused(`the key has RSA ${bits} bits`, 'make one of 2,048 to 4,096 bits');
  }
  return 'rsa-sha256';
}

function refused(message: string, remedy: string, cause?: unknown): PosternError {
  return new PosternError('bad-certificate', message, { remedy, cause });
}

function algorithmOf(key: KeyObject): DkimAlgorithm {
  return key.asymmetricKeyType === 'ed25519' ? 'ed25519-sha256' : 'rsa-sha256';
}

/** What stands in DNS at `SELECTOR._domainkey.DOMAIN` (RFC 6376 3.6.1, RFC 8463 4). `key`: PEM of the private key. */
export function recordOf(key: string): string {
  const type = createPrivateKey(key).asymmetricKeyType;
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  // RFC 8463 4: the 32 octets of the key alone, without the wrapping that RSA keys have.
  if (type === 'ed25519') return `v=DKIM1; k=ed25519; p=${spki.subarray(-32).toString('base64')}`;
  return `v=DKIM1; k=rsa; p=${spki.toString('base64')}`;
}
