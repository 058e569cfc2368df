// A partner of the demo: sends one message to the gateway like a mail server of its age would.
import net from 'node:net';
import tls from 'node:tls';
import { messageOf } from '../errors.ts';

export interface Partner {
  readonly name: string;
  /** Its own on the loopback, so that the gateway tells the partners apart. */
  readonly address: string;
  /** What it can do, for the screen. */
  readonly about: string;
  /** null: it has never heard of STARTTLS. */
  readonly tls: tls.SecureContextOptions | null;
}

export const partners: readonly Partner[] = [
  {
    name: 'old-printer.demo',
    address: '127.0.0.11',
    about: 'speaks TLS 1.0 only',
    tls: { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' },
  },
  {
    name: 'erp.demo',
    address: '127.0.0.12',
    about: 'speaks TLS 1.2 only',
    tls: { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' },
  },
  {
    name: 'modern.demo',
    address: '127.0.0.13',
    about: 'speaks TLS 1.3 with ML-KEM (X25519MLKEM768)',
    tls: { minVersion: 'TLSv1.3', ecdhCurve: 'X25519MLKEM768:X25519' },
  },
  { name: 'scanner.demo', address: '127.0.0.14', about: 'knows no TLS', tls: null },
];

const patience = 15_000;

/** Sends one message. Resolves with how it went: `TLSv1.3 TLS_AES_256_GCM_SHA384`, `clear text`; rejects with the reason. */
export async function send(partner: Partner, port: number, subject: string): Promise<string> {
  // Only Linux has all of 127/8 without being told.
  const own = process.platform === 'linux' ? { localAddress: partner.address } : {};
  const raw = net.connect({ host: '127.0.0.1', port, noDelay: true, ...own });
  const timer = setTimeout(() => raw.destroy(new Error('no answer in time')), patience);
  try {
    const clear = new Conversation(raw);
    await clear.reply();
    await clear.say(`EHLO ${partner.name}`);
    let conversation = clear;
    let how = 'clear text';
    if (partner.tls !== null) {
      await clear.say('STARTTLS');
      clear.detach();
      const secured = await handshake(raw, partner.tls);
      how = `${secured.getProtocol()} ${secured.getCipher().name}`;
      conversation = new Conversation(secured);
      await conversation.say(`EHLO ${partner.name}`);
    }
    await conversation.say(`MAIL FROM:<sender@${partner.name}>`);
    await conversation.say('RCPT TO:<you@example.com>');
    await conversation.say('DATA');
    const id = `<${crypto.randomUUID()}@${partner.name}>`;
    await conversation.say(
      `From: sender@${partner.name}\r\nTo: you@example.com\r\nSubject: ${subject}\r\nMessage-ID: ${id}\r\n` +
        `Date: ${new Date().toUTCString().replace('GMT', '+0000')}\r\n\r\nHello from ${partner.name}.\r\n.`,
    );
    await conversation.say('QUIT');
    return how;
  } finally {
    clearTimeout(timer);
    raw.destroy();
  }
}

async function handshake(raw: net.Socket, options: tls.SecureContextOptions): Promise<tls.TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // The gateway's demo certificate proves nothing to anybody; a partner at this level does not ask.
  const secured = tls.connect({ socket: raw, ...options, rejectUnauthorized: false }, () => resolve());
  secured.on('error', reject);
  secured.on('close', () => reject(new Error('connection closed during the TLS handshake')));
  await promise;
  return secured;
}

/** Commands and replies on one socket, one after the other. */
class Conversation {
  readonly #socket: net.Socket;
  #input = '';
  #waiting: { resolve: (line: string) => void; reject: (error: Error) => void } | null = null;
  #failure: Error | null = null;
  readonly #onData = (chunk: Buffer) => {
    this.#input += chunk.toString('latin1');
    this.#settle();
  };

  constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('data', this.#onData);
    const fail = (error: Error) => {
      this.#failure ??= error;
      this.#settle();
    };
    socket.on('error', fail);
    socket.on('close', () => fail(new Error('connection closed')));
  }

  detach(): void {
    this.#socket.removeListener('data', this.#onData);
  }

  say(text: string): Promise<string> {
    this.#socket.write(`${text}\r\n`);
    return this.reply();
  }

  /** The next reply; a 4xx or 5xx rejects. */
  reply(): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.#waiting = { resolve, reject };
    this.#settle();
    return promise;
  }

  #settle(): void {
    if (this.#waiting === null) return;
    const end = /^\d{3} .*\r\n/m.exec(this.#input);
    if (end === null) {
      if (this.#failure !== null) this.#waiting.reject(new Error(messageOf(this.#failure)));
      return;
    }
    this.#input = this.#input.slice(end.index + end[0].length);
    const line = end[0].trimEnd();
    const { resolve, reject } = this.#waiting;
    this.#waiting = null;
    if (line.startsWith('2') || line.startsWith('3')) resolve(line);
    else reject(new Error(line));
  }
}
