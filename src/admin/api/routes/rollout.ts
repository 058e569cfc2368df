// /configuration/rollout: how a roll-out stands, and its end on purpose.
import type { RollOutView as Stands } from '../../host.ts';
import { iso } from '../page.ts';
import { route } from '../route.ts';
import { takenBackSchema } from '../schemas/configuration.ts';
import { type RollOutView, rollOutSchema } from '../schemas/rollout.ts';

const tag = 'configuration';
const path = '/configuration/rollout';

function describe(view: Stands): RollOutView {
  const { revision, replaces, state, user, since, until, ended, endedBy, reason, share, bound, services } = view;
  const { inside, outside, foretold, unforeseen, expected, excess, lost, failing, points } = view;
  return {
    revision,
    replaces,
    state,
    by: user,
    since: iso(since),
    until: iso(until),
    ended: ended === null ? null : iso(ended),
    endedBy,
    reason,
    share,
    bound,
    services: [...services],
    inside: { ...inside },
    outside: { ...outside },
    foretold,
    unforeseen,
    expected,
    excess,
    lost,
    failing: failing.map(({ run: _, first: __, last, ...peer }) => ({ ...peer, last: iso(last) })),
    points: points.map(({ time, ...point }) => ({ ...point, time: iso(time) })),
  };
}

export const rollOutRoutes = [
  route({
    tag,
    access: 'read',
    method: 'GET',
    path,
    summary: 'How the last roll-out stands, or how it ended',
    description: 'Begun by a commit with `rollOut`.',
    response: rollOutSchema,
    handler: ({ host }) => {
      const view = host.rollOut();
      return { body: { rollOut: view === null ? null : describe(view) } };
    },
  }),
  route({
    tag,
    access: 'administer',
    method: 'POST',
    path,
    summary: 'Give all peers the new settings at once',
    response: rollOutSchema,
    handler: async ({ host, caller }) => {
      await host.endRollOut(caller, 'all');
      const view = host.rollOut();
      return { body: { rollOut: view === null ? null : describe(view) } };
    },
  }),
  route({
    tag,
    access: 'administer',
    method: 'DELETE',
    path,
    summary: 'Take the roll-out back: all peers have the former settings at once',
    response: takenBackSchema,
    handler: async ({ host, caller }) => ({ body: { revision: await host.endRollOut(caller, 'back') } }),
  }),
];
