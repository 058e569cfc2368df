// Command lines of the server side (RFC 5321 4.1.1 and the extensions we offer). Pure: a line in, a value or a refusal out.
import { isUtf8 } from 'node:buffer';
import { type Path, parsePath } from './address.ts';
import type { Envelope, Notify, Recipient } from './envelope.ts';

/** What MAIL said. */
export interface MailCommand {
  readonly sender: string;
  /** SIZE= (RFC 1870), or null. */
  readonly size: number | null;
  readonly body: Envelope['body'];
  readonly smtputf8: boolean;
  /** REQUIRETLS (RFC 8689 2). */
  readonly requireTls: boolean;
  readonly ret: Envelope['ret'];
  readonly envid: string | undefined;
}

/** What RCPT said. */
export interface RcptCommand {
  readonly recipient: Recipient;
  /** Empty for `<postmaster>`. */
  readonly domain: string;
}

/** What BDAT said. */
export interface BdatCommand {
  readonly size: number;
  readonly last: boolean;
}

/** The reply to a command that is refused: `501 5.5.4 ...`, without its line end. */
export type Refusal = string;

/** The verb in upper case. Verbs are letters; anything else gives ''. */
export function verbOf(line: string): string {
  const space = line.indexOf(' ');
  const verb = space < 0 ? line : line.slice(0, space);
  return verb.length > 16 ? '' : verb.toUpperCase();
}

/** What stands behind the verb, without white space around it. */
export function argumentOf(line: string): string {
  const space = line.indexOf(' ');
  return space < 0 ? '' : line.slice(space + 1).trim();
}

/** `EHLO name`: the name, or null where it cannot be one. Names are not checked further (RFC 5321 4.1.4), only made harmless. */
export function parseHelo(argument: string): string | null {
  if (argument === '' || argument.length > 255) return null;
  for (let i = 0; i < argument.length; i++) {
    const code = argument.charCodeAt(i);
    if (code <= 32 || code >= 127) return null;
  }
  return argument;
}

/** `MAIL FROM:<path> parameters` */
export function parseMail(line: string): MailCommand | Refusal {
  const text = decode(line);
  if (text === null) return '500 5.5.2 The line is not UTF-8';
  const start = pathStart(text, 'MAIL FROM:');
  if (start < 0) return '501 5.5.4 Syntax: MAIL FROM:<address> [parameters]';
  const path = parsePath(text, start);
  if (typeof path === 'string') return `501 5.1.7 Bad sender address: ${path}`;
  if (path.address !== '' && path.domain === '') return '501 5.1.7 Bad sender address: it has no domain';
  let size: number | null = null;
  let body: Envelope['body'];
  let smtputf8 = false;
  let requireTls = false;
  let ret: Envelope['ret'];
  let envid: string | undefined;
  if (path.end < text.length) {
    const parameters = parseParameters(text, path.end);
    if (parameters === null) return '501 5.5.4 Bad parameters';
    for (const [name, value] of parameters) {
      switch (name) {
        case 'SIZE':
          if (value === null || !/^[0-9]{1,20}$/.test(value)) return '501 5.5.4 SIZE must be a number of octets';
          size = Number(value);
          break;
        case 'BODY': {
          const type = value?.toUpperCase();
          if (type !== '7BIT' && type !== '8BITMIME') return '501 5.5.4 BODY must be 7BIT or 8BITMIME';
          body = type;
          break;
        }
        case 'SMTPUTF8':
          if (value !== null) return '501 5.5.4 SMTPUTF8 takes no value';
          smtputf8 = true;
          break;
        case 'REQUIRETLS':
          if (value !== null) return '501 5.5.4 REQUIRETLS takes no value';
          requireTls = true;
          break;
        case 'RET': {
          const what = value?.toUpperCase();
          if (what !== 'FULL' && what !== 'HDRS') return '501 5.5.4 RET must be FULL or HDRS';
          ret = what;
          break;
        }
        case 'ENVID':
          // RFC 3461 4.4: at most 100 characters, xtext
          if (value === null || value === '' || value.length > 100 || !isXtext(value, false)) {
            return '501 5.5.4 ENVID must be xtext of at most 100 characters';
          }
          envid = value;
          break;
        default:
          return `555 5.5.4 Parameter not supported: ${printable(name)}`;
      }
    }
  }
  if (path.international && !smtputf8) return internationalRefusal;
  return { sender: path.address, size, body, smtputf8, requireTls, ret, envid };
}

/** `RCPT TO:<path> parameters`; `smtputf8`: MAIL had it. */
export function parseRcpt(line: string, smtputf8: boolean): RcptCommand | Refusal {
  const text = decode(line);
  if (text === null) return '500 5.5.2 The line is not UTF-8';
  const start = pathStart(text, 'RCPT TO:');
  if (start < 0) return '501 5.5.4 Syntax: RCPT TO:<address> [parameters]';
  const path = parsePath(text, start);
  if (typeof path === 'string') return `501 5.1.3 Bad recipient address: ${path}`;
  if (path.address === '') return '501 5.1.3 Bad recipient address: it is empty';
  if (path.domain === '' && path.address.toLowerCase() !== 'postmaster') {
    return '501 5.1.3 Bad recipient address: it has no domain';
  }
  if (path.international && !smtputf8) return internationalRefusal;
  if (path.end === text.length) return { recipient: { address: path.address }, domain: path.domain };
  return withParameters(text, path, smtputf8);
}

