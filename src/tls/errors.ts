// Errors of TLS and of sockets in the forms of the mail log.

/** What OpenSSL reported: `number` is the code that the log prints in decimal and in hex. */
export interface OpensslError {
  readonly number: number;
  /** Eight hex digits. */
  readonly code: string;
  /** May be empty: OpenSSL leaves it out in some places. */
  readonly function: string;
  /** Such as `unsupported protocol`. */
  readonly reason: string;
}

// Linux's numbers and words: the log must read the same whatever the gateway runs on.
const systemErrors: Readonly<Record<string, readonly [errno: number, text: string]>> = {
  EPERM: [1, 'Operation not permitted'],
  EIO: [5, 'Input/output error'],
  EACCES: [13, 'Permission denied'],
  EINVAL: [22, 'Invalid argument'],
  ENFILE: [23, 'Too many open files in system'],
  EMFILE: [24, 'Too many open files'],
  EPIPE: [32, 'Broken pipe'],
  EPROTO: [71, 'Protocol error'],
  EAFNOSUPPORT: [97, 'Address family not supported by protocol'],
  EADDRINUSE: [98, 'Address already in use'],
  EADDRNOTAVAIL: [99, 'Cannot assign requested address'],
  ENETDOWN: [100, 'Network is down'],
  ENETUNREACH: [101, 'Network is unreachable'],
  ECONNABORTED: [103, 'Software caused connection abort'],
  ECONNRESET: [104, 'Connection reset by peer'],
  ENOBUFS: [105, 'No buffer space available'],
  ENOTCONN: [107, 'Transport endpoint is not connected'],
  ETIMEDOUT: [110, 'Connection timed out'],
  ECONNREFUSED: [111, 'Connection refused'],
  EHOSTDOWN: [112, 'Host is down'],
  EHOSTUNREACH: [113, 'No route to host'],
};

const pattern = /error:([0-9A-F]{8}):([^:]*):([^:]*):([^:\n]*)/i;

/** OpenSSL's own report inside an error of Node, or null. It stands in `message`; the oldest one is the cause. */
export function opensslError(error: unknown): OpensslError | null {
  if (!(error instanceof Error)) return null;
  const found = pattern.exec(error.message);
  if (found === null) return null;
  const code = (found[1] ?? '').toUpperCase();
  return { number: Number.parseInt(code, 16), code, function: found[3] ?? '', reason: (found[4] ?? '').trim() };
}

/** `[Errno 104] Connection reset by peer`, or null where the error is none of the system's. */
export function systemErrorDetail(error: unknown): string | null {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const known = systemErrors[code];
  return known === undefined ? null : `[Errno ${known[0]}] ${known[1]}`;
}

/**
 * What follows `TLS failed: ` in the mail log:
 * `(167772418, 'error:0A000102:SSL routines:tls_early_post_process_client_hello:unsupported protocol')`,
 * `[Errno 104] Connection reset by peer`, or the text of the error on one line.
 */
export function tlsErrorDetail(error: unknown): string {
  const openssl = opensslError(error);
  if (openssl !== null) {
    return `(${openssl.number}, 'error:${openssl.code}:SSL routines:${openssl.function}:${openssl.reason}')`;
  }
  return systemErrorDetail(error) ?? oneLine(error instanceof Error ? error.message : String(error));
}

function oneLine(text: string): string {
  return text
    .replaceAll(/[\x00-\x1f\x7f]+/g, ' ')
    .trim()
    .slice(0, 500);
}

const versionReasons = new Set([
  'unsupported protocol',
  'wrong version number',
  'wrong ssl version',
  'version too low',
  'version too high',
  'no protocols available',
  'tlsv1 alert protocol version',
  'sslv3 alert protocol version',
]);

/** The versions of the two sides were the cause. */
export function isVersionMismatch(error: OpensslError | null): boolean {
  return error !== null && versionReasons.has(error.reason);
}
