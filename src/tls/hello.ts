// ClientHello and ServerHello, byte by byte. Nothing here throws on any input or reads past its end.
import { Reader } from './wire.ts';

/** A parsed ClientHello (RFC 8446 4.1.2, RFC 5246 7.4.1.2; also SSLv2-format, RFC 5246 E.2). GREASE (RFC 8701) left in. */
export interface ClientHello {
  readonly legacyVersion: number;
  /** supported_versions, or null where the extension is absent. */
  readonly supportedVersions: readonly number[] | null;
  readonly suites: readonly number[];
  readonly groups: readonly number[];
  readonly signatureAlgorithms: readonly number[];
  readonly serverName: string | null;
  readonly alpn: readonly string[];
  readonly sslv2: boolean;
  /** Groups that a key share was sent for (RFC 8446 4.2.8). */
  readonly keyShares: readonly number[];
  /** Types of all extensions, in the order of the hello. */
  readonly extensions: readonly number[];
}

/** `length`: bytes of the input that hold the hello, record headers included. */
export type ParsedClientHello =
  | { readonly status: 'complete'; readonly hello: ClientHello; readonly length: number }
  | { readonly status: 'partial' }
  | { readonly status: 'invalid'; readonly reason: string };

/** The largest hello taken, record headers not counted. */
export const maximumHello = 16_384;
/** RFC 7507: "this is my second try with a lower version". */
export const fallbackScsv = 0x5600;

const maximumRecords = 64;
const handshakeRecord = 22;
const alertRecord = 21;

/** RFC 8701: 0x0a0a, 0x1a1a ... 0xfafa, which mean nothing and must be ignored. */
export function isGrease(value: number): boolean {
  return (value & 0x0f0f) === 0x0a0a && value >> 8 === (value & 0xff);
}

/** The highest version the peer speaks: supported_versions without GREASE, else legacy_version. 0: none. */
export function highestVersion(hello: ClientHello): number {
  if (hello.supportedVersions === null) return hello.legacyVersion;
  return hello.supportedVersions.reduce(
    (highest, version) => (isGrease(version) ? highest : Math.max(highest, version)),
    0,
  );
}

/** The first flight of a client, complete or cut. */
export function parseClientHello(bytes: Uint8Array): ParsedClientHello {
  const first = bytes[0];
  if (first === undefined) return { status: 'partial' };
  if (first >= 0x80) return parseSslv2(bytes);
  if (first !== handshakeRecord)
    return invalid(`first byte 0x${first.toString(16).padStart(2, '0')} is no TLS handshake`);
  const message = handshakeMessage(bytes, 1, 'ClientHello');
  if (message.status !== 'complete') return message;
  const hello = parseHelloBody(message.body);
  return typeof hello === 'string' ? invalid(hello) : { status: 'complete', hello, length: message.length };
}

function invalid(reason: string): { readonly status: 'invalid'; readonly reason: string } {
  return { status: 'invalid', reason };
}

type Message =
  | { readonly status: 'complete'; readonly body: Reader; readonly length: number }
  | { readonly status: 'partial' }
  | { readonly status: 'invalid'; readonly reason: string };

/** The first handshake message, gathered from as many records as it takes (RFC 8446 5.1). */
function handshakeMessage(bytes: Uint8Array, type: number, name: string): Message {
  const parts: Uint8Array[] = [];
  let gathered = 0;
  let wanted = -1;
  for (let at = 0; ; ) {
    if (bytes.length > at && bytes[at] !== handshakeRecord) return invalid(`${name} broken off by another record`);
    if (bytes.length > at + 1 && bytes[at + 1] !== 3) return invalid('record of an unknown version');
    if (bytes.length < at + 5) return { status: 'partial' };
    const length = ((bytes[at + 3] ?? 0) << 8) | (bytes[at + 4] ?? 0);
    // Each further record costs a copy of what came before; real clients send one, now and then two.
    if (parts.length === maximumRecords) return invalid(`${name} in more than ${maximumRecords} records`);
    // RFC 8446 5.1: no empty handshake records; 2^14 is the most that plain text may have.
    if (length === 0 || length > 16_384) return invalid(`record of ${length} bytes`);
    const part = bytes.subarray(at + 5, at + 5 + length);
    parts.push(part);
    gathered += part.length;
    at += 5 + length;
    if (wanted < 0 && gathered > 0) {
      const head = parts.length === 1 ? part : join(parts, gathered);
      if (head[0] !== type) return invalid(`handshake message ${head[0]} instead of ${name}`);
      if (gathered >= 4) {
        wanted = ((head[1] ?? 0) << 16) | ((head[2] ?? 0) << 8) | (head[3] ?? 0);
        if (wanted > maximumHello) return invalid(`${name} of ${wanted} bytes; ${maximumHello} are allowed`);
      }
    }
    // OpenSSL as well takes a record as a whole or not at all.
    if (part.length < length) return { status: 'partial' };
    if (wanted >= 0 && gathered >= wanted + 4) {
      const whole = parts.length === 1 ? part : join(parts, gathered);
      return { status: 'complete', body: new Reader(whole, 4, wanted + 4), length: at };
    }
  }
}

