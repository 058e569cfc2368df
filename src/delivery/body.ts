// A body that lives in a file of the spool, read piece by piece while it is sent.
import { close, open, read } from 'node:fs';

/** At least the largest header (limits.headerSize), so that the first piece holds all of it. */
export const pieceSize = 256 * 1024;

export class BodyFile {
  readonly #descriptor: number;
  readonly #size: number;
  #position: number;
  #closed = false;
  #reading = false;
  /** The first piece. */
  readonly first: Uint8Array;

  private constructor(descriptor: number, size: number, first: Uint8Array) {
    this.#descriptor = descriptor;
    this.#size = size;
    this.first = first;
    this.#position = first.length;
  }

  /** Opens the file of `size` bytes and reads its first piece. */
  static open(path: string, size: number, done: (error: Error | null, file: BodyFile | null) => void): void {
    open(path, 'r', (error, descriptor) => {
      if (error !== null) {
        done(error, null);
        return;
      }
      readPiece(descriptor, 0, size, (failure, piece) => {
        if (piece !== null) done(null, new BodyFile(descriptor, size, piece));
        else close(descriptor, () => done(failure, null));
      });
    });
  }

  /** The next piece; an empty one at the end. A file that is shorter than it should be is an error, never an end. */
  next(done: (error: Error | null, piece: Uint8Array | null) => void): void {
    this.#reading = true;
    readPiece(this.#descriptor, this.#position, this.#size, (error, piece) => {
      this.#reading = false;
      if (this.#closed) {
        close(this.#descriptor, ignore);
        return;
      }
      if (piece !== null) this.#position += piece.length;
      done(error, piece);
    });
  }

  /** Safe to repeat; a read under way never calls back after it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#reading) close(this.#descriptor, ignore);
  }
}

function readPiece(
  descriptor: number,
  position: number,
  size: number,
  done: (error: Error | null, piece: Uint8Array | null) => void,
): void {
  const wanted = Math.min(pieceSize, size - position);
  if (wanted <= 0) {
    done(null, new Uint8Array(0));
    return;
  }
  read(descriptor, Buffer.allocUnsafeSlow(wanted), 0, wanted, position, (error, length, buffer) => {
    if (error !== null) done(error, null);
    else if (length === 0) done(new Error(`the file ends after ${position} of ${size} bytes`), null);
    else done(null, buffer.subarray(0, length));
  });
}

// A descriptor that was only read from has nothing to lose when closing it fails.
function ignore(): void {}
