// A mail client that says exactly what a test tells it to, command by command, over STARTTLS where the test asks for it.
import net from 'node:net';
import tls from 'node:tls';

const patience = 60_000;

export class MailClient {
  #socket: net.Socket;
  #input = '';
  #ended = false;
  #settle: (() => void) | null = null;
  readonly #feed = (chunk: Buffer) => {
    this.#input += chunk.toString('utf8');
    this.#settle?.();
  };
  readonly #over = () => {
    this.#ended = true;
    this.#settle?.();
  };

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    this.#listen(socket);
  }

  #listen(socket: net.Socket): void {
    socket.on('data', this.#feed);
    socket.on('error', this.#over);
    socket.on('end', this.#over);
    socket.on('close', this.#over);
  }

  /** `local`: the address that it comes from. Without waiting for the greeting. */
  static async open(port: number, options: { readonly local?: string; readonly host?: string } = {}) {
    const { local, host = '127.0.0.1' } = options;
    const socket = net.connect({ host, port, noDelay: true, ...(local === undefined ? {} : { localAddress: local }) });
    const client = new MailClient(socket);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once('connect', resolve);
    socket.once('error', reject);
    await promise;
    return client;
  }

  /** The next reply, all its lines; what there is where the connection has ended. */
  async reply(): Promise<string> {
    const deadline = setTimeout(this.#over, patience);
    for (;;) {
      const end = /(?:^|\n)\d{3}(?: [^\n]*)?\n/.exec(this.#input);
      if (end !== null || this.#ended) {
        clearTimeout(deadline);
        const length = end === null ? this.#input.length : end.index + end[0].length;
        const reply = this.#input.slice(0, length);
        this.#input = this.#input.slice(length);
        return reply.replaceAll('\r\n', '\n').trimEnd();
      }
      await new Promise<void>((resolve) => {
        this.#settle = resolve;
      });
    }
  }

  /** Sends a line and resolves with the reply. */
  say(command: string): Promise<string> {
    this.write(`${command}\r\n`);
    return this.reply();
  }

  write(bytes: string | Buffer): void {
    this.#socket.write(bytes);
  }

  /** STARTTLS and the handshake; resolves with the protocol, rejects with the reason. */
  async startTls(options: tls.SecureContextOptions = {}): Promise<string> {
    const reply = await this.say('STARTTLS');
    if (!reply.startsWith('220')) throw new Error(reply);
    const raw = this.#socket;
    for (const event of ['data', 'end', 'close']) raw.removeAllListeners(event);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const secured = tls.connect({ socket: raw, ...options, rejectUnauthorized: false }, resolve);
    secured.once('error', reject);
    secured.once('close', () => reject(new Error('closed during the handshake')));
    await promise;
    this.#socket = secured;
    this.#listen(secured);
    return secured.getProtocol() ?? '';
  }

  /** Resolves when the other side has closed, with all that it said until then. */
  async closed(): Promise<string> {
    const replies: string[] = [];
    while (!this.#ended) replies.push(await this.reply());
    return [...replies, this.#input].join('\n').trim();
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }

  end(): void {
    this.#socket.end();
  }
}

export interface Mail {
  readonly from?: string;
  readonly to: string | readonly string[];
  /** Parameters behind MAIL FROM and behind each RCPT TO. */
  readonly mailParameters?: string;
  readonly rcptParameters?: string;
  /** Header and body; a small message otherwise. */
  readonly data?: string;
  /** Where the gateway listens; default: 127.0.0.1. */
  readonly host?: string;
}

/** A whole transaction on a new connection. Resolves with the MID; rejects with the first refusal. */
export async function sendMail(port: number, mail: Mail): Promise<number> {
  const client = await MailClient.open(port, mail.host === undefined ? {} : { host: mail.host });
  try {
    const expect = async (reply: Promise<string>, code: string) => {
      const text = await reply;
      if (!text.startsWith(code)) throw new Error(text);
      return text;
    };
    await expect(client.reply(), '220');
    await expect(client.say('EHLO client.example.org'), '250');
    const { from = 'a@example.org', to, mailParameters, rcptParameters } = mail;
    const behind = (text: string | undefined) => (text === undefined ? '' : ` ${text}`);
    await expect(client.say(`MAIL FROM:<${from}>${behind(mailParameters)}`), '250');
    for (const address of typeof to === 'string' ? [to] : to) {
      await expect(client.say(`RCPT TO:<${address}>${behind(rcptParameters)}`), '250');
    }
    await expect(client.say('DATA'), '354');
    const data = mail.data ?? `From: <${from}>\r\nSubject: hello\r\nMessage-ID: <x@example.org>\r\n\r\nhello\r\n`;
    const answer = await expect(client.say(`${data}.`), '250');
    await client.say('QUIT');
    const mid = Number(/Message (\d+) accepted/.exec(answer)?.[1]);
    if (!Number.isInteger(mid)) throw new Error(`no MID in "${answer}"`);
    return mid;
  } finally {
    client.end();
  }
}
