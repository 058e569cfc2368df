// One connection to a collector: UDP datagrams (RFC 5426) or octet-counted frames over TCP (RFC 6587 3.4.1) and TLS (RFC 5425).
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { lookup } from 'node:dns';
import { connect, isIP, type Socket } from 'node:net';
import { checkServerIdentity, type TLSSocket } from 'node:tls';
import { type ConnectFailure, connectTls } from '../tls/connect.ts';
import type { ClientTls } from '../tls/contexts.ts';
import { versionList } from '../tls/versions.ts';

export interface LinkSettings {
  readonly host: string;
  readonly port: number;
  readonly protocol: 'udp' | 'tcp' | 'tls';
  /** TLS: refuse a collector whose certificate does not verify. */
  readonly verify: boolean;
  /** Contexts of "Other TLS Client Services"; null unless the protocol is TLS. */
  readonly tls: ClientTls | null;
  /** Use the legacy context: the collector has shown that it knows nothing newer. */
  readonly legacy: boolean;
  /** ms, for the connection and for the handshake. */
  readonly connectTimeout: number;
  readonly handshakeTimeout: number;
  /** UDP: the link before this one failed; one datagram goes ahead of the rest to see whether this one lasts. */
  readonly probe: boolean;
}

export interface LinkFailure {
  readonly reason: string;
  /** TLS: in plain words what the collector offers, what we allow, what to do. */
  readonly explanation?: string | undefined;
  /** TLS: the same again with `legacy` may succeed. */
  readonly retryLegacy?: boolean;
}

export interface LinkHandlers {
  /** `description`: `TLSv1.3 TLS_AES_256_GCM_SHA384`, or empty. */
  up(description: string): void;
  /** Once, whatever happened; nothing else is called afterwards. */
  down(failure: LinkFailure): void;
}

export interface Link {
  /** Hands the lines over; `done` when all of them were taken by the kernel. One batch at a time. */
  send(lines: readonly string[], done: () => void): void;
  /** After what was sent; `down` is not called any more. */
  close(): void;
}

/** Begins to connect. Handlers are called later, never from within. */
export function openLink(settings: LinkSettings, handlers: LinkHandlers): Link {
  return settings.protocol === 'udp' ? openUdp(settings, handlers) : openStream(settings, handlers);
}

/** A datagram that nobody listens for is reported by the host (ICMP) within about a round trip. */
const probeWait = 250;
/** 32 KiB every 10 ms at most: receive buffers of collectors hold some hundred datagrams. */
const datagramPause = 10;

function openUdp(settings: LinkSettings, handlers: LinkHandlers): Link {
  let socket: DatagramSocket | null = null;
  let closed = false;
  let probe = settings.probe;
  const fail = (error: Error): void => {
    if (closed) return;
    close();
    handlers.down({ reason: error.message });
  };
  const close = (): void => {
    closed = true;
    clearTimeout(deadline);
    socket?.close();
  };
  const deadline = setTimeout(
    () => fail(new Error(`no address for the name within ${settings.connectTimeout} ms`)),
    settings.connectTimeout,
  );
  lookup(settings.host, (error, address, family) => {
    clearTimeout(deadline);
    if (closed) return;
    if (error !== null) {
      fail(error);
      return;
    }
    const opened = createSocket(family === 6 ? 'udp6' : 'udp4');
    socket = opened;
    opened.on('error', fail);
    opened.unref();
    // Connected, a datagram socket reports that nobody listens there (ICMP).
    opened.connect(settings.port, address, () => {
      if (!closed) handlers.up('');
    });
  });
  const sendAll = (lines: readonly string[], done: () => void): void => {
    let left = lines.length;
    const sent = (error: Error | null): void => {
      if (error !== null) fail(error);
      else if (--left === 0) setTimeout(() => !closed && done(), datagramPause);
    };
    for (const line of lines) {
      if (closed) return;
      socket?.send(line, sent);
    }
  };
  return {
    send(lines, done) {
      if (!probe || lines.length === 0) {
        sendAll(lines, done);
        return;
      }
      probe = false;
      socket?.send(lines[0] ?? '', (error) => (error === null ? undefined : fail(error)));
      const rest = lines.slice(1);
      setTimeout(() => {
        if (closed) return;
        if (rest.length === 0) done();
        else sendAll(rest, done);
      }, probeWait);
    },
    close() {
      if (!closed) close();
    },
  };
}

