// A receiving side in memory: real snapshot, real TLS contexts, real sockets; only the spool is an array.
import net from 'node:net';
import type { TLSSocket } from 'node:tls';
import { connect as tlsConnect } from 'node:tls';
import { assembleSnapshot } from '../../src/config/compile.ts';
import { fillDefaults } from '../../src/config/defaults.ts';
import type { CertificateSettings, Snapshot } from '../../src/config/snapshot.ts';
import type { EventDefinition, EventSink, Value } from '../../src/ledger/events.ts';
import type { Envelope } from '../../src/smtp/envelope.ts';
import type { BodyWriter, InboundHost, RecipientAnswer, ReverseName, StoreError } from '../../src/smtp/host.ts';
import { createInboundServer, type InboundServer } from '../../src/smtp/server.ts';
import { compileServerTls, type ServerTls } from '../../src/tls/contexts.ts';
import { CertificateDirectory, certificateOf } from '../tls/peers.ts';

/** A snapshot of a gateway.yaml; `example.com` is accepted unless the document says otherwise. */
export function snapshotOf(document: Record<string, unknown> = {}): Snapshot {
  const config = fillDefaults({
    hostname: 'gw.example.com',
    listeners: [{ name: 'inbound', address: '127.0.0.1', port: 1, tls: 'preferred' }],
    accept: ['example.com'],
    ...document,
  });
  const recipients = document['recipients'] as { file?: readonly string[] } | undefined;
  // In tests `recipients.file` holds the addresses themselves.
  const addresses = recipients?.file ?? null;
  return assembleSnapshot(
    config,
    1,
    {
      addresses,
      certificates: [],
      authorities: new Map(),
      destinationAuthorities: new Map(),
      stamps: [],
      signingKeys: [],
      issues: [],
    },
    { name: 'demo', pairs: [] },
  );
}

/** Everything recorded, as lines of the mail log. */
export class RecordedLog implements EventSink {
  readonly lines: string[] = [];
  #waiting: { readonly pattern: RegExp; readonly resolve: (line: string) => void }[] = [];

  record<V extends readonly Value[]>(definition: EventDefinition<V>, ...values: V): void {
    if (definition.log === 'none') return;
    const line = definition.text(...values);
    this.lines.push(line);
    for (const waiter of this.#waiting) if (waiter.pattern.test(line)) waiter.resolve(line);
    this.#waiting = this.#waiting.filter((waiter) => !waiter.pattern.test(line));
  }

  /** The first line that matches, also a past one; rejects after 60 s with what there is. */
  async wait(pattern: RegExp): Promise<string> {
    const past = this.lines.find((line) => pattern.test(line));
    if (past !== undefined) return past;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const timer = setTimeout(() => reject(new Error(`no line ${pattern} in\n${this.lines.join('\n')}`)), 60_000);
    this.#waiting.push({ pattern, resolve });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }
}

export interface StoredMessage {
  readonly mid: number;
  readonly envelope: Envelope;
  readonly body: Buffer;
}

class MemoryBody implements BodyWriter<Buffer> {
  size = 0;
  onDrain: (() => void) | null = null;
  aborted = false;
  readonly #host: MemoryHost;
  readonly #chunks: Uint8Array[] = [];

  constructor(host: MemoryHost) {
    this.#host = host;
  }

