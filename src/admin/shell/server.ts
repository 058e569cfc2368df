// The shell's unix socket: `<data>/shell.sock`, for the owner of the data directory and root only.
import { chmodSync, lstatSync, rmSync, statSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { messageOf, PosternError } from '../../errors.ts';
import { auditOnly, logon, systemWarning } from '../../ledger/events.ts';
import { Interrupted } from '../commands/command.ts';
import type { AdminHost } from '../host.ts';
import { FrameReader, parseClientFrame, protocolVersion, type ServerFrame } from './protocol.ts';
import { ShellSession } from './session.ts';
import { type ShortPath, shortPath, socketPath } from './socket-path.ts';

export interface ShellServerOptions {
  /** Shells at a time. */
  readonly shells?: number;
  /** A session without an answer ends after this, ms. */
  readonly idle?: number;
}

/** For the first line of a connection, ms. */
const helloDeadline = 10_000;
/** Bytes that wait for a client; the longest text that is printed at once is a configuration of 8 MiB. */
const mostUnread = 64 * 1024 * 1024;
/** A client that reads nothing for this long (ms) while output waits is given up. */
const stalledDeadline = 10 * 60_000;
export class ShellServer {
  readonly #host: AdminHost;
  readonly #options: ShellServerOptions;
  readonly #server: Server;
  readonly #sessions = new Map<Socket, ShellSession>();
  readonly #sockets = new Set<Socket>();
  readonly #path: string;
  readonly #short: ShortPath;

  /**
   * Opens the socket. A stale one is replaced; one that answers is not (`in-use`). Throws `io` where the directory is not
   * fit: nobody but its owner may write there.
   */
  static async listen(dataDirectory: string, host: AdminHost, options: ShellServerOptions = {}): Promise<ShellServer> {
    keepOthersOut(dataDirectory);
    await removeStale(dataDirectory);
    const server = new ShellServer(dataDirectory, host, options);
    await server.#listen();
    return server;
  }

  private constructor(dataDirectory: string, host: AdminHost, options: ShellServerOptions) {
    this.#host = host;
    this.#options = options;
    this.#path = socketPath(dataDirectory);
    this.#short = shortPath(dataDirectory);
    this.#server = createServer((socket) => this.#accept(socket));
    this.#server.on('error', (error) =>
      host.log.record(systemWarning, `the shell's socket failed: ${messageOf(error)}`),
    );
  }

  async #listen(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject);
    // The socket file is made with the mode that the umask leaves: nobody else can connect, not even for a moment.
    // `listen` on a path binds before it returns. The umask is the whole program's: a directory that another thread makes
    // at this moment must still be one that it can enter.
    const umask = process.umask(0o077);
    try {
      this.#server.listen(this.#short.path, resolve);
    } finally {
      process.umask(umask);
    }
    try {
      await promise;
      chmodSync(this.#path, 0o600);
    } catch (error) {
      this.#short.release();
      throw new PosternError('io', `cannot open the shell's socket ${this.#path}: ${messageOf(error)}`, {
        remedy: 'the data directory must be on a file system that can hold sockets',
        cause: error,
      });
    }
    this.#server.off('error', reject);
  }

  /** Ends all sessions and removes the socket. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    for (const session of this.#sessions.values()) session.disconnect();
    for (const socket of this.#sockets) socket.destroySoon();
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, 500);
    await closed;
    clearTimeout(timer);
    this.#short.release();
    rmSync(this.#path, { force: true });
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    const reader = new FrameReader();
    const hello = setTimeout(() => socket.destroy(), helloDeadline);
    socket.on('error', () => {
      // 'close' follows and does what is to be done.
    });
    socket.on('close', () => {
      clearTimeout(hello);
      this.#sockets.delete(socket);
      this.#sessions.get(socket)?.disconnect();
      this.#sessions.delete(socket);
    });
    socket.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk, (line) => {
          if (socket.destroyed) return;
          clearTimeout(hello);
          this.#receive(socket, line);
        });
      } catch {
        // A line without end: no shell of ours.
        socket.destroy();
      }
    });
  }

  #receive(socket: Socket, line: string): void {
    const frame = parseClientFrame(line);
    const session = this.#sessions.get(socket);
    if (frame === null || (session === undefined) !== (frame.type === 'hello')) {
      socket.destroy();
    } else if (session !== undefined) {
      session.receive(frame);
    } else if (frame.type === 'hello') {
      this.#begin(socket, frame);
    }
  }

  #begin(socket: Socket, hello: Extract<ReturnType<typeof parseClientFrame>, { readonly type: 'hello' }>): void {
    const send = (frame: ServerFrame): void => {
      if (socket.destroyed || !socket.writable) return;
      socket.write(`${JSON.stringify(frame)}\n`);
      // A client that asks and asks and reads nothing.
      if (socket.writableLength > mostUnread) socket.destroy();
    };
    const refuse = (text: string): void => {
      send({ type: 'output', text: `${text}\n`, error: true });
      send({ type: 'bye', status: 1 });
      socket.end();
    };
    if (hello.version !== protocolVersion) {
      refuse(
        'This shell and the running gateway are of different versions; restart the gateway, or use its own shell.',
      );
      return;
    }
    const most = this.#options.shells ?? 32;
    if (this.#sessions.size >= most) {
      refuse(`There are ${most} shells open already; close one of them.`);
      return;
    }
    const user = accountName(hello.user);
    const session = new ShellSession({
      host: this.#host,
      link: { send, drained: () => drained(socket), close: () => socket.end() },
      user,
      mode: hello.mode,
      rows: hello.rows,
      columns: hello.columns,
      idle: this.#options.idle ?? 30 * 60_000,
      ...(hello.command === undefined ? {} : { command: hello.command }),
    });
    this.#sessions.set(socket, session);
    this.#host.log.record(logon, user, 'localhost', 'admin', 'a CLI connection');
    this.#host.log.record(auditOnly, user, 'administrator', '', 'shell', 'logon', '');
    session.run().catch((error: unknown) => {
      this.#host.log.record(systemWarning, `a shell failed: ${messageOf(error)}`);
      socket.destroy();
    });
  }
}

/** Who may connect is the owner or root, so the name is for the log and the candidate: the person behind sudo, or `admin`. */
function accountName(name: string): string {
  return /^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,31}$/.test(name) && name !== 'root' ? name : 'admin';
}

