// An SMTP server that says what a test wants it to say.
import net from 'node:net';
import tls from 'node:tls';

export interface PeerSession {
  readonly number: number;
  /** Commands so far, without CRLF. */
  readonly commands: string[];
  socket: net.Socket;
}

export interface PeerScript {
  /** null: says nothing. */
  readonly greeting?: string | null;
  /** Lines of the EHLO reply, before and in TLS. */
  readonly extensions?: readonly string[];
  /** STARTTLS is offered and served. */
  readonly tls?: tls.SecureContextOptions;
  /** The reply to a command or, as `.`, to a message; null: the usual one; '': none. What comes meanwhile waits for it. */
  readonly reply?: (command: string, session: PeerSession) => string | null | Promise<string>;
}

export interface PeerMessage {
  readonly session: number;
  readonly from: string;
  readonly to: readonly string[];
  /** Without dot-stuffing. */
  readonly body: Buffer;
  readonly protocol: string;
}

export class Peer {
  readonly messages: PeerMessage[] = [];
  readonly sessions: PeerSession[] = [];
  readonly sockets = new Set<net.Socket>();
  script: PeerScript;
  readonly #server: net.Server;

  private constructor(script: PeerScript) {
    this.script = script;
    this.#server = net.createServer({ noDelay: true }, (socket) => this.#serve(socket));
  }

  static async start(script: PeerScript = {}, port = 0, address = '127.0.0.1'): Promise<Peer> {
    const peer = new Peer(script);
    await new Promise<void>((resolve, reject) =>
      peer.#server.once('error', reject).listen(port, address, () => resolve()),
    );
    return peer;
  }

  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === 'object' ? address.port : 0;
  }

  /** All commands of all connections. */
  get commands(): string[] {
    return this.sessions.flatMap((session) => session.commands);
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(raw: net.Socket): void {
    const session: PeerSession = { number: this.sessions.length, commands: [], socket: raw };
    this.sessions.push(session);
    this.sockets.add(raw);
    raw.on('close', () => this.sockets.delete(raw));
    raw.on('error', () => raw.destroy());
    let pending = Buffer.alloc(0);
    let from = '';
    let to: string[] = [];
    let data = false;
    const say = (text: string) => {
      if (text !== '') session.socket.write(text.endsWith('\n') ? text : `${text}\r\n`);
    };
    let busy = false;
    const answer = (command: string, usual: string): string => {
      const reply = this.script.reply?.(command, session) ?? usual;
      if (typeof reply === 'string') {
        say(reply);
        return reply;
      }
      busy = true;
      void reply.then((text) => {
        busy = false;
        say(text);
        feed(Buffer.alloc(0));
      });
      return '';
    };
    const take = (line: string): void => {
      session.commands.push(line);
      const verb = line.slice(0, 4).toUpperCase();
      if (verb === 'EHLO') {
        const secure = session.socket !== raw;
        const lines = ['peer.example', ...(this.script.extensions ?? ['PIPELINING', 'ENHANCEDSTATUSCODES'])];
        if (this.script.tls !== undefined && !secure) lines.push('STARTTLS');
        answer(line, lines.map((text, index) => `250${index < lines.length - 1 ? '-' : ' '}${text}\r\n`).join(''));
      } else if (verb === 'STAR') {
        const reply = answer(line, '220 2.0.0 go on');
        if (!reply.startsWith('220') || this.script.tls === undefined) return;
        raw.removeListener('data', feed);
        const secured = new tls.TLSSocket(raw, {
          isServer: true,
          secureContext: tls.createSecureContext(this.script.tls),
        });
        secured.on('error', () => raw.destroy());
        secured.on('data', feed);
        session.socket = secured;
      } else if (verb === 'DATA') {
        data = answer(line, to.length > 0 ? '354 go on' : '554 5.5.1 no valid recipients').startsWith('354');
      } else if (verb === 'MAIL') {
        to = [];
        from = /<(.*)>/.exec(line)?.[1] ?? '';
        answer(line, '250 2.1.0 ok');
      } else if (verb === 'RCPT') {
        if (answer(line, '250 2.1.5 ok').startsWith('250')) to.push(/<(.*)>/.exec(line)?.[1] ?? '');
      } else if (verb === 'QUIT') {
        answer(line, '221 2.0.0 bye');
        session.socket.end();
      } else answer(line, verb === 'RSET' || verb === 'HELO' || verb === 'NOOP' ? '250 2.0.0 ok' : '502 5.5.1 unknown');
    };
    const feed = (chunk: Buffer): void => {
      pending = Buffer.concat([pending, chunk]);
      while (!busy) {
        if (data) {
          const end = pending.subarray(0, 3).toString() === '.\r\n' ? -2 : pending.indexOf('\r\n.\r\n');
          if (end === -1) return;
          const wire = pending.subarray(0, end + 2);
          pending = pending.subarray(end + 5);
          data = false;
          const body = Buffer.from(wire.toString('latin1').replaceAll(/^\./gm, ''), 'latin1');
          const protocol = session.socket instanceof tls.TLSSocket ? (session.socket.getProtocol() ?? '') : 'none';
          this.messages.push({ session: session.number, from, to, body, protocol });
          answer('.', '250 2.0.0 OK');
          continue;
        }
        const end = pending.indexOf('\r\n');
        if (end < 0) return;
        const line = pending.subarray(0, end).toString();
        pending = pending.subarray(end + 2);
        take(line);
      }
    };
    raw.on('data', feed);
    if (this.script.greeting !== null) say(this.script.greeting ?? '220 peer.example ESMTP');
  }
}
