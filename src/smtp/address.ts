// Paths and mailboxes (RFC 5321 4.1.2, RFC 6531 3.3). Pure. Texts are either ASCII or decoded UTF-8.
import { domainToASCII } from 'node:url';

/** A path as MAIL and RCPT carry it. */
export interface Path {
  /** `local@domain`, the domain in lower case; the empty string for `<>`; `local` alone where no domain was given. */
  readonly address: string;
  /** Empty where none was given; an address literal keeps its brackets. */
  readonly domain: string;
  /** It holds characters outside ASCII: needs SMTPUTF8. */
  readonly international: boolean;
  /** Index behind the `>`. */
  readonly end: number;
}

// RFC 5321 4.5.3.1.3: 256 octets with the brackets. Its 64 octets for a local part are not enforced: VERP and SRS senders of
// large mailing services are longer, and 4.5.3.1 asks not to limit where one need not.
const maximumPath = 254;
const maximumDomain = 255;
const maximumLabel = 63;

const atext = 1;
const letterOrDigit = 2;
const inLabel = 4;
const qtext = 8;
const dcontent = 16;

const kinds = new Uint8Array(128);
for (let code = 33; code < 127; code++) {
  const char = String.fromCharCode(code);
  let kind = 0;
  if (/[A-Za-z0-9]/.test(char)) kind |= letterOrDigit | inLabel | atext;
  // An underscore is no LDH character, but hosts that send mail have names with one; the DNS carries it.
  if (char === '-' || char === '_') kind |= inLabel;
  if ("!#$%&'*+-/=?^_`{|}~".includes(char)) kind |= atext;
  if (char !== '"' && char !== '\\') kind |= qtext;
  if (char !== '[' && char !== ']' && char !== '\\') kind |= dcontent;
  kinds[code] = kind;
}
kinds[32] = qtext;

/** Whether the character is of the kind; what is not ASCII counts as a letter (RFC 6531 3.3). */
function is(code: number, kind: number): boolean {
  return code >= 128 ? kind !== dcontent : ((kinds[code] ?? 0) & kind) !== 0;
}

/**
 * Reads the path that begins with `<` at `start`. A source route is read and forgotten (RFC 5321 C, F.2). Returns what is
 * wrong as a text.
 */
export function parsePath(text: string, start: number): Path | string {
  if (text.charCodeAt(start) !== 0x3c) return 'address must be in angle brackets';
  let at = start + 1;
  if (text.charCodeAt(at) === 0x3e) return { address: '', domain: '', international: false, end: at + 1 };
  if (text.charCodeAt(at) === 0x40) {
    at = skipRoute(text, at);
    if (at < 0) return 'bad source route';
  }
  const localStart = at;
  at = text.charCodeAt(at) === 0x22 ? skipQuoted(text, at) : skipDotString(text, at);
  if (at < 0) return 'bad local part';
  if (at === localStart) return 'empty local part';
  if (text.charCodeAt(at) === 0x3e) return finish(text.slice(localStart, at), '', at + 1);
  if (text.charCodeAt(at) !== 0x40) return 'bad character in the local part';
  const local = text.slice(localStart, at);
  const domainStart = at + 1;
  at = text.charCodeAt(domainStart) === 0x5b ? skipLiteral(text, domainStart) : skipDomain(text, domainStart);
  if (at < 0 || at === domainStart) return 'bad domain';
  if (text.charCodeAt(at) !== 0x3e) return 'bad character in the domain';
  return finish(local, text.slice(domainStart, at), at + 1);
}

function finish(local: string, domain: string, end: number): Path | string {
  // Literals keep their case for `IPv6:`; names are compared without it (RFC 5321 2.4).
  const name = domain.charCodeAt(0) === 0x5b ? domain : domain.toLowerCase();
  const address = domain === '' ? local : `${local}@${name}`;
  const international = !isAscii(address);
  const octets = international ? Buffer.byteLength(address) : address.length;
  if (octets > maximumPath) return `address longer than ${maximumPath} octets`;
  if (domain.length > maximumDomain) return `domain longer than ${maximumDomain} octets`;
  if (international && domain !== '' && asciiDomain(name) === '') return 'bad international domain';
  return { address, domain: name, international, end };
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 128) return false;
  return true;
}

/** Behind the colon of `@one,@two:`, or -1. */
function skipRoute(text: string, start: number): number {
  let at = start;
  for (;;) {
    if (text.charCodeAt(at) !== 0x40) return -1;
    const next = skipDomain(text, at + 1);
    if (next < 0 || next === at + 1) return -1;
    const code = text.charCodeAt(next);
    if (code === 0x3a) return next + 1;
    if (code !== 0x2c) return -1;
    at = next + 1;
  }
}

