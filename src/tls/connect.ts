// The client's side of a handshake on a connected socket: after the 220 to STARTTLS, or from the first byte.
import type { X509Certificate } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { ClientTls } from './contexts.ts';
import { isVersionMismatch, opensslError, tlsErrorDetail } from './errors.ts';
import { explainOutbound, type FailureCause } from './explain.ts';
import { type CertificateReport, reportCertificate } from './peer-certificate.ts';

export interface ConnectTlsOptions {
  /** The name of the host: SNI, and the name to look for in its certificate. An address literal is neither (RFC 6066 3). */
  readonly servername?: string;
  /** The second try, with the older versions. */
  readonly legacy: boolean;
  /** ms for the whole handshake. */
  readonly timeout: number;
  /** From the `session` event of an earlier connection to the same address and name under the same policy. */
  readonly session?: Buffer;
  /** A session that a later connection may resume. With TLS 1.3 they come behind the handshake, one after the other. */
  readonly onSession?: (session: Buffer, protocol: string) => void;
}

export interface ConnectedTls {
  /** OpenSSL's name: `TLSv1`, `TLSv1.1`, `TLSv1.2`, `TLSv1.3`. */
  readonly protocol: string;
  /** OpenSSL's name. */
  readonly cipher: string;
  /** An earlier session was resumed; no certificate was sent. */
  readonly resumed: boolean;
  /** What the server showed; nothing about it is a condition here. Null: it showed none. */
  readonly certificate: () => CertificateReport | null;
  /** The same as it is, with the rest of what the server sent behind `issuerCertificate`, in the order sent. */
  readonly peer: () => X509Certificate | undefined;
  /** Of the key exchange: `X25519`; null where there was none (RSA). */
  readonly group: () => string | null;
  /** What OpenSSL says about chain and times (not about the name): its word, or null: in order. */
  readonly verifyError: () => string | null;
}

export interface ConnectFailure {
  /** What follows `TLS deferring: ` or `TLS failed: ` in the log. */
  readonly detail: string;
  /** In plain words; null where there is nothing to add. */
  readonly explanation: string | null;
  /** The versions were the cause. */
  readonly mismatch: boolean;
  /** The connection ended, or time was over, without a word of TLS about why. */
  readonly lost: boolean;
  /** Dial once more and give `legacy: true`. Never after a reset, a timeout or any other alert: anybody can cause those. */
  readonly retryLegacy: boolean;
}

export interface ConnectHandlers {
  /** The handler puts its own `error` and `close` listeners on the socket before it returns. */
  secure(socket: TLSSocket, info: ConnectedTls): void;
  /** The connection is closed, or will be as soon as the alert is written. */
  failed(failure: ConnectFailure): void;
}

// Shorter Diffie-Hellman groups are refused by the modern context itself ("dh key too small"); the legacy one lets them pass.
const minimumDhBits = 2048;

/**
 * Shakes hands on `socket`, whose `data` listener the caller has taken off; its `error` and `close` listeners stay. Whether the
 * certificate is good enough is the caller's decision. Exactly one handler is called, once.
 */
