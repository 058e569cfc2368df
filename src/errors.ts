/** What went wrong, as a stable word. Callers branch on it; the texts may change. */
export type ErrorCode =
  | 'bad-configuration'
  | 'bad-usage'
  | 'bad-certificate'
  | 'bad-ciphers'
  | 'conflict'
  | 'in-use'
  | 'not-found'
  | 'not-running'
  | 'disk-full'
  | 'io'
  | 'dns'
  | 'timeout'
  | 'protocol'
  | 'tls'
  | 'shutting-down';

export interface PosternErrorOptions {
  /** True where the same request may succeed later. */
  readonly temporary?: boolean;
  /** What the log gets and a stranger does not. */
  readonly cause?: unknown;
  /** What would be right: one sentence for the administrator. */
  readonly remedy?: string;
}

/** The one error class: a code, a public text, and the private cause apart from it. */
export class PosternError extends Error {
  readonly code: ErrorCode;
  readonly temporary: boolean;
  readonly remedy: string | undefined;

  constructor(code: ErrorCode, message: string, options: PosternErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'PosternError';
    this.code = code;
    this.temporary = options.temporary ?? false;
    this.remedy = options.remedy;
  }
}

/** The text of anything thrown, for a log line. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
