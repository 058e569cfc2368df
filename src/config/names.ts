// Names and addresses as they are written in the configuration, and their canonical forms.
import { isIP, isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';
import { quote } from './quote.ts';

/** A parsed value, or why it is none and what would be right. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string; readonly remedy: string };

const good = <T>(value: T): Parsed<T> => ({ ok: true, value });
const bad = (reason: string, remedy: string) => ({ ok: false, reason, remedy }) as const;

/**
 * A domain to its A-labels in lower case (RFC 5891, RFC 5890 2.3.2.1). Refuses addresses, a final dot, and what is no
 * host name (RFC 1123 2.1); an underscore passes, because real destinations have one in their names.
 */
export function parseDomain(text: string): Parsed<string> {
  const what = `${quote(text)} is not a domain`;
  if (isIP(text.replace(/^\[|\]$/g, '')) !== 0)
    return bad(`${what} but an address`, 'write a domain, such as example.com');
  if (text.endsWith('.'))
    return bad(`${what}: it ends with a dot`, `write ${text.replace(/\.+$/, '') || 'example.com'}`);
  if (/[\s/?#@:%[\]\\*<>"',;]/.test(text)) {
    return bad(`${what}: it has a character that no domain has`, 'write only the domain, such as example.com');
  }
  // domainToASCII is a URL's host parser: it would read "1.2" as an address. Plain ASCII needs nothing but lower case.
  const ascii = /^[\x00-\x7f]*$/.test(text) && !/(^|\.)xn--/i.test(text) ? text.toLowerCase() : domainToASCII(text);
  if (ascii === '')
    return bad(`${what}: it has characters that no internationalised domain may have`, 'check its spelling');
  if (ascii.length > 253) return bad(`${what}: it is longer than 253 characters`, 'shorten it');
  for (const label of ascii.split('.')) {
    if (label === '') return bad(`${what}: two dots stand together, or one at its beginning`, 'remove a dot');
    if (label.length > 63) return bad(`${what}: a part of it is longer than 63 characters`, 'shorten it');
    if (!/^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$/.test(label)) {
      return bad(`${what}: ${quote(label)} is not a part of a name`, 'use letters, digits and "-" inside');
    }
  }
  if (/(^|\.)[0-9]+$/.test(ascii))
    return bad(`${what}: its last part is a number`, 'write a domain, such as example.com');
  return good(ascii);
}

/** A domain, `.domain` for everything below it, or `*`. */
export function parseDomainPattern(text: string): Parsed<string> {
  if (text === '*') return good('*');
  if (text.startsWith('*.')) return bad(`${quote(text)} is not a domain`, `write ${text.slice(1)} for its sub-domains`);
  if (!text.startsWith('.')) return parseDomain(text);
  const below = parseDomain(text.slice(1));
  return below.ok ? good(`.${below.value}`) : below;
}

/** What `destinations` is about: a domain, `.domain`, `*`, or the address of one recipient. */
export function parseDestination(text: string): Parsed<string> {
  if (!text.includes('@')) return parseDomainPattern(text);
  const address = parseRecipient(text, false);
  if (!address.ok || !address.value.includes('*')) return address;
  return bad(`${quote(text)} has a "*"`, 'write one whole address, a domain, or .domain for its sub-domains');
}

/** What a certificate is to be for: `host`, `domain`, a name, or `.name` for everything below it. */
export function parseCertificateName(text: string): Parsed<string> {
  const name = parseDomainPattern(text);
  if (!name.ok || name.value === '*') {
    return bad(
      `${quote(text)} is not a name in a certificate`,
      'write host, domain, a name, or .name for all below it',
    );
  }
  return name;
}

/** A mail host in an MTA-STS policy: a name, or `*.name` for one label before it (RFC 8461 3.2). */
export function parseMxPattern(text: string): Parsed<string> {
  const below = text.startsWith('*.');
  const name = parseDomain(below ? text.slice(2) : text);
  if (!name.ok) return name;
  if (!name.value.includes('.')) {
    return bad(`${quote(text)} is not the name of a mail host`, 'write its whole name, such as mx1.example.com');
  }
  return good(below ? `*.${name.value}` : name.value);
}

/** A machine's name: a domain, or a single word such as `localhost`. No underscore (RFC 1123 2.1). */
export function parseHostname(text: string): Parsed<string> {
  const domain = parseDomain(text);
  if (domain.ok && domain.value.includes('_')) {
    return bad(`${quote(text)} is not a host name: it has an underscore`, 'use letters, digits and "-"');
  }
  return domain.ok ? domain : bad(domain.reason.replace(' is not a domain', ' is not a host name'), domain.remedy);
}

/** An address to bind. An IPv6 one may have a zone (`fe80::1%eth0`). */
export function parseAddress(text: string): Parsed<string> {
  if (isIP(text) !== 0) return good(text);
  const bare = text.replace(/^\[|\]$/g, '');
  if (isIP(bare) !== 0) return bad(`${quote(text)} is not an address`, `write it without brackets: ${bare}`);
  if (text === '*') return bad('"*" is not an address', 'write 0.0.0.0 or :: for all addresses');
  if (text === 'localhost') return bad('"localhost" is not an address', 'write 127.0.0.1 or ::1');
  return bad(`${quote(text)} is not an IPv4 or IPv6 address`, 'write one, such as 192.0.2.1 or 2001:db8::1');
}

export interface Range {
  /** 4 or 6. */
  readonly family: 4 | 6;
  /** Network order. */
  readonly bits: bigint;
  readonly prefix: number;
}

/** An address or a CIDR range (RFC 4632) with no bit set behind its prefix. */
export function parseRange(text: string): Parsed<Range> {
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  const family = isIPv4(address) ? 4 : isIPv6(address) && !address.includes('%') ? 6 : null;
  if (family === null) {
    return bad(
      `${quote(text)} is not an address or range`,
      'write one, such as 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32',
    );
  }
  const width = family === 4 ? 32 : 128;
  const length = slash < 0 ? String(width) : text.slice(slash + 1);
  if (!/^(0|[1-9][0-9]{0,2})$/.test(length) || Number(length) > width) {
    return bad(
      `${quote(text)} is not a range: ${quote(length)} is not a prefix length`,
      `write a number from 0 to ${width} behind "/"`,
    );
  }
  const prefix = Number(length);
  const bits = addressBits(address, family);
  if (family === 6 && bits >> 32n === 0xffffn) {
    return bad(
      `${quote(text)} is an IPv4 address in IPv6 form`,
      'write it as IPv4: connections are compared in that form',
    );
  }
  const host = BigInt(width - prefix);
  const network = (bits >> host) << host;
  if (network !== bits) {
    return bad(
      `${quote(text)} has bits set behind its prefix of ${prefix}`,
      `write ${formatAddress(network, family)}/${prefix} for the range or ${address} for the one address`,
    );
  }
  return good({ family, bits, prefix });
}

/** The address in its one canonical form: two spellings of an address are equal here. */
export function canonicalAddress(address: string): string {
  const [bare = address, zone] = address.split('%');
  const family = isIPv4(bare) ? 4 : isIPv6(bare) ? 6 : null;
  if (family === null) return address.toLowerCase();
  return formatAddress(addressBits(bare, family), family) + (zone === undefined ? '' : `%${zone}`);
}

/** The range in its one canonical form; a whole address without its prefix length. */
export function canonicalRange(range: Range): string {
  const address = formatAddress(range.bits, range.family);
  return range.prefix === (range.family === 4 ? 32 : 128) ? address : `${address}/${range.prefix}`;
}

function addressBits(address: string, family: 4 | 6): bigint {
  if (family === 4) return BigInt(address.split('.').reduce((value, part) => value * 256 + Number(part), 0));
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  let text = address;
  if (dotted !== null) {
    const low = addressBits(dotted[2] ?? '', 4);
    text = `${dotted[1]}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`;
  }
  const [left = '', right] = text.split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  const zeros = Array.from({ length: right === undefined ? 0 : 8 - head.length - tail.length }, () => '0');
  return [...head, ...zeros, ...tail].reduce((value, part) => (value << 16n) | BigInt(`0x${part}`), 0n);
}

/** RFC 5952. */
function formatAddress(bits: bigint, family: 4 | 6): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 0xffn).join('.');
  const groups = [112n, 96n, 80n, 64n, 48n, 32n, 16n, 0n].map((shift) => ((bits >> shift) & 0xffffn).toString(16));
  let start = -1;
  let longest = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (groups[end] === '0') end++;
    if (end - i > longest) {
      start = i;
      longest = end - i;
    }
  }
  if (start < 0) return groups.join(':');
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + longest).join(':')}`;
}

/** Where mail or a question is sent: `host` is a name (A-labels, lower case) or an address without brackets. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

const targetForms = 'write host:port, address:port or [IPv6 address]:port';

/** `host`, `host:port`, `address:port` or `[address]:port`; without a port: `defaultPort`. */
export function parseTarget(text: string, defaultPort: number): Parsed<Target> {
  if (isIPv6(text)) {
    // A port behind it could not be told from its last part.
    return bad(`${quote(text)} is an IPv6 address without brackets`, `write [${text}]:${defaultPort}`);
  }
  const found = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([^:]*))?$/.exec(text);
  if (found === null) return bad(`${quote(text)} is not a host and port`, targetForms);
  const portText = found[3];
  const port = portText === undefined ? defaultPort : /^[1-9][0-9]{0,4}$/.test(portText) ? Number(portText) : 0;
  if (port < 1 || port > 65_535) {
    return bad(`${quote(text)}: "${portText ?? ''}" is not a port`, 'write a number from 1 to 65535 behind ":"');
  }
  const bracketed = found[1];
  if (bracketed !== undefined) {
    if (isIP(bracketed) !== 0) return good({ host: canonicalAddress(bracketed), port });
    return bad(`${quote(text)}: ${quote(bracketed)} is not an address`, 'only an address stands in brackets');
  }
  const host = found[2] ?? '';
  if (isIPv4(host)) return good({ host: canonicalAddress(host), port });
  const name = parseDomain(host);
  if (name.ok) return good({ host: name.value, port });
  return bad(`${quote(text)} is not a host and port: ${name.reason}`, targetForms);
}

/** `mx.example.com:25`, `192.0.2.1:25`, `[2001:db8::1]:25`. */
export function formatTarget(target: Target): string {
  return isIPv6(target.host) ? `[${target.host}]:${target.port}` : `${target.host}:${target.port}`;
}

/** An address, or a pattern with `*`; in lower case, its domain as A-labels. `@domain` only where `wholeDomains`. */
export function parseRecipient(text: string, wholeDomains: boolean): Parsed<string> {
  const at = text.lastIndexOf('@');
  if (at < 0) return bad(`${quote(text)} has no "@"`, 'write an address, such as info@example.com');
  const local = text.slice(0, at);
  const domain = text.slice(at + 1);
  if (local === '' && !wholeDomains)
    return bad(`${quote(text)} has nothing before its "@"`, `write *${text} for the whole domain`);
  if (local.length > 64 || /[\u0000-\u0020\u007f@]/.test(local)) {
    return bad(`${quote(text)} is not an address`, 'write an address, such as info@example.com');
  }
  if (domain.includes('*')) {
    if (/^[a-z0-9_.*-]+$/i.test(domain)) return good(`${local}@${domain}`.toLowerCase());
    return bad(
      `${quote(text)}: ${quote(domain)} is not a domain with "*"`,
      'write A-labels (xn--...) where the domain has a "*"',
    );
  }
  const parsed = parseDomain(domain);
  return parsed.ok
    ? good(`${local.toLowerCase()}@${parsed.value}`)
    : bad(`${quote(text)}: ${parsed.reason}`, parsed.remedy);
}
