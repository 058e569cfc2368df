// Questions and answers on the wire (RFC 1035 4, RFC 6891), by dns-packet. Pure.
import packet, { type Answer, type DecodedPacket, type Packet } from 'dns-packet';

export type QuestionType = 'A' | 'AAAA' | 'CNAME' | 'MX' | 'PTR' | 'SOA' | 'TLSA' | 'TXT';

/** What counts of an answer. */
export interface DnsMessage {
  /** `NOERROR`, `NXDOMAIN`, `SERVFAIL`, ...; `BADVERS` for all codes that need EDNS0. */
  readonly rcode: string;
  readonly truncated: boolean;
  /** The AD bit. */
  readonly authentic: boolean;
  /** The question came back letter by letter: whoever answered has seen it. */
  readonly caseKept: boolean;
  /** Why there is no answer, in the server's own words (RFC 8914), such as `DNSSEC Bogus`; mostly empty. */
  readonly detail: string;
  readonly answers: readonly Answer[];
  readonly authorities: readonly Answer[];
}

/** Fits into one datagram on every path (RFC 9715, DNS flag day 2020). */
const datagramSize = 1232;

/** `withEdns: false` for servers that do not know EDNS0. */
export function encodeQuestion(id: number, name: string, type: QuestionType, withEdns: boolean): Buffer {
  const question: Packet = {
    type: 'query',
    id,
    // AD in a question asks for AD in the answer (RFC 6840 5.7).
    flags: packet.RECURSION_DESIRED | packet.AUTHENTIC_DATA,
    questions: [{ type, name, class: 'IN' }],
  };
  if (withEdns) {
    question.additionals = [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: datagramSize,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0,
        flag_do: false,
        options: [],
      },
    ];
  }
  return packet.encode(question);
}

/** The answer to exactly this question, or null: malformed, or to something else (RFC 5452 9.1). Never throws. */
export function decodeAnswer(bytes: Buffer, id: number, name: string, type: QuestionType): DnsMessage | null {
  // A header alone may announce 4 x 65,535 records: what cannot be in the message is not even begun (11 bytes a record).
  if (bytes.length < 12) return null;
  let records = 0;
  for (let at = 4; at < 12; at += 2) records += bytes.readUInt16BE(at);
  if (records > (bytes.length - 12) / 5 || !isWhole(bytes)) return null;
  // The types leave out what stands in the header.
  let message: DecodedPacket & { readonly opcode?: string; readonly rcode?: string };
  try {
    message = packet.decode(bytes);
  } catch {
    // Not a DNS message: the caller waits for one that is.
    return null;
  }
  const [question] = message.questions ?? [];
  if (message.type !== 'response' || message.id !== id || message.opcode !== 'QUERY') return null;
  if (message.questions?.length !== 1 || question === undefined) return null;
  if (question.type !== type || (question.class ?? 'IN') !== 'IN') return null;
  if (!sameName(question.name, name)) return null;
  const extended = message.additionals?.some((record) => record.type === 'OPT' && record.extendedRcode > 0) === true;
  return {
    rcode: extended ? 'BADVERS' : (message.rcode ?? 'FORMERR'),
    truncated: message.flag_tc,
    authentic: message.flag_ad,
    caseKept: question.name === name || trimmed(name) === '',
    detail: extendedError(message.additionals ?? []),
    answers: message.answers ?? [],
    authorities: message.authorities ?? [],
  };
}

/** All records are there to their last byte, or the message says that it is cut: half a TLSA record would look like an unusable one. */
function isWhole(bytes: Buffer): boolean {
  if (((bytes[2] ?? 0) & 0x02) !== 0) return true;
  const questions = bytes.readUInt16BE(4);
  const records = bytes.readUInt16BE(6) + bytes.readUInt16BE(8) + bytes.readUInt16BE(10);
  let at = 12;
  for (let i = 0; i < questions + records; i++) {
    for (let length = bytes[at] ?? 0; length !== 0 && length < 0xc0; length = bytes[at] ?? 0) at += 1 + length;
    at += (bytes[at] ?? 0) >= 0xc0 ? 2 : 1;
    if (i < questions) at += 4;
    else if (at + 10 > bytes.length) return false;
    else at += 10 + bytes.readUInt16BE(at + 8);
  }
  return at <= bytes.length;
}

/** RFC 8914 5.2: those that say why a validating server gives no answer. */
const extendedErrors: Readonly<Record<number, string>> = {
  1: 'Unsupported DNSKEY Algorithm',
  5: 'DNSSEC Indeterminate',
  6: 'DNSSEC Bogus',
  7: 'Signature Expired',
  8: 'Signature Not Yet Valid',
  9: 'DNSKEY Missing',
  10: 'RRSIGs Missing',
  12: 'NSEC Missing',
  22: 'No Reachable Authority',
  23: 'Network Error',
};

function extendedError(additionals: readonly Answer[]): string {
  for (const record of additionals) {
    if (record.type !== 'OPT') continue;
    for (const option of record.options) {
      // The types know the codes by name only; decoded they are numbers.
      const code: unknown = option.code;
      const { data } = option;
      if (code !== 15 || !Buffer.isBuffer(data) || data.length < 2) continue;
      const words = extendedErrors[data.readUInt16BE(0)];
      if (words !== undefined) return words;
    }
  }
  return '';
}

/** The same name in capitals and small letters by chance (draft-vixie-dnsext-dns0x20): a forger would have to guess them. */
export function mixCase(name: string, random: Uint8Array): string {
  let mixed = '';
  for (let i = 0; i < name.length; i++) {
    const letter = name.charAt(i);
    mixed += ((random[i % random.length] ?? 0) >> (i & 7)) & 1 ? letter.toUpperCase() : letter.toLowerCase();
  }
  return mixed;
}

export function sameName(a: string, b: string): boolean {
  return a === b || trimmed(a) === trimmed(b);
}

function trimmed(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

/** A name that can be asked for: labels of 1 to 63 letters, digits, `-` or `_`, at most 253 characters in all. */
export function isName(name: string): boolean {
  if (name.length === 0 || name.length > 253) return false;
  let label = 0;
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    if (unit === 0x2e) {
      if (label === 0) return false;
      label = 0;
      continue;
    }
    const known =
      (unit >= 0x61 && unit <= 0x7a) ||
      (unit >= 0x30 && unit <= 0x39) ||
      (unit >= 0x41 && unit <= 0x5a) ||
      unit === 0x2d ||
      unit === 0x5f;
    if (!known || ++label > 63) return false;
  }
  return label > 0;
}

/** `192.0.2.1` → `1.2.0.192.in-addr.arpa`; IPv6 by nibbles (RFC 3596 2.5). */
export function reverseName(address: string): string {
  if (!address.includes(':')) return `${address.split('.').reverse().join('.')}.in-addr.arpa`;
  const [head = '', tail] = address.split('%')[0]?.split('::') ?? [];
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0');
  const nibbles = [...left, ...zeros, ...right].map((group) => group.padStart(4, '0')).join('');
  return `${[...nibbles].reverse().join('.')}.ip6.arpa`;
}

function groups(text: string): string[] {
  if (text === '') return [];
  const parts = text.split(':');
  const last = parts.at(-1) ?? '';
  if (!last.includes('.')) return parts;
  // An IPv4 address at the end (RFC 4291 2.2).
  const [a = 0, b = 0, c = 0, d = 0] = last.split('.').map(Number);
  return [...parts.slice(0, -1), ((a << 8) | b).toString(16), ((c << 8) | d).toString(16)];
}
