// The table of routes in the web server: schemas become checks, the committed revision becomes ETag and If-Match.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PosternError } from '../../errors.ts';
import type { AdminHost } from '../host.ts';
import type { Routes, WebApp, WebContext } from '../web/app.ts';
import { basePath } from './openapi.ts';
import type { Answer, Route } from './route.ts';
import { routes } from './routes/index.ts';

export const apiRoutes: Routes = (app, context) => {
  // Fastify takes a content type only where a parser is there for it. What is no JSON reaches its handler as a text.
  const json = app.getDefaultJsonParser('error', 'error');
  for (const type of new Set(routes.flatMap(({ consumes = [] }) => consumes))) {
    if (type === 'application/json') continue;
    if (type.endsWith('+json')) app.addContentTypeParser(type, { parseAs: 'string' }, json);
    else app.addContentTypeParser(type, { parseAs: 'string' }, (_request, body, done) => done(null, body));
  }
  for (const route of routes) add(app, context, route);
};

function add(app: WebApp, context: WebContext, route: Route): void {
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
  context: WebContext,
  route: Route,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { host } = context;
  if (route.body !== undefined) requireType(route, request);
  if (route.locked === true) requireRevision(host, request);
  const call = {
    host,
    caller: context.actor(request),
    client: context.client(request),
    params: request.params,
    query: request.query,
    body: request.body,
  };
  const answer = (await route.handler(call as never)) as Answer<unknown>;
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
