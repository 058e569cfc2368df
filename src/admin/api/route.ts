// A route of the API: what it takes, what it answers, who may use it, and the function behind it. Nothing here knows the
// web server: the same table is registered there, tested, and printed as OpenAPI.
import type { Static, TObject, TSchema } from 'typebox';
import type { Access, Caller } from '../auth/access.ts';
import type { Actor, AdminHost } from '../host.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export type { Access };

/** The client's end of a call, for routes of the logon. */
export interface Client {
  readonly address: string;
  /** The first TLS flight of the connection. */
  readonly flight: Uint8Array | null;
  /** What the cookie of a session held, whatever it is worth; null: nothing. */
  readonly cookie: string | null;
  /** What the caller proved himself with; null on public routes. */
  readonly credential: Caller | null;
}

export interface Call<P, Q, B> {
  readonly host: AdminHost;
  /** Who asks. */
  readonly caller: Actor;
  readonly client: Client;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
}

export interface Answer<R> {
  /** 200, or 204 without a body, unless said otherwise. */
  readonly status?: 200 | 201;
  readonly body: R;
  /** The committed revision that the answer belongs to: its ETag. */
  readonly revision?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

type Of<S extends TSchema | undefined> = S extends TSchema ? Static<S> : undefined;

interface Definition<
  P extends TObject | undefined,
  Q extends TObject | undefined,
  B extends TSchema | undefined,
  R extends TSchema | undefined,
> {
  readonly method: Method;
  /** Below `/api/v1`, parameters in braces: `/configuration/revisions/{number}`. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly access: Access;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** Content types of the body; default: `application/json`. Text ones reach the handler as a string. */
  readonly consumes?: readonly string[];
  /** Its body may be as large as a whole configuration. */
  readonly large?: boolean;
  /** Without: 204. */
  readonly response?: R;
  /** Content type of the answer; default: `application/json`. */
  readonly produces?: string;
  /** Answers with a stream of server-sent events; there is no other answer, and the handler only checks the request. */
  readonly events?: boolean;
  /** Its answer has the committed revision as ETag. */
  readonly revised?: boolean;
  /** Takes `If-Match` with the committed revision; its answer has it as ETag. */
  readonly locked?: boolean;
  readonly handler: (call: Call<Of<P>, Of<Q>, Of<B>>) => Promise<Answer<Of<R>>> | Answer<Of<R>>;
}

export type Route = Definition<TObject | undefined, TObject | undefined, TSchema | undefined, TSchema | undefined>;

/** Whether `Idempotency-Key` means something: not where an answer has a secret in it, which nothing keeps. */
export function isRepeatable({ method, access }: Pick<Route, 'method' | 'access'>): boolean {
  return method === 'POST' && (access === 'operate' || access === 'administer');
}

/** Checks a definition's handler against its schemas, and forgets their types. */
export function route<
  P extends TObject | undefined = undefined,
  Q extends TObject | undefined = undefined,
  B extends TSchema | undefined = undefined,
  R extends TSchema | undefined = undefined,
>(definition: Definition<P, Q, B, R>): Route {
  return definition as unknown as Route;
}
