// What the receiving side wants to know of a message's header: Message-ID, Subject, TLS-Required, the number of Received fields,
// and whether the header ends within bounds. Pure; fed with pieces of the body as latin1 texts; keeps nothing but one
// unfinished line and the three fields.

/** RFC 5322 3.6.4 knows no bound; a log line does. */
const maximumMessageId = 512;
/** Of the raw Subject, before decoding: what is kept for the log. */
const maximumSubject = 1024;
/** Of TLS-Required: `No` and white space; what is longer is something else. */
const maximumTlsRequired = 128;
/** Of one line that goes on in the next piece: enough to know the field and its value for the log. */
const maximumKept = 1024;

export class HeaderScanner {
  /** The blank line has come; or the header is over its limit and the scanner looks no further. */
  done = false;
  tooLarge = false;
  /** Fields named Received (RFC 5321 6.3 counts them). */
  received = 0;
  #messageId: string | null = null;
  #subject: string | null = null;
  #tlsRequired: string | null = null;
  /** RFC 8689 3: there must be no more than one; two say nothing. */
  #tlsRequiredTwice = false;
  /** The field of the line before, for folded lines. */
  #field: 'message-id' | 'subject' | 'tls-required' | 'other' = 'other';
  /** Beginning of a line whose end has not come yet. */
  #partial = '';
  #size = 0;
  readonly #limit: number;

