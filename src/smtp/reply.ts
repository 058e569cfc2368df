// Replies of an SMTP server (RFC 5321 4.2), fed as bytes in any pieces.

/** One whole reply. */
export interface Reply {
  /** 200 to 599. */
  readonly code: number;
  /** The text behind the code, an element a line, never empty; control characters are replaced by `?`. */
  readonly lines: readonly string[];
}

/** The other side does not speak SMTP. `message` says what came. */
export class ReplyError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ReplyError';
  }
}

// RFC 5321 4.5.3.1.5 allows 512 octets; servers that quote a rejected header send more.
const longestLine = 8192;
const mostLines = 128;

export class ReplyParser {
  /** latin1, so that one character is one byte. */
  #text = '';
  #at = 0;
  #lines: string[] = [];

  push(chunk: Buffer): void {
    const text = chunk.toString('latin1');
    this.#text = this.#at === this.#text.length ? text : this.#text.slice(this.#at) + text;
    this.#at = 0;
  }

  /** True: bytes or lines of a further reply are here. After the 220 to STARTTLS there may be none. */
  get pending(): boolean {
    return this.#at < this.#text.length || this.#lines.length > 0;
  }

  /** The next whole reply, or null: more bytes are needed. Throws ReplyError for what is no reply. */
  next(): Reply | null {
    for (;;) {
      const text = this.#text;
      const start = this.#at;
      const newline = text.indexOf('\n', start);
      if (newline < 0) {
        if (text.length - start > longestLine) throw new ReplyError(`reply line longer than ${longestLine} bytes`);
        return null;
      }
      this.#at = newline + 1;
      // A bare LF is taken as the end too: it cannot be confused with anything here.
      const end = newline > start && text.charCodeAt(newline - 1) === 0x0d ? newline - 1 : newline;
      const code = end - start > longestLine ? 0 : codeAt(text, start, end);
      if (code === 0) throw new ReplyError(`unexpected reply "${clean(text.slice(start, Math.min(end, start + 80)))}"`);
      // RFC 5321 4.2: a code alone is a whole reply.
      const last = end === start + 3 || text.charCodeAt(start + 3) !== 0x2d;
      const line = clean(text.slice(start + 4, end));
      if (!last) {
        this.#lines.push(line);
        if (this.#lines.length > mostLines) throw new ReplyError(`reply of more than ${mostLines} lines`);
        continue;
      }
      if (this.#lines.length === 0) return { code, lines: [line] };
      // RFC 5321 4.2.1 wants one code on all lines; where they differ, the last one counts (as in sendmail and Postfix).
      const lines = this.#lines;
      lines.push(line);
      this.#lines = [];
      return { code, lines };
    }
  }
}

/** 200 to 599, or 0 where the line is none of a reply. */
function codeAt(text: string, start: number, end: number): number {
  if (end - start < 3) return 0;
  const first = text.charCodeAt(start) - 0x30;
  const second = text.charCodeAt(start + 1) - 0x30;
  const third = text.charCodeAt(start + 2) - 0x30;
  if (first < 2 || first > 5 || second < 0 || second > 9 || third < 0 || third > 9) return 0;
  if (end > start + 3) {
    const separator = text.charCodeAt(start + 3);
    if (separator !== 0x20 && separator !== 0x2d) return 0;
  }
  return first * 100 + second * 10 + third;
}

/** UTF-8 (RFC 6531 3.7.4.2) decoded, control characters replaced: the text goes into logs and bounces. */
function clean(latin1: string): string {
  for (let i = 0; i < latin1.length; i++) {
    const unit = latin1.charCodeAt(i);
    if (unit < 0x20 || unit > 0x7e) {
      const text = Buffer.from(latin1, 'latin1').toString('utf8');
      return text.replaceAll(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, '?');
    }
  }
  return latin1;
}

/** Length of an enhanced status code (RFC 2034 4) at the beginning of the text, 0 where there is none. */
function statusLength(text: string, replyClass: number): number {
  if (text.charCodeAt(0) - 0x30 !== replyClass || text.charCodeAt(1) !== 0x2e) return 0;
  const subject = digits(text, 2);
  if (subject === 2 || text.charCodeAt(subject) !== 0x2e) return 0;
  const detail = digits(text, subject + 1);
  if (detail === subject + 1) return 0;
  return detail === text.length || text.charCodeAt(detail) === 0x20 ? detail : 0;
}

/** Index behind at most three digits. */
function digits(text: string, from: number): number {
  let at = from;
  while (at < from + 3) {
    const unit = text.charCodeAt(at);
    if (!(unit >= 0x30 && unit <= 0x39)) break;
    at++;
  }
  return at;
}

/** The enhanced status code of the reply (`5.1.1`), or null; one of another class than the reply is none (RFC 2034 4). */
export function enhancedStatus(reply: Reply): string | null {
  const first = reply.lines[0] ?? '';
  const length = statusLength(first, Math.floor(reply.code / 100));
  return length === 0 ? null : first.slice(0, length);
}

/** The text on one line, as in the log; an enhanced code that is repeated on every line stands once. */
export function replyText(reply: Reply): string {
  const [first = '', ...rest] = reply.lines;
  if (rest.length === 0) return first;
  const replyClass = Math.floor(reply.code / 100);
  const texts = rest.map((line) => line.slice(statusLength(line, replyClass)).trim());
  return [first.trim(), ...texts].filter((line) => line !== '').join(' ');
}

/** What a server offers in its reply to EHLO (RFC 5321 4.1.1.1). */
export interface Extensions {
  readonly pipelining: boolean;
  readonly starttls: boolean;
  readonly eightBitMime: boolean;
  readonly smtputf8: boolean;
  readonly dsn: boolean;
  /** RFC 8689. */
  readonly requireTls: boolean;
  /** SIZE is offered (RFC 1870). */
  readonly size: boolean;
  /** The largest message it takes, bytes; 0: not said. */
  readonly largest: number;
  /** RFC 9422 RCPTMAX and MAILMAX; 0: not said. */
  readonly mostRecipients: number;
  readonly mostMessages: number;
}

export const noExtensions: Extensions = {
  pipelining: false,
  starttls: false,
  eightBitMime: false,
  smtputf8: false,
  dsn: false,
  requireTls: false,
  size: false,
  largest: 0,
  mostRecipients: 0,
  mostMessages: 0,
};

/** The extensions named in a 250 to EHLO; unknown ones are left out. */
export function parseExtensions(reply: Reply): Extensions {
  const found = { ...noExtensions };
  for (const line of reply.lines.slice(1)) {
    const [keyword = '', ...parameters] = line.trim().toUpperCase().split(' ');
    if (keyword === 'PIPELINING') found.pipelining = true;
    else if (keyword === 'STARTTLS') found.starttls = true;
    else if (keyword === '8BITMIME') found.eightBitMime = true;
    else if (keyword === 'SMTPUTF8') found.smtputf8 = true;
    else if (keyword === 'DSN') found.dsn = true;
    else if (keyword === 'REQUIRETLS') found.requireTls = true;
    else if (keyword === 'SIZE') {
      found.size = true;
      found.largest = number(parameters[0]);
    } else if (keyword === 'LIMITS') {
      for (const parameter of parameters) {
        if (parameter.startsWith('RCPTMAX=')) found.mostRecipients = number(parameter.slice(8));
        if (parameter.startsWith('MAILMAX=')) found.mostMessages = number(parameter.slice(8));
      }
    }
  }
  return found;
}

function number(text: string | undefined): number {
  if (text === undefined || text === '' || text.length > 15) return 0;
  const value = Number(text);
  return Number.isSafeInteger(value) && value > 0 ? value : 0;
}
