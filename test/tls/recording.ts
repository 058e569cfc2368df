// What went over the wire in a handshake of real programs: the client's first flight and the server's answer to it.
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { peekHello } from '../../src/tls/peek.ts';

export interface Recording {
  /** What the client had sent when the server first answered. */
  readonly flight: Buffer;
  /** What the server sent before the client spoke again. */
  readonly answer: Buffer;
  /** Everything that the client sent after the answer. */
  readonly rest: Buffer;
}

interface Connection {
  readonly flight: Buffer[];
  readonly answer: Buffer[];
  readonly rest: Buffer[];
}

/** A relay to a port that records what passes, one connection after the other. */
export class Recorder {
  readonly #relay = createServer((client) => this.#accept(client));
  readonly #open = new Set<Socket>();
  #taken: Connection[] = [];
  #target = 0;
  #port = 0;
  #onClose: () => void = () => {};
  #onEmpty: () => void = () => {};

  /** Relays to `port`, from `this.port`. */
  start(port: number): Promise<void> {
    this.#target = port;
    return new Promise((resolve) => {
      this.#relay.listen(0, '127.0.0.1', () => {
        this.#port = (this.#relay.address() as AddressInfo).port;
        resolve();
      });
    });
  }

  get port(): number {
    return this.#port;
  }

  /**
   * The last connection's, when everything has passed, and forgets it. Call it when the client has gone. All empty: the client
   * never said anything.
   */
  async take(): Promise<Recording> {
    await this.#everythingAccepted();
    while (this.#open.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onClose = resolve;
      });
    }
    const last = this.#taken.at(-1);
    this.#taken = [];
    const join = (chunks: readonly Buffer[] | undefined) => Buffer.concat([...(chunks ?? [])]);
    return { flight: join(last?.flight), answer: join(last?.answer), rest: join(last?.rest) };
  }

  close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    return new Promise((resolve) => {
      this.#relay.close(() => resolve());
    });
  }

  /** Connections are accepted in their order: when one of our own is through, so are those before it. */
  #everythingAccepted(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
      connect(this.#port, '127.0.0.1', function (this: Socket) {
        this.end();
      });
    });
  }

  #accept(client: Socket): void {
    const current: Connection = { flight: [], answer: [], rest: [] };
    let server: Socket | null = null;
    this.#watch(client);
    client.on('data', (chunk: Buffer) => {
      if (server === null) {
        this.#taken.push(current);
        server = connect(this.#target, '127.0.0.1');
        this.#watch(server);
        server.on('data', (answer: Buffer) => {
          if (current.rest.length === 0) current.answer.push(answer);
          client.write(answer);
        });
        server.on('close', () => client.destroySoon());
      }
      (current.answer.length === 0 ? current.flight : current.rest).push(chunk);
      server.write(chunk);
    });
    client.on('close', () => {
      if (server === null) this.#onEmpty();
      else server.destroySoon();
    });
  }

  #watch(socket: Socket): void {
    this.#open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#open.delete(socket);
      this.#onClose();
    });
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
