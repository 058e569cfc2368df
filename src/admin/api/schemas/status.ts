// What the gateway is doing, and what it is.
import Type, { type Static } from 'typebox';
import { waitingSchema } from './configuration.ts';
import { count, flag, list, nullable, object, revisionNumber, text, time, words } from './form.ts';
import { historyStatusSchema, securityCountSchema } from './reports.ts';

const rollOutSchema = object(
  {
    revision: revisionNumber('It is rolled out.'),
    share: Type.Number({ description: 'Per cent of the peers that have it.' }),
    until: time('When it goes to all.'),
  },
  'A revision that a share of the peers has; null: everybody has the same.',
);

export const statusSchema = object(
  {
    time: time('Of this answer.'),
    started: time('Start of the program.'),
    uptime: count('ms since then.'),
    state: words(['online', 'impaired'], '`impaired`: `problems` says why.'),
    problems: list(text('A sentence.'), 'What is not as it should be.'),
    revision: revisionNumber('The configuration in force.'),
    waiting: nullable(waitingSchema),
    rollOut: nullable(rollOutSchema),
    threads: list(
      object(
        {
          role: words(['mail', 'spool', 'ledger'], 'What it does.'),
          index: count('Its number among those of its role.'),
          revision: Type.Integer({ minimum: 0, description: 'The configuration that it runs under.' }),
          state: words(['running', 'starting', 'silent'], 'How it is.'),
        },
        'A thread.',
      ),
      'Threads of the program.',
    ),
    connections: object(
      {
        incoming: count('Open now.'),
        outgoing: count('Open now.'),
        incomingTotal: count('Since the start.'),
        outgoingTotal: count('Since the start.'),
      },
      'SMTP connections.',
    ),
    counters: object(
      {
        accepted: count('Messages taken.'),
        refused: count('Messages refused for want of room.'),
        delivered: count('Recipients delivered.'),
        deferred: count('Attempts deferred.'),
        bounced: count('Recipients bounced.'),
      },
      'Since the start.',
    ),
    queue: object(
      {
        messages: count('Messages.'),
        jobs: count('Messages, counted once for each destination.'),
        held: count('Of these, on hold.'),
        full: flag('New mail is refused (452): the disk is full.'),
        oldest: nullable(time('When the oldest message was taken; null: there is none.')),
      },
      'The queue.',
    ),
    disk: object({ free: count('Bytes.'), total: count('Bytes.') }, 'The file system of the data directory.'),
    cpu: Type.Number({ minimum: 0, description: 'Seconds of CPU time since the start.' }),
    memory: count('Resident bytes.'),
    dnssec: nullable(
      object(
        { state: text('`validating`, `not-validating`, `untrusted` or `unreachable`.'), text: text('A sentence.') },
        'Whether there is a resolver whose validation of DNSSEC is believed, without which there is no DANE.',
      ),
    ),
    history: nullable(historyStatusSchema),
    security: list(
      securityCountSchema,
      'Outgoing connections since the start, by what TLS was wanted and what it became.',
    ),
    collectors: list(
      object(
        {
          name: text('Its name.'),
          host: text('Its host.'),
          port: Type.Integer({ description: 'Its port.' }),
          protocol: words(['udp', 'tcp', 'tls'], 'How lines are sent.'),
          connected: flag('It is there.'),
          buffered: count('Bytes that wait on disk.'),
          dropped: count('Lines given up since the start.'),
          reason: text('Why it is away; empty: it is not.'),
        },
        'A syslog collector.',
      ),
      'Syslog collectors.',
    ),
  },
  'The gateway at one moment.',
);
export type Status = Static<typeof statusSchema>;

export const alertsSchema = object(
  {
    items: list(
      object(
        { time: time('When.'), title: text('What it is about.'), lines: list(text('A line.'), 'What is known.') },
        'An alert.',
      ),
      'Newest first, at most 500.',
    ),
  },
  'Alerts since the gateway started.',
);
export type Alerts = Static<typeof alertsSchema>;

export const versionSchema = object(
  {
    name: text('`Postern`'),
    version: text('Of the gateway.'),
    node: text('Of Node.js.'),
    openssl: text('Of OpenSSL.'),
    hostname: text('Name of the gateway.'),
    schema: Type.Integer({ description: 'Version of the format of the configuration.' }),
    revision: revisionNumber('The configuration in force.'),
  },
  'What is running.',
);
export type Version = Static<typeof versionSchema>;
