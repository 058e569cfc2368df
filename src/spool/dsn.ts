// Delivery status notifications: RFC 3464 reports (in the form of RFC 6522), RFC 3461 for what sender and recipient asked,
// RFC 6533 where the original came with SMTPUTF8. Pure: time and random text come in.
import { oneLine } from '../config/quote.ts';
import type { Envelope, Recipient } from '../smtp/envelope.ts';

export type NoticeKind = 'failed' | 'delayed' | 'relayed' | 'delivered';

/** What happened to one recipient. */
export interface NoticeRecipient {
  readonly recipient: Recipient;
  /** x.y.z (RFC 3463). */
  readonly status: string;
  /** The reply of the other side or our own words. */
  readonly reply: string;
  /** Who said so; empty: we did. */
  readonly host: string;
}

export interface Notice {
  readonly kind: NoticeKind;
  /** Ours: Reporting-MTA and the domain of the From address. */
  readonly hostname: string;
  /** MID of the message that it is about. */
  readonly about: number;
  readonly envelope: Envelope;
  readonly recipients: readonly NoticeRecipient[];
  /** When the message was received, when this is written, and (delayed) when it is given up; ms since the epoch. */
  readonly received: number;
  readonly now: number;
  readonly retryUntil?: number;
  /** The message, or its beginning; at least the whole header (see `headerOf`). */
  readonly content: Uint8Array;
  /** `content` is the whole message and is returned; else its header is. */
  readonly full: boolean;
  /** Letters and digits that no sender can foresee: for the boundary and the Message-ID. */
  readonly unique: string;
}

/** Most bytes of a message that a notice carries back; above it, only the header. */
export const returnLimit = 1024 * 1024;
/** Most bytes of a header that a notice carries back. */
export const headerLimit = 64 * 1024;

/** NOTIFY of a recipient asks for this kind; absent: failures and delays (RFC 3461 4.1). */
export function wants(recipient: Recipient, kind: NoticeKind): boolean {
  const { notify } = recipient;
  if (notify === undefined) return kind === 'failed' || kind === 'delayed';
  return notify.includes(kind === 'failed' ? 'FAILURE' : kind === 'delayed' ? 'DELAY' : 'SUCCESS');
}

/**
 * RET=FULL counts for failures only (RFC 3461 4.3), within `returnLimit`, and never with REQUIRETLS (RFC 8689 5). Without RET: the
 * header.
 */
export function returnsFull(kind: NoticeKind, envelope: Envelope, size: number): boolean {
  return kind === 'failed' && envelope.ret === 'FULL' && envelope.tls !== 'required' && size <= returnLimit;
}

/** The header with the line end of its last field; of an over-long one the fields within `headerLimit`. */
export function headerOf(content: Uint8Array): Uint8Array {
  const bytes = Buffer.from(content.buffer, content.byteOffset, Math.min(content.length, headerLimit));
  if (bytes.length >= 2 && bytes[0] === 13 && bytes[1] === 10) return bytes.subarray(0, 0);
  const end = bytes.indexOf('\r\n\r\n');
  if (end >= 0) return bytes.subarray(0, end + 2);
  const last = bytes.lastIndexOf('\r\n');
  return bytes.subarray(0, last < 0 ? 0 : last + 2);
}

const subjects: Readonly<Record<NoticeKind, string>> = {
  failed: 'Undelivered mail returned to sender',
  delayed: 'Delayed mail (still being retried)',
  relayed: 'Mail was passed on',
  delivered: 'Mail was delivered',
};

export interface ComposedNotice {
  readonly envelope: Envelope;
  readonly body: Uint8Array;
  /** RFC 8689 5: of a message with REQUIRETLS, what goes to hosts without it: nothing of the message itself. Null: `body` does. */
  readonly redacted: Uint8Array | null;
}

/** The notice as a message of its own: null sender (RFC 3461 6.1), addressed to the sender of the original. */
export function composeNotice(notice: Notice): ComposedNotice {
  const { envelope } = notice;
  const utf8 = envelope.smtputf8 === true;
  const returned = notice.full ? notice.content : headerOf(notice.content);
  const eight = utf8 || hasEightBit(returned);
  const required = envelope.tls === 'required';
  return {
    envelope: {
      sender: '',
      recipients: [{ address: envelope.sender }],
      ...(eight ? { body: '8BITMIME' as const } : {}),
      ...(utf8 ? { smtputf8: true } : {}),
      // RFC 8689 5: it tells of the message what the message itself was to be protected for.
      ...(required ? { tls: 'required' as const } : {}),
    },
    body: wholeNotice(notice, returned, eight),
    redacted: required ? wholeNotice(notice, null, utf8) : null,
  };
}

