// What a preview answers (`src/preview/report.ts`), and the adviser's proposals.
import Type, { type Static } from 'typebox';
import { tlsVersionSchema } from '../../../config/schema-parts.ts';
import { count, flag, list, nullable, object, text, time, words } from './form.ts';

export const previewRequestSchema = object(
  {
    patch: Type.Optional(
      Type.Unknown({
        description:
          'A merge patch (RFC 7396) upon your candidate, such as boxes that are not saved yet; without: the candidate.',
      }),
    ),
    days: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 3650, default: 30, description: 'How far back; at most what is kept.' }),
    ),
    wait: Type.Optional(
      Type.Integer({
        minimum: 100,
        maximum: 30_000,
        default: 10_000,
        description:
          'Milliseconds. What is known then is the answer, with `complete: false`; the same question again goes on from there.',
      }),
    ),
  },
  'What is to be previewed.',
);
export type PreviewRequest = Static<typeof previewRequestSchema>;

const changeNames = ['breaks', 'weaker', 'starts', 'better', 'unchanged'] as const;
const change = words(changeNames, 'What becomes of them; `starts`: to work.');

const weightFields = {
  peers: count('Peers: client addresses, or destinations with their host. 0 while `complete` is false.'),
  connections: count('Their connections in the window.'),
  messages: count('Their messages in the window.'),
};
const weight = object(weightFields, 'How much it is.');

const namedFields = {
  address: text('Address of the peer.'),
  name: text('Verified reverse name, or empty; outbound: the host.'),
  helo: text('What it calls itself.'),
  domain: text('Domain of its last sender; outbound: the destination.'),
  connections: count('Of this kind, in the window.'),
  messages: count('On them.'),
  last: time('Seen last.'),
  offers: text('`offers TLS 1.0 only`.'),
  past: list(text('A sentence.'), 'What it did before: mail in clear text, refusals.'),
  text: text('All of it in one line.'),
};
const named = object(namedFields, 'A peer by name.');

const group = object(
  {
    change,
    ...weightFields,
    reason: text('The alert, or what differs.'),
    explanation: text('In plain words: what they offer, what would be allowed, what to do.'),
    offers: text('What they offer.'),
    differences: list(
      object(
        {
          aspect: words(
            ['version', 'cipher suite', 'group', 'forward secrecy', 'post-quantum', 'encryption'],
            'What differs.',
          ),
          better: flag('The new one is better.'),
          from: text('Today.'),
          to: text('Under the candidate.'),
        },
        'A difference.',
      ),
      'Between the two answers of the server.',
    ),
    fate: nullable(
      words(['clear-text', 'refused', 'waits', 'locked-out'], 'What becomes of their mail; null: nothing bad.'),
    ),
    fateText: text('The same as a sentence.'),
    named: list(named, 'Most messages first; the first 20.'),
    remedy: nullable(
      object(
        {
          text: text('`also keep TLS v1.0, TLS v1.1 for Inbound SMTP`.'),
          patch: Type.Unknown({ description: 'To be merged into the candidate: `PATCH /configuration/candidate`.' }),
        },
        'The smallest change that keeps them, tried by replay; null: none does.',
      ),
    ),
  },
  'Peers with the same fate for the same reason.',
);

const target = object(
  {
    service: words(['inbound', 'gui'], 'The service.'),
    listener: text('Name of the listener; empty for the web service.'),
    changed: flag('The candidate changes something here.'),
    observed: nullable(
      object({ first: time('First day.'), last: time('Last connection.') }, 'When anybody was seen; null: never.'),
    ),
    hellos: object({ known: count('Distinct ones.'), examined: count('Replayed so far.') }, 'ClientHellos.'),
    totals: object(
      { breaks: weight, weaker: weight, starts: weight, better: weight, unchanged: weight },
      'By what becomes of them.',
    ),
    clearText: weight,
    unjudged: weight,
    moves: list(
      object(
        { from: text('`TLS v1.0`, `clear text`, `refused`.'), to: text('Likewise.'), change, ...weightFields },
        'Who moves where.',
      ),
      'Most connections first.',
    ),
    groups: list(group, 'Those that break first.'),
    mayRefuse: list(named, 'Served by the server, but they refused such an answer before: never a certainty.'),
  },
  'A listener, or the web service.',
);

const verdict = words(['works', 'breaks', 'unknown'], '`works`: seen; `unknown`: a rehearsal would tell.');

export const previewSchema = object(
  {
    complete: flag('Everything was examined.'),
    days: count('The window.'),
    breaks: count('Peers that break, all services.'),
    targets: list(target, 'Listeners and the web service.'),
    outgoing: object(
      {
        changed: flag('The candidate changes something here.'),
        totals: object({ works: weight, breaks: weight, unknown: weight }, 'Destinations.'),
        named: list(
          object({ ...namedFields, verdict, reason: text('Why.') }, 'A destination.'),
          'Those that break, then the unknown; the first 50.',
        ),
      },
      'Outbound SMTP.',
    ),
  },
  'What would become of everybody who was seen.',
);
export type Preview = Static<typeof previewSchema>;

export const adviceSchema = object(
  {
    days: count('The window.'),
    items: list(
      object(
        {
          service: words(['gui', 'inbound', 'outbound'], 'The service.'),
          text: text('`Nobody has needed TLS 1.1 for Inbound SMTP in 34 days.`'),
          versions: list(tlsVersionSchema, 'What would be selected.'),
          patch: Type.Unknown({ description: 'To be merged into the candidate: `PATCH /configuration/candidate`.' }),
          breaks: count('Peers that would break: always 0 for what is advised.'),
          better: count('Peers that would become better.'),
        },
        'A piece of advice.',
      ),
      'What could be changed without harm to anybody who was seen.',
    ),
  },
  'Advice on versions.',
);
export type Advice = Static<typeof adviceSchema>;
