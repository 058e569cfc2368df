// POST /tlsrpt: TLS reports of others (RFC 8460 5.4), from anybody, where the configuration wants them.
import { PosternError } from '../../errors.ts';
import { clientKey } from '../../smtp/access.ts';
import type { Routes } from './app.ts';

const window = 60_000;
const mostClients = 10_000;
/** One client gets no more than this share of the rate. */
const share = 4;

export const reportPath = '/tlsrpt';

export const tlsReportRoutes: Routes = async (app, { host }) => {
  let began = 0;
  let taken = 0;
  const clients = new Map<string, number>();
  const admit = (client: string): void => {
    const now = performance.now();
    if (now - began >= window) {
      began = now;
      taken = 0;
      clients.clear();
    }
    const { tlsReportRate } = host.config.current().limits;
    const own = clients.get(client) ?? 0;
    if (taken >= tlsReportRate || own >= Math.ceil(tlsReportRate / share) || clients.size >= mostClients) {
      throw new PosternError('rate-limited', 'too many TLS reports; send it again later', {
        temporary: true,
        retryAfter: window - (now - began),
      });
    }
    taken++;
    clients.set(client, own + 1);
  };
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    // The bytes tell what they are; senders call them many things.
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    scope.addHook('onRequest', async (request) => {
      if (!host.config.current().tlsReports.https)
        throw new PosternError('not-found', 'TLS reports are not taken here');
      admit(clientKey(request.peer.address));
    });
    scope.post(reportPath, { config: { access: 'public', report: true } }, async (request, reply) => {
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      const result = await host.takeTlsReport(body, request.peer.address);
      if (result.kind === 'unreadable') throw new PosternError('bad-request', `no TLS report: ${result.problem}`);
      return reply.code(result.kind === 'kept' ? 201 : 200).send({ status: result.kind });
    });
  });
};
