// Secrets that are handed out once and kept as hashes: sessions, tokens, the set-up link. They are random, so that a fast hash
// is enough; looking one up by its hash tells nothing through time about what is stored.
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** 256 bits. */
export function newSecretText(prefix = ''): string {
  return prefix + randomBytes(32).toString('base64url');
}

export function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** The CSRF token of a session: known to who knows the session, and to nobody else. */
export function csrfOf(session: string): string {
  return createHmac('sha256', session).update('postern csrf').digest('base64url');
}

export function sameText(a: string, b: string): boolean {
  const [first, second] = [hashOf(a), hashOf(b)];
  return timingSafeEqual(first, second);
}