/** `returned`: the part with the message or its header; null: left out, as RFC 6522 3 allows. */
function wholeNotice(notice: Notice, returned: Uint8Array | null, eight: boolean): Uint8Array {
  const { envelope } = notice;
  const utf8 = envelope.smtputf8 === true;
  const boundary = boundaryFor(returned ?? new Uint8Array(0), notice);
  const line = (name: string, value: string) => field(name, value, utf8);
  const encoding = (eightBit: boolean) => `Content-Transfer-Encoding: ${eightBit ? '8bit' : '7bit'}\r\n`;
  const global = utf8 ? 'global' : 'rfc822';
  const returnedType = notice.full ? `message/${global}` : utf8 ? 'message/global-headers' : 'text/rfc822-headers';
  const head = [
    line('Date', dateTime(notice.now)),
    line('From', `Mail Delivery System <MAILER-DAEMON@${notice.hostname}>`),
    line('To', `<${envelope.sender}>`),
    line('Subject', subjects[notice.kind]),
    line('Message-ID', `<${notice.unique}.${notice.about}@${notice.hostname}>`),
    // RFC 3834 5: keeps vacation programs quiet.
    line('Auto-Submitted', 'auto-replied'),
    'MIME-Version: 1.0\r\n',
    `Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="${boundary}"\r\n`,
    encoding(eight),
    '\r\nThis is a MIME-encapsulated message.\r\n',
    `\r\n--${boundary}\r\nContent-Description: Notification\r\n`,
    `Content-Type: text/plain; charset=${utf8 ? 'utf-8' : 'us-ascii'}\r\n${encoding(utf8)}\r\n`,
    explanation(notice, utf8, returned === null),
    `\r\n--${boundary}\r\nContent-Description: Delivery report\r\n`,
    `Content-Type: message/${utf8 ? 'global-' : ''}delivery-status\r\n${encoding(utf8)}\r\n`,
    report(notice, utf8),
  ];
  if (returned === null) return Buffer.from(`${head.join('')}\r\n--${boundary}--\r\n`);
  head.push(
    `\r\n--${boundary}\r\nContent-Description: ${notice.full ? 'Undelivered message' : 'Message header'}\r\n`,
    `Content-Type: ${returnedType}\r\n${encoding(eight)}\r\n`,
  );
  return concat([Buffer.from(head.join(''), 'utf8'), returned, Buffer.from(`\r\n--${boundary}--\r\n`, 'latin1')]);
}

/** The part for people. */
function explanation(notice: Notice, utf8: boolean, redacted: boolean): string {
  const { kind, hostname, recipients } = notice;
  const intro: Readonly<Record<NoticeKind, string[]>> = {
    failed: [
      `This is the mail system at ${hostname}.`,
      '',
      'Your message could not be delivered to the recipients below. It is not tried again. If you need help,',
      'ask the postmaster and attach this report.',
    ],
    delayed: [
      `This is the mail system at ${hostname}.`,
      '',
      'THIS IS A WARNING ONLY. YOU DO NOT NEED TO SEND YOUR MESSAGE AGAIN.',
      '',
      'Your message could not be delivered to the recipients below yet.',
      notice.retryUntil === undefined
        ? 'It is being retried.'
        : `It is being retried until ${dateTime(notice.retryUntil)}.`,
    ],
    relayed: [
      `This is the mail system at ${hostname}.`,
      '',
      'As you asked, you are told that your message was passed on for the recipients below. The system that took it',
      'sends no confirmations, so you may hear no more.',
    ],
    delivered: [
      `This is the mail system at ${hostname}.`,
      '',
      'As you asked, you are told that your message was delivered to the recipients below.',
    ],
  };
  const lines = [...intro[kind], ''];
  for (const { recipient, reply, host, status } of recipients) {
    lines.push(`<${recipient.address}>`);
    const said = isSmtpReply(reply, host) ? `${host} said: ` : '';
    lines.push(...wrap(clean(`${said}${reply === '' ? status : reply}`, utf8), 72).map((text) => `    ${text}`), '');
  }
  if (redacted) {
    lines.push(
      'The header of your message is left out here: it was sent with REQUIRETLS (RFC 8689), and the mail host on',
      'the way back to you does not offer that, or does not prove who it is.',
      '',
    );
  }
  return lines.map((text) => `${clean(text, utf8)}\r\n`).join('');
}

