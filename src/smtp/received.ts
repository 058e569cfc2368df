// The Received line that a relay puts in front (RFC 5321 4.4). Pure: time comes as an argument.

import type { Envelope } from './envelope.ts';

export interface Trace {
  readonly hostname: string;
  /** What EHLO or HELO gave. */
  readonly helo: string;
  readonly extended: boolean;
  readonly address: string;
  /** The client's verified reverse name, or null. */
  readonly name: string | null;
  readonly tls: { readonly protocol: string; readonly cipher: string } | null;
}

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (value: number) => (value < 10 ? `0${value}` : `${value}`);

let dateSecond = -1;
let dateText = '';

/** RFC 5322 3.3, in UTC. `now`: ms since the epoch. */
export function formatDate(now: number): string {
  const second = Math.floor(now / 1000);
  if (second !== dateSecond) {
    const date = new Date(second * 1000);
    const clock = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
    dateText = `${days[date.getUTCDay()]}, ${date.getUTCDate()} ${months[date.getUTCMonth()]} ${date.getUTCFullYear()} ${clock} +0000`;
    dateSecond = second;
  }
  return dateText;
}

/** The part that is the same for all messages of a connection: `from` and `by`. */
export function traceOf(trace: Trace): string {
  const literal = trace.address.includes(':') ? `[IPv6:${trace.address}]` : `[${trace.address}]`;
  const info = trace.name === null ? literal : `${harmless(trace.name)} ${literal}`;
  return `Received: from ${harmless(trace.helo)} (${info})\r\n\tby ${trace.hostname} with `;
}

/** The whole field with its line ends. */
export function receivedField(trace: Trace, from: string, mid: number, envelope: Envelope, now: number): string {
  const { tls } = trace;
  const how = tls === null ? '' : ` (${tls.protocol} ${tls.cipher})`;
  // Only where there is one recipient, so that none learns of the others (RFC 5321 4.4, 7.2).
  const only = envelope.recipients.length === 1 ? envelope.recipients[0] : undefined;
  const recipient = only === undefined ? '' : ` for <${only.address}>`;
  return `${from}${protocolOf(trace, envelope)}${how}\r\n\tid ${mid}${recipient};\r\n\t${formatDate(now)}\r\n`;
}

/** RFC 3848, RFC 6531 4.3. STARTTLS is an extension, so that TLS makes even HELO an ESMTPS. */
function protocolOf(trace: Trace, envelope: Envelope): string {
  if (envelope.smtputf8 === true) return trace.tls === null ? 'UTF8SMTP' : 'UTF8SMTPS';
  if (trace.tls !== null) return 'ESMTPS';
  return trace.extended ? 'ESMTP' : 'SMTP';
}

/** What a stranger said, without the characters that mean something in this field. */
function harmless(name: string): string {
  return /^[A-Za-z0-9.:_[\]-]+$/.test(name) ? name : name.replaceAll(/[^A-Za-z0-9.:_[\]-]/g, '?');
}
