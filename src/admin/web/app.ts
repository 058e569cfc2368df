// The application behind both servers: who may use which route, what goes wrong in one form, files, and the routes of others.
import { createServer } from 'node:http';
import type { Http2SecureServer } from 'node:http2';
import type { Server } from 'node:https';
import type { Readable } from 'node:stream';
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
  type RawReplyDefaultExpression,
  type RawRequestDefaultExpression,
  type RawServerDefault,
} from 'fastify';
import { messageOf, PosternError } from '../../errors.ts';
import { systemWarning } from '../../ledger/events.ts';
import type { Client } from '../api/route.ts';
import type { Access, Caller } from '../auth/access.ts';
import type { Actor, AdminHost } from '../host.ts';
import { type Assets, pathOf } from './assets.ts';
import { boundedBody } from './body.ts';
import type { EventStreams } from './event-stream.ts';
import { securityHeaders } from './headers.ts';
import { internalProblem, type Problem, problemOf } from './problem.ts';
import { type TypeBoxProvider, validatorCompiler } from './validation.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may use the route. There is none without it. */
    access?: Access;
    /** Imports and uploads: eight times `limits.guiBody`. */
    large?: boolean;
    /** A TLS report: `limits.tlsReport`. */
    report?: boolean;
  }
  interface FastifyRequest {
    /** Null on public routes only. */
    caller: Caller | null;
    /** The other end of the connection, as it was when the request began: later it may be gone. */
    peer: Peer;
  }
}

/** Types as if there were HTTP/1 alone; HTTP/2 requests and replies have the same interface (node:http2, compatibility API). */
export type WebApp = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxProvider
>;

/** What a part that adds routes gets. */
export interface WebContext {
  readonly host: AdminHost;
  readonly streams: EventStreams;
  /** Who asks, for commands; nobody in particular on public routes. */
  actor(request: FastifyRequest): Actor;
  /** His end of the connection. */
  client(request: FastifyRequest): Client;
  /** After this answer the client asks through another connection. */
  retire(request: FastifyRequest, reply: FastifyReply): void;
}

export interface Peer {
  readonly address: string;
  /** The first TLS flight of the connection. */
  readonly flight: Uint8Array | null;
  /** When it was accepted, as `performance.now()`. */
  readonly connected: number;
}

export type Routes = (app: WebApp, context: WebContext) => void | Promise<void>;

/** Says who asks, or throws `unauthorized`, `forbidden`, `csrf` or `rate-limited`. Runs before anything of a body is read. */
export interface Guard {
  admit(request: FastifyRequest, access: Access): Caller | null | Promise<Caller | null>;
}

export interface AppOptions extends WebContext {
  readonly guard: Guard;
  readonly hsts: () => boolean;
  readonly peer: (request: FastifyRequest) => Peer;
  readonly assets: Assets;
  readonly routes: readonly Routes[];
  /** Whose requests it answers. They are not Fastify's: they live as long as the program, and it never listens. */
  readonly servers: readonly WebServer[];
}

export type WebServer = Server | Http2SecureServer;

const largeBody = 8;
const nobody: Peer | null = null;

export async function createApp(options: AppOptions): Promise<WebApp> {
  const { host, guard, hsts, peer, assets, routes, servers } = options;
  const app: WebApp = fastify({
    serverFactory: (handler) => {
      for (const server of servers) server.on('request', handler as (...args: readonly unknown[]) => void);
      return createServer();
    },
    logger: false,
    routerOptions: { caseSensitive: true, ignoreTrailingSlash: false, maxParamLength: 256 },
    bodyLimit: Number.MAX_SAFE_INTEGER, // `boundedBody` below: the limit is part of the configuration
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    return503OnClosing: false,
    // No hook has run: an address that cannot be read.
    frameworkErrors: (error, _request, reply) => answer(reply.headers(securityHeaders), error),
  }).withTypeProvider<TypeBoxProvider>();

  const answer = (reply: FastifyReply, error: unknown) => {
    const wait = error instanceof PosternError ? error.retryAfter : undefined;
    if (wait !== undefined) reply.header('retry-after', String(Math.ceil(wait / 1000)));
    return sendProblem(reply, known(error));
  };
  const known = (error: unknown): Problem => {
    const problem = problemOf(error);
    if (problem !== null) return problem;
    host.log.record(systemWarning, `a request of the web service failed: ${messageOf(error)}`);
    return internalProblem();
  };

  app.setValidatorCompiler(validatorCompiler);
  // The schemas say what an answer is; the tests hold it against them. Nothing is left out silently at run time.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.removeContentTypeParser('text/plain');
  app.decorateRequest('caller', null);
  app.decorateRequest('peer', nobody as never);
  app.setErrorHandler((error, _request, reply) => answer(reply, error));
  app.setNotFoundHandler((request, reply) => {
    const path = pathOf(request.url);
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (isRead && !/^\/(api|esa)(\/|$)/.test(path) && assets.isPage(path)) return assets.serve(request, reply);
    return answer(reply, new PosternError('not-found', `there is no ${request.method} ${path.slice(0, 200)}`));
  });
  app.addHook('onRoute', (route) => {
    if (route.config?.access === undefined) throw new Error(`the route ${route.url} does not say who may use it`);
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(securityHeaders);
    // Never for subdomains, and for a week only: it forbids to pass over a warning.
    if (hsts()) reply.header('strict-transport-security', 'max-age=604800');
    if (request.is404) return;
    request.peer = peer(request);
    request.caller = await guard.admit(request, request.routeOptions.config.access ?? 'administer');
  });
  app.addHook('preParsing', async (request, reply, payload) => {
    const { limits, timeouts } = host.config.current();
    const { large, report } = request.routeOptions.config;
    const size = report === true ? limits.tlsReport : limits.guiBody * (large === true ? largeBody : 1);
    const key = report === true ? 'limits.tlsReport' : 'limits.guiBody';
    return boundedBody(request, reply, payload as Readable, { size, key, deadline: timeouts.guiRequest });
  });

  for (const register of routes) await register(app, options);
  await app.ready();
  return app;
}

function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer realm="Postern"');
  return reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problem));
}
