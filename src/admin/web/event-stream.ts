// Server-sent events: bounded buffers, heartbeats, and an end when the logon or the program ends. Commits do not touch them.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PosternError } from '../../errors.ts';
import type { Caller } from '../auth/access.ts';

/** One open stream, at our end. */
export interface EventStream {
  /**
   * Sends an event; `data` goes as JSON. False: it was dropped because the client reads too slowly; it is told how many were
   * (`event: lost`) when it reads again. After `closed` it does nothing.
   */
  send(event: string, data: unknown, id?: string): boolean;
  /** The client hears that the stream is over and does not come again by itself before `retry`. */
  end(): void;
  /** Aborted when the stream is over, whoever ended it. */
  readonly closed: AbortSignal;
}

/** Bytes that wait for a client. */
const mostWaiting = 256 * 1024;
const heartbeat = 15_000;
/** Streams at a time, of all and of one logon or token: one browser's tabs, or one program. */
const mostStreams = 400;
const mostStreamsPerCaller = 40;
/** A client comes again after this, ms. */
const retry = 3_000;

interface Open {
  readonly caller: Caller;
  readonly stream: Stream;
}

export class EventStreams {
  readonly #open = new Set<Open>();
  readonly #valid: (caller: Caller) => boolean;
  readonly #timer: NodeJS.Timeout;
  #stopped = false;

  /** `valid`: whether the logon or token still holds; asked with each heartbeat. */
  constructor(valid: (caller: Caller) => boolean) {
    this.#valid = valid;
    this.#timer = setInterval(() => this.#beat(), heartbeat);
    this.#timer.unref();
  }

  get count(): number {
    return this.#open.size;
  }

  /** Answers a request with a stream. Throws `rate-limited` where there are too many, `shutting-down` at the end. */
  open(request: FastifyRequest, reply: FastifyReply, caller: Caller): EventStream {
    if (this.#stopped) throw new PosternError('shutting-down', 'the gateway is stopping', { temporary: true });
    const own = [...this.#open].filter((open) => open.caller.id === caller.id).length;
    if (this.#open.size >= mostStreams || own >= mostStreamsPerCaller) {
      throw new PosternError('rate-limited', 'too many event streams are open', {
        temporary: true,
        remedy: 'close some of them',
      });
    }
    const headers = reply.getHeaders();
    reply.hijack();
    const stream = new Stream(reply.raw as Output);
    reply.raw.writeHead(200, {
      ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
    });
    reply.raw.write(`retry: ${retry}\n\n`);
    const open = { caller, stream };
    this.#open.add(open);
    stream.closed.addEventListener('abort', () => this.#open.delete(open), { once: true });
    // A client that went away while the request was looked at.
    if (request.raw.destroyed && request.raw.errored !== null) stream.end();
    return stream;
  }

  /** Ends the streams of a logon or token that is over. */
  endOf(id: string): void {
    for (const { caller, stream } of [...this.#open]) if (caller.id === id) stream.end();
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    for (const { stream } of [...this.#open]) stream.end();
  }

  #beat(): void {
    for (const { caller, stream } of [...this.#open]) {
      if (this.#valid(caller)) stream.beat();
      else stream.end();
    }
  }
}

/** What HTTP/1 and HTTP/2 responses have in common. */
interface Output {
  readonly writableLength: number;
  write(text: string): boolean;
  end(): unknown;
  on(event: 'close' | 'error' | 'drain', listener: () => void): unknown;
}

class Stream implements EventStream {
  readonly #output: Output;
  readonly #ended = new AbortController();
  #lost = 0;

  constructor(output: Output) {
    this.#output = output;
    const over = () => this.#ended.abort();
    output.on('close', over);
    output.on('error', over);
  }

  get closed(): AbortSignal {
    return this.#ended.signal;
  }

  send(event: string, data: unknown, id?: string): boolean {
    if (this.closed.aborted) return false;
    if (this.#output.writableLength > mostWaiting) {
      this.#lost++;
      return false;
    }
    if (this.#lost > 0) {
      const count = this.#lost;
      this.#lost = 0;
      this.#output.write(frame('lost', { count }));
    }
    this.#output.write(frame(event, data, id));
    return true;
  }

  beat(): void {
    // A comment: EventSource passes over it, and a connection that is gone shows itself.
    if (!this.closed.aborted && this.#output.writableLength <= mostWaiting) this.#output.write(':\n\n');
  }

  end(): void {
    if (this.closed.aborted) return;
    this.#output.write(frame('end', {}));
    this.#output.end();
    this.#ended.abort();
  }
}

/** JSON has no raw line ends; `event` and `id` are ours. */
function frame(event: string, data: unknown, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
