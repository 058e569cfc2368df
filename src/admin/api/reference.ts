// The read paths of the reference system's API (AsyncOS 15.5, /esa/api/v2.0), for integrations that exist: logon, the summary of
// mail security, message tracking. Its errors have its own form, in `error`, beside ours.
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import { PosternError } from '../../errors.ts';
import type { WebApp, WebContext } from '../web/app.ts';
import { problemOf } from '../web/problem.ts';
import { ReferenceLogons } from './reference-logon.ts';
import { isCounter, securityCounters, securitySummary, spanOf } from './reference-summary.ts';
import { findTracked, parseTrackingQuery, trackedAttributes } from './reference-tracking.ts';

const base = '/esa/api/v2.0';
const open = { config: { access: 'public' } } as const;

const loginSchema = Type.Object({
  data: Type.Object({
    userName: Type.String({ minLength: 1, maxLength: 1400, description: 'In base64.' }),
    passphrase: Type.String({ minLength: 1, maxLength: 1400, description: 'In base64.' }),
  }),
});

const roleNames = { administrator: 'Administrator', operator: 'Operator', auditor: 'Read-Only Operator' } as const;

export function referenceRoutes(app: WebApp, context: WebContext): void {
  const { host } = context;
  const logons = new ReferenceLogons(context);
  const answered =
    (work: (request: FastifyRequest) => Promise<unknown>) =>
    async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
      try {
        return await reply.type('application/json; charset=utf-8').send(await work(request));
      } catch (error) {
        return refuse(reply, error);
      }
    };

  app.post(`${base}/login`, { ...open, schema: { body: loginSchema } }, async (request, reply) => {
    try {
      const { data } = request.body as Static<typeof loginSchema>;
      const { secret, user } = await logons.logOn(request, fromBase64(data.userName), fromBase64(data.passphrase));
      const role = roleNames[user.role];
      return await reply
        .type('application/json; charset=utf-8')
        .send({ data: { userName: user.name, is2FactorRequired: false, role, email: [], jwtToken: secret } });
    } catch (error) {
      return refuse(reply, error);
    }
  });
  app.get(
    `${base}/reporting/mail_security_summary`,
    open,
    answered(async (request) => {
      await logons.require(request);
      const values = await securitySummary(host, spanOf(queryOf(request)));
      const resultSet = securityCounters.map((name) => ({ [name]: values[name] }));
      return { meta: { totalCount: -1 }, data: { type: 'mail_security_summary', resultSet } };
    }),
  );
  app.get(
    `${base}/reporting/mail_security_summary/:counter`,
    open,
    answered(async (request) => {
      await logons.require(request);
      const { counter = '' } = request.params as Record<string, string>;
      if (!isCounter(counter)) throw nothing(`there is no counter "${counter.slice(0, 64)}"`);
      const values = await securitySummary(host, spanOf(queryOf(request)));
      return { meta: { totalCount: -1 }, data: { type: counter, resultSet: { [counter]: values[counter] } } };
    }),
  );
  app.get(
    `${base}/message-tracking/messages`,
    open,
    answered(async (request) => {
      await logons.require(request);
      const messages = await findTracked(host, parseTrackingQuery(queryOf(request)));
      const data = await Promise.all(messages.map((message) => trackedAttributes(host, message)));
      // As its clients count: the rows of this answer, not of all.
      return {
        meta: { num_bad_records: 0, totalCount: data.length },
        data: data.map((attributes) => ({ attributes })),
      };
    }),
  );
  app.all('/esa/*', open, (request, reply) =>
    refuse(reply, nothing(`there is no ${request.method} ${pathOf(request)}`)),
  );
}

function nothing(detail: string): PosternError {
  return new PosternError('not-found', detail, {
    remedy: `of the reference's paths there are POST ${base}/login, GET ${base}/reporting/mail_security_summary and GET ${base}/message-tracking/messages; for everything else see /api/docs`,
  });
}

function pathOf({ url }: FastifyRequest): string {
  return url.split('?')[0]?.slice(0, 200) ?? '';
}

function fromBase64(text: string): string {
  return Buffer.from(text, 'base64').toString('utf8');
}

function queryOf(request: FastifyRequest): Readonly<Record<string, string>> {
  const entries = Object.entries(request.query as Record<string, unknown>);
  const twice = entries.find(([, value]) => typeof value !== 'string');
  if (twice !== undefined)
    throw new PosternError('bad-request', `the parameter "${twice[0].slice(0, 64)}" stands twice`);
  return Object.fromEntries(entries) as Record<string, string>;
}

function refuse(reply: FastifyReply, thrown: unknown): FastifyReply {
  const problem = problemOf(thrown);
  if (problem === null) throw thrown;
  const { status, title, detail, remedy } = problem;
  const explanation = `${status} = ${title}${remedy === undefined ? '' : ` -- ${remedy}`}`;
  if (status === 401) reply.header('www-authenticate', 'Basic realm="Postern", charset="UTF-8"');
  return reply
    .code(status)
    .type('application/json; charset=utf-8')
    .send({ error: { message: detail, code: String(status), explanation }, ...problem });
}
