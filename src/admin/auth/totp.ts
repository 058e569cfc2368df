// Time-based one-time passwords (RFC 6238 over RFC 4226): SHA-1, six digits, 30 s, as every authenticator app has them.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const period = 30;
const digits = 6;
/** Steps before and after the present one that are taken too: clocks of phones differ (RFC 6238 5.2). */
const skew = 1;
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** RFC 4226 4: at least 128 bits, 160 recommended. */
export function newSecret(): Buffer {
  return randomBytes(20);
}

/** The code of a step (RFC 4226 5.3). */
export function codeAt(secret: Uint8Array, step: number, length = digits): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', secret).update(counter).digest();
  const offset = (mac.at(-1) ?? 0) & 0x0f;
  const number = (mac.readUInt32BE(offset) & 0x7fffffff) % 10 ** length;
  return String(number).padStart(length, '0');
}

/**
 * The step that a code is of, or null where it is wrong. `after`: the step of the last code that was taken; that one and those
 * before it are not taken again (RFC 6238 5.2).
 */
export function matchingStep(secret: Uint8Array, code: string, now: number, after: number): number | null {
  const present = Math.floor(now / 1000 / period);
  const given = Buffer.from(code.padEnd(digits).slice(0, digits));
  let found: number | null = null;
  for (let step = present - skew; step <= present + skew; step++) {
    const same = timingSafeEqual(given, Buffer.from(codeAt(secret, Math.max(0, step))));
    if (same && code.length === digits && step > after) found ??= step;
  }
  return found;
}

/** RFC 4648 6, without padding: what an app takes when it is typed. */
export function base32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      text += alphabet[(value >>> (bits - 5)) & 31];
      bits -= 5;
    }
    value &= (1 << bits) - 1;
  }
  return bits > 0 ? text + alphabet[(value << (5 - bits)) & 31] : text;
}

/** What a QR code for an app holds. */
export function otpauthUri(secret: Uint8Array, user: string, host: string): string {
  const label = `${encodeURIComponent(`Postern ${host}`)}:${encodeURIComponent(user)}`;
  return `otpauth://totp/${label}?secret=${base32(secret)}&issuer=${encodeURIComponent(`Postern ${host}`)}`;
}

const recoveryCodes = 10;

/** For the day when the phone is gone: each can be used once in the place of a code. */
export function newRecoveryCodes(): string[] {
  return Array.from({ length: recoveryCodes }, () => {
    const text = base32(randomBytes(8)).slice(0, 12).toLowerCase();
    return `${text.slice(0, 4)}-${text.slice(4, 8)}-${text.slice(8)}`;
  });
}
