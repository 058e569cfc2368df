// A look at the first flight before TLS starts, cheap enough for every connection: is it there, and which context is it for.
import { type ClientHello, highestVersion, maximumHello, type ParsedClientHello, parseClientHello } from './hello.ts';

/** The most that is gathered: a hello of the largest size in as many records as `parseClientHello` follows. */
export const maximumFlight = maximumHello + 1024;

/**
 * `complete`: give it to OpenSSL, which answers a broken one with the right alert; `highest` is the highest version offered,
 * -1 where the hello cannot be read. `partial`: not before there are `needed` bytes. `refused`: no TLS, or too much.
 */
export type Peek =
  | { readonly status: 'complete'; readonly highest: number }
  | { readonly status: 'partial'; readonly needed: number }
  | { readonly status: 'refused'; readonly reason: string };

/** `bytes`: everything that arrived. */
export function peekHello(bytes: Uint8Array): Peek {
  const length = bytes.length;
  // The common case: one record with a whole hello in it.
  if (length >= 9 && bytes[0] === 22 && bytes[1] === 3 && bytes[5] === 1) {
    const record = u16(bytes, 3);
    const hello = (((bytes[6] ?? 0) << 16) | u16(bytes, 7)) + 4;
    if (hello <= record && record <= 16_384) {
      if (length < 5 + record) return { status: 'partial', needed: 5 + record };
      return { status: 'complete', highest: highestIn(bytes, 5 + hello) };
    }
  }
  const parsed: ParsedClientHello = parseClientHello(bytes);
  if (parsed.status === 'complete') return { status: 'complete', highest: highestVersion(parsed.hello) };
  if (parsed.status === 'invalid') {
    return looksLikeHello(bytes) ? { status: 'complete', highest: -1 } : { status: 'refused', reason: parsed.reason };
  }
  const needed = nextBoundary(bytes);
  return needed > maximumFlight
    ? { status: 'refused', reason: `ClientHello of more than ${maximumHello} bytes` }
    : { status: 'partial', needed };
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

/**
 * The highest version of a hello that fills `bytes` from 5 to `end`: the same answer as `highestVersion(parseClientHello())`
 * for a sound hello, without making anything. For a broken one -1: where readers could differ, the modern context decides.
 */
function highestIn(bytes: Uint8Array, end: number): number {
  const legacyVersion = u16(bytes, 9);
  let at = 43;
  if (at >= end || (bytes[at] ?? 0) > 32) return -1;
  at += 1 + (bytes[at] ?? 0);
  if (at + 2 > end) return -1;
  const suites = u16(bytes, at);
  if (suites === 0 || suites % 2 !== 0) return -1;
  at += 2 + suites;
  if (at >= end) return -1;
  at += 1 + (bytes[at] ?? 0);
  if (at === end) return legacyVersion;
  if (at + 2 + u16(bytes, at) !== end) return -1;
  at += 2;
  let highest = -1;
  while (at + 4 <= end) {
    const type = u16(bytes, at);
    const next = at + 4 + u16(bytes, at + 2);
    if (next > end) return -1;
    if (type === 43) {
      const versions = bytes[at + 4] ?? 0;
      // Twice, odd, or not filling its extension: broken (RFC 8446 4.2.1).
      if (highest >= 0 || versions % 2 !== 0 || at + 5 + versions !== next) return -1;
      highest = 0;
      for (let i = at + 5; i < next; i += 2) {
        const version = u16(bytes, i);
        if (version > highest && !((version & 0x0f0f) === 0x0a0a && version >> 8 === (version & 0xff)))
          highest = version;
      }
    }
    at = next;
  }
  if (at !== end) return -1;
  return highest >= 0 ? highest : legacyVersion;
}

/** A handshake record with a ClientHello of a size that is allowed: whatever is wrong further in, OpenSSL says it best. */
function looksLikeHello(bytes: Uint8Array): boolean {
  if (bytes.length < 9 || bytes[0] !== 22 || bytes[1] !== 3 || bytes[5] !== 1) return false;
  return (((bytes[6] ?? 0) << 16) | u16(bytes, 7)) <= maximumHello && u16(bytes, 3) >= 4 && u16(bytes, 3) <= 16_384;
}

/** How many bytes there must be before another look is worth while. */
function nextBoundary(bytes: Uint8Array): number {
  if ((bytes[0] ?? 0) >= 0x80) return bytes.length < 3 ? 3 : (u16(bytes, 0) & 0x7fff) + 2;
  let at = 0;
  while (at + 5 <= bytes.length) at += 5 + u16(bytes, at + 3);
  return at > bytes.length ? at : at + 6;
}

/** The whole hello, for those who need more than a look; null where it cannot be read. */
export function helloIn(bytes: Uint8Array | null): ClientHello | null {
  if (bytes === null) return null;
  const parsed = parseClientHello(bytes);
  return parsed.status === 'complete' ? parsed.hello : null;
}
