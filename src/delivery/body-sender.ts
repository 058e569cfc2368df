// A big body on its way: some of it at a time, as fast as the server takes it.
import type { Link } from '../smtp/dial.ts';
import { DotStuffing } from '../smtp/stuffing.ts';
import type { BodyFile } from './body.ts';

/** Bytes handed to the socket at a time where the body is in memory. */
const poured = 512 * 1024;

export interface BodySenderOwner {
  /** Some of it is out. */
  progress(): void;
  /** All of it, and the final dot. */
  sent(): void;
  /** The file cannot be read on; nothing that looks like an end was sent. */
  unreadable(error: Error | null): void;
}

export class BodySender {
  readonly #link: Link;
  readonly #owner: BodySenderOwner;
  readonly #stuffing = new DotStuffing();
  #proceed: (() => void) | null = null;
  #stopped = false;

  constructor(link: Link, owner: BodySenderOwner) {
    this.#link = link;
    this.#owner = owner;
  }

  /** From piece `from` on. */
  sendPieces(pieces: readonly Uint8Array[], from = 0): void {
    let next = from;
    let room = true;
    this.#link.together(() => {
      for (let length = 0; next < pieces.length && length < poured; next++) {
        const piece = pieces[next];
        if (piece === undefined) continue;
        length += piece.length;
        room = this.#link.write(this.#stuffing.push(piece));
      }
      if (next === pieces.length) this.#link.write(this.#stuffing.end());
    });
    if (next === pieces.length) this.#owner.sent();
    else this.#goOn(room, () => this.sendPieces(pieces, next));
  }

  sendFile(file: BodyFile, piece: Uint8Array = file.first): void {
    if (piece.length === 0) {
      this.#link.write(this.#stuffing.end());
      this.#owner.sent();
      return;
    }
    const room = this.#link.write(this.#stuffing.push(piece));
    this.#goOn(room, () =>
      file.next((error, next) => {
        if (this.#stopped) return;
        if (next === null) this.#owner.unreadable(error);
        else this.sendFile(file, next);
      }),
    );
  }

  /** The socket has room again. */
  drained(): void {
    const proceed = this.#proceed;
    this.#proceed = null;
    proceed?.();
  }

  /** The connection is gone: nothing more is read or written. */
  stop(): void {
    this.#stopped = true;
    this.#proceed = null;
  }

  #goOn(room: boolean, proceed: () => void): void {
    this.#owner.progress();
    if (room) proceed();
    else if (!this.#stopped) this.#proceed = proceed;
  }
}
