// A rehearsal: what is asked, how far it is, what it has found.
import Type, { type Static } from 'typebox';
import { count, list, nullable, object, text, time, words } from './form.ts';
import { jobKeys } from './job.ts';

export const rehearsalRequestSchema = object(
  {
    days: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 3650, default: 7, description: 'Destinations of so many days.' }),
    ),
  },
  'A rehearsal of your candidate.',
);
export type RehearsalRequest = Static<typeof rehearsalRequestSchema>;

export const rehearsalSchema = object(
  {
    ...jobKeys('Destinations', 'Destinations in all; 0 until the first is done.'),
    days: count('Destinations of so many days.'),
    breaks: count('Those to which mail would wait.'),
    rows: list(
      object(
        {
          domain: text('The destination.'),
          host: text('The host that was tried; empty: none could be.'),
          address: text('Its address.'),
          outcome: words(
            ['secure', 'clear', 'waits', 'unreachable'],
            '`clear`: mail would go in clear text; `waits`: it would not go; `unreachable`: nobody answered.',
          ),
          protocol: text('Of the handshake; empty: none was completed.'),
          cipher: text('Likewise.'),
          group: text('Likewise.'),
          certificate: text('`matched`, or why not; empty: no handshake was completed.'),
          reason: text('Why it is not secure.'),
          time: time('When it was tried.'),
          connections: count('In the window.'),
          messages: count('In the window.'),
          today: text('`TLS v1.2 ECDHE-RSA-AES128-GCM-SHA256`: its last connection; empty: without TLS.'),
        },
        'A destination.',
      ),
      'Those that are done, most messages first.',
    ),
  },
  'A rehearsal.',
);
export type Rehearsal = Static<typeof rehearsalSchema>;

export const presentRehearsalSchema = object(
  { rehearsal: nullable(rehearsalSchema) },
  'The last one; null: there was none since the gateway started.',
);
export type PresentRehearsal = Static<typeof presentRehearsalSchema>;