function openStream(settings: LinkSettings, handlers: LinkHandlers): Link {
  const raw = connect({
    host: settings.host,
    port: settings.port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
  });
  let socket: Socket | null = null;
  let closed = false;
  const fail = (failure: LinkFailure): void => {
    if (closed) return;
    closed = true;
    clearTimeout(deadline);
    socket?.destroy();
    raw.destroy();
    handlers.down(failure);
  };
  const deadline = setTimeout(
    () => fail({ reason: `no connection within ${settings.connectTimeout} ms` }),
    settings.connectTimeout,
  );
  const onError = (error: Error): void => fail({ reason: error.message });
  const ready = (established: Socket, description: string): void => {
    socket = established;
    established.on('error', onError);
    established.on('close', () => fail({ reason: 'connection closed by the collector' }));
    established.on('end', () => fail({ reason: 'connection closed by the collector' }));
    // A collector has nothing to say; reading on is how its end of the connection is noticed.
    established.resume();
    established.unref();
    handlers.up(description);
  };
  raw.on('error', onError);
  raw.once('connect', () => {
    clearTimeout(deadline);
    if (closed) return;
    if (settings.tls === null) {
      raw.off('error', onError);
      ready(raw, '');
    } else secure(raw, settings, settings.tls, { ready, fail });
  });
  return {
    send(lines, done) {
      if (closed || socket === null) return;
      socket.write(lines.map(frame).join(''), 'utf8', (error) => {
        if (!error && !closed) done();
      });
    },
    close() {
      if (closed) return;
      closed = true;
      clearTimeout(deadline);
      if (socket === null) raw.destroy();
      else socket.end(() => socket?.destroySoon());
      // A collector that does not read must not hold the end up.
      setTimeout(() => raw.destroy(), 2000).unref();
    },
  };
}

/** `MSG-LEN SP SYSLOG-MSG`, MSG-LEN in octets (RFC 5425 4.3). */
function frame(line: string): string {
  return `${Buffer.byteLength(line, 'utf8')} ${line}`;
}

interface SecureHandlers {
  ready(socket: Socket, description: string): void;
  fail(failure: LinkFailure): void;
}

function secure(raw: Socket, settings: LinkSettings, tls: ClientTls, { ready, fail }: SecureHandlers): void {
  const { host, legacy, handshakeTimeout: timeout } = settings;
  const options = { legacy, timeout, ...(isIP(host) === 0 ? { servername: host } : {}) };
  connectTls(raw, tls, options, {
    secure(socket, info) {
      const refusal = settings.verify ? refuse(socket, host) : null;
      if (refusal === null) ready(socket, `${info.protocol} ${info.cipher}`);
      else {
        socket.on('error', () => undefined);
        socket.destroy();
        fail(refusal);
      }
    },
    failed(failure) {
      fail({
        reason: `TLS failed: ${failure.detail}`,
        explanation: explain(failure, tls),
        retryLegacy: failure.retryLegacy,
      });
    },
  });
}

/** In the terms of this service; `failure.explanation` speaks of mail. */
function explain({ detail, mismatch }: ConnectFailure, { settings: { versions } }: ClientTls): string {
  if (/wrong version number|packet length too long|http request/.test(detail)) {
    return 'What listens there speaks no TLS: set "protocol" to tcp, or "port" to the one for TLS';
  }
  const allowed = `Other TLS Client Services allow ${versionList(versions)}`;
  if (!mismatch) return allowed;
  return versions[0] === 'TLSv1.0'
    ? `${allowed}; the collector speaks none of them and must be updated`
    : `${allowed}. If the collector speaks only an older version, have it updated, or allow that version (sslconfig)`;
}

/** Why a collector whose certificate must verify is refused; null: it need not be. */
function refuse(socket: TLSSocket, host: string): LinkFailure | null {
  const { authorizationError } = socket;
  // Names are compared below against the configured host, which may be an address that SNI cannot carry.
  const chain = authorizationError as unknown;
  const code = chain instanceof Error ? ((chain as NodeJS.ErrnoException).code ?? chain.message) : chain;
  if (!socket.authorized && code !== 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return {
      reason: `the certificate of the collector does not verify: ${String(code ?? 'unknown authority')}`,
      explanation: 'set "ca" to the PEM file of the authority that signed it, or "verify" to false',
    };
  }
  const mismatch = checkServerIdentity(host, socket.getPeerCertificate());
  if (mismatch === undefined) return null;
  return {
    reason: `the certificate of the collector is for another name: ${mismatch.message}`,
    explanation: 'set "host" to a name that is in the certificate, or "verify" to false',
  };
}