/** The part for programs (RFC 3464 2). */
function report(notice: Notice, utf8: boolean): string {
  const { kind, envelope, hostname, recipients, received, now, retryUntil } = notice;
  const out: string[] = [];
  const add = (name: string, value: string) => out.push(field(name, value, utf8));
  if (envelope.envid !== undefined) add('Original-Envelope-Id', decodeXtext(envelope.envid));
  add('Reporting-MTA', `dns; ${hostname}`);
  add('Arrival-Date', dateTime(received));
  for (const { recipient, status, reply, host } of recipients) {
    out.push('\r\n');
    if (recipient.orcpt !== undefined) add('Original-Recipient', originalRecipient(recipient.orcpt, utf8));
    add('Final-Recipient', `${isAscii(recipient.address) ? 'rfc822' : 'utf-8'}; ${recipient.address}`);
    add('Action', kind);
    add('Status', statusOf(status, kind));
    if (host !== '') add('Remote-MTA', `dns; ${mtaName(host)}`);
    // A remote reply is of type smtp; our own words must not pass for one (RFC 3464 2.3.6).
    if (reply !== '') add('Diagnostic-Code', `${isSmtpReply(reply, host) ? 'smtp' : 'X-Postern'}; ${reply}`);
    if (kind === 'failed' || kind === 'delayed') add('Last-Attempt-Date', dateTime(now));
    if (kind === 'delayed' && retryUntil !== undefined) add('Will-Retry-Until', dateTime(retryUntil));
  }
  return out.join('');
}

/** Of the host itself, not what we say about it: it begins with its code. */
function isSmtpReply(reply: string, host: string): boolean {
  return host !== '' && /^[2-5][0-9]{2}(?: |$)/.test(reply);
}

/** A name, or an address literal in brackets (RFC 3464 2.1.2, RFC 5321 4.1.3). */
function mtaName(host: string): string {
  if (host.includes(':')) return `[IPv6:${host}]`;
  return /^[0-9.]+$/.test(host) ? `[${host}]` : host;
}

/** The class must fit the action (RFC 3464 2.3.4): a report of failure says 5, of delay 4, of success 2. */
function statusOf(status: string, kind: NoticeKind): string {
  const wanted = kind === 'failed' ? '5' : kind === 'delayed' ? '4' : '2';
  const match = /^[245]\.(\d{1,3}\.\d{1,3})$/.exec(status);
  return match === null ? `${wanted}.0.0` : `${wanted}.${match[1]}`;
}

/** `rfc822;user+2Bx@example.com` → `rfc822; user+x@example.com`. */
function originalRecipient(orcpt: string, utf8: boolean): string {
  const at = orcpt.indexOf(';');
  if (at < 0) return `rfc822; ${decodeXtext(orcpt)}`;
  const type = orcpt.slice(0, at);
  let address = decodeXtext(orcpt.slice(at + 1));
  if (utf8 && type.toLowerCase() === 'utf-8') {
    address = address.replace(/\\x\{([0-9A-Fa-f]{2,6})\}/g, (whole, hex: string) => {
      const code = Number.parseInt(hex, 16); // RFC 6533 3: unitext
      return code >= 0x20 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff)
        ? String.fromCodePoint(code)
        : whole;
    });
  }
  return `${type}; ${address}`;
}

/** RFC 3461 4: `+` and two hexadecimal digits stand for a character. What is not xtext stays as it is. */
export function decodeXtext(text: string): string {
  return text.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** RFC 5322 3.3, in UTC. */
export function dateTime(ms: number): string {
  return new Date(ms).toUTCString().replace('GMT', '+0000');
}

/** One line without controls; without SMTPUTF8, also without anything beyond ASCII. */
function clean(text: string, utf8: boolean): string {
  const line = oneLine(text);
  return utf8 ? line.toWellFormed() : line.replace(/[^ -~]/gu, '?');
}

/** A header field, folded at spaces and never over 998 octets a line (RFC 5322 2.1.1); bounded in all. */
export function field(name: string, value: string, utf8: boolean): string {
  const lines = wrap(clean(value, utf8).trim().slice(0, 2000), 76 - name.length);
  return `${name}: ${lines.join('\r\n ')}\r\n`;
}

const longestWord = 240; // characters; up to 4 octets each

/** Lines of about `width` characters, broken at spaces; a longer word stands alone, and is cut only beyond 240. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of text.split(' ').flatMap(cutWord)) {
    if (word === '') continue;
    if (current !== '' && current.length + 1 + word.length > width) {
      lines.push(current);
      current = word;
    } else {
      current = current === '' ? word : `${current} ${word}`;
    }
  }
  if (current !== '' || lines.length === 0) lines.push(current);
  return lines;
}

function cutWord(word: string): string[] {
  if (word.length <= longestWord) return [word];
  const points = [...word];
  const parts: string[] = [];
  for (let at = 0; at < points.length; at += longestWord) parts.push(points.slice(at, at + longestWord).join(''));
  return parts;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7e) return false;
  return true;
}

function hasEightBit(bytes: Uint8Array): boolean {
  return bytes.some((byte) => byte > 0x7f);
}

/** RFC 2046 5.1.1: the boundary must not stand in what it encloses. */
function boundaryFor(content: Uint8Array, notice: Notice): string {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.length);
  let boundary = `=_${notice.unique}.${notice.about}`;
  for (let n = 1; bytes.includes(boundary); n++) boundary = `=_${notice.unique}.${notice.about}.${n}`;
  return boundary;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.allocUnsafeSlow(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}
