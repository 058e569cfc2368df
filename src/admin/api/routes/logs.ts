// /logs: pages of the logs, backwards. New lines come by the event stream.
import { logPage } from '../../../ledger/page.ts';
import { route } from '../route.ts';
import { logPageSchema, logParamsSchema, logQuerySchema } from '../schemas/logs.ts';

export const logRoutes = [
  route({
    tag: 'logs',
    access: 'read',
    method: 'GET',
    path: '/logs/{log}',
    summary: 'The last lines of a log, and those before them',
    params: logParamsSchema,
    query: logQuerySchema,
    response: logPageSchema,
    handler: async ({ host, params, query: { lines = 200, ...rest } }) => {
      const page = await logPage(host.logDirectory, params.log, { lines, ...rest });
      return { body: { lines: [...page.lines], before: page.before } };
    },
  }),
];
