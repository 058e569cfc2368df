// /tracking, /reports: what happened, from the history.
import { PosternError } from '../../../errors.ts';
import type {
  PageRequest,
  Range,
  StoryEvent as StoredEvent,
  TrackedMessage,
  TrackingFilter,
} from '../../../ledger/protocol.ts';
import { forgetPerson } from '../../commands/forget.ts';
import { describeOverview, iso } from '../page.ts';
import { route } from '../route.ts';
import {
  failuresQuerySchema,
  failuresSchema,
  overviewSchema,
  seriesColumns,
  seriesQuerySchema,
  seriesSchema,
  tlsConnectionsQuerySchema,
  tlsConnectionsSchema,
} from '../schemas/reports.ts';
import {
  forgetSchema,
  forgottenSchema,
  type StoryEvent,
  storySchema,
  type Tracked,
  trackedParamsSchema,
  trackingQuerySchema,
  trackingSchema,
} from '../schemas/tracking.ts';

const tracking = { tag: 'tracking', access: 'read', method: 'GET' } as const;
const report = { tag: 'reports', access: 'read', method: 'GET' } as const;
const day = 86_400_000;

interface Span {
  readonly from?: string;
  readonly to?: string;
}

/** A span of time as it was asked for: its end is now, its length a day, unless said otherwise. */
function rangeOf({ from, to }: Span): Range {
  const end = to === undefined ? Date.now() : Date.parse(to);
  const begin = from === undefined ? end - day : Date.parse(from);
  if (begin >= end) {
    const detail = 'the span ends before it begins';
    throw new PosternError('bad-request', detail, {
      remedy: 'Give a "from" that is earlier than "to".',
      issues: [{ pointer: '/query/from', detail }],
    });
  }
  return { from: begin, to: end };
}

function pageOf({ limit = 100, cursor }: { readonly limit?: number; readonly cursor?: string }): PageRequest {
  return cursor === undefined ? { limit } : { limit, cursor };
}

export function trackedMessage({ time, recipients, ...message }: TrackedMessage): Tracked {
  return { time: iso(time), recipients: [...recipients], ...message };
}

function storyEvent(event: StoredEvent): StoryEvent {
  const { time, ...rest } = event;
  return { time: iso(time), ...('rids' in rest ? { ...rest, rids: [...rest.rids] } : rest) };
}

/** `<>` names the null sender, which the history knows as an empty one. */
const addressOf = (text: string): string => (text === '<>' ? '' : text.replace(/^<(.*)>$/, '$1'));

export const historyRoutes = [
  route({
    ...tracking,
    path: '/tracking',
    summary: 'Find messages',
    query: trackingQuerySchema,
    response: trackingSchema,
    handler: async ({ host, query: { limit, cursor, from, to, sender, recipient, ...rest } }) => {
      const filter: TrackingFilter = {
        ...rest,
        ...(sender === undefined ? {} : { sender: addressOf(sender) }),
        ...(recipient === undefined ? {} : { recipient: addressOf(recipient) }),
        ...(from === undefined ? {} : { from: Date.parse(from) }),
        ...(to === undefined ? {} : { to: Date.parse(to) }),
      };
      const asked = { ...(limit === undefined ? {} : { limit }), ...(cursor === undefined ? {} : { cursor }) };
      const { items, next } = await host.history.trackMessages(filter, pageOf(asked));
      return { body: { items: items.map(trackedMessage), next } };
    },
  }),
  route({
    ...tracking,
    path: '/tracking/{mid}',
    summary: 'The whole story of a message, with both TLS legs',
    params: trackedParamsSchema,
    response: storySchema,
    handler: async ({ host, params }) => {
      const story = await host.history.trackMessage(params.mid);
      if (story === null) {
        throw new PosternError('not-found', `no message ${params.mid} is kept in the history`, {
          remedy: 'Look for it with GET /tracking; what is older than the history is in the log files.',
        });
      }
      const { message, recipients, incoming, outgoing, events, cut } = story;
      return {
        body: {
          message: trackedMessage(message),
          recipients: [...recipients],
          incoming,
          outgoing: [...outgoing],
          events: events.map(storyEvent),
          cut,
        },
      };
    },
  }),
  route({
    ...report,
    path: '/reports/overview',
    summary: 'Counters and open connections of this moment',
    response: overviewSchema,
    handler: async ({ host }) => ({ body: describeOverview(await host.history.overview()) }),
  }),
  route({
    ...report,
    path: '/reports/series',
    summary: 'Counts over time',
    query: seriesQuerySchema,
    response: seriesSchema,
    handler: async ({ host, query: { step: wanted, ...span } }) => {
      const range = rangeOf(span);
      const step = wanted ?? (range.to - range.from > day ? 'hour' : 'minute');
      const { start, step: length, values } = await host.history.series({ ...range, step });
      const columns = seriesColumns.map((name) => [name, [...values[name]]] as const);
      return {
        body: {
          start: iso(start),
          step: length,
          values: Object.fromEntries(columns) as Record<(typeof seriesColumns)[number], number[]>,
        },
      };
    },
  }),
  route({
    ...report,
    path: '/reports/tls-connections',
    summary: 'Connections by domain, TLS policy and version',
    query: tlsConnectionsQuerySchema,
    response: tlsConnectionsSchema,
    handler: async ({ host, query: { from, to, limit, cursor, ...asked } }) => {
      const range = rangeOf({ ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) });
      const page = pageOf({ ...(limit === undefined ? {} : { limit }), ...(cursor === undefined ? {} : { cursor }) });
      const report = await host.history.tlsConnections({ ...range, ...page, ...asked });
      const { items, next, sum, domains, security } = report;
      const span = { from: iso(range.from), to: iso(range.to) };
      return { body: { ...span, items: [...items], next, sum, domains, security: [...security] } };
    },
  }),
  route({
    ...report,
    path: '/reports/failures',
    summary: 'TLS failures, with their explanation',
    query: failuresQuerySchema,
    response: failuresSchema,
    handler: async ({ host, query: { from, to, limit, cursor, ...asked } }) => {
      const range = rangeOf({ ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) });
      const page = pageOf({ ...(limit === undefined ? {} : { limit }), ...(cursor === undefined ? {} : { cursor }) });
      const { items, next } = await host.history.failures({ ...range, ...page, ...asked });
      return {
        body: {
          from: iso(range.from),
          to: iso(range.to),
          items: items.map(({ first, last, ...row }) => ({ ...row, first: iso(first), last: iso(last) })),
          next,
        },
      };
    },
  }),
  route({
    tag: 'tracking',
    access: 'administer',
    method: 'POST',
    path: '/tracking/forget',
    summary: 'Delete what the history keeps of one person or one client',
    description:
      'A mail address: the messages it sent or got. The address of a client: its messages, observations and failures. Not the log files, not the queue. It cannot be undone.',
    body: forgetSchema,
    response: forgottenSchema,
    handler: async ({ host, caller, body }) => ({ body: { rows: await forgetPerson(host, caller, body.address) } }),
  }),
];
