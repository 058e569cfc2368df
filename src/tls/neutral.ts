// The neutral form of a ClientHello: without what changes from one connection to the next, so that one client's hellos are one,
// and still answered by OpenSSL in the same way.
import { isGrease, maximumHello, parseClientHello } from './hello.ts';
import { Reader } from './wire.ts';

const serverName = 0;
const supportedGroups = 10;
const signatureAlgorithms = 13;
const applicationProtocols = 16;
const padding = 21;
const sessionTicket = 35;
const preSharedKey = 41;
const earlyData = 42;
const supportedVersions = 43;
const cookie = 44;
const certificateSignatures = 50;
const keyShare = 51;
const encryptedClientHello = 0xfe0d;

/** Of one connection or one session only. */
const dropped: ReadonlySet<number> = new Set([padding, preSharedKey, earlyData, cookie]);
const grease = 0x0a0a;
const handshakeRecord = 22;
const clientHello = 1;
const mostExtensions = 256;
const largestRecord = 16_384;

/**
 * `flight`: the client's first flight with its record headers. The result has record headers as well. Null where the flight
 * is no whole ClientHello, or its outer structure cannot be read; what is wrong further in stays, for OpenSSL to refuse.
 *
 * Random, session id (at their length) and ticket are zeroed; pre-shared keys, early data, cookie and padding are left out;
 * each key share becomes a fixed valid one, as OpenSSL refuses invalid points (measured). GREASE (RFC 8701) becomes 0x0a0a, and
 * where it or ECH is present the extensions are sorted: Chromium and Firefox shuffle them for each connection.
 */
export function neutralHello(flight: Uint8Array): Uint8Array | null {
  if ((flight[0] ?? 0) >= 0x80) return neutralSslv2(flight);
  const message = unframe(flight);
  const body = message === null ? null : neutralBody(message);
  return body === null || body.length > maximumHello ? null : frame(body, flight[2] ?? 1);
}

/** The body of the handshake message, out of its records. */
function unframe(bytes: Uint8Array): Uint8Array | null {
  const parts: Uint8Array[] = [];
  const records = new Reader(bytes);
  let gathered = 0;
  let wanted = 4;
  while (gathered < wanted && parts.length < 64) {
    if (records.u8() !== handshakeRecord || records.u8() !== 3) return null;
    records.skip(1);
    const part = records.part(records.u16()).rest();
    if (!records.ok || part.length === 0) return null;
    parts.push(part);
    gathered += part.length;
    if (gathered < 4) continue;
    const head = new Reader(parts.length === 1 ? part : Buffer.concat(parts));
    if (head.u8() !== clientHello) return null;
    wanted = head.u24() + 4;
    if (wanted > maximumHello + 4) return null;
  }
  if (gathered < wanted) return null;
  return (parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts)).subarray(4, wanted);
}

function frame(body: Uint8Array, minorVersion: number): Uint8Array {
  const message = Buffer.concat([Buffer.of(1, body.length >> 16, (body.length >> 8) & 0xff, body.length & 0xff), body]);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < message.length; at += largestRecord) {
    const part = message.subarray(at, at + largestRecord);
    parts.push(Buffer.of(22, 3, minorVersion, part.length >> 8, part.length & 0xff), part);
  }
  return Buffer.concat(parts);
}

/** RFC 5246 E.2: lengths of suites, session id and challenge, then those three. */
function neutralSslv2(bytes: Uint8Array): Uint8Array | null {
  const parsed = parseClientHello(bytes);
  if (parsed.status !== 'complete') return null;
  const copy = Buffer.from(bytes.subarray(0, parsed.length));
  return copy.fill(0, 11 + copy.readUInt16BE(5));
}

function neutralBody(bytes: Uint8Array): Uint8Array | null {
  const body = new Reader(bytes);
  const version = body.part(2).rest();
  body.skip(32);
  const sessionId = body.u8();
  body.skip(sessionId);
  const suiteList = body.part(body.u16());
  const suites = suiteList.u16List();
  const compression = body.part(body.u8()).rest();
  if (!body.ok || !suiteList.ok || sessionId > 32) return null;
  let greased = suites.some(isGrease);
  const parts: Uint8Array[] = [
    version,
    Buffer.alloc(32),
    Buffer.alloc(1 + sessionId).fill(sessionId, 0, 1),
    list16(suites.map(mapped)),
    Buffer.of(compression.length),
    compression,
  ];
  if (body.left === 0) return Buffer.concat(parts);
  const extensions: { readonly type: number; readonly content: Uint8Array }[] = [];
  const all = body.part(body.u16());
  while (all.left > 0) {
    const type = all.u16();
    const content = all.part(all.u16()).rest();
    if (!all.ok || extensions.length >= mostExtensions) return null;
    if (isGrease(type) || type === encryptedClientHello) greased = true;
    if (dropped.has(type)) continue;
    // Chromium sends two; as they mean nothing, one stands for both.
    if (isGrease(type) && extensions.some((extension) => extension.type === grease)) continue;
    extensions.push({ type: mapped(type), content: neutralContent(type, content) });
  }
  if (!body.ok || body.left > 0) return null;
  if (greased) extensions.sort((a, b) => a.type - b.type);
  const written = extensions.flatMap(({ type, content }) => [u16(type), u16(content.length), content]);
  parts.push(u16(written.reduce((sum, part) => sum + part.length, 0)), ...written);
  return Buffer.concat(parts);
}

