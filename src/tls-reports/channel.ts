// How mail workers hand reports that came by mail to the control thread, which reads them.
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { MessagePort } from 'node:worker_threads';
import { messageOf, PosternError } from '../errors.ts';
import { type Failure, ourFailure } from '../smtp/failure.ts';
import type { Body } from '../spool/protocol.ts';
import type { MailOrigin, ReportReceiver } from './receiver.ts';

interface Question extends MailOrigin {
  readonly id: number;
  readonly message: Uint8Array;
}

interface Answer {
  readonly id: number;
  /** Null: it is kept, or noted as no report. */
  readonly later: string | null;
}

/** Others wait before it, DNS has deadlines of its own. */
const longestWait = 120_000;
/** Anybody may send them: so many are in memory at a time for being read, and so many wait for that. */
const mostRead = 4;
const mostWaiting = 200;

/** A worker's end. */
export class ReportClient {
  readonly #port: MessagePort;
  readonly #spoolDirectory: string;
  readonly #waiting = new Map<number, (later: string | null) => void>();
  readonly #queue: (() => void)[] = [];
  #reading = 0;
  #last = 0;

  constructor(port: MessagePort, spoolDirectory: string) {
    this.#port = port;
    this.#spoolDirectory = spoolDirectory;
    port.on('message', ({ id, later }: Answer) => this.#waiting.get(id)?.(later));
    port.unref();
  }

  /** Null: it is kept. Never rejects. `most`: bytes that are looked at. */
  async take(body: Body, most: number, about: MailOrigin): Promise<Failure | null> {
    if (this.#queue.length >= mostWaiting) return ourFailure('4.3.2', 'too many reports wait to be read');
    await this.#turn();
    try {
      const message = body instanceof Uint8Array ? body.subarray(0, most) : await this.#read(body.file, most);
      const later = await this.#ask({ id: ++this.#last, message, ...about });
      return later === null ? null : ourFailure('4.3.0', later);
    } catch (error) {
      return ourFailure('4.3.0', `the report cannot be taken now: ${messageOf(error)}`);
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#reading--;
      else next(); // it has the place now
    }
  }

  /** Resolves when there is room for one more. */
  async #turn(): Promise<void> {
    if (this.#reading < mostRead) this.#reading++;
    else await new Promise<void>((resolve) => this.#queue.push(resolve));
  }

  #ask(question: Question): Promise<string | null> {
    const { promise, resolve, reject } = Promise.withResolvers<string | null>();
    const timer = setTimeout(() => {
      this.#waiting.delete(question.id);
      reject(new PosternError('timeout', 'nobody reads it', { temporary: true }));
    }, longestWait);
    this.#waiting.set(question.id, (later) => {
      clearTimeout(timer);
      this.#waiting.delete(question.id);
      resolve(later);
    });
    this.#port.postMessage(question);
    return promise;
  }

  async #read(file: string, most: number): Promise<Uint8Array> {
    const handle = await open(join(this.#spoolDirectory, file));
    try {
      const { size } = await handle.stat();
      const buffer = Buffer.alloc(Math.min(size, most));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  }
}

/** The other end. */
export function takeReportsOn(port: MessagePort, receiver: () => ReportReceiver | null): void {
  port.on('message', async ({ id, ...delivered }: Question) => {
    let later: string | null = null;
    try {
      const taker = receiver();
      if (taker === null) later = 'the gateway is starting';
      else await taker.take({ via: 'mail', ...delivered });
    } catch (error) {
      later = messageOf(error);
    }
    port.postMessage({ id, later } satisfies Answer);
  });
}
