// TLS reports (RFC 8460): those of others, and ours.
import Type, { type Static } from 'typebox';
import { count, flag, list, nullable, object, page, pageQuery, text, time, words } from './form.ts';

const received = {
  id: Type.Integer({ minimum: 1, description: 'Its number here.' }),
  time: time('When it came.'),
  via: words(['mail', 'https'], 'How it came.'),
  sender: text('Envelope sender, or address of the client.'),
  signature: text('Who signed it, or why that cannot be said.'),
  counted: flag('It is part of the sums.'),
  organization: text('Who reports.'),
  reportId: text('Identifier of the report.'),
  contact: text('Address for questions, as told.'),
  start: time('Begin of what it is about.'),
  end: time('End of what it is about.'),
  ok: count('Sessions in order.'),
  failed: count('Sessions that failed.'),
  problem: text('Why it cannot be read; empty: it can.'),
};
const receivedSchema = object(received, 'A report of somebody else.');
export type ReceivedTlsReport = Static<typeof receivedSchema>;
export const receivedPageSchema = page(receivedSchema, 'Reports of others, newest first.');
export type ReceivedTlsReports = Static<typeof receivedPageSchema>;

export const receivedQuerySchema = object(
  {
    text: Type.Optional(
      text('Only where organisation, identifier, sender or problem contain this.', { minLength: 1, maxLength: 255 }),
    ),
    failed: Type.Optional(Type.Boolean({ description: 'Only those with failures.' })),
    ...pageQuery,
  },
  'Which reports.',
);

export const receivedParamsSchema = object(
  { id: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: 'Number of the report.' }) },
  'Which report.',
);

const failureSchema = object(
  {
    result: text('What failed: a result type of RFC 8460 4.3.'),
    count: count('Sessions.'),
    sender: text('Address of the sending host; empty: not told.'),
    host: text('Name of the mail host.'),
    helo: text('What the mail host called itself.'),
    address: text('Address of the mail host.'),
    reason: text('`failure-reason-code`.'),
    info: text('`additional-information`.'),
  },
  'Sessions that failed.',
);
const policySchema = object(
  {
    type: text('`tlsa`, `sts` or `no-policy-found`, as told.'),
    domain: text('What the policy is about.'),
    lines: list(text('A line.'), 'The policy.'),
    ok: count('Sessions in order.'),
    failed: count('Sessions that failed.'),
    failures: list(failureSchema, 'What failed.'),
  },
  'Sessions under one policy.',
);
export const receivedStorySchema = object(
  { report: receivedSchema, policies: list(policySchema, 'What it says.') },
  'A whole report.',
);
export type ReceivedTlsStory = Static<typeof receivedStorySchema>;

const name = text('What is added up.');
const sum = object({ name, ok: count('Sessions in order.'), failed: count('Sessions that failed.') }, 'A sum.');
const failed = object({ name, count: count('Sessions.') }, 'A sum of failures.');

export const sumsQuerySchema = object(
  {
    days: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 400, default: 14, description: 'Days back, today (UTC) included.' }),
    ),
  },
  'What to add up.',
);
export const sumsSchema = object(
  {
    from: time('Begin of the first day.'),
    to: time('End of the last day.'),
    days: list(
      object(
        { day: time('Begin of the day (UTC).'), ok: count('In order.'), failed: count('Failed.') },
        'Sessions of a day.',
      ),
      'Days about which there are reports.',
    ),
    organizations: list(sum, 'By who reports; most failures first, 50 at most.'),
    domains: list(sum, 'By what the policy is about.'),
    results: list(failed, 'By kind of failure.'),
    hosts: list(failed, 'By mail host; an empty name: not told.'),
  },
  'What others told about their sessions with us.',
);
export type TlsReportSums = Static<typeof sumsSchema>;

const day = Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\d$', description: 'A day (UTC): 2026-11-30.' });
const sentSchema = object(
  {
    day,
    domain: text('Whom it is for.'),
    state: words(
      ['due', 'sent', 'none', 'failed'],
      '`due`: at `next`; `none`: the domain wants none; `failed`: given up.',
    ),
    next: nullable(time('When it is tried; null: never again.')),
    attempts: count('Attempts so far.'),
    detail: text('Where it went, or why it did not.'),
  },
  'A report of ours.',
);
export type SentTlsReport = Static<typeof sentSchema>;
export const sentQuerySchema = object({ day: Type.Optional(day) }, 'About which day; without: all.');
export const sentListSchema = object(
  { items: list(sentSchema, 'Newest day first, 1,000 at most.') },
  'What became of our reports.',
);
export type SentTlsReports = Static<typeof sentListSchema>;
export const sendSchema = object(
  { day, domain: Type.Optional(text('Only that to this domain.', { minLength: 1, maxLength: 255 })) },
  'What to send now.',
);
