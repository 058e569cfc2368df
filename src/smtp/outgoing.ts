// What of a message can be said to a server with the extensions it offers, and how.
import { domainToASCII } from 'node:url';
import type { Envelope, Recipient } from './envelope.ts';
import { ourBounce, type RecipientFailure } from './failure.ts';
import type { Extensions } from './reply.ts';

export interface OutgoingMessage {
  readonly envelope: Envelope;
  /** Indexes into `envelope.recipients`: to whom it goes here. */
  readonly rids: readonly number[];
  /** Bytes, without dot-stuffing (RFC 1870 3). */
  readonly size: number;
  /** Only MAIL and RCPT: asks whether the recipients exist (call-ahead). */
  readonly probe?: boolean;
  /** The header has bytes above 0x7f. Asked only where the server cannot do SMTPUTF8. */
  utf8Header(): boolean;
}

/**
 * The recipients that the message can be sent to at all. The others are added to `failures`: REQUIRETLS (RFC 8689 4.2.1), the
 * size (RFC 1870 6.1), SMTPUTF8 (RFC 6531 3.2), or an address that must never get into a command.
 */
export function sendable(
  message: OutgoingMessage,
  offered: Extensions,
  failures: RecipientFailure[],
): readonly number[] {
  const { envelope, rids, size } = message;
  const { largest, smtputf8, requireTls } = offered;
  const refuse = (status: string, text: string): readonly number[] => {
    const failure = ourBounce(status, text);
    for (const rid of rids) failures.push({ rid, ...failure });
    return [];
  };
  if (envelope.tls === 'required' && !requireTls && envelope.sender !== '') {
    // No connection without it is made for such a message; should one ever come here, it goes no further.
    return refuse('5.7.30', 'REQUIRETLS is not offered');
  }
  if (largest > 0 && size > largest) {
    return refuse('5.3.4', `message of ${size} bytes exceeds the limit of ${largest} of the server`);
  }
  const sender = contentOf(envelope.sender);
  if (sender === 'control') return refuse('5.1.7', 'sender address has a control character');
  if (!smtputf8 && (localPartIsUtf8(envelope.sender, sender) || (envelope.smtputf8 === true && message.utf8Header()))) {
    return refuse('5.6.7', 'message needs SMTPUTF8, which the server does not offer');
  }
  let passed: number[] | null = null;
  for (let i = 0; i < rids.length; i++) {
    const rid = rids[i] ?? 0;
    const address = envelope.recipients[rid]?.address ?? '';
    const content = contentOf(address);
    if (content === 'ascii' || (content === 'utf8' && (smtputf8 || !localPartIsUtf8(address, content)))) {
      passed?.push(rid);
      continue;
    }
    passed ??= rids.slice(0, i);
    failures.push({
      rid,
      ...(content === 'control'
        ? ourBounce('5.1.3', 'recipient address has a control character')
        : ourBounce('5.6.7', 'recipient address needs SMTPUTF8, which the server does not offer')),
    });
  }
  return passed ?? rids;
}

/** MAIL FROM with the parameters that the server offers, CRLF included. */
export function mailCommand(message: OutgoingMessage, offered: Extensions): string {
  const { envelope } = message;
  let command = `MAIL FROM:<${wireAddress(envelope.sender, offered)}>`;
  if (offered.size) command += ` SIZE=${message.size}`;
  // A server without 8BITMIME gets the bytes as they are (docs/delivery.md): converting them would break signatures.
  if (offered.eightBitMime && envelope.body !== undefined) command += ` BODY=${envelope.body}`;
  if (offered.smtputf8 && envelope.smtputf8 === true) command += ' SMTPUTF8';
  if (offered.dsn) {
    if (envelope.ret !== undefined) command += ` RET=${envelope.ret}`;
    if (envelope.envid !== undefined) command += ` ENVID=${envelope.envid}`;
  }
  if (offered.requireTls && envelope.tls === 'required') command += ' REQUIRETLS';
  return `${command}\r\n`;
}

/** RCPT TO, CRLF included. */
export function rcptCommand(recipient: Recipient | undefined, offered: Extensions): string {
  let command = `RCPT TO:<${wireAddress(recipient?.address ?? '', offered)}>`;
  if (offered.dsn) {
    // RFC 3461 5.2.1: passed on as received, and only what was received.
    if (recipient?.notify !== undefined) command += ` NOTIFY=${recipient.notify.join(',')}`;
    if (recipient?.orcpt !== undefined) command += ` ORCPT=${recipient.orcpt}`;
  }
  return `${command}\r\n`;
}

/** RFC 6531 3.2: without SMTPUTF8 a domain goes out as A-labels. */
function wireAddress(address: string, offered: Extensions): string {
  if (offered.smtputf8 || contentOf(address) === 'ascii') return address;
  const at = address.lastIndexOf('@') + 1;
  return address.slice(0, at) + domainToASCII(address.slice(at));
}

function contentOf(text: string): 'ascii' | 'utf8' | 'control' {
  let content: 'ascii' | 'utf8' = 'ascii';
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 || unit === 0x7f) return 'control';
    if (unit > 0x7f) content = 'utf8';
  }
  return content;
}

function localPartIsUtf8(address: string, content: 'ascii' | 'utf8' | 'control'): boolean {
  return content === 'utf8' && contentOf(address.slice(0, address.lastIndexOf('@'))) === 'utf8';
}
