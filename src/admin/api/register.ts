// The table of routes in the web server: schemas become checks, the committed revision becomes ETag and If-Match, requests that
// are sent again are answered again.
import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PosternError } from '../../errors.ts';
import type { AdminHost } from '../host.ts';
import type { Routes, WebApp, WebContext } from '../web/app.ts';
import { docRoutes } from './docs.ts';
import { EventSources } from './event-sources.ts';
import { Idempotency } from './idempotency.ts';
import { basePath } from './openapi.ts';
import { referenceRoutes } from './reference.ts';
import { type Answer, isRepeatable, type Route } from './route.ts';
import { topicsOf } from './routes/events.ts';
import { routes } from './routes/index.ts';
import type { EventsQuery } from './schemas/events.ts';

export const apiRoutes: Routes = (app, context) => {
  // Fastify takes a content type only where a parser is there for it. What is no JSON reaches its handler as a text.
  const json = app.getDefaultJsonParser('error', 'error');
  for (const type of new Set(routes.flatMap(({ consumes = [] }) => consumes))) {
    if (type === 'application/json') continue;
    if (type.endsWith('+json')) app.addContentTypeParser(type, { parseAs: 'string' }, json);
    else app.addContentTypeParser(type, { parseAs: 'string' }, (_request, body, done) => done(null, body));
  }
  const state = { idempotency: new Idempotency(), events: new EventSources(context.host) };
  for (const route of routes) add(app, { ...context, ...state }, route);
  docRoutes(app);
  referenceRoutes(app, context);
};

interface ApiContext extends WebContext {
  readonly idempotency: Idempotency;
  readonly events: EventSources;
}

function add(app: WebApp, context: ApiContext, route: Route): void {
  const { method, path, access, params, query, body, large } = route;
  app.route({
    method,
    url: basePath + path.replaceAll(/\{(\w+)\}/g, ':$1'),
    config: { access, ...(large === undefined ? {} : { large }) },
    schema: {
      ...(params === undefined ? {} : { params }),
      ...(query === undefined ? {} : { querystring: query }),
      ...(body === undefined ? {} : { body }),
    },
    handler: (request, reply) => handle(context, route, request, reply),
  });
}

async function handle(
  context: ApiContext,
  route: Route,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { host } = context;
  if (route.body !== undefined) requireType(route, request);
  const call = {
    host,
    caller: context.actor(request),
    client: context.client(request),
    params: request.params,
    query: request.query,
    body: request.body,
  };
  const work = async (): Promise<Answer<unknown>> => {
    if (route.locked === true) requireRevision(host, request);
    try {
      return (await route.handler(call as never)) as Answer<unknown>;
    } catch (error) {
      if (error instanceof PosternError && error.code === 'old-connection') context.retire(request, reply);
      throw error;
    }
  };
  if (route.events === true) {
    await work();
    return stream(context, request, reply);
  }
  const answer = isRepeatable(route) ? await once(context, request, reply, work) : await work();
  reply.headers(answer.headers ?? {});
  const { number } = host.config.committed();
  if (answer.revision !== undefined || route.locked === true || route.revised === true) {
    reply.header('etag', `"${answer.revision ?? number}"`);
  }
  if (route.response === undefined) return reply.code(204).send();
  const produces = route.produces ?? 'application/json';
  reply.code(answer.status ?? 200).type(`${produces}; charset=utf-8`);
  // Fastify would write a string in quotation marks only where the type is JSON.
  return reply.send(produces === 'application/json' ? answer.body : String(answer.body));
}

function stream({ streams, events }: ApiContext, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { caller } = request;
  if (caller === null) throw new PosternError('unauthorized', 'nobody is logged on');
  const { topics, filter = '', lines = 0 } = request.query as EventsQuery;
  const opened = streams.open(request, reply, caller);
  events.subscribe(opened, { topics: topicsOf(topics), user: caller.user, filter, lines });
  return reply;
}

/** Does it once for each `Idempotency-Key` of a caller; without one, each time. */
async function once(
  { idempotency }: ApiContext,
  request: FastifyRequest,
  reply: FastifyReply,
  work: () => Promise<Answer<unknown>>,
): Promise<Answer<unknown>> {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return work();
  if (typeof key !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(key)) {
    const detail = 'Idempotency-Key is not 1 to 128 visible characters';
    throw new PosternError('bad-request', detail, { issues: [{ pointer: '/headers/idempotency-key', detail }] });
  }
  const own = `${request.caller?.kind} ${request.caller?.id} ${request.method} ${request.url} ${key}`;
  const fingerprint = createHash('sha256')
    .update(JSON.stringify(request.body) ?? '')
    .digest('base64');
  const { answer, repeated } = await idempotency.run(own, fingerprint, work);
  if (repeated) reply.header('idempotency-replayed', 'true');
  return answer;
}

/** A parser is there for each type of any route; this one may take fewer. */
function requireType({ consumes = ['application/json'] }: Route, request: FastifyRequest): void {
  const type = String(request.headers['content-type'] ?? '')
    .split(';')[0]
    ?.trim()
    .toLowerCase();
  if (type !== undefined && consumes.includes(type)) return;
  throw new PosternError('unsupported-media-type', `the body must be ${consumes.join(' or ')}`, {
    remedy: `send the header Content-Type: ${consumes[0]}`,
  });
}

/** RFC 9110 13.1.1, for one strong tag: the committed revision. */
function requireRevision(host: AdminHost, request: FastifyRequest): void {
  const given = request.headers['if-match'];
  if (given === undefined || given === '*') return;
  const { number } = host.config.committed();
  const tags = given.split(',').map((tag) => tag.trim());
  if (tags.includes(`"${number}"`)) return;
  throw new PosternError('precondition-failed', `the committed configuration is revision ${number} meanwhile`, {
    remedy: 'look at what changed, then send the change again with the new revision',
  });
}
