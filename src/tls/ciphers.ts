// The administrator's cipher string (OpenSSL's syntax; TLS 1.0-1.2): checked when it is typed, and shown as what OpenSSL
// makes of it.
import { Duplex } from 'node:stream';
import { connect, createSecureContext } from 'node:tls';
import { PosternError } from '../errors.ts';
import { opensslError } from './errors.ts';
import { parseClientHello } from './hello.ts';
import { cipherLine, type Suite, suiteById, suiteByName, suites, tls13Suites } from './suites.ts';
import { displayName, logName, type TlsVersion, tlsVersions } from './versions.ts';

/** Security level of everybody who speaks TLS 1.2 or 1.3; OpenSSL 3.5's default, said so that no configuration file changes it. */
export const modernLevel = 2;
/** TLS 1.0 and 1.1 work on OpenSSL 3 at this level only: their signatures are MD5 and SHA-1. */
export const legacyLevel = 0;

// OpenSSL 3.5's words for groups of suites (ssl_ciph.c, cipher_aliases), then older releases' words, which mean nothing today
// but stand in strings that people bring along (`!RC4:!EXPORT`).
const words = new Set(
  (
    'ALL COMPLEMENTOFALL COMPLEMENTOFDEFAULT DEFAULT kRSA kEDH kDHE DH kEECDH kECDHE ECDH kPSK kRSAPSK kECDHEPSK kDHEPSK kSRP kGOST kGOST18 ' +
    'aRSA aDSS DSS aNULL aECDSA ECDSA aPSK aGOST01 aGOST12 aGOST aSRP EDH DHE EECDH ECDHE NULL RSA ADH AECDH PSK SRP 3DES RC4 RC2 IDEA SEED ' +
    'eNULL GOST89 AES128 AES256 AES AESGCM AESCCM AESCCM8 CAMELLIA128 CAMELLIA256 CAMELLIA CHACHA20 ARIA ARIAGCM ARIA128 ARIA256 CBC GOST2012 ' +
    'MD5 SHA1 SHA GOST94 GOST89MAC SHA256 SHA384 GOST12 SSLv3 TLSv1 TLSv1.0 TLSv1.2 LOW MEDIUM HIGH FIPS ' +
    'EXP EXPORT EXPORT40 EXPORT56 DES SSLv2 kDHr kDHd kDH aDH kECDHr kECDHe kECDH aECDH kFZA aFZA eFZA FZA KRB5 kKRB5 aKRB5'
  ).split(' '),
);

const always = ['!aNULL', '!eNULL'];

/**
 * The string as it is kept and shown: `:` between the words, `!aNULL:!eNULL` at its end. Throws `bad-ciphers` with the reason
 * and what would be right. `versions`: a string that leaves none of the selected 1.0-1.2 a suite is refused.
 */
export function checkCiphers(input: string, versions: readonly TlsVersion[]): string {
  const parts = input.split(/[\s:,;]+/).filter((part) => part !== '');
  if (parts.length === 0) {
    throw refused('the cipher string is empty', 'enter one such as ECDHE+AESGCM:ECDHE+CHACHA20:AES128:AES256');
  }
  if (input.length > 4096)
    throw refused('the cipher string is longer than 4096 characters', 'name groups, such as ECDHE+AESGCM');
  for (const part of parts) checkWord(part);
  for (const word of always) if (!parts.includes(word)) parts.push(word);
  const normalized = parts.join(':');
  try {
    createSecureContext({ ciphers: atLevel(normalized, legacyLevel) });
  } catch (error) {
    const reason = opensslError(error)?.reason ?? 'not understood';
    throw refused(
      `OpenSSL refuses the cipher string: ${reason}`,
      'name suites or groups that this OpenSSL has, such as ECDHE+AESGCM or AES128',
      error,
    );
  }
  const older = versions.filter((version) => version !== 'TLSv1.3');
  if (older.length > 0 && older.every((version) => suitesOf(normalized, version).length === 0)) {
    throw refused(
      `the cipher string leaves no suite for ${older.map(displayName).join(', ')}`,
      'add a group such as ECDHE+AESGCM (TLS v1.2) or ECDHE+AES (all versions)',
    );
  }
  return normalized;
}

/** What an administrator should know about a string that `checkCiphers` lets pass: versions that it leaves without a suite. */
export function cipherWarnings(normalized: string, versions: readonly TlsVersion[]): readonly string[] {
  return versions
    .filter((version) => version !== 'TLSv1.3' && suitesOf(normalized, version).length === 0)
    .map(
      (version) =>
        `${displayName(version)} is selected, but the cipher string leaves it no suite, so nobody can use it.`,
    );
}

/** A word that cannot be used, and where it begins in the string. */
export interface BadWord {
  readonly token: string;
  readonly start: number;
  readonly detail: string;
  readonly remedy: string;
}

/** Every word of a string that `checkCiphers` would refuse, at most `most`, and the string without them. */
export function badWords(input: string, most = 100): { readonly bad: readonly BadWord[]; readonly rest: string } {
  const bad: BadWord[] = [];
  const rest: string[] = [];
  for (const { 0: token, index: start } of input.matchAll(/[^\s:,;]+/g)) {
    try {
      checkWord(token);
      rest.push(token);
    } catch (error) {
      if (!(error instanceof PosternError)) throw error;
      if (bad.length < most) bad.push({ token, start, detail: error.message, remedy: error.remedy ?? '' });
    }
  }
  return { bad, rest: rest.join(':') };
}