function join(parts: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function parseHelloBody(body: Reader): ClientHello | string {
  const legacyVersion = body.u16();
  body.skip(32);
  const sessionId = body.u8();
  if (sessionId > 32) return 'session id of more than 32 bytes';
  body.skip(sessionId);
  const suiteList = body.part(body.u16());
  const suites = suiteList.u16List();
  body.skip(body.u8());
  if (!body.ok) return 'cut short';
  if (!suiteList.ok || suites.length === 0) return 'broken list of cipher suites';
  const found = new Extensions();
  if (body.left > 0) {
    const extensions = body.part(body.u16());
    if (!body.ok || body.left > 0) return 'broken list of extensions';
    while (extensions.left > 0) {
      const type = extensions.u16();
      const content = extensions.part(extensions.u16());
      if (!extensions.ok) return 'broken list of extensions';
      if (found.extensions.includes(type)) return `extension ${type} twice`;
      // Measured: nothing sends more; OpenSSL ignores what it does not know, a list without end is only a cost.
      if (found.extensions.length >= 256) return 'more than 256 extensions';
      found.extensions.push(type);
      if (!found.take(type, content)) return `broken extension ${type}`;
    }
  }
  return {
    legacyVersion,
    supportedVersions: found.supportedVersions,
    suites,
    groups: found.groups,
    signatureAlgorithms: found.signatureAlgorithms,
    serverName: found.serverName,
    alpn: found.alpn,
    sslv2: false,
    keyShares: found.keyShares,
    extensions: found.extensions,
  };
}

class Extensions {
  extensions: number[] = [];
  supportedVersions: number[] | null = null;
  groups: number[] = [];
  signatureAlgorithms: number[] = [];
  serverName: string | null = null;
  alpn: string[] = [];
  keyShares: number[] = [];

  /** False where the content is not what its type wants. */
  take(type: number, content: Reader): boolean {
    switch (type) {
      case 0:
        return this.#serverName(content);
      case 10:
        return this.#numbers(content, content.u16(), (list) => (this.groups = list));
      case 13:
        return this.#numbers(content, content.u16(), (list) => (this.signatureAlgorithms = list));
      case 16:
        return this.#alpn(content);
      case 43:
        return this.#numbers(content, content.u8(), (list) => (this.supportedVersions = list));
      case 51:
        return this.#keyShares(content);
      default:
        return true;
    }
  }

  #numbers(content: Reader, length: number, keep: (list: number[]) => void): boolean {
    const list = content.part(length);
    keep(list.u16List());
    return content.ok && list.ok && content.left === 0;
  }

  /** RFC 6066 3. The first host_name counts. */
  #serverName(content: Reader): boolean {
    const list = content.part(content.u16());
    while (list.left > 0) {
      const kind = list.u8();
      const name = list.part(list.u16()).rest();
      if (!list.ok) return false;
      if (kind === 0 && this.serverName === null) this.serverName = printable(name);
    }
    return content.ok;
  }

  /** RFC 7301 3.1. */
  #alpn(content: Reader): boolean {
    const list = content.part(content.u16());
    while (list.left > 0) {
      const name = list.part(list.u8()).rest();
      if (!list.ok || name.length === 0) return false;
      this.alpn.push(printable(name));
    }
    return content.ok;
  }

  #keyShares(content: Reader): boolean {
    const list = content.part(content.u16());
    while (list.left > 0) {
      this.keyShares.push(list.u16());
      list.skip(list.u16());
      if (!list.ok) return false;
    }
    return content.ok;
  }
}

/** ASCII as it is, anything else as `\xNN`: the text goes into logs. */
function printable(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes.subarray(0, 255)) {
    text +=
      byte > 0x20 && byte < 0x7f && byte !== 0x5c
        ? String.fromCharCode(byte)
        : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return text;
}

