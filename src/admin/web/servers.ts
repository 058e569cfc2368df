// The HTTP servers behind the ports. They are made once and never listen: connections are handed to them after a look at the
// ClientHello. A commit gives them new contexts; connections that are open go on under the ones that they began with.
import { createSecureServer } from 'node:http2';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { Snapshot } from '../../config/snapshot.ts';
import { isLegacyVersion, type ServerTls } from '../../tls/contexts.ts';
import type { ClientHello } from '../../tls/hello.ts';
import type { WebServer } from './app.ts';

/** Bytes of a request's head; more gets 431 (HTTP/1) or is refused by the HTTP/2 layer. */
const headerSize = 16 * 1024;
const headerFields = 100;
/** Requests at a time on one HTTP/2 connection: several tabs of a browser share one. */
const concurrentStreams = 128;
/** How often HTTP/1 requests are looked at for their deadlines, ms. */
const checkInterval = 2_000;

export class HttpServers {
  /** HTTP/2 and HTTP/1.1, TLS 1.2 and 1.3. */
  readonly #modern: ReturnType<typeof createSecureServer>;
  /** HTTP/1.1 for clients whose TLS 1.2 suite HTTP/2 forbids (RFC 9113 9.2.2): browsers end such a connection. */
  readonly #plain: ReturnType<typeof createHttpsServer>;
  /** HTTP/1.1 for clients whose best is TLS 1.1 (HTTP/2 asks for 1.2, RFC 9113 9.2). */
  readonly #legacy: ReturnType<typeof createHttpsServer>;
  readonly all: readonly WebServer[];

  constructor(snapshot: Snapshot) {
    const { handshake: handshakeTimeout } = snapshot.timeouts;
    const http1 = {
      maxHeaderSize: headerSize,
      connectionsCheckingInterval: checkInterval,
      requireHostHeader: true,
      noDelay: true,
    };
    this.#modern = createSecureServer({
      allowHTTP1: true,
      handshakeTimeout,
      ...http1,
      http1Options: http1,
      maxHeaderListPairs: headerFields,
      maxSessionMemory: 16,
      settings: { maxConcurrentStreams: concurrentStreams, maxHeaderListSize: headerSize, enablePush: false },
    } as Parameters<typeof createSecureServer>[0]);
    this.#plain = createHttpsServer({ handshakeTimeout, ...http1 });
    this.#legacy = createHttpsServer({ handshakeTimeout, ...http1 });
    this.all = [this.#modern, this.#plain, this.#legacy];
    for (const server of this.all) {
      // Arms the deadlines of HTTP/1, which Node does when a server begins to listen.
      server.emit('listening');
    }
  }

  /** From now on handshakes follow the new settings. `tls` was compiled: OpenSSL takes what it is made from. */
  use(tls: ServerTls, snapshot: Snapshot): void {
    this.#modern.setSecureContext(tls.options.modern);
    this.#plain.setSecureContext(tls.options.modern);
    this.#legacy.setSecureContext(tls.options.legacy ?? tls.options.modern);
    const { guiIdle, guiRequest } = snapshot.timeouts;
    for (const server of [this.#modern as unknown as HttpsServer, this.#plain, this.#legacy]) {
      // No byte moves for so long: an HTTP/1 connection at rest, an HTTP/2 one without a stream, a client that reads nothing.
      server.timeout = guiIdle;
      server.keepAliveTimeout = guiIdle;
      server.headersTimeout = guiRequest;
      server.requestTimeout = guiRequest;
    }
  }

  /** The server for a ClientHello whose highest version is `highest`. */
  choose(tls: ServerTls, highest: number, hello: () => ClientHello | null): WebServer {
    const newest = tls.settings.versions.at(-1);
    if (newest === 'TLSv1.0' || newest === 'TLSv1.1') return this.#legacy;
    if (tls.legacy !== null && isLegacyVersion(highest)) return this.#legacy;
    if (newest === 'TLSv1.3' && highest >= 0x0304) return this.#modern;
    return forbidsHttp2(tls, hello()) ? this.#plain : this.#modern;
  }
}

/** Whether TLS 1.2 with this client would use a suite of RFC 9113 appendix A: no ephemeral key exchange, or no AEAD. */
function forbidsHttp2(tls: ServerTls, hello: ClientHello | null): boolean {
  if (hello === null) return false;
  const offered = new Set(hello.suites);
  const chosen = tls.accepted().find((suite) => suite.protocol !== 'TLSv1.3' && offered.has(suite.id));
  if (chosen === undefined) return false;
  const ephemeral = chosen.kx === 'ECDH' || chosen.kx === 'DH';
  return !ephemeral || chosen.mac !== 'AEAD';
}
