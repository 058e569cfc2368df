// The parts of a mail, as far as reports need them: bounds on everything, no character sets. Pure.

export interface MimePart {
  /** Lower case: `application/tlsrpt+gzip`. */
  readonly type: string;
  /** Of the attachment, or empty. */
  readonly file: string;
  /** Decoded. */
  content(): Buffer;
}

const deepest = 8;
const mostParts = 64;
const largestHeader = 64 * 1024;

/** The leaves, in order. */
export function mimeParts(message: Uint8Array): readonly MimePart[] {
  const parts: MimePart[] = [];
  walk(Buffer.from(message.buffer, message.byteOffset, message.byteLength).toString('latin1'), 0, parts);
  return parts;
}

/** How often a field stands in the header of the message; `name` in lower case. */
export function headerCount(message: Uint8Array, name: string): number {
  const { head } = splitHead(Buffer.from(message.buffer, message.byteOffset, message.byteLength).toString('latin1'));
  return head.split('\n').filter((line) => line.slice(0, name.length + 1).toLowerCase() === `${name}:`).length;
}

function walk(entity: string, depth: number, parts: MimePart[]): void {
  if (depth > deepest || parts.length >= mostParts) return;
  const { head, body } = splitHead(entity);
  const fields = fieldsOf(head);
  const type = parameters(fields.get('content-type') ?? 'text/plain');
  const boundary = type.values.get('boundary') ?? '';
  if (type.word.startsWith('multipart/') && boundary !== '') {
    for (const part of split(body, boundary)) walk(part, depth + 1, parts);
    return;
  }
  if (type.word === 'message/rfc822') {
    walk(body, depth + 1, parts);
    return;
  }
  const disposition = parameters(fields.get('content-disposition') ?? '');
  const file = disposition.values.get('filename') ?? type.values.get('name') ?? '';
  const encoding = (fields.get('content-transfer-encoding') ?? '').trim().toLowerCase();
  parts.push({ type: type.word, file, content: () => decode(body, encoding) });
}

function splitHead(entity: string): { readonly head: string; readonly body: string } {
  // A part may begin with its blank line.
  const [start] = /^\r?\n/.exec(entity) ?? [];
  if (start !== undefined) return { head: '', body: entity.slice(start.length) };
  const found = /\r?\n\r?\n/.exec(entity);
  if (found === null) return { head: entity, body: '' };
  return { head: entity.slice(0, found.index), body: entity.slice(found.index + found[0].length) };
}

/** The first of each name, without its folding. */
function fieldsOf(head: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of head.slice(0, largestHeader).split(/\r?\n(?![ \t])/)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon)).trim().toLowerCase();
    if (name !== '' && !fields.has(name))
      fields.set(
        name,
        line
          .slice(colon + 1)
          .replaceAll(/\r?\n[ \t]+/g, ' ')
          .trim(),
      );
  }
  return fields;
}

/** `word; name=value; name="value"` (RFC 2045 5.1); the pieces of a long value (RFC 2231 3) are joined. */
function parameters(field: string): { readonly word: string; readonly values: ReadonlyMap<string, string> } {
  const values = new Map<string, string>();
  const text = field.slice(0, 4096);
  const end = text.indexOf(';');
  const word = (end < 0 ? text : text.slice(0, end)).trim().toLowerCase();
  const found = text.slice(word.length).matchAll(/;\s*([^\s=;"]{1,64})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]*))/g);
  for (const [, key = '', quoted, plain = ''] of found) {
    const name = key.toLowerCase().replace(/\*.*$/, '');
    const value = quoted === undefined ? plain : quoted.replaceAll(/\\(.)/g, '$1');
    const known = values.get(name);
    if (known === undefined) values.set(name, value);
    else if (key.includes('*')) values.set(name, known + value);
  }
  return { word, values };
}

/** RFC 2046 5.1.1. */
function split(body: string, boundary: string): string[] {
  const parts: string[] = [];
  const mark = `--${boundary}`;
  let from = -1;
  for (let at = body.indexOf(mark); at >= 0 && parts.length < mostParts; at = body.indexOf(mark, at + mark.length)) {
    if (at > 0 && body.charCodeAt(at - 1) !== 0x0a) continue;
    const line = body.indexOf('\n', at);
    const rest = body.slice(at + mark.length, line < 0 ? undefined : line).trim();
    if (rest !== '' && rest !== '--') continue;
    if (from >= 0) parts.push(body.slice(from, at).replace(/\r?\n$/, ''));
    if (rest === '--' || line < 0) return parts;
    from = line + 1;
  }
  // The end is missing: what is there counts.
  if (from >= 0 && parts.length < mostParts) parts.push(body.slice(from));
  return parts;
}

function decode(body: string, encoding: string): Buffer {
  if (encoding === 'base64') return Buffer.from(body, 'base64');
  if (encoding !== 'quoted-printable') return Buffer.from(body, 'latin1');
  const text = body
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
    .replaceAll('=\n', '')
    .replaceAll(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(text, 'latin1');
}
