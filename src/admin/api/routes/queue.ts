// /queue: what waits and why; deliver now, hold, release, delete.
import { PosternError } from '../../../errors.ts';
import { changeQueue } from '../../commands/delivery.ts';
import { checkAddress } from '../../commands/queue.ts';
import type { AdminHost, QueueFilter, QueueRow as StoredRow } from '../../host.ts';
import { numberCursor } from '../page.ts';
import { route } from '../route.ts';
import {
  destinationsQuerySchema,
  destinationsSchema,
  type QueueAction,
  type QueueRow,
  queueActedSchema,
  queueActionSchema,
  queueQuerySchema,
  queueSchema,
} from '../schemas/queue.ts';

const tag = 'queue';
const shownRecipients = 100;
/** One message may go to more destinations than a page has rows: they are shown all the same, up to this. */
const mostRows = 1000;

function describe(row: StoredRow, now: number): QueueRow {
  const { mid, destination, sender, recipients, size, received, attempts, next, held, reason } = row;
  return {
    mid,
    destination,
    sender,
    recipients: recipients.slice(0, shownRecipients),
    recipientCount: recipients.length,
    size,
    received: new Date(received).toISOString(),
    attempts,
    state: held ? 'held' : next === null ? 'delivering' : next <= now ? 'due' : 'waiting',
    next: next === null ? null : new Date(next).toISOString(),
    reason,
  };
}

type Given = NonNullable<QueueAction['filter']>;

function filterOf({ destination, sender, recipient, mid, held }: Given): QueueFilter {
  const address = (text: string, pointer: string): string => {
    const checked = checkAddress(text);
    if (checked.ok) return checked.value;
    throw new PosternError('bad-request', checked.message, { issues: [{ pointer, detail: checked.message }] });
  };
  return {
    ...(destination === undefined ? {} : { destination }),
    ...(sender === undefined ? {} : { sender: address(sender, '/filter/sender') }),
    ...(recipient === undefined ? {} : { recipient: address(recipient, '/filter/recipient') }),
    ...(mid === undefined ? {} : { mid }),
    ...(held === undefined ? {} : { held }),
  };
}

/** Exactly one way of naming messages: a filter that is empty by mistake must not mean the whole queue. */
function chosen({ mids, filter, all }: QueueAction): QueueFilter {
  const ways = [mids !== undefined, filter !== undefined, all === true].filter((given) => given).length;
  const refuse = (pointer: string, detail: string) =>
    new PosternError('bad-request', detail, {
      remedy: 'Give one of "mids", "filter" (with at least one key) or "all": true.',
      issues: [{ pointer, detail }],
    });
  if (ways !== 1) throw refuse('', ways === 0 ? 'no messages are named' : 'messages are named in more than one way');
  if (mids !== undefined) return { mids };
  if (filter === undefined) return {};
  if (Object.keys(filter).length === 0) throw refuse('/filter', 'the filter is empty');
  return filterOf(filter);
}

/** The messages of one request: those behind `after`, as many as `limit` says. */
async function piece(host: AdminHost, filter: QueueFilter, { after = 0, limit }: QueueAction) {
  if (limit === undefined && after === 0) return { filter, next: null };
  const rows = await host.queue.list(filter, after, limit ?? mostRows);
  const last = rows.at(-1)?.mid;
  const next = last === undefined || rows.length < (limit ?? mostRows) ? null : last;
  return { filter: { ...filter, mids: [...new Set(rows.map(({ mid }) => mid))] }, next };
}

export const queueRoutes = [
  route({
    tag,
    access: 'read',
    method: 'GET',
    path: '/queue',
    summary: 'What waits, why, until when',
    description: 'One row a message and destination. `total` is there where nothing is searched for.',
    query: queueQuerySchema,
    response: queueSchema,
    handler: async ({ host, query: { limit = 100, cursor, ...given } }) => {
      const filter = filterOf(given);
      const after = cursor === undefined ? 0 : numberCursor(cursor);
      const rows = await host.queue.list(filter, after, limit);
      const last = rows.at(-1)?.mid;
      const total = Object.keys(filter).length > 0 ? undefined : (await host.queue.status()).jobs;
      const now = Date.now();
      return {
        body: {
          items: rows.slice(0, mostRows).map((row) => describe(row, now)),
          next: rows.length < limit || last === undefined ? null : String(last),
          ...(total === undefined ? {} : { total }),
        },
      };
    },
  }),
  route({
    tag,
    access: 'read',
    method: 'GET',
    path: '/queue/destinations',
    summary: 'Where it goes: up or down, how much waits',
    query: destinationsQuerySchema,
    response: destinationsSchema,
    handler: async ({ host, query: { limit = 100 } }) => {
      const rows = await host.queue.destinations(limit);
      const items = rows.map((row) => ({ ...row, next: row.next === null ? null : new Date(row.next).toISOString() }));
      return { body: { items, next: null } };
    },
  }),
  route({
    tag,
    access: 'operate',
    method: 'POST',
    path: '/queue/actions',
    summary: 'Deliver now, hold, release or delete messages',
    description:
      'The mail log says who did it. An attempt that is under way goes on. With `limit`, a long queue is done piece by piece.',
    body: queueActionSchema,
    response: queueActedSchema,
    handler: async ({ host, caller, body }) => {
      const { filter, next } = await piece(host, chosen(body), body);
      const count = filter.mids?.length === 0 ? 0 : await changeQueue(host, body.action, filter, caller);
      return { body: { count, next } };
    },
  }),
];
