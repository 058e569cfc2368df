// Finds command lines (RFC 5321 2.3.8, 4.5.3.1.4): CR LF ends one, and nothing else does. Pure.

// RFC 5321 asks for 512 octets; SIZE, DSN and SMTPUTF8 add up to about 1,200.
const maximumLine = 2048;
/** What is read and forgotten up to the end of a refused line. */
const maximumSkipped = 65_536;

/**
 * What `read` met. `more`: the line is not complete. `line`: here it is. `bareNewline`, `tooLong`: a line is refused, at once,
 * because a peer that ends lines with LF waits for the reply; what follows up to CR LF is no command and has no reply.
 * `again`: another bare LF in such a line. `flood`: it does not end. `skipped`: nothing to say. `noText`: TLS, or bytes.
 */
export type Met = 'more' | 'line' | 'bareNewline' | 'tooLong' | 'again' | 'flood' | 'skipped' | 'noText';

export const lineRefusals = {
  bareNewline: '500 5.5.2 A command line ends with CR LF; a CR or LF alone is not accepted',
  tooLong: `500 5.5.2 Line longer than ${maximumLine} octets`,
  noText: '500 5.5.2 This is not SMTP; TLS begins with the command STARTTLS',
} as const;

export class LineReader {
  /** The line without its end, after `line`. */
  line = '';
  met: Met = 'more';
  #skipping = false;
  #skipped = 0;
  /** The last octet that was skipped was a CR. */
  #endsWithCr = false;

  /** Reads on at `at`; returns the index behind what it took. */
  read(text: string, at: number): number {
    if (this.#skipping) return this.#skip(text, at);
    const first = text.charCodeAt(at);
    if (first === 0x16 || first >= 0x80) {
      this.met = 'noText';
      return text.length;
    }
    // The line ends at the first CR or LF; anything but the two together spoils it.
    const limit = at + maximumLine + 2;
    const lf = text.indexOf('\n', at);
    const cr = text.indexOf('\r', at);
    const end = Math.min(cr < 0 ? Infinity : cr, lf < 0 ? Infinity : lf);
    if (end >= limit - 1 && text.length >= limit) {
      this.#refuse('tooLong', end === limit - 1 && cr === end);
      return limit;
    }
    if (end === Infinity || (end === cr && cr + 1 === text.length)) {
      this.met = 'more';
      return at;
    }
    if (end === lf || lf !== cr + 1) {
      this.#refuse('bareNewline', false);
      return end + 1;
    }
    this.line = text.slice(at, cr);
    this.met = 'line';
    return lf + 1;
  }

  #refuse(met: Met, endsWithCr: boolean): void {
    this.met = met;
    this.#skipping = true;
    this.#skipped = 0;
    this.#endsWithCr = endsWithCr;
  }

  /** To the end of the refused line, or to its next bare LF. */
  #skip(text: string, at: number): number {
    const lf = text.indexOf('\n', at);
    const end = lf < 0 ? text.length : lf + 1;
    const before = lf === at ? this.#endsWithCr : text.charCodeAt(lf - 1) === 0x0d;
    this.#skipped += end - at;
    this.#endsWithCr = text.charCodeAt(end - 1) === 0x0d;
    if (this.#skipped > maximumSkipped) this.met = 'flood';
    else if (lf < 0) this.met = 'skipped';
    else if (before) {
      this.#skipping = false;
      this.met = 'skipped';
    } else this.met = 'again';
    return end;
  }
}