function checkWord(part: string): void {
  if (part.startsWith('@')) {
    if (part === '@STRENGTH') return;
    if (part.startsWith('@SECLEVEL')) {
      throw refused(
        `${part} cannot be set`,
        'leave it out: TLS 1.2 and 1.3 always run at level 2, TLS 1.0 and 1.1 at level 0 (they work at no other) and without cost to the rest',
      );
    }
    throw refused(`"${clip(part)}" is no command of a cipher string`, 'the only one is @STRENGTH');
  }
  const body = /^[!+-]/.test(part) ? part.slice(1) : part;
  for (const word of body.split('+')) {
    const suite = suiteByName(word);
    if (word.startsWith('TLS_') || word.startsWith('SSL_')) {
      throw suite === undefined || suite.protocol === 'TLSv1.3'
        ? refused(
            `${clip(word)} cannot be chosen: the three suites of TLS v1.3 are fixed and always on`,
            `leave it out; the string rules TLS v1.0-v1.2 only`,
          )
        : refused(`${word} is IANA's name`, `write OpenSSL's name for it: ${suite.name}`);
    }
    if (words.has(word) || suite !== undefined) continue;
    if (word.startsWith('SUITEB')) {
      throw refused(
        `${clip(word)} changes more than the suites`,
        'name the suites: ECDHE-ECDSA-AES128-GCM-SHA256 and so on',
      );
    }
    const meant = [...words, ...suites.map((known) => known.name)].find(
      (known) => known.toLowerCase() === word.toLowerCase(),
    );
    throw refused(
      `"${clip(word)}" is not a word of OpenSSL's cipher strings`,
      meant === undefined
        ? 'check the spelling; words are suites such as ECDHE-RSA-AES128-GCM-SHA256 or groups such as ECDHE, AESGCM, HIGH'
        : `capitals count: write ${meant}`,
    );
  }
}

function clip(text: string): string {
  const shown = text.replaceAll(/[^\x20-\x7e]/g, '?');
  return shown.length > 60 ? `${shown.slice(0, 60)}...` : shown;
}

function refused(message: string, remedy: string, cause?: unknown): PosternError {
  return new PosternError('bad-ciphers', message, { remedy, cause });
}

/** The string for a context of the given level. */
export function atLevel(ciphers: string, level: number): string {
  const closed = always.reduce((text, word) => (text.split(':').includes(word) ? text : `${text}:${word}`), ciphers);
  return `${closed}:@SECLEVEL=${level}`;
}

/** An end of a connection that keeps what is written to it. */
class Tap extends Duplex {
  readonly written: Buffer[] = [];

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(chunk);
    done();
  }
}

/**
 * The suites that a context of this string really has for one version, in its order. OpenSSL itself is asked: it says so in
 * the ClientHello that it makes under these very settings (measured: it is written before `connect` returns, 0.4 ms).
 */
function suitesOf(normalized: string, version: TlsVersion): readonly Suite[] {
  if (version === 'TLSv1.3') return tls13Suites;
  const tap = new Tap();
  const level = version === 'TLSv1.2' ? modernLevel : legacyLevel;
  let written: Buffer;
  try {
    const name = logName(version);
    const secureContext = createSecureContext({
      ciphers: atLevel(normalized, level),
      minVersion: name,
      maxVersion: name,
    });
    const socket = connect({ socket: tap, secureContext, rejectUnauthorized: false });
    // Where nothing is left, OpenSSL fails the handshake ("no ciphers available") instead of writing a hello.
    socket.on('error', ignore);
    written = Buffer.concat(tap.written);
    socket.destroy();
  } catch (error) {
    // The string has words but no suite for anybody ("no cipher match").
    if (opensslError(error) !== null) return [];
    throw error;
  }
  const parsed = parseClientHello(written);
  if (parsed.status !== 'complete') return [];
  return parsed.hello.suites.flatMap((id) => suiteById(id) ?? []);
}

function ignore(): void {}

/** Which certificates the service has; `RSA` and `ECDSA` unless told otherwise. */
export type KeyKind = 'RSA' | 'ECDSA';

/**
 * The suites that a service of these versions accepts or offers, best first: TLS 1.3's three, then those of 1.2 at the modern
 * level, then what only 1.0 and 1.1 use. Throws `bad-ciphers`.
 */
export function acceptedSuites(
  ciphers: string,
  versions: readonly TlsVersion[],
  keys: readonly KeyKind[] = ['ECDSA', 'RSA'],
): readonly Suite[] {
  const normalized = checkCiphers(ciphers, []);
  const found = new Set<Suite>();
  for (const version of tlsVersions.toReversed()) {
    if (!versions.includes(version)) continue;
    for (const suite of suitesOf(normalized, version)) if (usable(suite, keys)) found.add(suite);
  }
  return [...found];
}

function usable(suite: Suite, keys: readonly KeyKind[]): boolean {
  if (suite.au === 'any') return true;
  return keys.some((key) => key === suite.au);
}

/** `VERIFY`: a line a suite in the shape of `openssl ciphers -v`. Throws `bad-ciphers`. */
export function cipherLines(
  ciphers: string,
  versions: readonly TlsVersion[],
  keys?: readonly KeyKind[],
): readonly string[] {
  return acceptedSuites(ciphers, versions, keys).map(cipherLine);
}