async function drained(socket: Socket): Promise<void> {
  if (socket.destroyed) throw new Interrupted();
  if (!socket.writableNeedDrain) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const fail = (): void => reject(new Interrupted());
  const timer = setTimeout(() => socket.destroy(), stalledDeadline);
  socket.once('drain', resolve);
  socket.once('close', fail);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    socket.off('drain', resolve);
    socket.off('close', fail);
  }
}

/** Whoever can write in the directory could put his own socket in the place of ours and read what administrators type. */
function keepOthersOut(directory: string): void {
  const { mode } = statSync(directory);
  if ((mode & 0o022) === 0) return;
  try {
    chmodSync(directory, mode & 0o7755);
  } catch (error) {
    throw new PosternError('io', `others may write in the data directory ${directory}`, {
      remedy: `run: chmod go-w ${directory}`,
      cause: error,
    });
  }
}

async function removeStale(dataDirectory: string): Promise<void> {
  const path = socketPath(dataDirectory);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new PosternError('io', `${path} is not a socket`, { remedy: 'move it away; the shell needs this name' });
  }
  if (await answers(dataDirectory)) {
    throw new PosternError('in-use', `another gateway has its shell on ${path}`, { remedy: 'stop it first' });
  }
  rmSync(path, { force: true });
}

async function answers(dataDirectory: string): Promise<boolean> {
  const short = shortPath(dataDirectory);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = createConnection(short.path);
  socket.setTimeout(1000, () => resolve(true));
  socket.once('connect', () => resolve(true));
  // ECONNREFUSED: nobody listens any more. Anything else will show itself when we bind.
  socket.once('error', () => resolve(false));
  try {
    return await promise;
  } finally {
    socket.destroy();
    short.release();
  }
}
