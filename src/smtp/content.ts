// The content of one message on its way through a session, by DATA or in chunks: what is handed on, where it ends, and whether
// it can be taken. Pure.
import type { Refusal } from './command.ts';
import { DataReader } from './data.ts';
import type { SessionHandler } from './handler.ts';
import { HeaderScanner } from './header.ts';

/** Bounds of a message; the limits of the configuration. */
export interface MessageLimits {
  /** Octets. */
  readonly messageSize: number;
  readonly headerSize: number;
  readonly lineLength: number;
  readonly hops: number;
}

/** Why a message is refused: for the log, and for the peer. */
export interface Fault {
  readonly reason: string;
  readonly refusal: Refusal;
}

/**
 * How far `read` came. `more`: the message goes on. `chunk`: a chunk that is not the last is complete. `end`: the message is.
 * `fault`: so far, or as a whole, it cannot be taken. `tooLarge`: by so much that it is not even read to its end.
 */
export type Progress = 'more' | 'chunk' | 'end' | 'fault' | 'tooLarge';

const bareNewline: Fault = {
  reason: 'Bare CR or LF in message',
  refusal: '554 5.6.0 Message has a CR or LF alone; lines end with CR LF (RFC 5321 2.3.8)',
};
const nul: Fault = { reason: 'NUL in message', refusal: '554 5.6.0 Message has a NUL character (RFC 5322 3.5)' };
const tooManyHops: Fault = {
  reason: 'Too many hops',
  refusal: '554 5.4.6 Too many hops; the message is in a loop',
};

export function sizeFault(limits: MessageLimits): Fault {
  return {
    reason: 'Message size exceeds limit',
    refusal: `552 5.3.4 Message size exceeds the limit of ${limits.messageSize} octets`,
  };
}

/** Octets of one message that are read only to answer in step; past them the connection is closed. */
export function toleratedSize(limits: MessageLimits): number {
  return 2 * limits.messageSize + 1_048_576;
}

export class Content {
  progress: Progress = 'more';
  /** With `fault`. */
  fault: Fault = bareNewline;
  /** The body has no room: reading goes on when it has. */
  full = false;
  readonly #limits: MessageLimits;
  readonly #sink: Pick<SessionHandler, 'body' | 'discard'>;
  readonly #header: HeaderScanner;
  readonly #data: DataReader;
  /** The body is not kept any more: the message will be refused. */
  #spoilt = false;
  /** Octets of the present chunk still to come; -1: by DATA. */
  #left = -1;
  #last = false;

  constructor(limits: MessageLimits, sink: Pick<SessionHandler, 'body' | 'discard'>) {
    this.#limits = limits;
    this.#sink = sink;
    this.#header = new HeaderScanner(limits.headerSize);
    this.#data = new DataReader(this.#header, limits.lineLength);
  }

  /** Octets so far, dot-stuffing undone. */
  get size(): number {
    return this.#data.size;
  }
  get messageId(): string | null {
    return this.#header.messageId;
  }
  get subject(): string | null {
    return this.#header.subject;
  }
  /** The header says `TLS-Required: No` (RFC 8689 3). */
  get tlsOptional(): boolean {
    return this.#header.tlsOptional;
  }

  /** The next `size` octets are a chunk (RFC 3030). */
  openChunk(size: number, last: boolean): void {
    this.#left = size;
    this.#last = last;
  }

  /** Reads on at `at`; `text` is `input` in latin1. Returns the index behind what it took. */
  read(input: Buffer, text: string, at: number): number {
    const data = this.#data;
    let next: number;
    if (this.#left < 0) next = data.feed(input, text, at);
    else {
      next = Math.min(text.length, at + this.#left);
      this.#left -= next - at;
      data.feedChunk(input, text, at, next);
    }
    this.#handOn();
    if (data.size > toleratedSize(this.#limits)) this.progress = 'tooLarge';
    else if (data.ended || (this.#left === 0 && this.#last)) this.#end('end');
    else if (this.#left === 0) this.#end('chunk');
    else this.progress = 'more';
    return next;
  }

  #handOn(): void {
    const { piece } = this.#data;
    this.#data.piece = null;
    this.full = false;
    if (piece === null || this.#spoilt) return;
    if (this.#willBeRefused()) {
      this.#spoilt = true;
      this.#sink.discard();
    } else this.full = !this.#sink.body(piece);
  }

  #end(progress: 'chunk' | 'end'): void {
    if (progress === 'end') this.#data.finish();
    const fault = this.#findFault();
    if (fault !== null) this.fault = fault;
    this.progress = fault === null ? progress : 'fault';
  }

  #willBeRefused(): boolean {
    const data = this.#data;
    return (
      data.bareNewline || data.nul || data.longLine || this.#header.tooLarge || data.size > this.#limits.messageSize
    );
  }

  /** The gravest fault of the message as far as it has come: the same however its bytes were split. */
  #findFault(): Fault | null {
    const data = this.#data;
    const limits = this.#limits;
    if (data.bareNewline) return bareNewline;
    if (data.nul) return nul;
    if (data.size > limits.messageSize) return sizeFault(limits);
    if (this.#header.tooLarge) {
      return {
        reason: 'Message header exceeds limit',
        refusal: `552 5.3.4 Message header exceeds the limit of ${limits.headerSize} octets`,
      };
    }
    if (data.longLine) {
      return {
        reason: 'Line too long',
        refusal: `554 5.6.0 Message has a line of more than ${limits.lineLength} octets (RFC 5321 4.5.3.1.6)`,
      };
    }
    return this.#header.received > limits.hops ? tooManyHops : null;
  }
}
