// The queue: what waits, why, until when; what an administrator does to it.
import Type, { type Static } from 'typebox';
import { count, flag, list, mid, nullable, object, page, pageQuery, text, time, words } from './form.ts';

const filter = {
  destination: Type.Optional(text('A destination, as the rows name it.', { minLength: 1, maxLength: 300 })),
  sender: Type.Optional(text('Envelope sender, or `@domain`; `<>`: bounces.', { minLength: 1, maxLength: 322 })),
  recipient: Type.Optional(text('A recipient, or `@domain`.', { minLength: 1, maxLength: 322 })),
  mid: Type.Optional(mid('A message.')),
  held: Type.Optional(flag('True: only what is on hold; false: only what is not.')),
};

export const queueQuerySchema = object({ ...filter, ...pageQuery }, 'What to list.');

export const queueRowSchema = object(
  {
    mid: mid('The message. One that goes to several destinations has a row for each.'),
    destination: text('Where it goes: a domain, or a route.'),
    sender: text('Envelope sender; empty: a bounce.'),
    recipients: list(text('An address.'), 'The first 100 recipients at this destination.'),
    recipientCount: count('All of them.'),
    size: count('Bytes.'),
    received: time('When it was taken.'),
    attempts: count('Attempts that reached the point of trying.'),
    state: words(['waiting', 'due', 'delivering', 'held'], 'What it does now.'),
    next: nullable(time('Next try; null: under way now, or held.')),
    reason: text('Why the last attempt failed; empty: none has.'),
  },
  'A message at a destination.',
);
export type QueueRow = Static<typeof queueRowSchema>;

export const queueSchema = page(
  queueRowSchema,
  'Rows of the queue, oldest first. All rows of a message are on one page.',
);
export type QueuePage = Static<typeof queueSchema>;

export const destinationSchema = object(
  {
    destination: text('A domain, or a route.'),
    jobs: count('Messages that wait for it.'),
    state: words(['up', 'down'], '`down`: the last attempt found it out of reach.'),
    next: nullable(time('Next try; null: under way now, or all are held.')),
    reason: text('Why it is down; empty: it is not.'),
  },
  'A destination that has messages.',
);
export type QueueDestination = Static<typeof destinationSchema>;
export const destinationsQuerySchema = object({ limit: pageQuery.limit }, 'How many.');
export const destinationsSchema = page(destinationSchema, 'Destinations, those with the most messages first.');
export type QueueDestinations = Static<typeof destinationsSchema>;

export const queueActionSchema = object(
  {
    action: words(
      ['deliver', 'hold', 'release', 'delete'],
      '`deliver`: try now; `hold`: keep without trying; `release`: let go what is held; `delete`: remove without a bounce.',
    ),
    mids: Type.Optional(
      Type.Array(mid('A message.'), { minItems: 1, maxItems: 1000, description: 'Messages by number.' }),
    ),
    filter: Type.Optional(object(filter, 'Messages by what they are; at least one key.')),
    all: Type.Optional(flag('True: the whole queue.')),
    after: Type.Optional(
      Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'Only messages behind this MID.' }),
    ),
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1000,
        description:
          'With `filter` or `all`: about so many rows in this request; `next` is `after` of the one that goes on.',
      }),
    ),
  },
  'What to do, and to which messages: one of `mids`, `filter`, `all`.',
);
export type QueueAction = Static<typeof queueActionSchema>;
export const queueActedSchema = object(
  {
    count: count('Rows (a message at a destination) that were changed.'),
    next: nullable(count('`after` of the request that goes on; null: all was done.')),
  },
  'What was done.',
);
export type QueueActed = Static<typeof queueActedSchema>;
