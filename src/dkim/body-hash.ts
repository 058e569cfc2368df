// The hash of a body in its relaxed form (RFC 6376 3.4.4), made while the body arrives.
import { createHash } from 'node:crypto';

const tab = 0x09;
const lf = 0x0a;
const cr = 0x0d;
const space = 0x20;

/** Shared by all bodies of the thread: what it holds goes into a hash before anything else runs. */
const scratch = Buffer.allocUnsafe(16 * 1024);
/** A line end, a space and the octet behind them. */
const mostAtOnce = 4;

/** Lines of the body end with CRLF; a CR alone would be lost. */
export class RelaxedBodyHash {
  readonly #hash = createHash('sha256');
  /** Line ends that count only if something follows: empty lines at the end are left out. */
  #lines = 0;
  /** White space that counts only if something follows on its line. */
  #space = false;
  #empty = true;
  #filled = 0;

  push(piece: Uint8Array): void {
    if (piece.includes(space) || piece.includes(tab)) this.#text(piece, 0, piece.length);
    else this.#dense(piece);
  }

  /** SHA-256 in Base64. */
  digest(): string {
    // RFC 6376 3.4.4: a body that is not empty ends with a line end, whether it came with one or not.
    if (!this.#empty) this.#put(cr, lf);
    this.#flush();
    return this.#hash.digest('base64');
  }

  /** No white space in it, as in an attachment in Base64: all but its ends goes into the hash uncopied. */
  #dense(piece: Uint8Array): void {
    let from = 0;
    while (from < piece.length && isLineEnd(piece[from])) from++;
    let until = piece.length;
    while (until > from && isLineEnd(piece[until - 1])) until--;
    this.#text(piece, 0, from);
    if (until > from) {
      this.#pending();
      this.#flush();
      this.#hash.update(piece.subarray(from, until));
    }
    this.#text(piece, until, piece.length);
  }

  #text(piece: Uint8Array, from: number, until: number): void {
    for (let at = from; at < until; at++) {
      const octet = piece[at];
      if (octet === space || octet === tab) this.#space = true;
      else if (octet === lf) {
        this.#lines++;
        this.#space = false;
      } else if (octet !== cr) {
        if (this.#lines > 0 || this.#space) this.#pending();
        this.#empty = false;
        scratch[this.#filled++] = octet ?? 0;
        if (this.#filled > scratch.length - mostAtOnce) this.#flush();
      }
    }
    this.#flush();
  }

  /** Something follows: what was put off counts. */
  #pending(): void {
    this.#empty = false;
    for (; this.#lines > 0; this.#lines--) this.#put(cr, lf);
    if (this.#space) scratch[this.#filled++] = space;
    this.#space = false;
    if (this.#filled > scratch.length - mostAtOnce) this.#flush();
  }

  #put(first: number, second: number): void {
    if (this.#filled > scratch.length - mostAtOnce) this.#flush();
    scratch[this.#filled++] = first;
    scratch[this.#filled++] = second;
  }

  #flush(): void {
    if (this.#filled === 0) return;
    this.#hash.update(scratch.subarray(0, this.#filled));
    this.#filled = 0;
  }
}

function isLineEnd(octet: number | undefined): boolean {
  return octet === cr || octet === lf;
}
