// Errors as RFC 9457 has them: `application/problem+json` with a stable code, a sentence for a person, and the field.
import { STATUS_CODES } from 'node:http';
import { type ErrorCode, type FieldIssue, PosternError } from '../../errors.ts';

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode | 'internal';
  readonly detail: string;
  readonly remedy?: string;
  readonly pointer?: string;
  readonly errors?: readonly FieldIssue[];
}

const statuses: Readonly<Record<ErrorCode, number>> = {
  'bad-configuration': 422,
  'bad-usage': 400,
  'bad-certificate': 422,
  'bad-ciphers': 422,
  conflict: 409,
  'not-committed': 409,
  'in-use': 409,
  'not-found': 404,
  'not-running': 503,
  'disk-full': 507,
  io: 500,
  dns: 502,
  timeout: 504,
  protocol: 502,
  tls: 502,
  'shutting-down': 503,
  'bad-request': 400,
  unauthorized: 401,
  'code-required': 401,
  forbidden: 403,
  csrf: 403,
  'rate-limited': 429,
  'precondition-failed': 412,
  'lock-out': 409,
  'old-connection': 409,
  'nothing-pending': 409,
  'too-large': 413,
  'unsupported-media-type': 415,
  'method-not-allowed': 405,
};

const codes: Readonly<Record<number, ErrorCode>> = {
  404: 'not-found',
  405: 'method-not-allowed',
  413: 'too-large',
  415: 'unsupported-media-type',
};

/** What the client is told; null for what must not be told: the log gets it, the client "internal". */
export function problemOf(error: unknown): Problem | null {
  if (error instanceof PosternError) {
    const { issues: errors } = error;
    const [first] = errors;
    return {
      ...problem(statuses[error.code], error.code, error.message),
      ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
      ...(first === undefined ? {} : { pointer: first.pointer, errors }),
    };
  }
  if (isDiskFull(error)) return problem(statuses['disk-full'], 'disk-full', 'the disk of the gateway is full');
  // Fastify's own: a body that cannot be read, a method that is not there.
  const status = statusOf(error);
  if (status === null) return null;
  return problem(status, codes[status] ?? 'bad-request', messageIn(error));
}

export function internalProblem(): Problem {
  return problem(500, 'internal', 'something failed inside the gateway; its system log says what');
}

function problem(status: number, code: Problem['code'], detail: string): Problem {
  return { type: `urn:postern:problem:${code}`, title: STATUS_CODES[status] ?? 'Error', status, code, detail };
}

/** SQLITE_FULL: users, sessions and tokens are written on the main thread. */
function isDiskFull(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === 13;
}

function statusOf(error: unknown): number | null {
  if (!(error instanceof Error) || !('statusCode' in error)) return null;
  const { statusCode } = error;
  return typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500 ? statusCode : null;
}

function messageIn(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
