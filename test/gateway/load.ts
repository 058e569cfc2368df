// Clients that send many messages, each with an ID of its own, and know exactly which were acknowledged.
import net from 'node:net';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';

/** A TLS handshake that succeeded; times of `performance.now()`. */
export interface Handshake {
  /** When the ClientHello was sent. */
  readonly begun: number;
  readonly done: number;
  readonly protocol: string;
}

export interface Load {
  /** Messages with a 250 after the final dot, and when it came. */
  readonly acknowledged: ReadonlyMap<string, number>;
  /** Messages and connections with a 4xx or 5xx: the reply. */
  readonly refused: readonly string[];
  /** Connections that ended without QUIT or a reply that closes: what the client waited for. */
  readonly broken: readonly string[];
  readonly handshakes: readonly Handshake[];
  /** Resolves when all is sent, or all clients have ended after `stop`. */
  readonly done: Promise<void>;
  /** No new message is begun; each client ends with QUIT. */
  stop(): Promise<void>;
  /** Ends every connection at once. */
  cut(): void;
}

export interface LoadOptions {
  readonly port: number;
  readonly connections: number;
  /** Begins the IDs: `prefix-1`, ... */
  readonly prefix: string;
  /** In all; without it until `stop`. */
  readonly messages?: number;
  /** Bytes of a body; default 2,000. */
  readonly size?: number;
  /** Messages on one connection; default: as many as there are. */
  readonly perConnection?: number;
  readonly tls?: boolean;
  /** Wait between the end of a connection and the next, and after a refusal, in ms; default 0. */
  readonly pause?: number;
  /** A connection that breaks, or is refused, is not made anew. */
  readonly once?: boolean;
}

/** Where the ID of a message stands in its header. */
export const idField = 'X-Load-Id: ';

/** Begins to send; the end of the test cuts what is still open. */
export function startLoad(t: Pick<TestContext, 'after'>, options: LoadOptions): Load {
  const load = new Senders(options);
  t.after(() => load.cut());
  return load;
}

class Senders implements Load {
  readonly acknowledged = new Map<string, number>();
  readonly refused: string[] = [];
  readonly broken: string[] = [];
  readonly handshakes: Handshake[] = [];
  readonly done: Promise<void>;
  readonly options: LoadOptions;
  readonly body: string;
  stopping = false;
  #begun = 0;
  readonly #clients = new Set<Client>();

