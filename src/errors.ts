/** What went wrong, as a stable word. Callers branch on it; the texts may change. */
export type ErrorCode =
  | 'bad-configuration'
  | 'bad-usage'
  | 'bad-certificate'
  | 'bad-ciphers'
  | 'conflict'
  | 'not-committed'
  | 'in-use'
  | 'not-found'
  | 'not-running'
  | 'disk-full'
  | 'io'
  | 'dns'
  | 'timeout'
  | 'protocol'
  | 'tls'
  | 'shutting-down'
  // Of the web service and its API.
  | 'bad-request'
  | 'unauthorized'
  | 'code-required'
  | 'forbidden'
  | 'csrf'
  | 'precondition-failed'
  | 'nothing-pending'
  | 'rate-limited'
  | 'lock-out'
  | 'old-connection'
  | 'too-large'
  | 'unsupported-media-type'
  | 'method-not-allowed';

/** One value that is wrong, by its JSON pointer (RFC 6901) in the document that was given. */
export interface FieldIssue {
  readonly pointer: string;
  readonly detail: string;
  readonly remedy?: string;
}

export interface PosternErrorOptions {
  /** True where the same request may succeed later. */
  readonly temporary?: boolean;
  /** What the log gets and a stranger does not. */
  readonly cause?: unknown;
  /** What would be right: one sentence for the administrator. */
  readonly remedy?: string;
  /** What is wrong value by value, where that is known. */
  readonly issues?: readonly FieldIssue[];
  /** ms after which it is worth while to try again. */
  readonly retryAfter?: number;
}

/** The one error class: a code, a public text, and the private cause apart from it. */
export class PosternError extends Error {
  readonly code: ErrorCode;
  readonly temporary: boolean;
  readonly remedy: string | undefined;
  readonly issues: readonly FieldIssue[];
  readonly retryAfter: number | undefined;

  constructor(code: ErrorCode, message: string, options: PosternErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'PosternError';
    this.code = code;
    this.temporary = options.temporary ?? false;
    this.remedy = options.remedy;
    this.issues = options.issues ?? [];
    this.retryAfter = options.retryAfter;
  }
}

/** The text of anything thrown, for a log line. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
