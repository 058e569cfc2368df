// The connections of the web service: each is looked at before TLS, given to a server, and in a table until it is closed.
import type { ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Share } from '../../config/share.ts';
import type { Snapshot } from '../../config/snapshot.ts';
import { type EventSink, guiHandshake, guiTlsError, guiTlsExplained } from '../../ledger/events.ts';
import { clientKey, plainAddress } from '../../smtp/access.ts';
import type { ServerTls } from '../../tls/contexts.ts';
import { opensslError, tlsErrorDetail } from '../../tls/errors.ts';
import { explainInbound, type FailureCause, guiService, type OurSide } from '../../tls/explain.ts';
import { flightText, readFlight } from '../../tls/flight.ts';
import type { ClientHello } from '../../tls/hello.ts';
import { helloIn } from '../../tls/peek.ts';
import type { WebServer } from './app.ts';
import type { HttpServers } from './servers.ts';

/** What tells a connection apart, on our sockets and on those that HTTP/2 shows to its requests. */
export interface Endpoints {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
}

interface Connection {
  readonly socket: Socket;
  readonly client: string;
  readonly address: string;
  /** `address:port`, for the log. */
  readonly peer: string;
  /** As `performance.now()`. */
  readonly accepted: number;
  state: 'hello' | 'handshake' | 'open';
  flight: Buffer | null;
  session: ServerHttp2Session | null;
  /** HTTP/2 streams that are open, and since when there was none. */
  streams: number;
  restingSince: number;
}

/** Settings, and the servers that have them. */
export interface WebSide {
  readonly servers: HttpServers;
  readonly tls: ServerTls;
}

/** What the connections run under: the snapshot in force and its contexts. */
export interface InForce {
  readonly snapshot: Snapshot;
  readonly usual: WebSide;
  /** For clients outside the share of a roll-out. */
  readonly former: (WebSide & { readonly share: Share }) | null;
  /** `gui.hsts`, and the certificate is still fit for it. */
  readonly hsts: boolean;
}

const sweepInterval = 2_000;

