// The event stream: what a client subscribes to, and what comes.
import Type, { type Static } from 'typebox';
import { count, list, nullable, object, revisionNumber, text, time, words } from './form.ts';
import { overviewSchema } from './reports.ts';
import { statusSchema } from './status.ts';

export const topics = ['overview', 'mail-log', 'system-log', 'configuration'] as const;
export type Topic = (typeof topics)[number];

export const eventsQuerySchema = object(
  {
    topics: Type.Optional(
      Type.String({
        maxLength: 100,
        default: 'overview,configuration',
        description: `Separated by commas: ${topics.join(', ')}.`,
      }),
    ),
    filter: Type.Optional(
      text('Log lines that have all of these words (capitals do not count).', { minLength: 1, maxLength: 200 }),
    ),
    lines: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 500, default: 0, description: 'Last lines of the logs to begin with.' }),
    ),
  },
  'What to be told.',
);

export type EventsQuery = Static<typeof eventsQuerySchema>;

const { started, state, problems, revision, threads, connections, queue, disk, memory } = statusSchema.properties;

/** `event: overview`, once a second, the same for all clients. */
export const overviewEventSchema = object(
  { ...overviewSchema.properties, started, state, problems, revision, threads, connections, queue, disk, memory },
  'Counters and gauges of this moment; rates are differences of two.',
);
export type OverviewEvent = Static<typeof overviewEventSchema>;

/** `event: log`. Lines of up to a quarter of a second together. */
export const logEventSchema = object(
  {
    log: words(['mail', 'system'], 'Which log.'),
    lines: list(text('A line.'), 'In their order.'),
    skipped: count('Lines left out because they came too fast for this client.'),
  },
  'New lines of a log.',
);
export type LogEvent = Static<typeof logEventSchema>;

/** `event: configuration`: at the beginning and at every change. */
export const configurationEventSchema = object(
  {
    revision: revisionNumber('In force.'),
    by: text('Who committed it.'),
    pending: count('Changes that you have pending.'),
    conflicts: count('Keys that you and a commit since have both changed.'),
    others: list(text('A user.'), 'Others who have changes pending.'),
    confirmBy: nullable(time('What must be confirmed is taken back then; null: nothing must.')),
  },
  'The state of the configuration.',
);
export type ConfigurationEvent = Static<typeof configurationEventSchema>;
