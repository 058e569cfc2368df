// /tls-reports: what others told about their TLS with us, and our reports to them.
import { dayLength } from '../../../config/units.ts';
import { PosternError } from '../../../errors.ts';
import type { ReportRow } from '../../../ledger/tls-reports/outgoing.ts';
import type { ReceivedRow } from '../../../ledger/tls-reports/received.ts';
import { dayText, parseReportDay, sendTlsReports } from '../../commands/tlsreports.ts';
import { iso } from '../page.ts';
import { route } from '../route.ts';
import {
  type ReceivedTlsReport,
  receivedPageSchema,
  receivedParamsSchema,
  receivedQuerySchema,
  receivedStorySchema,
  type SentTlsReport,
  sendSchema,
  sentListSchema,
  sentQuerySchema,
  sumsQuerySchema,
  sumsSchema,
} from '../schemas/tls-reports.ts';

const reports = { tag: 'tls-reports', access: 'read', method: 'GET' } as const;
const mostSent = 1000;

function receivedReport({ time, start, end, ...row }: ReceivedRow): ReceivedTlsReport {
  return { ...row, time: iso(time), start: iso(start), end: iso(end) };
}

function sentReport({ day, domain, state, next, attempts, detail }: ReportRow): SentTlsReport {
  return { day: dayText(day), domain, state, next: state === 'due' ? iso(next) : null, attempts, detail };
}

export const tlsReportRoutes = [
  route({
    ...reports,
    path: '/tls-reports/sums',
    summary: 'What others failed at when they sent to us, added up',
    query: sumsQuerySchema,
    response: sumsSchema,
    handler: async ({ host, query: { days: back = 14 } }) => {
      const now = Date.now();
      const to = now - (now % dayLength) + dayLength;
      const from = to - back * dayLength;
      const { days, organizations, domains, results, hosts } = await host.history.receivedTlsSums({ from, to });
      return {
        body: {
          from: iso(from),
          to: iso(to),
          days: days.map(({ day, ...counts }) => ({ day: iso(day), ...counts })),
          organizations: [...organizations],
          domains: [...domains],
          results: [...results],
          hosts: [...hosts],
        },
      };
    },
  }),
  route({
    ...reports,
    path: '/tls-reports/received',
    summary: 'The reports that came',
    query: receivedQuerySchema,
    response: receivedPageSchema,
    handler: async ({ host, query: { limit = 100, cursor, ...filter } }) => {
      const page = cursor === undefined ? { limit } : { limit, cursor };
      const { items, next } = await host.history.receivedTlsReports(filter, page);
      return { body: { items: items.map(receivedReport), next } };
    },
  }),
  route({
    ...reports,
    path: '/tls-reports/received/{id}',
    summary: 'One report that came, whole',
    params: receivedParamsSchema,
    response: receivedStorySchema,
    handler: async ({ host, params }) => {
      const story = await host.history.receivedTlsReport(params.id);
      if (story === null) throw new PosternError('not-found', `there is no TLS report ${params.id}`);
      const policies = story.policies.map(({ lines, failures, ...policy }) => ({
        ...policy,
        lines: [...lines],
        failures: [...failures],
      }));
      return { body: { report: receivedReport(story.row), policies } };
    },
  }),
  route({
    ...reports,
    path: '/tls-reports/sent',
    summary: 'What became of our own reports',
    query: sentQuerySchema,
    response: sentListSchema,
    handler: async ({ host, query: { day } }) => {
      const rows = await host.history.tlsReports(day === undefined ? null : parseReportDay(day, 0), mostSent);
      return { body: { items: rows.map(sentReport) } };
    },
  }),
  route({
    tag: 'tls-reports',
    access: 'operate',
    method: 'POST',
    path: '/tls-reports/send',
    summary: 'Send our reports about a day now',
    description:
      'The day (UTC) must be over. What was sent is not sent again; the answer says what became of the rest.',
    body: sendSchema,
    response: sentListSchema,
    handler: async ({ host, caller, body }) => ({
      body: { items: (await sendTlsReports(host, caller, body)).map(sentReport) },
    }),
  }),
];
