// A destination that counts: which message of a load (load.ts) arrived how often, and when. It keeps no bodies.
import net from 'node:net';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { idField } from './load.ts';

export interface Sink {
  readonly port: number;
  /** Times of arrival (`performance.now()` of the final dot) by ID. */
  readonly arrived: ReadonlyMap<string, readonly number[]>;
  /** Which message had a MID, by the gateway's Received line; a MID that two messages had is in `mixed`. */
  readonly mids: ReadonlyMap<number, string>;
  readonly mixed: readonly number[];
  /** Messages, repeated ones included. */
  readonly total: number;
  /** Connections that are open. */
  readonly connections: number;
  /** Waits until all of these IDs are there. */
  all(ids: Iterable<string>, timeout?: number): Promise<void>;
  /** Arrivals beyond the first of each message. */
  duplicates(): number;
  /** Refuses connections from now on; `up` listens again on the same port. */
  down(): Promise<void>;
  up(): Promise<void>;
}

export interface SinkOptions {
  readonly port?: number;
  /** Wait before the reply to the final dot, in ms. */
  readonly replyAfter?: number;
}

export async function startSink(t: Pick<TestContext, 'after'>, options: SinkOptions = {}): Promise<Sink> {
  const sink = new CountingSink(options);
  await sink.up();
  t.after(() => sink.down());
  return sink;
}

class CountingSink implements Sink {
  port: number;
  total = 0;
  readonly arrived = new Map<string, number[]>();
  readonly mids = new Map<number, string>();
  readonly mixed: number[] = [];
  readonly #replyAfter: number;
  readonly #sockets = new Set<net.Socket>();
  #server: net.Server | null = null;

  constructor(options: SinkOptions) {
    this.port = options.port ?? 0;
    this.#replyAfter = options.replyAfter ?? 0;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  duplicates(): number {
    return this.total - this.arrived.size;
  }

  async all(ids: Iterable<string>, timeout = 60_000): Promise<void> {
    const deadline = performance.now() + timeout;
    for (const id of ids) {
      while (!this.arrived.has(id)) {
        if (performance.now() > deadline) throw new Error(`${id} did not arrive (${this.arrived.size} did)`);
        await sleep(20);
      }
    }
  }

  async up(): Promise<void> {
    const server = net.createServer({ noDelay: true }, (socket) => this.#serve(socket));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject).listen(this.port, '127.0.0.1', resolve);
    await promise;
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    this.port = address.port;
    this.#server = server;
  }

  async down(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #serve(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    const receiver = new Receiver((id, mid) => {
      if (this.mids.has(mid) && this.mids.get(mid) !== id) this.mixed.push(mid);
      this.mids.set(mid, id);
      const times = this.arrived.get(id);
      if (times === undefined) this.arrived.set(id, [performance.now()]);
      else times.push(performance.now());
      this.total++;
    });
    socket.on('data', (chunk: Buffer) => {
      const replies = receiver.take(chunk.toString('latin1'));
      if (replies === '') return;
      if (this.#replyAfter > 0 && replies.includes(kept)) {
        setTimeout(() => socket.writable && socket.write(replies), this.#replyAfter);
      } else {
        socket.write(replies);
      }
      if (receiver.quit) socket.end();
    });
    socket.write('220 sink.test ESMTP\r\n');
  }
}

const kept = '250 2.0.0 kept\r\n';
const end = '\r\n.\r\n';

class Receiver {
  quit = false;
  readonly #done: (id: string, mid: number) => void;
  #input = '';
  #inData = false;
  #id: string | null = null;
  #mid = 0;

  constructor(done: (id: string, mid: number) => void) {
    this.#done = done;
  }

  /** Takes what came and returns the replies. */
  take(text: string): string {
    this.#input += text;
    let replies = '';
    for (;;) {
      if (this.#inData) {
        this.#readId();
        const at = this.#input.indexOf(end);
        if (at < 0) {
          // Of a big body only what may be the beginning of its end.
          if (this.#id !== null) this.#input = this.#input.slice(-end.length + 1);
          return replies;
        }
        this.#input = this.#input.slice(at + end.length);
        this.#inData = false;
        this.#done(this.#id ?? 'without an ID', this.#mid);
        this.#id = null;
        replies += kept;
        continue;
      }
      const line = this.#input.indexOf('\r\n');
      if (line < 0) return replies;
      replies += this.#answer(this.#input.slice(0, line));
      this.#input = this.#input.slice(line + 2);
    }
  }

  #readId(): void {
    if (this.#id !== null) return;
    const at = this.#input.indexOf(`\r\n${idField}`);
    const stop = at < 0 ? -1 : this.#input.indexOf('\r\n', at + 2);
    if (stop < 0) return;
    this.#id = this.#input.slice(at + 2 + idField.length, stop);
    this.#mid = Number(/^\tid (\d+)/m.exec(this.#input)?.[1]);
  }

  #answer(command: string): string {
    switch (command.slice(0, 4).toUpperCase()) {
      case 'EHLO':
        return '250-sink.test\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n250 8BITMIME\r\n';
      case 'DATA':
        this.#inData = true;
        return '354 go on\r\n';
      case 'QUIT':
        this.quit = true;
        return '221 2.0.0 bye\r\n';
      default:
        return '250 2.0.0 ok\r\n';
    }
  }
}
