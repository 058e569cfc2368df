// An administrator at a terminal, without the terminal: speaks to the gateway's shell as `postern shell` does, so that what
// is timed is the gateway and not the start of a program.
import { createConnection, type Socket } from 'node:net';
import {
  type ClientFrame,
  FrameReader,
  parseServerFrame,
  protocolVersion,
  type ServerFrame,
} from '../../src/admin/shell/protocol.ts';
import { shortPath } from '../../src/admin/shell/socket-path.ts';

type Ask = Extract<ServerFrame, { readonly type: 'ask' }>;

export interface Screen {
  /** From the line that was entered to the next question, ms. */
  readonly took: number;
  readonly text: string;
  /** There is more: the question is not for the next command. */
  readonly more: boolean;
}

export class Terminal {
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  #ask: Ask | null = null;
  #text = '';
  #asked = Promise.withResolvers<void>();

  constructor(socket: Socket, rows: number) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#reader.push(chunk, (line) => this.#receive(parseServerFrame(line))));
    socket.on('error', (error) => this.#asked.reject(error));
    socket.on('close', () => this.#asked.reject(new Error('the shell was closed')));
    this.#asked.promise.catch(() => undefined); // whoever waits sees it
    this.#send({ type: 'hello', version: protocolVersion, mode: 'terminal', user: '', rows, columns: 120 });
  }

  static async open(data: string, rows: number): Promise<Terminal> {
    const { path, release } = shortPath(data);
    const terminal = new Terminal(createConnection(path), rows);
    await terminal.#asked.promise;
    release();
    return terminal;
  }

  /** Enters a line and waits for the next question. */
  async enter(line: string): Promise<Screen> {
    if (this.#ask === null) throw new Error('the shell has asked nothing');
    const { id } = this.#ask;
    this.#ask = null;
    this.#text = '';
    this.#asked = Promise.withResolvers<void>();
    this.#asked.promise.catch(() => undefined);
    const began = performance.now();
    this.#send({ type: 'line', id, text: line });
    await this.#asked.promise;
    return { took: performance.now() - began, text: this.#text, more: this.#now()?.kind !== 'command' };
  }

  close(): void {
    this.#socket.destroy();
  }

  #now(): Ask | null {
    return this.#ask;
  }

  #send(frame: ClientFrame): void {
    this.#socket.write(`${JSON.stringify(frame)}\n`);
  }

  #receive(frame: ServerFrame | null): void {
    if (frame?.type === 'output') this.#text += frame.text;
    if (frame?.type === 'ask') {
      this.#ask = frame;
      this.#asked.resolve();
    }
  }
}