/** RFC 5246 E.2: a hello in the format of SSL 2.0. */
function parseSslv2(bytes: Uint8Array): ParsedClientHello {
  if (bytes.length < 3) return { status: 'partial' };
  const length = (((bytes[0] ?? 0) & 0x7f) << 8) | (bytes[1] ?? 0);
  if (bytes[2] !== 1) return invalid(`first byte 0x${(bytes[0] ?? 0).toString(16)} is no TLS handshake`);
  if (length < 9 || length > maximumHello) return invalid(`SSLv2-format hello of ${length} bytes`);
  if (bytes.length < length + 2) return { status: 'partial' };
  const body = new Reader(bytes, 3, length + 2);
  const legacyVersion = body.u16();
  const specLength = body.u16();
  const sessionLength = body.u16();
  const challengeLength = body.u16();
  const specs = body.part(specLength);
  body.skip(sessionLength);
  body.skip(challengeLength);
  if (!body.ok || specLength % 3 !== 0 || body.left > 0) return invalid('broken SSLv2-format hello');
  const suites: number[] = [];
  while (specs.left > 0) {
    // A suite of SSL 3.0 and later has a zero in front; the others are SSL 2.0's own, which OpenSSL skips.
    const suite = specs.u24();
    if (suite <= 0xffff) suites.push(suite);
  }
  const hello: ClientHello = {
    legacyVersion,
    supportedVersions: null,
    suites,
    groups: [],
    signatureAlgorithms: [],
    serverName: null,
    alpn: [],
    sslv2: true,
    keyShares: [],
    extensions: [],
  };
  return { status: 'complete', hello, length: length + 2 };
}

/** What a server chose. `version`: selected_version, else legacy_version. */
export interface ServerHello {
  readonly version: number;
  readonly legacyVersion: number;
  readonly suite: number;
  /** The group of the key share, or the one that a HelloRetryRequest asks for; null in TLS 1.2 and below. */
  readonly group: number | null;
  /** A HelloRetryRequest (RFC 8446 4.1.4). */
  readonly retry: boolean;
  /** The random ends in the mark of RFC 8446 4.1.3: the server could speak more than it chose. */
  readonly downgraded: boolean;
}

/** `alert`: the server refused (RFC 8446 6); `description` such as 70, protocol_version. */
export type ParsedServerHello =
  | { readonly status: 'complete'; readonly hello: ServerHello; readonly length: number }
  | { readonly status: 'alert'; readonly level: number; readonly description: number }
  | { readonly status: 'partial' }
  | { readonly status: 'invalid'; readonly reason: string };

// SHA-256 of "HelloRetryRequest" (RFC 8446 4.1.3).
const retryRandom = 'cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c';
const downgradeMarks = ['444f574e47524401', '444f574e47524400'];

/** The first flight of a server, complete or cut. */
export function parseServerHello(bytes: Uint8Array): ParsedServerHello {
  const first = bytes[0];
  if (first === undefined) return { status: 'partial' };
  if (first === alertRecord) {
    if (bytes.length < 7) return { status: 'partial' };
    return { status: 'alert', level: bytes[5] ?? 0, description: bytes[6] ?? 0 };
  }
  if (first !== handshakeRecord)
    return invalid(`first byte 0x${first.toString(16).padStart(2, '0')} is no TLS handshake`);
  const message = handshakeMessage(bytes, 2, 'ServerHello');
  if (message.status !== 'complete') return message;
  const body = message.body;
  const legacyVersion = body.u16();
  const random = hex(body.part(32).rest());
  body.skip(body.u8());
  const suite = body.u16();
  body.skip(1);
  if (!body.ok) return invalid('ServerHello cut short');
  let version = legacyVersion;
  let group: number | null = null;
  if (body.left > 0) {
    const extensions = body.part(body.u16());
    while (extensions.left > 0) {
      const type = extensions.u16();
      const content = extensions.part(extensions.u16());
      if (type === 43) version = content.u16();
      if (type === 51) group = content.u16();
      if (!content.ok || !extensions.ok) return invalid('broken list of extensions');
    }
    if (!body.ok) return invalid('broken list of extensions');
  }
  const hello: ServerHello = {
    version,
    legacyVersion,
    suite,
    group,
    retry: random === retryRandom,
    downgraded: downgradeMarks.includes(random.slice(48)),
  };
  return { status: 'complete', hello, length: message.length };
}

function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}