function neutralContent(type: number, content: Uint8Array): Uint8Array {
  switch (type) {
    case serverName:
      return content;
    case supportedGroups:
    case signatureAlgorithms:
    case certificateSignatures:
      return mappedList(content, 2);
    case supportedVersions:
      return mappedList(content, 1);
    case applicationProtocols:
      return neutralProtocols(content);
    case sessionTicket:
      return empty;
    case keyShare:
      return neutralShares(content);
    case encryptedClientHello:
      return neutralEch(content);
    default:
      return isGrease(type) ? empty : content;
  }
}

const empty = new Uint8Array(0);

function mapped(value: number): number {
  return isGrease(value) ? grease : value;
}

function u16(value: number): Uint8Array {
  return Buffer.of(value >> 8, value & 0xff);
}

function list16(values: readonly number[]): Uint8Array {
  return Buffer.concat([u16(values.length * 2), ...values.map(u16)]);
}

/** A list of 16-bit numbers behind a length of `head` bytes; anything odd stays as it is, for OpenSSL to refuse. */
function mappedList(content: Uint8Array, head: 1 | 2): Uint8Array {
  const copy = Buffer.from(content);
  for (let at = head; at + 1 < copy.length; at += 2) copy.writeUInt16BE(mapped(copy.readUInt16BE(at)), at);
  return copy;
}

/** RFC 8701 3: two-byte protocol names are GREASE as well. */
function neutralProtocols(content: Uint8Array): Uint8Array {
  const copy = Buffer.from(content);
  for (let at = 2; at < copy.length; at += 1 + (copy[at] ?? 0)) {
    if (copy[at] === 2 && at + 2 < copy.length) copy.writeUInt16BE(mapped(copy.readUInt16BE(at + 1)), at + 1);
  }
  return copy;
}

function neutralShares(content: Uint8Array): Uint8Array {
  const copy = Buffer.from(content);
  for (let at = 2; at + 4 <= copy.length; ) {
    const group = mapped(copy.readUInt16BE(at));
    const length = copy.readUInt16BE(at + 2);
    copy.writeUInt16BE(group, at);
    const value = validShare(group);
    const share = copy.subarray(at + 4, at + 4 + length);
    // Of a wrong length it is refused whatever it holds.
    if (value !== null && value.length === length && share.length === length) share.set(value);
    else share.fill(0);
    at += 4 + length;
  }
  return copy;
}

const hex = (text: string): Uint8Array => Buffer.from(text, 'hex');
const zeros = (length: number): Uint8Array => Buffer.alloc(length);
const lastByte = (length: number, value: number): Uint8Array => Buffer.alloc(length).fill(value, length - 1);

// RFC 7748 4.1, 4.2: the base points.
const x25519 = Buffer.concat([Buffer.of(9), zeros(31)]);
const x448 = Buffer.concat([Buffer.of(5), zeros(55)]);
// SEC 2: the base points, uncompressed.
const p256 = hex(
  '046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5',
);
const p384 = hex(
  '04aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab73617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f',
);
const p521 = hex(
  '0400c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650',
);

const shares: ReadonlyMap<number, Uint8Array> = new Map([
  [23, p256],
  [24, p384],
  [25, p521],
  [29, x25519],
  [30, x448],
  // RFC 7919: 2 generates the subgroup; OpenSSL serves ffdhe2048 and ffdhe3072 in TLS 1.3.
  [256, lastByte(256, 2)],
  [257, lastByte(384, 2)],
  [258, lastByte(512, 2)],
  [259, lastByte(768, 2)],
  [260, lastByte(1024, 2)],
  // An ML-KEM key is a row of coefficients below 3,329 and a seed (FIPS 203 7.2): zeros are one.
  [4587, Buffer.concat([p256, zeros(1184)])],
  [4588, Buffer.concat([zeros(1184), x25519])],
  [4589, Buffer.concat([p384, zeros(1568)])],
]);

/** A public key that every implementation takes; null for a group that nobody here knows. */
function validShare(group: number): Uint8Array | null {
  return shares.get(group) ?? null;
}

/**
 * RFC 9849 5: type, cipher suite, config id, encapsulated key, payload. What is not of this form is zeroed as a whole. Firefox
 * draws the AEAD of its GREASE anew for each connection (measured): the suite becomes HKDF-SHA256 with AES-128-GCM.
 */
function neutralEch(content: Uint8Array): Uint8Array {
  const reader = new Reader(content);
  const type = reader.u8();
  reader.skip(5);
  const key = reader.u16();
  reader.skip(key);
  const payload = reader.u16();
  reader.skip(payload);
  if (!reader.ok || reader.left > 0 || type !== 0) return zeros(roundedUp(content.length));
  const length = roundedUp(payload);
  return Buffer.concat([Buffer.of(0, 0, 1, 0, 1, 0), u16(key), zeros(key), u16(length), zeros(length)]);
}

function roundedUp(length: number): number {
  return Math.min(Math.ceil(length / 32) * 32, maximumHello);
}
