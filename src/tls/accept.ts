// The server's side of a handshake on a socket that is there already: after STARTTLS, or from the first byte.
import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import { isLegacyVersion, type ServerTls } from './contexts.ts';
import { opensslError, tlsErrorDetail } from './errors.ts';
import { explainInbound, type FailureCause, type OurSide } from './explain.ts';
import { readFlight } from './flight.ts';
import type { ClientHello } from './hello.ts';
import { helloIn } from './peek.ts';

/** Milliseconds: until the ClientHello is there, and from then until the handshake is done. */
export interface AcceptOptions {
  readonly helloTimeout: number;
  readonly handshakeTimeout: number;
}

export interface AcceptedTls {
  /** OpenSSL's name: `TLSv1`, `TLSv1.1`, `TLSv1.2`, `TLSv1.3`. */
  readonly protocol: string;
  /** OpenSSL's name. */
  readonly cipher: string;
  readonly resumed: boolean;
  /** The first flight as it came, record headers included. Whoever keeps it copies it. */
  readonly flight: Uint8Array;
  /** Parses the flight: 5 µs that only those who want it pay. */
  readonly hello: () => ClientHello | null;
}

export interface TlsFailure {
  /** What follows `TLS failed: ` in the log. */
  readonly detail: string;
  /** In plain words; null where there is nothing to add. */
  readonly explanation: string | null;
  readonly hello: ClientHello | null;
  /** As in `AcceptedTls`; null: it did not come. */
  readonly flight: Uint8Array | null;
}

export interface AcceptHandlers {
  /** The handler puts its own `error` and `close` listeners on the socket before it returns. */
  secure(socket: TLSSocket, info: AcceptedTls): void;
  /** The connection is closed, or will be as soon as the alert is written. */
  failed(failure: TlsFailure): void;
}

/**
 * Reads the first flight, chooses the context, gives the bytes back and lets OpenSSL shake hands. The caller has taken its
 * `data` listener off `socket` and keeps its `error` and `close` listeners. Exactly one handler is called, once.
 */
export function acceptTls(socket: Socket, tls: ServerTls, options: AcceptOptions, handlers: AcceptHandlers): void {
  readFlight(socket, options.helloTimeout, {
    arrived: (flight, highest) => {
      const context = tls.legacy !== null && isLegacyVersion(highest) ? tls.legacy : tls.modern;
      shakeHands(socket, tls, context, flight, options.handshakeTimeout, handlers);
    },
    failed: (detail, cause) => {
      const explanation = cause === null ? null : explainInbound(cause, null, ours(tls));
      handlers.failed({ detail, explanation, hello: null, flight: null });
    },
  });
}

function shakeHands(
  socket: Socket,
  tls: ServerTls,
  secureContext: SecureContext,
  flight: Buffer,
  timeout: number,
  handlers: AcceptHandlers,
): void {
  // Measured: TLSSocket takes what is given back here before it reads the socket natively; nothing is lost.
  socket.pause();
  socket.unshift(flight);
  const secure = new TLSSocket(socket, { isServer: true, secureContext });

  const release = () => {
    clearTimeout(timer);
    secure.off('secure', onSecure);
    secure.off('error', onError);
    secure.off('close', onClose);
  };
  const fail = (cause: FailureCause, detail: string) => {
    release();
    // A second error of the same connection has nobody to hear it.
    secure.on('error', ignore);
    secure.destroy();
    const hello = helloIn(flight);
    handlers.failed({ detail, explanation: explainInbound(cause, hello, ours(tls)), hello, flight });
  };
  const onError = (error: Error) => {
    const reason = opensslError(error)?.reason;
    fail(reason === undefined ? { kind: 'closed' } : { kind: 'openssl', reason }, tlsErrorDetail(error));
  };
  const onClose = () => fail({ kind: 'closed' }, 'connection closed by the peer during the handshake');
  const onSecure = () => {
    release();
    handlers.secure(secure, {
      protocol: secure.getProtocol() ?? 'unknown',
      cipher: secure.getCipher().name,
      resumed: secure.isSessionReused(),
      flight,
      hello: () => helloIn(flight),
    });
  };
  const timer = setTimeout(
    () => fail({ kind: 'timeout' }, `handshake not finished within ${timeout / 1000} s`),
    timeout,
  );
  secure.once('secure', onSecure);
  secure.on('error', onError);
  secure.on('close', onClose);
}

/** `settings`, `keys` and `accepted` are taken from where they are. */
function ours(tls: ServerTls): OurSide {
  return { settings: tls.settings, keys: tls.keys, accepted: () => tls.accepted() };
}

function ignore(): void {}
