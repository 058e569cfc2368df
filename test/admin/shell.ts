// Shells for tests: lines through the real client over the real socket, or bare frames.
import { createConnection, type Socket } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { runShell } from '../../src/admin/shell/client.ts';
import { ShellServer, type ShellServerOptions } from '../../src/admin/shell/server.ts';
import { socketPath } from '../../src/admin/shell/socket-path.ts';
import { TestHost, type TestHostOptions } from './host.ts';

export interface Running {
  readonly host: TestHost;
  readonly server: ShellServer;
}

/** Starts a shell server with a host of its own; both are gone at the end of `use`. */
export async function withShell(
  use: (running: Running) => Promise<void>,
  options: TestHostOptions & ShellServerOptions = {},
): Promise<void> {
  const host = await TestHost.open(options);
  try {
    const server = await ShellServer.listen(host.dataDirectory, host, options);
    try {
      await use({ host, server });
    } finally {
      await server.close();
    }
  } finally {
    host.remove();
  }
}

export interface Result {
  readonly status: number;
  readonly output: string;
  readonly errors: string;
}

/** The client with lines from a pipe, or with one command. */
export async function script(dataDirectory: string, input: string, command?: string): Promise<Result> {
  const [output, errors] = [new Collector(), new Collector()];
  const status = await runShell({
    dataDirectory,
    input: Readable.from(input === '' ? [] : [Buffer.from(input)]),
    output: output.stream,
    errorOutput: errors.stream,
    ...(command === undefined ? {} : { command }),
  });
  await sleep(0);
  return { status, output: output.text, errors: errors.text };
}

class Collector {
  readonly stream = new PassThrough();
  text = '';

  constructor() {
    this.stream.setEncoding('utf8');
    this.stream.on('data', (chunk: string) => {
      this.text += chunk;
    });
  }
}

/** A client of one's own making. */
export class RawShell {
  readonly socket: Socket;
  #text = '';
  closed = false;

  constructor(dataDirectory: string) {
    this.socket = createConnection(socketPath(dataDirectory));
    this.socket.setEncoding('utf8');
    this.socket.on('data', (chunk: string) => {
      this.#text += chunk;
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.closed = true;
    });
  }

  send(frame: unknown): void {
    this.socket.write(`${JSON.stringify(frame)}\n`);
  }

  hello(more: Readonly<Record<string, unknown>> = {}): void {
    this.send({ type: 'hello', version: 1, mode: 'terminal', user: '', rows: 24, columns: 80, ...more });
  }

  frames(): { readonly [key: string]: unknown }[] {
    return this.#text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }

  /** Everything printed so far. */
  output(): string {
    return this.frames()
      .map((frame) => (frame['type'] === 'output' ? String(frame['text']) : ''))
      .join('');
  }

  /** Waits for the next question and answers it. */
  async answer(text: string): Promise<void> {
    const id = await this.question();
    this.send({ type: 'line', id, text });
  }

  #answered = 0;

  /** Id of the newest question that was not answered yet. */
  async question(): Promise<number> {
    const newest = () =>
      this.frames()
        .filter((frame) => frame['type'] === 'ask')
        .at(-1);
    await until(() => Number(newest()?.['id'] ?? 0) > this.#answered);
    this.#answered = Number(newest()?.['id']);
    return this.#answered;
  }
}

export async function until(condition: () => boolean, deadline = 60_000): Promise<void> {
  const end = Date.now() + deadline;
  while (!condition()) {
    if (Date.now() > end) throw new Error('waited in vain');
    await sleep(5);
  }
}