  write(chunk: Uint8Array): boolean {
    this.#chunks.push(chunk);
    this.size += chunk.length;
    if (!this.#host.slow) return true;
    setTimeout(() => this.onDrain?.(), 1);
    return false;
  }

  finish(done: (error: StoreError | null, body: Buffer | null) => void): void {
    done(null, Buffer.concat(this.#chunks));
  }

  abort(): void {
    this.aborted = true;
    this.#host.aborted++;
  }
}

export class MemoryHost implements InboundHost<Buffer> {
  readonly log = new RecordedLog();
  readonly messages: StoredMessage[] = [];
  current: Snapshot;
  tls: ServerTls | null = null;
  reverseName: ReverseName | Promise<ReverseName> = { name: null, verified: false };
  /** What `callAhead` answers, and how many ms later (0: at once). */
  answers = new Map<string, RecipientAnswer>();
  delay = 0;
  storeError: StoreError | null = null;
  /** Store when told by `release`. */
  hold = false;
  slow = false;
  isFull = false;
  aborted = 0;
  open = 0;
  readonly clients = new Map<string, number>();
  #held: (() => void)[] = [];
  #icid = 0;
  #mid = 0;

  constructor(snapshot: Snapshot) {
    this.current = snapshot;
  }

  nextIcid(): number {
    return ++this.#icid;
  }
  nextMid(): number {
    return ++this.#mid;
  }
  snapshot(): Snapshot {
    return this.current;
  }
  serverTls(): ServerTls {
    if (this.tls === null) throw new Error('no TLS in this test');
    return this.tls;
  }
  admit(client: string): 'ok' | 'total' | 'client' {
    const { connections, connectionsPerClient } = this.current.limits;
    const count = this.clients.get(client) ?? 0;
    if (this.open >= connections) return 'total';
    if (count >= connectionsPerClient) return 'client';
    this.open++;
    this.clients.set(client, count + 1);
    return 'ok';
  }
  leave(client: string): void {
    this.open--;
    this.clients.set(client, (this.clients.get(client) ?? 0) - 1);
  }
  reverse(): ReverseName | Promise<ReverseName> {
    return this.reverseName;
  }
  callAhead(address: string): RecipientAnswer | Promise<RecipientAnswer> {
    const answer = this.answers.get(address) ?? 'unknown';
    if (this.delay === 0) return answer;
    return new Promise((resolve) => setTimeout(() => resolve(answer), this.delay));
  }
  full(): boolean {
    return this.isFull;
  }
  openBody(): BodyWriter<Buffer> {
    return new MemoryBody(this);
  }
  store(
    message: { readonly mid: number; readonly envelope: Envelope; readonly body: Buffer },
    done: (error: StoreError | null) => void,
  ): void {
    const run = () => {
      if (this.storeError === null) this.messages.push(message);
      done(this.storeError);
    };
    if (this.hold) this.#held.push(run);
    else setImmediate(run);
  }
  release(): void {
    const held = this.#held;
    this.#held = [];
    for (const run of held) run();
  }
}

let certificates: { readonly directory: CertificateDirectory; readonly settings: CertificateSettings } | null = null;

/** TLS of the gateway in tests; one key pair for all tests of a process, removed at its end. */
export function testTls(
  versions: readonly ('TLSv1.0' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3')[] = ['TLSv1.2', 'TLSv1.3'],
): ServerTls {
  if (certificates === null) {
    const directory = new CertificateDirectory();
    certificates = { directory, settings: certificateOf(directory.make('ec', 'gw.example.com')) };
    process.once('exit', () => directory.remove());
  }
  return compileServerTls({ versions, ciphers: snapshotOf().tls.inbound.ciphers }, certificates.settings);
}

export interface Gateway {
  readonly host: MemoryHost;
  readonly server: InboundServer;
  readonly port: number;
  readonly lines: readonly string[];
  stop(): Promise<void>;
}

/** A listening server; `document` as for `snapshotOf`, `tls` of its listener. */
export async function startGateway(
  document: Record<string, unknown> = {},
  listener: { readonly tls?: 'off' | 'preferred' | 'required'; readonly address?: string } = {},
): Promise<Gateway> {
  const snapshot = snapshotOf(document);
  const host = new MemoryHost(snapshot);
  host.tls = testTls();
  const [first] = snapshot.listeners;
  if (first === undefined) throw new Error('no listener');
  const server = createInboundServer(host, { ...first, ...listener, port: 0 });
  await server.listen({ reusePort: false });
  return { host, server, port: server.port, lines: host.log.lines, stop: () => server.stop(0) };
}

/** A client that sends what a test wants and reads replies whole. Every wait ends after 10 s. */
export class Client {
  #socket: net.Socket | TLSSocket;
  #buffer = '';
  #ended = false;
  #wake: (() => void) | null = null;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    this.#listen(socket);
  }

  static async connect(port: number, options: { readonly greeting?: boolean } = {}): Promise<Client> {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    const client = new Client(socket);
    if (options.greeting !== false) await client.reply();
    return client;
  }

  #listen(socket: net.Socket): void {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#buffer += chunk.toString('latin1');
      this.#wake?.();
    });
    const end = () => {
      this.#ended = true;
      this.#wake?.();
    };
    socket.on('end', end);
    socket.on('close', end);
    socket.on('error', end);
  }

  get socket(): net.Socket {
    return this.#socket;
  }

  write(text: string | Buffer): void {
    this.#socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  }

  async #more(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(
      () => reject(new Error(`no reply in 60 s; there is ${JSON.stringify(this.#buffer)}`)),
      60_000,
    );
    this.#wake = resolve;
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#wake = null;
    }
  }

  /** One line without its end; null: the server closed. */
  async line(): Promise<string | null> {
    for (;;) {
      const end = this.#buffer.indexOf('\r\n');
      if (end >= 0) {
        const line = this.#buffer.slice(0, end);
        this.#buffer = this.#buffer.slice(end + 2);
        return line;
      }
      if (this.#ended) return null;
      await this.#more();
    }
  }

  /** One reply, its lines joined by `\n`; '' when the server closed. */
  async reply(): Promise<string> {
    const lines: string[] = [];
    for (;;) {
      const line = await this.line();
      if (line === null) return lines.join('\n');
      lines.push(line);
      if (line[3] !== '-') return lines.join('\n');
    }
  }

  /** Sends lines and returns the reply. */
  async say(text: string): Promise<string> {
    this.write(`${text}\r\n`);
    return await this.reply();
  }

  /** MAIL, RCPT, DATA; leaves the connection behind 354. */
  async begin(recipient = 'b@example.com', sender = 'a@example.org'): Promise<void> {
    this.write(`EHLO client.example.org\r\nMAIL FROM:<${sender}>\r\nRCPT TO:<${recipient}>\r\nDATA\r\n`);
    for (const expected of ['250', '250', '250', '354']) {
      const reply = await this.reply();
      if (!reply.startsWith(expected)) throw new Error(`expected ${expected}, got ${reply}`);
    }
  }

  async startTls(
    options: { readonly minVersion?: 'TLSv1.2'; readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3' } = {},
  ): Promise<void> {
    const raw = this.#socket;
    raw.removeAllListeners('data');
    raw.removeAllListeners('end');
    const secure = tlsConnect({ socket: raw, rejectUnauthorized: false, ...options });
    await new Promise<void>((resolve, reject) => {
      secure.once('secureConnect', resolve);
      secure.once('error', reject);
    });
    this.#buffer = '';
    this.#listen(secure);
  }

  /** Waits until the server has closed; returns what it still said. */
  async closed(): Promise<string> {
    while (!this.#ended) await this.#more();
    return this.#buffer;
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
