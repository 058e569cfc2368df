// The header of a message as its signature sees it (RFC 6376 3.4.2, 5.4): its fields, which of them are signed, and whose
// message it says it is. Texts are latin1, so that each octet stays what it is.
import { domainToASCII } from 'node:url';

export interface Field {
  /** Lower case. */
  readonly name: string;
  /** With its name, without its last line end. */
  readonly raw: string;
}

/**
 * Signed as often as they stand there and once more: a further one that somebody adds breaks the signature (RFC 6376 8.15).
 * What the reader is shown, and what says how the body is read.
 */
const sealed = [
  'from',
  'to',
  'cc',
  'subject',
  'reply-to',
  'mime-version',
  'content-type',
  'content-transfer-encoding',
] as const;
/** The same, but only where they are: a host on the way may add them where they are missing. */
const sealedIfPresent = ['sender', 'date', 'message-id', 'in-reply-to', 'references'] as const;
/** Signed where they are. RFC 8058 4 asks it of the two for unsubscribing. */
const signed = [
  'resent-date',
  'resent-from',
  'resent-to',
  'resent-cc',
  'resent-message-id',
  'list-id',
  'list-help',
  'list-unsubscribe',
  'list-unsubscribe-post',
  'list-subscribe',
  'list-post',
  'list-owner',
  'list-archive',
  // RFC 8460 5.3.
  'tls-report-domain',
  'tls-report-submitter',
] as const;

/** Fields of one name that are signed; RFC 5322 3.6 allows one of most. */
const mostOfOne = 20;

/** The fields, top down; null: it is no header of RFC 5322, and verifiers would not agree on what it says. */
export function splitHeader(header: string): Field[] | null {
  const fields: Field[] = [];
  if (header === '') return fields;
  for (const raw of (header.endsWith('\r\n') ? header.slice(0, -2) : header).split(/\r\n(?![ \t])/)) {
    const name = /^([!-9;-~]+)[ \t]*:/.exec(raw)?.[1];
    if (name === undefined) return null;
    fields.push({ name: name.toLowerCase(), raw });
  }
  return fields;
}

/** RFC 6376 3.4.2, without a line end. */
export function relaxedField(raw: string): string {
  const colon = raw.indexOf(':');
  const value = raw.slice(colon + 1).replaceAll('\r\n', '');
  // Not `trim`: 0xA0, which ends a letter of UTF-8, is white space to it.
  const relaxed = value.replaceAll(/[ \t]+/g, ' ').replaceAll(/^ | $/g, '');
  return `${raw.slice(0, colon).trimEnd().toLowerCase()}:${relaxed}`;
}

export interface Selection {
  /** `h=`. */
  readonly names: readonly string[];
  /** What is hashed of them: relaxed, each with its line end. */
  readonly text: string;
}

/** What of the header is signed; null where one name stands there too often. */
export function selectFields(fields: readonly Field[]): Selection | null {
  const byName = new Map<string, string[]>();
  for (const { name, raw } of fields) {
    const there = byName.get(name);
    if (there === undefined) byName.set(name, [raw]);
    else there.push(raw);
  }
  const names: string[] = [];
  let text = '';
  const take = (name: string, more: number) => {
    const there = byName.get(name) ?? [];
    // RFC 6376 5.4.2: of several, the last one first.
    for (const raw of there.toReversed()) text += `${relaxedField(raw)}\r\n`;
    for (let count = there.length + more; count > 0; count--) names.push(name);
    return there.length <= mostOfOne;
  };
  const few = [
    ...sealed.map((name) => take(name, 1)),
    ...sealedIfPresent.map((name) => take(name, byName.has(name) ? 1 : 0)),
    ...signed.map((name) => take(name, 0)),
  ];
  return few.every(Boolean) ? { names, text } : null;
}

/**
 * The domains of the authors, as A-labels in lower case, each once; null where there is not one From field that can be
 * read without doubt.
 */
export function authorDomains(fields: readonly Field[]): string[] | null {
  const [from, ...more] = fields.filter(({ name }) => name === 'from');
  if (from === undefined || more.length > 0) return null;
  const value = Buffer.from(from.raw.slice(from.raw.indexOf(':') + 1), 'latin1').toString('utf8');
  const bare = withoutComments(value.replaceAll('\r\n', ''));
  if (bare === null) return null;
  const domains = new Set<string>();
  // RFC 6854: From may be a group; its name says nothing about the author.
  for (const mailbox of bare.replace(/^[^<>@,;:]*:(.*);\s*$/, '$1').split(',')) {
    const address = /^[^<>]*<([^<>]*)>\s*$/.exec(mailbox)?.[1] ?? mailbox;
    // RFC 5322 4.4: white space around dots and the @ is obsolete, but allowed.
    const compact = address
      .replaceAll(/[ \t]+/g, ' ')
      .replaceAll(/ ?([.@]) ?/g, '$1')
      .trim();
    const domain = /^[^\s@<>;:]+@([^\s@<>()[\]\\;:]+)$/.exec(compact)?.[1];
    const ascii = domain === undefined ? '' : domainToASCII(domain.toLowerCase());
    if (ascii === '') return null;
    domains.add(ascii);
  }
  return [...domains];
}

/** RFC 5322 3.2.2, 3.2.4: without comments; a quoted text is one `q`. Null where one has no end. */
function withoutComments(text: string): string | null {
  let bare = '';
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '\\' && (quoted || depth > 0)) at++;
    else if (quoted) quoted = char !== '"';
    else if (char === '(') depth++;
    else if (char === ')' && depth > 0) depth--;
    else if (depth > 0) continue;
    else if (char === '"') {
      quoted = true;
      bare += 'q';
    } else bare += char;
  }
  return quoted || depth > 0 ? null : bare;
}