// RFC 6531 3.5
const internationalRefusal = '553 5.6.7 An address outside ASCII needs the parameter SMTPUTF8 at MAIL';

function withParameters(text: string, path: Path, smtputf8: boolean): RcptCommand | Refusal {
  const parameters = parseParameters(text, path.end);
  if (parameters === null) return '501 5.5.4 Bad parameters';
  let notify: readonly Notify[] | undefined;
  let orcpt: string | undefined;
  for (const [name, value] of parameters) {
    switch (name) {
      case 'NOTIFY': {
        const events = parseNotify(value ?? '');
        if (events === null) return '501 5.5.4 NOTIFY must be NEVER or a list of SUCCESS, FAILURE, DELAY';
        notify = events;
        break;
      }
      case 'ORCPT':
        if (!isOriginalRecipient(value ?? '', smtputf8)) return '501 5.5.4 ORCPT must be type;xtext';
        orcpt = value ?? '';
        break;
      default:
        return `555 5.5.4 Parameter not supported: ${printable(name)}`;
    }
  }
  const recipient: Recipient = {
    address: path.address,
    ...(notify === undefined ? {} : { notify }),
    ...(orcpt === undefined ? {} : { orcpt }),
  };
  return { recipient, domain: path.domain };
}

/** RFC 3461 4.1: `NEVER` alone, or a list without it. */
function parseNotify(value: string): readonly Notify[] | null {
  const events: Notify[] = [];
  for (const word of value.toUpperCase().split(',')) {
    if (word !== 'NEVER' && word !== 'SUCCESS' && word !== 'FAILURE' && word !== 'DELAY') return null;
    if (!events.includes(word)) events.push(word);
  }
  return events.length > 1 && events.includes('NEVER') ? null : events;
}

/** RFC 3461 4.2: `addr-type;xtext`, at most 500 characters; RFC 6533 3: `utf-8;` may hold UTF-8. */
function isOriginalRecipient(value: string, smtputf8: boolean): boolean {
  const semicolon = value.indexOf(';');
  if (semicolon < 1 || value.length > 500) return false;
  const type = value.slice(0, semicolon);
  const address = value.slice(semicolon + 1);
  if (!/^[A-Za-z0-9!#$%&'*+.^_`{|}~-]+$/.test(type) || address === '') return false;
  return isXtext(address, smtputf8 && type.toLowerCase() === 'utf-8');
}

/** RFC 3461 4: printable ASCII; `+` only before two upper-case hexadecimal digits that stand for one, `=` not at all. */
function isXtext(text: string, international: boolean): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x2b) {
      const hex = text.slice(i + 1, i + 3);
      if (!/^[0-9A-F]{2}$/.test(hex)) return false;
      // What is behind it ends up in headers of notices: no controls.
      const value = Number.parseInt(hex, 16);
      if (value < 32 || value > 126) return false;
      i += 2;
    } else if (code === 0x3d || code <= 32 || code === 127 || (code > 127 && !international)) return false;
  }
  return true;
}

/** `BDAT size [LAST]` (RFC 3030); null where the number of octets that follow cannot be known. */
export function parseBdat(line: string): BdatCommand | null {
  const match = /^BDAT +([0-9]{1,15})(?: +(LAST))? *$/i.exec(line);
  return match === null ? null : { size: Number(match[1]), last: match[2] !== undefined };
}

/** Verbs by which HTTP clients give themselves away: cross-protocol attacks, and proxies that are misconfigured. */
const foreignVerbs = new Set(['GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'CONNECT', 'DELETE', 'PATCH', 'TRACE', 'PRI']);

export function isForeignVerb(verb: string): boolean {
  return foreignVerbs.has(verb);
}

/** Index of the path's `<`, or -1. Spaces before it are no RFC 5321, but printers and scanners send them. */
function pathStart(text: string, keyword: string): number {
  if (text.slice(0, keyword.length).toUpperCase() !== keyword) return -1;
  let at = keyword.length;
  while (text.charCodeAt(at) === 0x20) at++;
  return at < text.length ? at : -1;
}

/** ` NAME=value NAME` from `start`; names in upper case; null where one is malformed or comes twice. */
function parseParameters(text: string, start: number): Map<string, string | null> | null {
  const parameters = new Map<string, string | null>();
  if (text.charCodeAt(start) !== 0x20) return null;
  for (const word of text.slice(start).split(' ')) {
    if (word === '') continue;
    const equals = word.indexOf('=');
    const name = (equals < 0 ? word : word.slice(0, equals)).toUpperCase();
    const value = equals < 0 ? null : word.slice(equals + 1);
    // RFC 5321 4.1.2: esmtp-keyword, esmtp-value
    if (!/^[A-Z0-9][A-Z0-9-]*$/.test(name) || value === '') return null;
    if (value !== null && /[\0-\x20\x7f]/.test(value)) return null;
    if (parameters.has(name)) return null;
    parameters.set(name, value);
  }
  return parameters;
}

/** A latin1 line as the UTF-8 it is; null where it is none. */
function decode(line: string): string | null {
  for (let i = 0; i < line.length; i++) {
    if (line.charCodeAt(i) >= 128) {
      const bytes = Buffer.from(line, 'latin1');
      return isUtf8(bytes) ? bytes.toString() : null;
    }
  }
  return line;
}

/** What may be repeated to the peer. */
function printable(text: string): string {
  return text.slice(0, 40).replaceAll(/[^!-~]/g, '?');
}
