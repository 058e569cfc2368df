// Reports: what happened in a span of time.
import Type, { type Static } from 'typebox';
import { count, nullable, object, pageQuery, text, time, words } from './form.ts';

const span = {
  from: Type.Optional(time('Begin of the span; without: 24 hours before its end.')),
  to: Type.Optional(time('End of the span; without: now.')),
};
const spanned = { from: time('Begin of the span.'), to: time('End of the span.') };
const next = nullable(text('`cursor` of the next page; null: this is the last.'));

const connectionCounts = {
  requiredOk: count('TLS was required and came about.'),
  requiredFailed: count('TLS was required and did not.'),
  preferredOk: count('TLS was preferred and came about.'),
  preferredFailed: count('TLS was preferred and failed.'),
  unencrypted: count('Without TLS.'),
  total: count('All connections.'),
  messages: count('Messages on them.'),
  tls10: count('With TLS 1.0.'),
  tls11: count('With TLS 1.1.'),
  tls12: count('With TLS 1.2.'),
  tls13: count('With TLS 1.3.'),
};
export const connectionSorts = [
  'domain',
  'requiredOk',
  'requiredFailed',
  'preferredOk',
  'preferredFailed',
  'unencrypted',
  'total',
  'messages',
  'tls10',
  'tls11',
  'tls12',
  'tls13',
] as const;

export const securityCountSchema = object(
  {
    wanted: text('`none` to `dane-only`, `mta-sts`, `requiretls`, `optional`.'),
    got: text('`none` (clear text), `encrypted`, `verified`, `dane`, `failed`.'),
    connections: count('Connections that ended, and hosts that were not even dialled.'),
    messages: count('Messages on them.'),
  },
  'What TLS was wanted and what it became.',
);

export const tlsConnectionsQuerySchema = object(
  {
    ...span,
    direction: words(['incoming', 'outgoing'], 'Whose connections.'),
    domain: Type.Optional(text('Only domains that contain this.', { minLength: 1, maxLength: 255 })),
    sort: Type.Optional(
      words(connectionSorts, 'The column that the rows are sorted by; without: `total`, most first.'),
    ),
    ...pageQuery,
  },
  'What to count.',
);
const connectionsRowSchema = object(
  {
    domain: text(
      "Outgoing: the destination. Incoming: the domain of the client's verified name, else of the sender; `unknown`, `other`.",
    ),
    ...connectionCounts,
  },
  'Connections of a domain.',
);
export type TlsConnectionsRow = Static<typeof connectionsRowSchema>;
export const tlsConnectionsSchema = object(
  {
    ...spanned,
    items: Type.Array(connectionsRowSchema),
    next,
    sum: object(connectionCounts, 'Over all domains that match.'),
    domains: count('How many there are.'),
    security: Type.Array(securityCountSchema, { description: 'Of outgoing ones, over all domains that match.' }),
  },
  'TLS connections by domain.',
);
export type TlsConnections = Static<typeof tlsConnectionsSchema>;

const failureDirections = ['incoming', 'outgoing', 'web'] as const;
export const failuresQuerySchema = object(
  {
    ...span,
    direction: Type.Optional(words(failureDirections, 'Only these; `web`: the user interface and the API.')),
    text: Type.Optional(
      text('Only where peer, name, detail or explanation contain this.', { minLength: 1, maxLength: 255 }),
    ),
    ...pageQuery,
  },
  'Which failures.',
);
const failureSchema = object(
  {
    direction: words(failureDirections, 'Which side of the gateway.'),
    peer: text('Address of the other side.'),
    name: nullable(text('Incoming: its verified name. Outgoing: the destination.')),
    detail: text('As in the log: OpenSSL says it so.'),
    explanation: nullable(text('In plain words: what the peer offered, what we allow, what to do.')),
    count: count('How often.'),
    first: time('For the first time.'),
    last: time('For the last time.'),
  },
  'Failures of the same kind with the same peer.',
);
export type Failure = Static<typeof failureSchema>;
export const failuresSchema = object(
  { ...spanned, items: Type.Array(failureSchema), next },
  'Failures, those that happened last first.',
);
export type Failures = Static<typeof failuresSchema>;

const columnWords = {
  accepted: 'Messages taken.',
  acceptedBytes: 'Bytes of them.',
  refused: 'Recipients refused, connections refused by sender group, messages refused or aborted.',
  delivered: 'Recipients delivered.',
  deliveredBytes: 'Bytes of them.',
  deferred: 'Attempts for one recipient that failed with something temporary.',
  bounced: 'Recipients bounced.',
  incomingConnections: 'Connections.',
  incomingTls10: 'With TLS 1.0.',
  incomingTls11: 'With TLS 1.1.',
  incomingTls12: 'With TLS 1.2.',
  incomingTls13: 'With TLS 1.3.',
  incomingTlsFailed: 'Handshakes that failed.',
  outgoingConnections: 'Connections.',
  outgoingTls10: 'With TLS 1.0.',
  outgoingTls11: 'With TLS 1.1.',
  outgoingTls12: 'With TLS 1.2.',
  outgoingTls13: 'With TLS 1.3.',
  outgoingTlsFailed: 'Handshakes that failed.',
} as const;
type Column = keyof typeof columnWords;
export const seriesColumns = Object.keys(columnWords) as Column[];
const columns = <T extends Type.TSchema>(schema: (description: string) => T) =>
  Object.fromEntries(seriesColumns.map((name) => [name, schema(columnWords[name])])) as Record<Column, T>;

export const seriesQuerySchema = object(
  {
    ...span,
    step: Type.Optional(
      words(
        ['minute', 'hour'],
        'Length of a point; without: minutes up to a day, then hours. Minutes are kept for 24 hours.',
      ),
    ),
  },
  'Which points.',
);
export const seriesSchema = object(
  {
    start: time('Begin of the first point.'),
    step: count('Length of a point, ms.'),
    values: object(
      columns((description) => Type.Array(Type.Integer({ minimum: 0 }), { description })),
      'By name; all of the same length, oldest first.',
    ),
  },
  'Counts over time; the last point may not be over yet.',
);
export type Series = Static<typeof seriesSchema>;

export const countsSchema = object(columns(count), 'Since the start of the program.');
const openSchema = (description: string) =>
  object(
    {
      clear: count('Without TLS.'),
      tls10: count('With TLS 1.0.'),
      tls11: count('With TLS 1.1.'),
      tls12: count('With TLS 1.2.'),
      tls13: count('With TLS 1.3.'),
    },
    description,
  );
export const historyStatusSchema = object(
  {
    state: words(['running', 'paused'], '`paused`: nothing is kept at present.'),
    reason: text('Why it is paused.'),
    size: count('Bytes of the history.'),
    limit: count('Bytes that it may have.'),
    lost: count('Entries that were given up since the start.'),
    oldest: nullable(time('The oldest message kept; null: none.')),
  },
  'How the history is kept.',
);
export const overviewSchema = object(
  {
    time: time('Of these values.'),
    counts: countsSchema,
    incoming: openSchema('Connections open now.'),
    outgoing: openSchema('Connections open now.'),
    history: historyStatusSchema,
  },
  'The present.',
);
export type Overview = Static<typeof overviewSchema>;
