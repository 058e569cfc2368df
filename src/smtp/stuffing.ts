// The body as it stands on the wire behind DATA: a dot before each line that begins with one, and the final dot
// (RFC 5321 4.5.2, 4.1.1.4).

const lineWithDot = Buffer.from('\r\n.');
const dot = 0x2e;
const final = Buffer.from('.\r\n');
const newlineAndFinal = Buffer.from('\r\n.\r\n');

/** Feeds on a body in pieces of any size. Bytes without a line that begins with a dot are passed on uncopied. */
export class DotStuffing {
  /** How much of CRLF stands at the end of what was fed: 0, 1 (CR), 2. A body begins like a line. */
  #newline = 2;

  push(piece: Uint8Array): Uint8Array {
    const length = piece.length;
    if (length === 0) return piece;
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, length);
    const before = this.#newline;
    const last = bytes[length - 1];
    if (last === 0x0a) this.#newline = length === 1 ? (before === 1 ? 2 : 0) : bytes[length - 2] === 0x0d ? 2 : 0;
    else this.#newline = last === 0x0d ? 1 : 0;

    const dots: number[] = [];
    if (before === 2 && bytes[0] === dot) dots.push(0);
    else if (before === 1 && bytes[0] === 0x0a && bytes[1] === dot) dots.push(1);
    for (let at = bytes.indexOf(lineWithDot); at >= 0; at = bytes.indexOf(lineWithDot, at + 3)) dots.push(at + 2);
    return dots.length === 0 ? piece : withDots(bytes, dots);
  }

  /** What ends the body: the final dot; before it a CRLF where the body has none at its end (it can come so by BDAT). */
  end(): Uint8Array {
    return this.#newline === 2 ? final : newlineAndFinal;
  }
}

function withDots(bytes: Buffer, dots: readonly number[]): Buffer {
  const stuffed = Buffer.allocUnsafe(bytes.length + dots.length);
  let from = 0;
  let to = 0;
  for (const at of dots) {
    to += bytes.copy(stuffed, to, from, at);
    stuffed[to++] = dot;
    from = at;
  }
  bytes.copy(stuffed, to, from);
  return stuffed;
}
