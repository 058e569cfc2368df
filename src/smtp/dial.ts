// The socket of one outgoing connection: TCP, then TLS over it.
import net from 'node:net';
import { type ConnectedTls, type ConnectFailure, type ConnectTlsOptions, connectTls } from '../tls/connect.ts';
import type { ClientTls } from '../tls/contexts.ts';

export interface LinkOwner {
  data(chunk: Buffer): void;
  /** What was written is out; write on. */
  drained(): void;
  /** The connection is gone. Called once; null: the other side closed in order. Not called after `close` or `destroy`. */
  lost(error: Error | null): void;
}

export interface Target {
  /** IPv4 or IPv6. */
  readonly address: string;
  readonly port: number;
}

/** How long the socket may take to close after QUIT before it is cut off. */
const lingering = 2000;

export class Link {
  readonly target: Target;
  /** Our own address on this connection. */
  readonly localAddress: string;
  readonly #owner: LinkOwner;
  #socket: net.Socket;
  #open = true;
  #error: Error | null = null;
  readonly #onData = (chunk: Buffer): void => {
    if (this.#open) this.#owner.data(chunk);
  };
  readonly #onDrain = (): void => {
    if (this.#open) this.#owner.drained();
  };
  readonly #onError = (error: Error): void => {
    this.#error = error;
  };
  // RFC 5321 3.8: a server that ends its side says nothing more.
  readonly #onEnd = (): void => this.#lose(null);
  readonly #onClose = (): void => this.#lose(this.#error);

  constructor(socket: net.Socket, target: Target, owner: LinkOwner) {
    this.target = target;
    this.localAddress = socket.localAddress ?? unknownAddress(target.address);
    this.#owner = owner;
    this.#socket = socket;
    this.#listen(socket);
  }

  /** False: the buffer is full; `drained` follows. */
  write(bytes: string | Uint8Array): boolean {
    return this.#open && this.#socket.write(bytes);
  }

  /** Everything that `writes` writes goes out together: one TLS record or a few, one system call. */
  together(writes: () => void): void {
    this.#socket.cork();
    writes();
    this.#socket.uncork();
  }

  /** From here on the connection is TLS, or `failed` is called and the connection is gone. */
  startTls(
    tls: ClientTls,
    request: ConnectTlsOptions,
    handlers: { secure(info: ConnectedTls): void; failed(failure: ConnectFailure): void },
  ): void {
    const raw = this.#socket;
    raw.off('data', this.#onData).off('drain', this.#onDrain).off('end', this.#onEnd).off('close', this.#onClose);
    connectTls(raw, tls, request, {
      secure: (socket, info) => {
        if (!this.#open) {
          socket.destroy();
          return;
        }
        this.#socket = socket;
        this.#listen(socket);
        handlers.secure(info);
      },
      failed: (failure) => {
        if (!this.#open) return;
        this.destroy();
        handlers.failed(failure);
      },
    });
  }

  /** Sends what is left, then closes; the owner hears no more. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    const socket = this.#socket;
    socket.end();
    const timer = setTimeout(() => socket.destroy(), lingering);
    socket.once('close', () => clearTimeout(timer));
  }

  /** Cuts the connection off; the owner hears no more. */
  destroy(): void {
    this.#open = false;
    this.#socket.destroy();
  }

  #listen(socket: net.Socket): void {
    socket.on('data', this.#onData).on('drain', this.#onDrain).on('error', this.#onError);
    socket.on('end', this.#onEnd).on('close', this.#onClose);
  }

  #lose(error: Error | null): void {
    if (!this.#open) return;
    this.destroy();
    this.#owner.lost(error);
  }
}

/** Stands in the log where the system did not say which of our addresses it would have used. */
export function unknownAddress(remote: string): string {
  return net.isIPv6(remote) ? '::' : '0.0.0.0';
}

/**
 * Opens a TCP connection within `timeout` ms. One of the two handlers is called, once, later; neither after the returned
 * function was called, which gives up. `connected` returns who owns the link.
 */
export function dial(
  target: Target,
  timeout: number,
  handlers: { connected(socket: net.Socket): void; failed(error: Error): void },
): () => void {
  const socket = net.connect({ host: target.address, port: target.port, noDelay: true });
  let over = false;
  const finish = (): boolean => {
    if (over) return false;
    over = true;
    clearTimeout(timer);
    return true;
  };
  const fail = (error: Error): void => {
    if (!finish()) return;
    socket.destroy();
    handlers.failed(error);
  };
  const timer = setTimeout(
    () => fail(Object.assign(new Error('connection timed out'), { code: 'ETIMEDOUT' })),
    timeout,
  );
  socket.once('connect', () => {
    if (!finish()) return;
    // The link listens from now on; the listener below stays, so that no error is ever unheard.
    handlers.connected(socket);
  });
  socket.on('error', fail);
  return () => {
    if (finish()) socket.destroy();
  };
}