export function connectTls(
  socket: Socket,
  tls: ClientTls,
  options: ConnectTlsOptions,
  handlers: ConnectHandlers,
): void {
  const secureContext = options.legacy && tls.legacy !== null ? tls.legacy : tls.modern;
  const name = options.servername !== undefined && isIP(options.servername) === 0 ? options.servername : null;
  const secure = connect({
    socket,
    secureContext,
    rejectUnauthorized: false,
    // The name is checked when the certificate is asked for.
    checkServerIdentity: nothingWrong,
    ...(name === null || name === '' ? {} : { servername: name.replace(/\.$/, '') }),
    ...(options.session === undefined ? {} : { session: options.session }),
  } satisfies ConnectionOptions);

  // Node would read the whole chain into objects for a check of the name that nobody asks for here: a fifth of a mail worker's
  // time where every message has a handshake (measured). Until the handshake is done; then it is Node's again.
  Object.defineProperty(secure, 'getPeerCertificate', { value: nothingShown, configurable: true });

  const { onSession } = options;
  if (onSession !== undefined) {
    secure.on('session', (session: Buffer) => onSession(session, secure.getProtocol() ?? 'unknown'));
  }

  const release = () => {
    Reflect.deleteProperty(secure, 'getPeerCertificate');
    clearTimeout(timer);
    secure.off('secureConnect', onSecure);
    secure.off('error', onError);
    secure.off('close', onClose);
  };
  const fail = (cause: FailureCause, detail: string, mismatch: boolean, retryLegacy: boolean) => {
    release();
    // A second error of the same connection has nobody to hear it.
    secure.on('error', ignore);
    secure.destroy();
    const explanation = explainOutbound(cause, tls.settings, { retry: retryLegacy });
    handlers.failed({ detail, explanation, mismatch, lost: cause.kind !== 'openssl', retryLegacy });
  };
  const onError = (error: Error) => {
    const openssl = opensslError(error);
    const retry = !options.legacy && tls.legacy !== null && openssl !== null && isVersionRefusal(openssl.reason);
    const cause: FailureCause = openssl === null ? { kind: 'closed' } : { kind: 'openssl', reason: openssl.reason };
    // Node's own words for a connection that ended before TLS was there.
    const closed =
      openssl === null && 'code' in error && error.code === 'ECONNRESET' && /disconnected/.test(error.message);
    fail(cause, closed ? closedDetail : tlsErrorDetail(error), isVersionMismatch(openssl), retry);
  };
  const onClose = () => fail({ kind: 'closed' }, closedDetail, false, false);
  const onSecure = () => {
    const protocol = secure.getProtocol() ?? 'unknown';
    const weak = options.legacy && tls.legacy !== null ? weakExchange(secure, protocol) : null;
    if (weak !== null) {
      fail({ kind: 'openssl', reason: 'dh key too small' }, weak, false, false);
      return;
    }
    release();
    let shown: X509Certificate | undefined | null = null;
    const peer = () => {
      if (shown === null) shown = secure.getPeerX509Certificate();
      return shown;
    };
    handlers.secure(secure, {
      protocol,
      cipher: secure.getCipher().name,
      resumed: secure.isSessionReused(),
      certificate: () => reportCertificate(peer(), verifyError(secure), name),
      peer,
      group: () => groupOf(secure),
      verifyError: () => verifyError(secure),
    });
  };
  const timer = setTimeout(
    () => fail({ kind: 'timeout' }, `handshake not finished within ${options.timeout / 1000} s`, false, false),
    options.timeout,
  );
  secure.once('secureConnect', onSecure);
  secure.on('error', onError);
  secure.on('close', onClose);
}

const closedDetail = 'connection closed by the peer during the handshake';

/** The server's alert protocol_version, or a ServerHello with a version below those offered. */
function isVersionRefusal(reason: string): boolean {
  return reason === 'tlsv1 alert protocol version' || reason === 'unsupported protocol';
}

/** A server that speaks 1.2 after all must meet what is asked of every 1.2 server. */
function weakExchange(secure: TLSSocket, protocol: string): string | null {
  if (protocol !== 'TLSv1.2' && protocol !== 'TLSv1.3') return null;
  const key = secure.getEphemeralKeyInfo();
  const bits = key !== null && 'type' in key && key.type === 'DH' && typeof key.size === 'number' ? key.size : null;
  return bits !== null && bits < minimumDhBits ? `dh key too small: ${bits} bits` : null;
}

function groupOf(secure: TLSSocket): string | null {
  const key = secure.getEphemeralKeyInfo();
  // OpenSSL tells nothing of a KEM. TLS 1.3 always has a key exchange (without one, psk_ke, we never offer), and of the groups
  // offered (`clientGroups`) one alone is a KEM.
  if (key === null || !('type' in key)) return secure.getProtocol() === 'TLSv1.3' ? 'X25519MLKEM768' : null;
  return 'name' in key && typeof key.name === 'string'
    ? key.name
    : `${String(key.type)} ${'size' in key ? key.size : ''}`;
}

/** Node's type says Error; the value is OpenSSL's word. */
function verifyError(secure: TLSSocket): string | null {
  const error: unknown = secure.authorizationError;
  if (error === undefined || error === null) return null;
  return error instanceof Error ? error.message : String(error);
}

function nothingWrong(): undefined {}

function nothingShown(): object {
  return {};
}

function ignore(): void {}