  constructor(options: LoadOptions) {
    this.options = options;
    const line = `${'0123456789abcdef'.repeat(4)}\r\n`;
    this.body = line.repeat(Math.ceil((options.size ?? 2000) / line.length));
    this.done = Promise.all(Array.from({ length: options.connections }, () => this.#run())).then(() => undefined);
  }

  /** The next message's ID; null: enough. */
  next(): string | null {
    const { messages, prefix } = this.options;
    if (this.stopping || (messages !== undefined && this.#begun >= messages)) return null;
    return `${prefix}-${++this.#begun}`;
  }

  async stop(): Promise<void> {
    this.stopping = true;
    for (const client of this.#clients) client.stop();
    await this.done;
  }

  cut(): void {
    this.stopping = true;
    for (const client of this.#clients) client.destroy();
  }

  async #run(): Promise<void> {
    const { pause = 0, once = false } = this.options;
    for (;;) {
      const id = this.next();
      if (id === null) return;
      const client = new Client(this, id);
      this.#clients.add(client);
      const well = await client.ended;
      this.#clients.delete(client);
      if (once && !well) return;
      if (pause > 0 || !well) await sleep(Math.max(pause, well ? 0 : 20));
    }
  }
}

type State = 'greeting' | 'ehlo' | 'starttls' | 'handshake' | 'ehlo after tls' | 'envelope' | 'final dot' | 'quit';

class Client {
  /** True: it ended as the client wanted. */
  readonly ended: Promise<boolean>;
  readonly #load: Senders;
  readonly #end: (well: boolean) => void;
  #socket: net.Socket;
  #state: State = 'greeting';
  #input = '';
  #id: string | null;
  #sent = 0;
  /** Replies that are still to come for MAIL, RCPT, DATA. */
  #replies = 0;
  #over = false;
  readonly #feed = (chunk: Buffer) => this.#take(chunk.toString('latin1'));

  constructor(load: Senders, id: string) {
    this.#load = load;
    this.#id = id;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.ended = promise;
    this.#end = resolve;
    const socket = net.connect({ port: load.options.port, host: '127.0.0.1', noDelay: true });
    this.#socket = socket;
    socket.on('data', this.#feed);
    socket.on('error', (error) => this.#break(error.message));
    socket.on('close', () => this.#break('closed'));
  }

  /** A client that is between messages would wait for ever otherwise; the others end with their message. */
  stop(): void {
    if (this.#state === 'greeting') this.#id = null;
  }

  destroy(): void {
    this.#over = true;
    this.#socket.destroy();
    this.#end(false);
  }

  #finish(well: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.#socket.end();
    setTimeout(() => this.#socket.destroy(), 500).unref();
    this.#end(well);
  }

  #break(why: string): void {
    if (this.#over) return;
    this.#load.broken.push(`${this.#state}: ${why}`);
    this.#over = true;
    this.#socket.destroy();
    this.#end(false);
  }

  #take(text: string): void {
    this.#input += text;
    for (;;) {
      const at = this.#input.indexOf('\r\n');
      if (at < 0 || this.#over) return;
      const line = this.#input.slice(0, at);
      this.#input = this.#input.slice(at + 2);
      if (line[3] !== '-') this.#reply(line);
    }
  }

  #reply(line: string): void {
    const code = Number(line.slice(0, 3));
    if (code >= 400) {
      if (this.#state !== 'quit') this.#load.refused.push(line);
      // A refused message ends its connection; the next one tries again.
      this.#finish(false);
      return;
    }
    switch (this.#state) {
      case 'greeting':
        this.#state = 'ehlo';
        this.#write('EHLO load.example.org\r\n');
        break;
      case 'ehlo':
        if (this.#load.options.tls === true) {
          this.#state = 'starttls';
          this.#write('STARTTLS\r\n');
        } else {
          this.#begin();
        }
        break;
      case 'starttls':
        this.#secure();
        break;
      case 'ehlo after tls':
        this.#begin();
        break;
      case 'envelope':
        if (--this.#replies > 0) break;
        this.#state = 'final dot';
        this.#write(`Subject: ${this.#id}\r\n${idField}${this.#id}\r\n\r\n${this.#load.body}.\r\n`);
        break;
      case 'final dot':
        this.#load.acknowledged.set(this.#id ?? '', performance.now());
        this.#sent++;
        this.#id = this.#sent < (this.#load.options.perConnection ?? Infinity) ? this.#load.next() : null;
        this.#begin();
        break;
      case 'quit':
        this.#finish(true);
        break;
      case 'handshake':
        this.#break('bytes before the handshake');
    }
  }

  #begin(): void {
    if (this.#id === null) {
      this.#state = 'quit';
      this.#write('QUIT\r\n');
      return;
    }
    this.#state = 'envelope';
    this.#replies = 3;
    this.#write('MAIL FROM:<load@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n');
  }

  #secure(): void {
    this.#state = 'handshake';
    const raw = this.#socket;
    raw.removeListener('data', this.#feed);
    const begun = performance.now();
    const socket = tls.connect({ socket: raw, rejectUnauthorized: false });
    this.#socket = socket;
    socket.on('error', (error) => this.#break(error.message));
    socket.once('secureConnect', () => {
      this.#load.handshakes.push({ begun, done: performance.now(), protocol: socket.getProtocol() ?? '' });
      this.#state = 'ehlo after tls';
      socket.on('data', this.#feed);
      this.#write('EHLO load.example.org\r\n');
    });
  }

  #write(text: string): void {
    this.#socket.write(text, 'latin1');
  }
}
