// Message tracking: finding a message, and its whole story.
import Type, { type Static } from 'typebox';
import { count, flag, list, mid, nullable, object, page, pageQuery, text, time, words } from './form.ts';

export const messageStates = [
  'queued',
  'delivered',
  'partial',
  'bounced',
  'aborted',
  'rejected',
  'deleted',
  'dropped',
] as const;
const state = words(
  messageStates,
  '`queued`: some recipient is not settled; `partial`: some delivered, some bounced; `aborted`, `rejected`: never accepted; `dropped`: a bounce that could not be delivered.',
);

export const trackingQuerySchema = object(
  {
    sender: Type.Optional(
      text(
        'Envelope sender: an address, `@example.org`, or the beginning of an address with `*` behind it; `<>`: none.',
        {
          minLength: 1,
          maxLength: 322,
        },
      ),
    ),
    recipient: Type.Optional(text('A recipient, likewise.', { minLength: 1, maxLength: 322 })),
    subject: Type.Optional(text('Words that must all occur; one may end with `*`.', { minLength: 1, maxLength: 200 })),
    messageId: Type.Optional(text('Its Message-ID; may end with `*`.', { minLength: 1, maxLength: 998 })),
    mid: Type.Optional(mid('The message.')),
    icid: Type.Optional(mid('The connection that it came on.')),
    peer: Type.Optional(text('Address of the client.', { minLength: 1, maxLength: 64 })),
    listener: Type.Optional(text('Name of the listener.', { minLength: 1, maxLength: 63 })),
    state: Type.Optional(state),
    from: Type.Optional(time('Begun at this time or later.')),
    to: Type.Optional(time('Begun before this time.')),
    ...pageQuery,
  },
  'What to look for; all that is given must hold. Capitals do not count.',
);

export const trackedSchema = object(
  {
    mid: mid('The message.'),
    time: time('When it began.'),
    state,
    deferrals: count('Attempts that failed with something temporary.'),
    sender: text('Envelope sender; empty: a bounce.'),
    recipients: list(text('An address.'), 'The first ten.'),
    recipientCount: count('All of them.'),
    subject: nullable(text('Null: there is none, or `privacy` keeps it out.')),
    messageId: nullable(text('Of its header.')),
    size: count('Bytes.'),
    icid: count('The connection that it came on; 0: it was made here.'),
    listener: nullable(text('Name of the listener.')),
    peer: nullable(text('Address of the client.')),
    peerName: nullable(text('Its verified reverse name.')),
    tls: nullable(text('`TLSv1.3`; null: clear text, or made here.')),
  },
  'A message.',
);
export type Tracked = Static<typeof trackedSchema>;
export const trackingSchema = page(trackedSchema, 'Messages, newest first.');
export type TrackingPage = Static<typeof trackingSchema>;

export const trackedParamsSchema = object({ mid: mid('The message.') }, 'A message.');

const incomingSchema = object(
  {
    icid: count('The connection.'),
    listener: text('Name of the listener.'),
    interface: text('Its name in the mail log.'),
    localAddress: text('Ours.'),
    address: text('Of the client.'),
    reverseName: nullable(text('Its name.')),
    verified: flag('The name leads back to the address.'),
    helo: nullable(text('What it called itself.')),
    senderGroup: text('The group that it fell into.'),
    action: text('ACCEPT or RELAY.'),
    match: text('What of the client matched.'),
    tls: nullable(
      object(
        {
          protocol: text('`TLSv1.3`'),
          cipher: text('The suite.'),
          derivedGroup: nullable(
            text('Group of the key exchange, derived by replay of the ClientHello; null: not known.'),
          ),
        },
        'Null: clear text.',
      ),
    ),
  },
  'The connection that it came on; null: made here, or not known any more.',
);

const outgoingSchema = object(
  {
    dcid: count('The connection.'),
    destination: text('A domain, or a route.'),
    host: text('Name of the host; empty: none is known.'),
    address: text('Of the host.'),
    port: count('Its port.'),
    interface: text('Our address.'),
    tls: nullable(
      object(
        {
          protocol: text('`TLSv1.3`'),
          cipher: text('The suite.'),
          certificate: nullable(text('What was shown, its expiry, verdict and weaknesses.')),
        },
        'Null: clear text.',
      ),
    ),
    security: nullable(
      object(
        {
          wanted: text('The TLS that was wanted: a level, `mta-sts`, `requiretls` or `optional`.'),
          got: text('`none` (clear text), `encrypted`, `verified`, `dane`, `failed`.'),
          detail: text('The name or record that matched, or why none did.'),
        },
        'Null: not known.',
      ),
    ),
  },
  'A connection that it was tried on.',
);

export const storyEventSchema = object(
  {
    time: time('When.'),
    kind: words(
      [
        'started',
        'refused',
        'received',
        'queued',
        'tls',
        'aborted',
        'attempt',
        'delivered',
        'delayed',
        'bounced',
        'doubleBounce',
        'bounceOf',
        'bounce',
        'administered',
        'finished',
      ],
      'What. `bounceOf`: this message is the bounce of `mid`; `bounce`: `mid` was made for the bounce of this one.',
    ),
    rid: Type.Optional(count('Index into `recipients`.')),
    rids: Type.Optional(list(count('Index into `recipients`.'), 'Which recipients.')),
    address: Type.Optional(text('The recipient.')),
    reason: Type.Optional(text('Why.')),
    size: Type.Optional(count('Bytes.')),
    dcid: Type.Optional(count('The connection; 0: none was made.')),
    response: Type.Optional(text('What the other side said.')),
    status: Type.Optional(text('Enhanced status code.')),
    text: Type.Optional(text('What it means.')),
    code: Type.Optional(text('Code of the reply; `000`: our own words.')),
    reply: Type.Optional(text('Text of the reply.')),
    mid: Type.Optional(mid('The other message.')),
    action: Type.Optional(text('What was done.')),
    user: Type.Optional(text('Who did it.')),
    demand: Type.Optional(
      text('What it says about TLS itself: `required` by REQUIRETLS, `optional` by TLS-Required: No.'),
    ),
  },
  'Something that happened to it; which keys there are depends on `kind`.',
);
export type StoryEvent = Static<typeof storyEventSchema>;

export const storySchema = object(
  {
    message: trackedSchema,
    recipients: list(text('An address.'), 'By RID.'),
    incoming: nullable(incomingSchema),
    outgoing: list(outgoingSchema, 'Each connection that it was tried on.'),
    events: list(storyEventSchema, 'What happened, in the order of time.'),
    cut: flag('More happened than is kept for one message.'),
  },
  'The whole story of a message.',
);
export type Story = Static<typeof storySchema>;

export const forgetSchema = object(
  { address: text('A whole mail address, or the address of a client.', { minLength: 1, maxLength: 320 }) },
  'Whom to forget.',
);
export const forgottenSchema = object({ rows: count('Rows that are gone.') }, 'What came of it.');