export class Connections {
  readonly #servers: readonly WebServer[];
  readonly #log: EventSink;
  readonly #inForce: () => InForce | null;
  readonly #open = new Map<string, Connection>();
  readonly #perClient = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(servers: readonly HttpServers[], log: EventSink, inForce: () => InForce | null) {
    this.#servers = servers.flatMap(({ all }) => all);
    this.#log = log;
    this.#inForce = inForce;
    for (const server of this.#servers) {
      server.on('secureConnection', (socket: TLSSocket) => this.#secured(socket));
      server.prependListener('tlsClientError', (error: Error, socket: TLSSocket) => this.#failed(error, socket));
      server.on('session', (session: ServerHttp2Session) => this.#began(session));
    }
    this.#timer = setInterval(() => this.#sweep(), sweepInterval);
    this.#timer.unref();
  }

  get count(): number {
    return this.#open.size;
  }

  /** The first flight of an open connection, as it came, and when it was accepted. */
  beginning(endpoints: Endpoints): { readonly flight: Uint8Array | null; readonly connected: number } {
    const connection = this.#open.get(keyOf(endpoints));
    return { flight: connection?.flight ?? null, connected: connection?.accepted ?? 0 };
  }

  /** The client uses another connection for what it asks next; what this one carries goes on. */
  retire(endpoints: Endpoints): void {
    const session = this.#open.get(keyOf(endpoints))?.session;
    if (session != null && !session.destroyed) session.close();
  }

  /** A connection that was accepted. */
  take(socket: Socket): void {
    const inForce = this.#inForce();
    const address = plainAddress(socket.remoteAddress ?? '');
    const client = clientKey(address);
    const own = this.#perClient.get(client) ?? 0;
    socket.on('error', ignore); // `close` follows
    if (inForce === null || address === '') {
      socket.destroy();
      return;
    }
    const { limits, timeouts } = inForce.snapshot;
    if (this.#open.size >= limits.guiConnections || own >= limits.guiConnectionsPerClient) {
      socket.destroy();
      return;
    }
    const key = keyOf(socket);
    const connection: Connection = {
      socket,
      client,
      address,
      peer: `${address.includes(':') ? `[${address}]` : address}:${socket.remotePort}`,
      accepted: performance.now(),
      state: 'hello',
      flight: null,
      session: null,
      streams: 0,
      restingSince: Date.now(),
    };
    this.#open.set(key, connection);
    this.#perClient.set(client, own + 1);
    socket.once('close', () => this.#closed(key, connection));
    readFlight(socket, timeouts.hello, {
      arrived: (flight, highest) => this.#arrived(connection, flight, highest),
      failed: (detail, cause) => this.#refuse(connection, detail, cause),
    });
  }

  /** Tells HTTP/2 clients to go, and ends what carries no request. */
  drain(): void {
    for (const { session, socket, state, streams } of [...this.#open.values()]) {
      if (session !== null && !session.destroyed) session.close();
      if (state !== 'open' || (session !== null && streams === 0)) socket.destroy();
    }
    for (const server of this.#servers) if ('closeIdleConnections' in server) server.closeIdleConnections();
  }

  /** Ends all that is left. */
  destroy(): void {
    clearInterval(this.#timer);
    for (const { session, socket } of [...this.#open.values()]) {
      session?.destroy();
      socket.destroy();
    }
  }

  #arrived(connection: Connection, flight: Buffer, highest: number): void {
    const { socket } = connection;
    const inForce = this.#inForce();
    if (inForce === null) {
      socket.destroy();
      return;
    }
    connection.state = 'handshake';
    connection.flight = Buffer.from(flight);
    const { servers, tls } = sideOf(inForce, connection.address);
    const server = servers.choose(tls, highest, () => helloIn(flight));
    // Measured: what is given back here is read natively; nothing is lost.
    socket.pause();
    socket.unshift(flight);
    server.emit('connection', socket);
  }

  #secured(socket: TLSSocket): void {
    const connection = this.#open.get(keyOf(socket));
    if (connection === undefined) return;
    connection.state = 'open';
    const protocol = socket.getProtocol() ?? 'unknown';
    this.#tell(connection, protocol, socket.getCipher().name, socket.isSessionReused(), null);
  }

  /** For observations. */
  #tell(
    { address, flight }: Connection,
    protocol: string | null,
    cipher: string | null,
    resumed: boolean,
    failure: string | null,
  ): void {
    this.#log.record(guiHandshake, address, flightText(flight), protocol, cipher, resumed, failure);
  }

  /** Handshakes only: what fails later is the business of HTTP. */
  #failed(error: Error, socket: TLSSocket): void {
    const connection = this.#open.get(keyOf(socket));
    if (connection?.state !== 'handshake') return;
    const reason = opensslError(error)?.reason;
    const timedOut = 'code' in error && error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT';
    const cause: FailureCause =
      reason === undefined ? { kind: timedOut ? 'timeout' : 'closed' } : { kind: 'openssl', reason };
    this.#refuse(connection, tlsErrorDetail(error), cause);
  }

  #began(session: ServerHttp2Session): void {
    const connection = session.socket === undefined ? undefined : this.#open.get(keyOf(session.socket));
    if (connection === undefined) return;
    connection.session = session;
    session.on('stream', (stream) => {
      connection.streams++;
      stream.once('close', () => {
        connection.streams--;
        connection.restingSince = Date.now();
      });
    });
  }

  #refuse(connection: Connection, detail: string, cause: FailureCause | null): void {
    // Once, and no more when the connection is closed.
    connection.state = 'open';
    this.#log.record(guiTlsError, connection.peer, detail);
    this.#tell(connection, null, null, false, detail);
    const inForce = this.#inForce();
    if (cause === null || inForce === null) return;
    const hello: ClientHello | null = helloIn(connection.flight);
    const explanation = explainInbound(cause, hello, ours(sideOf(inForce, connection.address).tls));
    if (explanation !== null) this.#log.record(guiTlsExplained, connection.peer, explanation);
  }

  #closed(key: string, connection: Connection): void {
    if (connection.state === 'handshake') {
      this.#refuse(connection, 'connection closed by the peer during the handshake', { kind: 'closed' });
    }
    this.#open.delete(key);
    const left = (this.#perClient.get(connection.client) ?? 1) - 1;
    if (left > 0) this.#perClient.set(connection.client, left);
    else this.#perClient.delete(connection.client);
  }

  /** HTTP/2 has no deadline of its own for a connection without requests, or for half a request's head. */
  #sweep(): void {
    const idle = this.#inForce()?.snapshot.timeouts.guiIdle;
    if (idle === undefined) return;
    const before = Date.now() - idle;
    for (const { session, streams, restingSince } of this.#open.values()) {
      if (session !== null && streams === 0 && restingSince < before && !session.destroyed) session.destroy();
    }
  }
}

function keyOf({ remoteAddress, remotePort, localAddress, localPort }: Endpoints): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}

/** An address is on the same side of a roll-out each time. */
function sideOf({ usual, former }: InForce, address: string): WebSide {
  return former === null || former.share.holds(address) ? usual : former;
}

function ours(tls: ServerTls): OurSide {
  return { settings: tls.settings, keys: tls.keys, accepted: () => tls.accepted(), service: guiService };
}

function ignore(): void {}