  /** `limit`: octets of a header, its blank line included. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The next piece of the message: `text` from `start` to `end`. */
  feed(text: string, start: number, end: number): void {
    let at = start;
    while (!this.done && at < end) {
      const found = text.indexOf('\n', at);
      const complete = found >= 0 && found < end;
      const next = complete ? found + 1 : end;
      this.#size += next - at;
      if (this.#size > this.#limit) {
        this.tooLarge = true;
        this.done = true;
        this.#partial = '';
        return;
      }
      if (!complete) {
        this.#partial += text.slice(at, Math.min(end, at + maximumKept - this.#partial.length));
        return;
      }
      if (this.#partial === '') this.#line(text, at, found);
      else {
        const line = this.#partial + text.slice(at, Math.min(found, at + maximumKept - this.#partial.length));
        this.#partial = '';
        this.#line(line, 0, line.length);
      }
      at = next;
    }
  }

  /** The message is complete. */
  end(): void {
    if (!this.done && this.#partial !== '') this.#line(this.#partial, 0, this.#partial.length);
    this.#partial = '';
    this.done = true;
  }

  /** With its angle brackets, or null where there is none. */
  get messageId(): string | null {
    return this.#messageId === null ? null : clean(this.#messageId.trim()).slice(0, maximumMessageId);
  }

  /** Decoded (RFC 2047), on one line; null where there is none. */
  get subject(): string | null {
    return this.#subject === null ? null : decodeWords(this.#subject.trim());
  }

  /** `TLS-Required: No`, once and nothing else (RFC 8689 3). */
  get tlsOptional(): boolean {
    const value = this.#tlsRequired;
    // What fills its room was cut.
    if (value === null || this.#tlsRequiredTwice || value.length >= maximumTlsRequired) return false;
    return value.trim().toLowerCase() === 'no';
  }

  /** A line from `start` to its LF. */
  #line(text: string, start: number, lf: number): void {
    let end = lf > start && text.charCodeAt(lf - 1) === 0x0d ? lf - 1 : lf;
    if (end === start) {
      this.done = true;
      return;
    }
    if (end - start > maximumKept) end = start + maximumKept;
    const first = text.charCodeAt(start);
    if (first === 0x20 || first === 0x09) {
      if (this.#field === 'subject') this.#subject = append(this.#subject, text.slice(start, end), maximumSubject);
      if (this.#field === 'message-id') {
        this.#messageId = append(this.#messageId, text.slice(start, end), maximumMessageId);
      }
      if (this.#field === 'tls-required') {
        this.#tlsRequired = append(this.#tlsRequired, text.slice(start, end), maximumTlsRequired);
      }
      return;
    }
    this.#field = 'other';
    const colon = nameEnd(text, start, end);
    if (colon < 0) {
      // Not a field: the body begins without a blank line (as Postfix reads it too). A first line `From ` is mbox format's.
      this.done = !/^>?From $/.test(text.slice(start, start + (first === 0x3e ? 6 : 5)));
      return;
    }
    switch (first | 0x20) {
      case 0x72: // r
        if (isName(text, start, colon, 'received')) this.received++;
        return;
      case 0x6d: // m
        if (this.#messageId === null && isName(text, start, colon, 'message-id')) {
          this.#field = 'message-id';
          this.#messageId = text.slice(colon + 1, Math.min(end, colon + 1 + maximumMessageId));
        }
        return;
      case 0x73: // s
        if (this.#subject === null && isName(text, start, colon, 'subject')) {
          this.#field = 'subject';
          this.#subject = text.slice(colon + 1, Math.min(end, colon + 1 + maximumSubject));
        }
        return;
      case 0x74: // t
        if (isName(text, start, colon, 'tls-required')) {
          this.#tlsRequiredTwice = this.#tlsRequired !== null;
          this.#field = 'tls-required';
          this.#tlsRequired ??= text.slice(colon + 1, Math.min(end, colon + 1 + maximumTlsRequired));
        }
        return;
    }
  }
}

function append(before: string | null, more: string, limit: number): string {
  return ((before ?? '') + more).slice(0, limit);
}

/** Index of the colon behind a field name (RFC 5322 2.2; white space before it is the obsolete form, 4.5), or -1. */
function nameEnd(text: string, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const code = text.charCodeAt(at);
    if (code === 0x3a) return at === start ? -1 : at;
    if (code <= 32 || code >= 127) break;
    at++;
  }
  while (at < end && (text.charCodeAt(at) === 0x20 || text.charCodeAt(at) === 0x09)) at++;
  return at < end && text.charCodeAt(at) === 0x3a ? at : -1;
}

function isName(text: string, start: number, colon: number, name: string): boolean {
  return colon - start >= name.length && text.slice(start, colon).trimEnd().toLowerCase() === name;
}

/** Raw 8-bit is UTF-8 (RFC 6532) or stays as it is; what could break a log line becomes a space. */
function clean(text: string): string {
  let decoded = text;
  if (/[\x80-\xff]/.test(text)) decoded = Buffer.from(text, 'latin1').toString('utf8');
  return onOneLine(decoded);
}

/** Control characters and separators, also those that came out of encoded words, become a space. */
function onOneLine(text: string): string {
  return /[\0-\x1f\x7f-\x9f\u2028\u2029]/.test(text) ? text.replaceAll(/[\0-\x1f\x7f-\x9f\u2028\u2029]+/g, ' ') : text;
}

// RFC 2047 2: =?charset?encoding?text?=, at most 75 characters; senders write longer ones.
const encodedWord = /=\?([A-Za-z0-9_.:-]{1,40})(?:\*[A-Za-z0-9-]{0,16})?\?([BbQq])\?([^? \t]*)\?=/g;

/**
 * Decodes encoded words; white space between two of them goes (RFC 2047 6.2). The bytes of neighbours with one charset are
 * joined before decoding: many senders split inside a character.
 */
export function decodeWords(text: string): string {
  if (!text.includes('=?')) return clean(text);
  let result = '';
  let behind = 0;
  let charset = '';
  let bytes: Buffer[] = [];
  const flush = () => {
    if (bytes.length > 0) result += decodeCharset(Buffer.concat(bytes), charset);
    bytes = [];
  };
  for (const word of text.matchAll(encodedWord)) {
    const between = text.slice(behind, word.index);
    const name = (word[1] ?? '').toLowerCase();
    if (bytes.length === 0 || between.trim() !== '') {
      flush();
      result += clean(between);
    } else if (name !== charset) flush();
    charset = name;
    bytes.push(word[2] === 'b' || word[2] === 'B' ? Buffer.from(word[3] ?? '', 'base64') : decodeQ(word[3] ?? ''));
    behind = word.index + word[0].length;
  }
  flush();
  return onOneLine(result + clean(text.slice(behind)));
}

/** RFC 2047 4.2. */
function decodeQ(text: string): Buffer {
  const plain = text
    .replaceAll('_', ' ')
    .replaceAll(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(plain, 'latin1');
}

function decodeCharset(bytes: Buffer, charset: string): string {
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    // A charset that nobody knows: the log shows the bytes as they are.
    return bytes.toString('latin1');
  }
}
