// Roll-outs: how much of the peers, how it stands, how it ends.
import Type, { type Static } from 'typebox';
import { largestBound, largestShare, longestRollOut, smallestShare } from '../../../config/rollout-limits.ts';
import { count, flag, list, nullable, object, revisionNumber, text, time, words } from './form.ts';

export const rollOutWishSchema = object(
  {
    share: Type.Number({
      minimum: smallestShare,
      maximum: largestShare,
      description: 'Per cent of the peers (networks: /24, /64) that get the new settings first.',
    }),
    minutes: Type.Number({
      minimum: 1,
      maximum: longestRollOut / 60_000,
      description: 'Then it goes to all.',
    }),
    bound: Type.Optional(
      Type.Integer({
        default: 0,
        minimum: 0,
        maximum: largestBound,
        description: 'So many peers more than foretold may fail; one more, and it is taken back.',
      }),
    ),
  },
  'TLS alone: anything else in the candidate is refused. `confirmWithin` counts from when it goes to all.',
);

const sideSchema = object(
  {
    peers: count('Networks that were there.'),
    failing: count('Those of them that fail.'),
    succeeded: count('Handshakes that were completed.'),
    failed: count('Handshakes that failed.'),
  },
  'One side.',
);

const failingSchema = object(
  {
    service: text('inbound, outbound or gui.'),
    listener: text('Of inbound.'),
    address: text('Of the peer.'),
    name: text('Verified, or of the host; empty: none.'),
    inside: flag('It has the new settings.'),
    fate: words(
      ['refused', 'broken-off', 'foretold', 'before', 'no-hello', 'pending'],
      'The first two count: refused by the new settings alone, ended by the peer.',
    ),
    detail: text('As the log says it.'),
    explanation: nullable(text('In plain words.')),
    count: count('Failures.'),
    last: time('The last of them.'),
  },
  'A peer that fails.',
);

const pointSchema = object(
  {
    time: time('When.'),
    inside: count('Peers of the share.'),
    failing: count('Those of them that fail.'),
    foretold: count('Those of them of which it was foretold.'),
    excess: Type.Number({ description: 'Those that count against the bound.' }),
    outside: count('The other peers.'),
    outsideFailing: count('Those of them that fail.'),
  },
  'How it stood.',
);

const viewSchema = object(
  {
    revision: revisionNumber('It is rolled out.'),
    replaces: revisionNumber('The others have it.'),
    state: words(['running', 'completed', 'taken-back'], 'How it stands.'),
    by: text('Who began it.'),
    since: time('When.'),
    until: time('When it goes, or would have gone, to all.'),
    ended: nullable(time('When it ended.')),
    endedBy: nullable(text('Who ended it; null: it did by itself.')),
    reason: nullable(text('Why it was taken back.')),
    share: Type.Number({ description: 'Per cent.' }),
    bound: count('Peers more than foretold that may fail.'),
    services: list(text('inbound, outbound or gui.'), 'Those that differ.'),
    inside: sideSchema,
    outside: sideSchema,
    foretold: count('Peers of the share of which it was foretold that they fail.'),
    unforeseen: count('Peers of the share that fail and of which it was not.'),
    expected: Type.Number({ description: 'So many of them would fail anyway, by what happens to the others.' }),
    excess: Type.Number({ description: 'What is left; above the bound it is taken back.' }),
    lost: count('Handshakes that could not be looked at.'),
    failing: list(failingSchema, 'Those that count first; 100 at most.'),
    points: list(pointSchema, 'How it went, oldest first.'),
  },
  'A roll-out.',
);

export const rollOutSchema = object(
  { rollOut: nullable(viewSchema) },
  'The last roll-out; null: there was none since it is kept.',
);
export type RollOut = Static<typeof rollOutSchema>;
export type RollOutView = Static<typeof viewSchema>;
