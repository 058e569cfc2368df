// A recorded ClientHello is put before OpenSSL once more, under whatever settings: no network, no model, the real answer.
import { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { PosternError } from '../errors.ts';
import { isLegacyVersion, type ServerTls } from './contexts.ts';
import { opensslError } from './errors.ts';
import { peekHello } from './peek.ts';
import { parseServerFlight } from './server-flight.ts';

/**
 * What the server decides. `served`: numbers of the wire; `group` null where the exchange has none (RSA, DHE), `retry` where it
 * is asked for by a HelloRetryRequest. `refused`: the alert's number (RFC 8446 6), null where the connection ends without one, and
 * OpenSSL's reason. `no-hello`: what was recorded is cut, or no ClientHello.
 */
export type Verdict =
  | {
      readonly outcome: 'served';
      readonly version: number;
      readonly suite: number;
      readonly group: number | null;
      readonly retry: boolean;
    }
  | { readonly outcome: 'refused'; readonly alert: number | null; readonly reason: string }
  | { readonly outcome: 'no-hello'; readonly reason: string };

export interface ReplayOptions {
  /** ms for one answer; it takes about 1. */
  readonly timeout?: number;
  /** Protocols of the service, where it has any (RFC 7301): the web service's. */
  readonly alpn?: readonly string[];
}

const answerTimeout = 5_000;

/**
 * `flight`: the client's first flight, record headers included, as it came or in its neutral form. Rejects (`timeout`) only where
 * OpenSSL does not answer a complete hello.
 */
export async function replayHello(flight: Uint8Array, tls: ServerTls, options: ReplayOptions = {}): Promise<Verdict> {
  const peek = peekHello(flight);
  if (peek.status !== 'complete') {
    // OpenSSL would wait for the rest.
    return { outcome: 'no-hello', reason: peek.status === 'partial' ? 'the hello is cut' : peek.reason };
  }
  // As in accept.ts.
  const secureContext = tls.legacy !== null && isLegacyVersion(peek.highest) ? tls.legacy : tls.modern;
  const { promise, resolve, reject } = Promise.withResolvers<Verdict>();
  const line = new ServerEnd((written) => {
    const verdict = verdictOf(written, failure);
    if (verdict !== null) settle(verdict);
  });
  const socket = new TLSSocket(line, {
    isServer: true,
    secureContext,
    ...(options.alpn === undefined ? {} : { ALPNProtocols: [...options.alpn] }),
  });
  let failure: Error | null = null;
  const timer = setTimeout(() => {
    reject(new PosternError('timeout', 'a replayed ClientHello was not answered in time', { temporary: true }));
    end();
  }, options.timeout ?? answerTimeout);
  const end = () => {
    clearTimeout(timer);
    socket.destroy();
    line.destroy();
  };
  const settle = (verdict: Verdict) => {
    resolve(verdict);
    end();
  };
  socket.on('error', (error) => {
    failure = error;
  });
  // A refusal writes its alert before the socket closes; without one this is the end.
  socket.on('close', () => settle(verdictOf(line.written, failure) ?? refusal(null, failure)));
  line.push(flight);
  return await promise;
}

function verdictOf(written: Uint8Array, failure: Error | null): Verdict | null {
  const flight = parseServerFlight(written);
  if (flight.status === 'complete') {
    const { version, suite, retry } = flight.hello;
    return { outcome: 'served', version, suite, group: flight.group, retry };
  }
  return flight.status === 'alert' && failure !== null ? refusal(flight.description, failure) : null;
}

function refusal(alert: number | null, failure: Error | null): Verdict {
  const reason = failure === null ? 'connection closed' : (opensslError(failure)?.reason ?? failure.message);
  return { outcome: 'refused', alert, reason };
}

/** The server's end of a connection without a network. */
class ServerEnd extends Duplex {
  readonly #onWrite: (written: Buffer) => void;
  written: Buffer = Buffer.alloc(0);

  constructor(onWrite: (written: Buffer) => void) {
    super();
    this.#onWrite = onWrite;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written = this.written.length === 0 ? chunk : Buffer.concat([this.written, chunk]);
    done();
    this.#onWrite(this.written);
  }
}
