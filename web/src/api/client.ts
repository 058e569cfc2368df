// Requests to /api/v1: JSON both ways, the token against cross-site requests, problem+json as `ApiError`.
import { ApiError, type Problem } from './problem.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
type Query = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface RequestOptions {
  readonly query?: Query;
  /** Sent as JSON, or as it is where it is text. */
  readonly body?: unknown;
  readonly contentType?: string;
  /** The revision that the change was made for. */
  readonly ifMatch?: number;
  readonly signal?: AbortSignal | undefined;
}

const base = '/api/v1';
/** Longer than the gateway's own longest deadline, so that its answer is what one sees. */
const deadline = 60_000;
let csrfToken: string | null = null;
let onUnauthorized: () => void = () => {};

/** The session's token; every change carries it. */
export function setCsrfToken(token: string | null): void {
  csrfToken = token;
}

/** What is done when the gateway says that there is no session (any more). */
export function whenUnauthorized(listener: () => void): void {
  onUnauthorized = listener;
}

/** The address of a resource with its query; values of null, undefined and '' are left out. */
export function address(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return `${base}${path}${text === '' ? '' : `?${text}`}`;
}

function headersOf(method: Method, options: RequestOptions): Headers {
  const headers = new Headers({ Accept: 'application/json, application/problem+json' });
  if (method !== 'GET' && csrfToken !== null) headers.set('X-CSRF-Token', csrfToken);
  if (options.body !== undefined) headers.set('Content-Type', options.contentType ?? 'application/json');
  if (options.ifMatch !== undefined) headers.set('If-Match', `"${options.ifMatch}"`);
  return headers;
}

async function send(method: Method, path: string, options: RequestOptions): Promise<Response> {
  const timeout = AbortSignal.timeout(deadline);
  try {
    return await fetch(address(path, options.query), {
      method,
      headers: headersOf(method, options),
      body:
        typeof options.body === 'string' || options.body === undefined
          ? (options.body ?? null)
          : JSON.stringify(options.body),
      credentials: 'same-origin',
      cache: 'no-store',
      signal: options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]),
    });
  } catch (error) {
    if (options.signal?.aborted === true) throw error;
    throw new ApiError(0, null, 'network', error);
  }
}

async function problemOf(response: Response): Promise<ApiError> {
  const type = response.headers.get('Content-Type') ?? '';
  if (!type.includes('json')) return new ApiError(response.status, null);
  try {
    return new ApiError(response.status, (await response.json()) as Problem);
  } catch (error) {
    return new ApiError(response.status, null, 'unexpected', error);
  }
}

async function answer(method: Method, path: string, options: RequestOptions): Promise<Response> {
  const response = await send(method, path, options);
  if (response.ok) return response;
  const error = await problemOf(response);
  if (error.code === 'unauthorized' && path !== '/login') onUnauthorized();
  throw error;
}

/** The answer's JSON; an answer without a body is `undefined`. */
export async function request<Answer>(method: Method, path: string, options: RequestOptions = {}): Promise<Answer> {
  const response = await answer(method, path, options);
  if (response.status === 204) return undefined as Answer;
  try {
    return (await response.json()) as Answer;
  } catch (error) {
    throw new ApiError(response.status, null, 'unexpected', error);
  }
}
