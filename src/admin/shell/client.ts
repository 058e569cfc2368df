// The administrator's end of the shell: connects to the running gateway, shows what it says, sends what is entered.

import { createConnection, type Socket } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { messageOf, PosternError } from '../../errors.ts';
import { historyFile } from './history.ts';
import { LineInput } from './line-input.ts';
import {
  type ClientFrame,
  FrameReader,
  longestInput,
  parseServerFrame,
  protocolVersion,
  type ServerFrame,
  type ShellMode,
} from './protocol.ts';
import { shortPath, socketPath } from './socket-path.ts';
import { TerminalInput } from './terminal-input.ts';

export interface ShellOptions {
  readonly dataDirectory: string;
  /** One command, after which the shell ends. */
  readonly command?: string;
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: NodeJS.WritableStream & {
    readonly isTTY?: boolean;
    readonly rows?: number;
    readonly columns?: number;
  };
  readonly errorOutput: NodeJS.WritableStream;
}

export type Ask = Extract<ServerFrame, { readonly type: 'ask' }>;

/** Where lines come from: a person at a terminal, or a pipe. */
export interface Source {
  /** The next line for this prompt; null: the input is at its end (of a paste: Ctrl-D). Rejects never. */
  next(ask: Ask): Promise<string | null>;
  /** The question is gone. */
  cancel(): void;
  close(): void;
}

const connectDeadline = 5000;

/**
 * Opens a shell on the gateway that runs on the data directory. Resolves with the exit status: 0, or 1 where a command
 * failed or no gateway runs. At a terminal: Tab, history, Ctrl-C ends the present command, Ctrl-D leaves. From a pipe: line
 * by line; what is read is shown behind its prompt, as at a terminal.
 */
export async function runShell(options: ShellOptions): Promise<number> {
  let socket: Socket;
  try {
    socket = await connect(options.dataDirectory);
  } catch (error) {
    const remedy = error instanceof PosternError && error.remedy !== undefined ? `\n${error.remedy}` : '';
    options.errorOutput.write(`postern shell: ${messageOf(error)}${remedy}\n`);
    return 1;
  }
  return new ShellClient(options, socket).run();
}

async function connect(dataDirectory: string): Promise<Socket> {
  const path = socketPath(dataDirectory);
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  let short: ReturnType<typeof shortPath>;
  try {
    short = shortPath(dataDirectory);
  } catch (error) {
    throw connectError(error, dataDirectory, path);
  }
  const socket = createConnection(short.path);
  const timer = setTimeout(() => reject(new Error('no answer')), connectDeadline);
  socket.once('connect', () => resolve(socket));
  socket.once('error', reject);
  try {
    return await promise;
  } catch (error) {
    socket.destroy();
    throw connectError(error, dataDirectory, path);
  } finally {
    clearTimeout(timer);
    socket.off('error', reject);
    short.release();
  }
}

function connectError(error: unknown, dataDirectory: string, path: string): PosternError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR') {
    return new PosternError('not-running', `no gateway runs on the data directory ${dataDirectory}`, {
      remedy: `Start one with "postern serve --data ${dataDirectory}", or name another directory with --data.`,
    });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new PosternError('io', `${path} may only be used by the user that runs the gateway, and by root`, {
      remedy: 'Use sudo.',
    });
  }
  return new PosternError('io', `cannot connect to ${path}: ${messageOf(error)}`);
}

/** The person behind sudo or doas; else nobody in particular. */
function person(): string {
  return process.env['SUDO_USER'] ?? process.env['DOAS_USER'] ?? '';
}

class ShellClient {
  readonly #options: ShellOptions;
  readonly #socket: Socket;
  readonly #mode: ShellMode;
  readonly #done = Promise.withResolvers<number>();
  readonly #reader = new FrameReader();
  #source: Source | null = null;
  #ended = false;

  constructor(options: ShellOptions, socket: Socket) {
    this.#options = options;
    this.#socket = socket;
    const terminal = options.input.isTTY === true && options.output.isTTY === true;
    this.#mode = options.command !== undefined ? 'command' : terminal ? 'terminal' : 'script';
  }

