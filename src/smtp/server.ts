// The socket shell of the receiving side: listens, counts connections in and out, sweeps for deadlines, stops.
import net from 'node:net';
import type { Snapshot } from '../config/snapshot.ts';
import { messageOf, PosternError } from '../errors.ts';
import { mailWarning } from '../ledger/events.ts';
import { clientKey, plainAddress } from './access.ts';
import { Connection, type ConnectionServer } from './connection.ts';
import type { InboundHost } from './host.ts';
import { inboundPolicy } from './policy.ts';

type Listener = Snapshot['listeners'][number];

export interface InboundServer {
  /** Binds; rejects with `in-use` or `bad-configuration`. `reusePort`: several threads share the port. */
  listen(options: { readonly reusePort: boolean }): Promise<void>;
  /** The port in use; 0 before `listen`. */
  readonly port: number;
  /** Connections that are open. */
  readonly connections: number;
  /** Another listener with the same address and port; and the time to compile a new snapshot. For new connections. */
  update(listener: Listener): void;
  /** Takes no more connections; those that are open go on. */
  close(): void;
  /**
   * Ends within `deadline` ms. New connections get 421, idle ones too; a message on its way and one that waits for the
   * reply to its final dot get the whole time.
   */
  stop(deadline: number): Promise<void>;
}

const sweepInterval = 1000;
/** Connections turned away that are still told so; more are closed without a word. */
const maximumTurnedAway = 1000;
const turnedAwayTime = 2000;

/** A server for one listener of the host's snapshot. Throws `bad-configuration` (see `inboundPolicy`). */
export function createInboundServer<B>(host: InboundHost<B>, listener: Listener): InboundServer {
  inboundPolicy(host.snapshot());
  return new Server(host, listener);
}

class Server<B> implements InboundServer, ConnectionServer<B> {
  readonly host: InboundHost<B>;
  now = performance.now();
  stopping = false;
  #listener: Listener;
  readonly #server: net.Server;
  readonly #connections = new Set<Connection<B>>();
  #sweeper: NodeJS.Timeout | null = null;
  #turnedAway = 0;
  /** Connections over a limit that the present second has not logged. */
  #unlogged = 0;
  #logged = false;
  #idle: (() => void) | null = null;

  constructor(host: InboundHost<B>, listener: Listener) {
    this.host = host;
    this.#listener = listener;
    // Half-open: a peer that closes its side behind QUIT still gets its replies.
    this.#server = net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  async listen(options: { readonly reusePort: boolean }): Promise<void> {
    const { address, port, name } = this.#listener;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject);
    this.#server.listen({ host: address, port, backlog: 4096, reusePort: options.reusePort }, resolve);
    try {
      await promise;
    } catch (error) {
      throw listenError(error, name, address, port);
    }
    this.#server.off('error', reject);
    this.#server.on('error', (error) =>
      this.host.log.record(mailWarning, `Listener ${this.#listener.name}: ${messageOf(error)}`),
    );
    this.#sweeper = setInterval(() => this.#sweep(), sweepInterval);
    this.#sweeper.unref();
  }

  get port(): number {
    const address = this.#server.address();
    return address === null || typeof address === 'string' ? 0 : address.port;
  }

  get connections(): number {
    return this.#connections.size;
  }

  update(listener: Listener): void {
    this.#listener = listener;
    inboundPolicy(this.host.snapshot());
  }

  close(): void {
    this.#server.close();
    this.#settle();
  }

  async stop(deadline: number): Promise<void> {
    this.stopping = true;
    for (const connection of this.#connections) connection.stop();
    if (this.#connections.size > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#idle = resolve;
      const timer = setTimeout(resolve, deadline);
      await promise;
      clearTimeout(timer);
    }
    this.#server.close();
    for (const connection of this.#connections) connection.destroy();
    if (this.#sweeper !== null) clearInterval(this.#sweeper);
    this.#sweeper = null;
  }

  gone(connection: Connection<B>): void {
    this.#connections.delete(connection);
    this.host.leave(connection.clientKey);
    if (this.#connections.size === 0) this.#idle?.();
    this.#settle();
  }

  /** A closed server without connections needs no sweep. */
  #settle(): void {
    if (this.#server.listening || this.#connections.size > 0 || this.#sweeper === null) return;
    clearInterval(this.#sweeper);
    this.#sweeper = null;
  }

  #accept(socket: net.Socket): void {
    const { remoteAddress, localAddress } = socket;
    // Gone before it was accepted.
    if (remoteAddress === undefined || localAddress === undefined) {
      socket.destroy();
      return;
    }
    if (this.stopping) {
      this.#turnAway(socket, '421 4.3.2 Service is shutting down');
      return;
    }
    const address = plainAddress(remoteAddress);
    const key = clientKey(address);
    const admission = this.host.admit(key);
    if (admission !== 'ok') {
      this.#overLimit(address, admission);
      this.#turnAway(socket, '421 4.7.0 Too many connections; try again later');
      return;
    }
    const snapshot = this.host.snapshot();
    const options = {
      listener: this.#listener,
      policy: inboundPolicy(snapshot),
      address,
      localAddress: plainAddress(localAddress),
      clientKey: key,
    };
    this.#connections.add(new Connection(this, socket, options));
  }

  #turnAway(socket: net.Socket, reply: string): void {
    if (this.#turnedAway >= maximumTurnedAway) {
      socket.destroy();
      return;
    }
    this.#turnedAway++;
    const timer = setTimeout(() => socket.destroy(), turnedAwayTime);
    socket.on('error', () => undefined); // `close` follows
    socket.once('close', () => {
      this.#turnedAway--;
      clearTimeout(timer);
    });
    socket.resume();
    socket.end(`${reply}\r\n`, 'latin1');
  }

  #overLimit(address: string, which: 'total' | 'client'): void {
    if (this.#logged) {
      this.#unlogged++;
      return;
    }
    this.#logged = true;
    const { connections, connectionsPerClient } = this.host.snapshot().limits;
    const why =
      which === 'total'
        ? `${connections} connections are open (limits.connections)`
        : `${connectionsPerClient} connections of this client are open (limits.connectionsPerClient)`;
    this.host.log.record(mailWarning, `Connection from ${address} refused: ${why}`);
  }

  #sweep(): void {
    this.now = performance.now();
    if (this.#unlogged > 0) {
      this.host.log.record(mailWarning, `${this.#unlogged} more connections refused: too many are open`);
    }
    this.#unlogged = 0;
    this.#logged = false;
    for (const connection of this.#connections) connection.sweep();
  }
}

function listenError(error: unknown, name: string, address: string, port: number): PosternError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const where = `listener ${name}: ${address} port ${port}`;
  switch (code) {
    case 'EADDRINUSE':
      return new PosternError('in-use', `${where} is in use`, { cause: error, remedy: 'choose another port' });
    case 'EADDRNOTAVAIL':
      return new PosternError('bad-configuration', `${where}: this machine has no such address`, {
        cause: error,
        remedy: 'write an address of this machine, or 0.0.0.0 or :: for all',
      });
    case 'EACCES':
      return new PosternError('bad-configuration', `${where}: not allowed to bind it`, {
        cause: error,
        remedy: 'ports below 1024 need root or the capability CAP_NET_BIND_SERVICE',
      });
    default:
      return new PosternError('io', `${where}: ${messageOf(error)}`, { cause: error });
  }
}
