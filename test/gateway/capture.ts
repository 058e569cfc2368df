// A destination that keeps every message as it came over the wire, dot-stuffing undone, to be compared byte for byte. It
// speaks ESMTP with STARTTLS; the context of the test says which versions.
import net from 'node:net';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';

export interface CapturedMessage {
  readonly sender: string;
  readonly recipients: readonly string[];
  /** Header and body, without the final dot. */
  readonly data: Buffer;
  /** `TLSv1.3`, or null for clear text. */
  readonly protocol: string | null;
}

export interface Capture {
  readonly port: number;
  readonly messages: readonly CapturedMessage[];
  /** Waits until so many messages are there. */
  count(messages: number, timeout?: number): Promise<void>;
  close(): Promise<void>;
}

export interface CaptureOptions {
  readonly port?: number;
  /** Without it STARTTLS is not offered. */
  readonly tls?: tls.SecureContextOptions;
  /** Keep no data (for many big messages). */
  readonly discard?: boolean;
  readonly onMessage?: (message: CapturedMessage) => void;
}

const end = Buffer.from('\r\n.\r\n');

export async function startCapture(t: TestContext, options: CaptureOptions = {}): Promise<Capture> {
  const messages: CapturedMessage[] = [];
  const sockets = new Set<net.Socket>();
  const context = options.tls === undefined ? null : tls.createSecureContext(options.tls);
  const server = net.createServer({ noDelay: true }, (raw) => {
    sockets.add(raw);
    raw.on('close', () => sockets.delete(raw));
    raw.on('error', () => raw.destroy());
    new Receiver(raw, context, (message) => {
      options.onMessage?.(message);
      messages.push(options.discard === true ? { ...message, data: Buffer.alloc(0) } : message);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  t.after(close);
  return {
    port: address.port,
    messages,
    count: async (wanted, timeout = 60_000) => {
      const deadline = Date.now() + timeout;
      while (messages.length < wanted) {
        if (Date.now() > deadline) throw new Error(`${messages.length} of ${wanted} messages arrived`);
        await sleep(20);
      }
    },
    close,
  };
}

class Receiver {
  #socket: net.Socket;
  readonly #context: tls.SecureContext | null;
  readonly #done: (message: CapturedMessage) => void;
  #input: Buffer = Buffer.alloc(0);
  #inData = false;
  /** How much of the input was searched for the end. */
  #seen = 0;
  #sender = '';
  #recipients: string[] = [];
  readonly #feed = (chunk: Buffer) => this.#take(chunk);

  constructor(raw: net.Socket, context: tls.SecureContext | null, done: (message: CapturedMessage) => void) {
    this.#socket = raw;
    this.#context = context;
    this.#done = done;
    raw.on('data', this.#feed);
    raw.write('220 capture.test ESMTP\r\n');
  }

  #take(chunk: Buffer): void {
    this.#input = this.#input.length === 0 ? chunk : Buffer.concat([this.#input, chunk]);
    for (;;) {
      if (this.#inData) {
        // The end may follow the 354 at once: an empty message is ".\r\n".
        const empty = this.#input.subarray(0, 3).equals(end.subarray(2));
        const at = empty ? -2 : this.#input.indexOf(end, Math.max(0, this.#seen - end.length));
        this.#seen = this.#input.length;
        if (at === -1) return;
        this.#seen = 0;
        const body = this.#input.subarray(0, at + 2);
        this.#input = this.#input.subarray(at + end.length);
        this.#finish(body);
        continue;
      }
      const line = this.#input.indexOf('\r\n');
      if (line < 0) return;
      const command = this.#input.toString('latin1', 0, line);
      this.#input = this.#input.subarray(line + 2);
      if (!this.#answer(command)) return;
    }
  }

  #finish(stuffed: Buffer): void {
    this.#inData = false;
    const data = Buffer.from(stuffed.toString('latin1').replace(/^\.\./gm, '.'), 'latin1');
    const protocol = this.#socket instanceof tls.TLSSocket ? this.#socket.getProtocol() : null;
    this.#done({ sender: this.#sender, recipients: this.#recipients, data, protocol });
    this.#recipients = [];
    this.#socket.write('250 2.0.0 kept\r\n');
  }

  /** False: the connection goes on elsewhere. */
  #answer(command: string): boolean {
    const path = /<(.*?)>/.exec(command)?.[1] ?? '';
    switch (command.slice(0, 4).toUpperCase()) {
      case 'EHLO': {
        const offer = this.#context !== null && !(this.#socket instanceof tls.TLSSocket) ? '250-STARTTLS\r\n' : '';
        this.#socket.write(`250-capture.test\r\n250-PIPELINING\r\n${offer}250-SMTPUTF8\r\n250 8BITMIME\r\n`);
        return true;
      }
      case 'STAR':
        if (this.#context === null) break;
        this.#socket.removeListener('data', this.#feed);
        this.#socket.write('220 2.0.0 go on\r\n');
        this.#socket = new tls.TLSSocket(this.#socket, { isServer: true, secureContext: this.#context });
        this.#socket.on('error', () => this.#socket.destroy());
        this.#socket.on('data', this.#feed);
        return false;
      case 'MAIL':
        this.#sender = path;
        break;
      case 'RCPT':
        this.#recipients.push(path);
        break;
      case 'DATA':
        this.#inData = true;
        this.#socket.write('354 go on\r\n');
        return true;
      case 'QUIT':
        this.#socket.end('221 2.0.0 bye\r\n');
        return false;
    }
    this.#socket.write('250 2.0.0 ok\r\n');
    return true;
  }
}