/** Behind a Dot-string, or -1. */
function skipDotString(text: string, start: number): number {
  let at = start;
  let atomStart = start;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x2e) {
      if (at === atomStart) return -1;
      atomStart = at + 1;
    } else if (!is(code, atext)) break;
  }
  return at === atomStart && at !== start ? -1 : at;
}

/** Behind the closing quote of a Quoted-string, or -1. */
function skipQuoted(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    let code = text.charCodeAt(at);
    if (code === 0x22) return at + 1;
    if (code === 0x5c) {
      // RFC 5321 4.1.2 quoted-pairSMTP: a backslash and any printable ASCII character
      at++;
      code = text.charCodeAt(at);
      if (!(code >= 32 && code <= 126)) return -1;
    } else if (!is(code, qtext)) return -1;
  }
  return -1;
}

/** Behind a Domain, or -1. */
function skipDomain(text: string, start: number): number {
  let at = start;
  let labelStart = start;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x2e) {
      if (!isLabelEnd(text, labelStart, at)) return -1;
      labelStart = at + 1;
    } else if (!is(code, inLabel)) break;
  }
  if (at === start) return at;
  return isLabelEnd(text, labelStart, at) ? at : -1;
}

/** Whether a label may end at `end`: not empty, not too long, no hyphen at either end. */
function isLabelEnd(text: string, start: number, end: number): boolean {
  const length = end - start;
  return length > 0 && length <= maximumLabel && text.charCodeAt(start) !== 0x2d && text.charCodeAt(end - 1) !== 0x2d;
}

/** Behind the closing bracket of an address literal (RFC 5321 4.1.3), or -1. */
function skipLiteral(text: string, start: number): number {
  const close = text.indexOf(']', start);
  if (close < 0) return -1;
  return isAddressLiteral(text.slice(start, close + 1)) ? close + 1 : -1;
}

/** `[192.0.2.1]`, `[IPv6:2001:db8::1]` or `[tag:content]`. */
function isAddressLiteral(text: string): boolean {
  const content = text.slice(1, -1);
  const colon = content.indexOf(':');
  if (colon < 0) return isIpv4(content);
  const tag = content.slice(0, colon);
  const rest = content.slice(colon + 1);
  if (tag.toLowerCase() === 'ipv6') return isIpv6(rest);
  if (tag === '' || rest === '' || tag.endsWith('-')) return false;
  for (let i = 0; i < tag.length; i++) {
    const code = tag.charCodeAt(i);
    if (code !== 0x2d && !(code < 128 && is(code, letterOrDigit))) return false;
  }
  for (let i = 0; i < rest.length; i++) if (!is(rest.charCodeAt(i), dcontent)) return false;
  return true;
}

/** Four decimal numbers of 0-255. */
export function isIpv4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^[0-9]{1,3}$/.test(part) && Number(part) <= 255);
}

/** RFC 4291 2.2, without a zone. */
export function isIpv6(text: string): boolean {
  const halves = text.split('::');
  if (halves.length > 2) return false;
  let groups = 0;
  for (const [index, half] of halves.entries()) {
    if (half === '') {
      if (halves.length === 1) return false;
      continue;
    }
    const parts = half.split(':');
    for (const [position, part] of parts.entries()) {
      const last = index === halves.length - 1 && position === parts.length - 1;
      if (last && part.includes('.')) {
        if (!isIpv4(part)) return false;
        groups += 2;
      } else if (/^[0-9A-Fa-f]{1,4}$/.test(part)) groups++;
      else return false;
    }
  }
  return halves.length === 2 ? groups <= 7 : groups === 8;
}

/** The domain of an address in the form that the DNS and the tables use: A-labels in lower case; '' where there is none. */
export function asciiDomain(domain: string): string {
  if (domain.charCodeAt(0) === 0x5b || isAscii(domain)) return domain.toLowerCase();
  const ascii = domainToASCII(domain);
  return ascii.length > maximumDomain || ascii.split('.').some((label) => label === '' || label.length > maximumLabel)
    ? ''
    : ascii;
}

/** The form by which addresses are compared in lists: without needless quotes, in lower case, NFC, A-labels. */
export function comparable(address: string): string {
  const at = address.lastIndexOf('@');
  if (address.charCodeAt(0) !== 0x22 && isAscii(address)) return address.toLowerCase();
  const local = at < 0 ? address : address.slice(0, at);
  const domain = at < 0 ? '' : `@${asciiDomain(address.slice(at + 1))}`;
  return unquote(local).normalize('NFC').toLowerCase() + domain;
}

/** `"a\"b"` → `a"b` (RFC 5321 4.1.2: quoted and unquoted forms of a local part mean the same). */
export function unquote(local: string): string {
  if (local.charCodeAt(0) !== 0x22) return local;
  return local.slice(1, -1).replaceAll(/\\(.)/g, '$1');
}
