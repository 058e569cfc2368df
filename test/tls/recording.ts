// What went over the wire in a handshake of real programs: the client's first flight and the server's answer to it.
import { type AddressInfo, createServer, type Server } from 'node:net';
import { peekHello } from '../../src/tls/peek.ts';
import { proxy } from './peers.ts';

export interface Recording {
  /** What the client had sent when the server first answered. */
  readonly flight: Buffer;
  /** What the server sent before the client spoke again. */
  readonly answer: Buffer;
  /** Everything that the client sent after the answer. */
  readonly rest: Buffer;
}

/** Recordings of all connections to `port` that go through it, in their order. */
export class Recorder {
  readonly #taken: { flight: Buffer[]; answer: Buffer[]; rest: Buffer[] }[] = [];
  #close: () => Promise<void> = async () => {};
  #port = 0;

  async start(port: number): Promise<void> {
    const relay = await proxy(port, (chunk, direction, index) => {
      if (direction === 'to-server' && index === 0) this.#taken.push({ flight: [], answer: [], rest: [] });
      const current = this.#taken.at(-1);
      if (current === undefined) return chunk;
      if (direction === 'to-client') {
        if (current.rest.length === 0) current.answer.push(chunk);
      } else if (current.answer.length === 0) current.flight.push(chunk);
      else current.rest.push(chunk);
      return chunk;
    });
    this.#port = relay.port;
    this.#close = relay.close;
  }

  get port(): number {
    return this.#port;
  }

  /** The last connection's, and forgets it. */
  take(): Recording {
    const last = this.#taken.pop();
    const join = (chunks: readonly Buffer[] | undefined) => Buffer.concat([...(chunks ?? [])]);
    return { flight: join(last?.flight), answer: join(last?.answer), rest: join(last?.rest) };
  }

  close(): Promise<void> {
    return this.#close();
  }
}

/** The first flights that reach a port; each connection is closed as soon as its hello is complete. */
export class HelloCatcher {
  readonly #server: Server;
  readonly #caught: Buffer[] = [];
  #onCaught: () => void = () => {};

  constructor() {
    this.#server = createServer((socket) => {
      let flight = Buffer.alloc(0);
      socket.on('error', () => {});
      socket.on('data', (chunk: Buffer) => {
        flight = Buffer.concat([flight, chunk]);
        if (peekHello(flight).status !== 'complete') return;
        this.#caught.push(flight);
        socket.destroy();
        this.#onCaught();
      });
    });
  }

  listen(): Promise<number> {
    return new Promise((resolve) => {
      this.#server.listen(0, '127.0.0.1', () => resolve((this.#server.address() as AddressInfo).port));
    });
  }

  /** The next `count`, or as many as there are after `timeout` ms. */
  wait(count: number, timeout: number): Promise<readonly Buffer[]> {
    return new Promise((resolve) => {
      const settle = () => {
        clearTimeout(timer);
        this.#onCaught = () => {};
        resolve(this.take());
      };
      const timer = setTimeout(settle, timeout);
      this.#onCaught = () => {
        if (this.#caught.length >= count) settle();
      };
      this.#onCaught();
    });
  }

  /** All since the last time. */
  take(): readonly Buffer[] {
    return this.#caught.splice(0);
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}