  async run(): Promise<number> {
    const { output, errorOutput } = this.#options;
    const onSignal = (): void => this.#interrupt();
    const onResize = (): void => this.#send({ type: 'resize', ...this.#screen() });
    // `postern shell -c status | head -1`: nobody wants the rest.
    const onOutputError = (): void => this.#done.resolve(0);
    process.on('SIGINT', onSignal);
    output.on('resize', onResize);
    output.on('error', onOutputError);
    errorOutput.on('error', onOutputError);
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#socket.on('error', () => undefined); // 'close' follows
    this.#socket.on('close', () => this.#lost());
    this.#send({
      type: 'hello',
      version: protocolVersion,
      mode: this.#mode,
      user: person(),
      ...this.#screen(),
      ...(this.#options.command === undefined ? {} : { command: this.#options.command }),
    });
    try {
      return await this.#done.promise;
    } finally {
      this.#source?.close();
      this.#socket.destroy();
      process.off('SIGINT', onSignal);
      output.off('resize', onResize);
      output.off('error', onOutputError);
      errorOutput.off('error', onOutputError);
    }
  }

  #screen(): { rows: number; columns: number } {
    return { rows: this.#options.output.rows ?? 24, columns: this.#options.output.columns ?? 80 };
  }

  #send(frame: ClientFrame): void {
    if (this.#socket.writable) this.#socket.write(`${JSON.stringify(frame)}\n`);
  }

  #read(chunk: Buffer): void {
    try {
      this.#reader.push(chunk, (line) => {
        const frame = parseServerFrame(line);
        if (frame === null) throw new PosternError('protocol', 'not understood');
        this.#receive(frame);
      });
    } catch (error) {
      this.#options.errorOutput.write(
        `postern shell: what answers there is no gateway of this version (${messageOf(error)})\n`,
      );
      this.#done.resolve(1);
    }
  }

  #receive(frame: ServerFrame): void {
    switch (frame.type) {
      case 'output': {
        const { output, errorOutput } = this.#options;
        const target = frame.error === true && this.#mode === 'command' ? errorOutput : output;
        if (!target.write(frame.text)) this.#waitFor(target);
        return;
      }
      case 'ask':
        this.#ask(frame).catch((error: unknown) => {
          this.#options.errorOutput.write(`postern shell: ${messageOf(error)}\n`);
          this.#done.resolve(1);
        });
        return;
      case 'bye':
        this.#ended = true;
        this.#done.resolve(frame.status);
        return;
    }
  }

  /** The gateway learns from its side of the socket that nothing is read. */
  #waitFor(target: NodeJS.WritableStream): void {
    this.#socket.pause();
    target.once('drain', () => this.#socket.resume());
  }

  async #ask(ask: Ask): Promise<void> {
    this.#source ??= this.#openSource();
    const line = await this.#source.next(ask);
    if (line !== null && line.length > longestInput) {
      throw new PosternError('bad-usage', `a line is longer than ${longestInput} characters`);
    }
    if (line !== null) this.#send({ type: 'line', id: ask.id, text: line });
    else if (ask.kind === 'paste') this.#send({ type: 'pasted', id: ask.id });
    else this.#send({ type: 'end' });
  }

  #openSource(): Source {
    const { input, output } = this.#options;
    if (input.isTTY === true && output.isTTY === true) {
      const file = this.#mode === 'terminal' ? historyPath() : null;
      return new TerminalInput({
        input,
        output,
        history: file === null ? null : historyFile(file),
        interrupt: () => this.#interrupt(),
      });
    }
    return new LineInput(input, output, { echo: input.isTTY !== true });
  }

  #interrupt(): void {
    this.#source?.cancel();
    this.#send({ type: 'interrupt' });
    if (this.#mode === 'script') this.#send({ type: 'end' });
  }

  #lost(): void {
    if (!this.#ended) this.#options.errorOutput.write('postern shell: the gateway has ended the connection\n');
    this.#done.resolve(1);
  }
}

/** `$POSTERN_HISTORY`, else `.postern_history` at home; null: none is kept. */
function historyPath(): string | null {
  const chosen = process.env['POSTERN_HISTORY'];
  if (chosen !== undefined) return chosen === '' ? null : chosen;
  try {
    return join(homedir(), '.postern_history');
  } catch {
    // A user that the system has no entry for (containers): a shell without a history.
    return null;
  }
}
