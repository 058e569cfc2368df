// commitrollout, rollout: a change of TLS goes to a share of the peers first; how that stands, and its end on purpose.

import { largestBound, largestShare, longestRollOut, smallestShare } from '../../config/rollout-limits.ts';
import { durationPattern, parseDuration } from '../../config/units.ts';
import { PosternError } from '../../errors.ts';
import { plural } from '../../preview/words.ts';
import type { RollOutView } from '../host.ts';
import { runCommit } from './changes.ts';
import type { Command } from './command.ts';
import { longestConfirmation } from './confirm.ts';
import { accepted, askValue, type Checked, refused, short } from './question.ts';
import { formatSpan, formatTime } from './time.ts';

const shownFailing = 20;

function checkNumber(answer: string, [least, most]: readonly [number, number], what: string): Checked<number> {
  const value = Number(answer.replace(/\s*%$/, ''));
  if (/^\d+(\.\d+)?\s*%?$/.test(answer) && value >= least && value <= most) return accepted(value);
  return refused(`Enter ${what} from ${least} to ${most}.`);
}

/** ms. `90m`, `24h`, `7d`; a bare number is minutes. */
function checkDuration(answer: string): Checked<number> {
  const value = /^\d+(\.\d+)?$/.test(answer)
    ? Number(answer) * 60_000
    : new RegExp(durationPattern).test(answer)
      ? parseDuration(answer)
      : 0;
  if (value > 0 && value <= longestRollOut) return accepted(value);
  return refused('Enter a time such as 90m, 24h or 7d, at most 30d.');
}

export const commitrollout: Command = {
  name: 'commitrollout',
  group: 'Changes',
  summary: 'commit TLS settings to a share of the peers first, then to all',
  usage: 'commitrollout [SHARE [TIME [BOUND [MINUTES ["COMMENT" [Y|N [Y|N [Y|N]]]]]]]]',
  help: `As "commit", for changes of TLS alone. A share of the peers (networks: /24, /64; the same ones all the time) gets the new
settings, all others keep the former ones. Failures in the share are compared with what the preview foretold and with the others:
where more than BOUND peers fail that nobody foretold, it is taken back, and an alert says who they are; else it goes to all after
TIME (90m, 24h, 7d). MINUTES: from then on it must be confirmed within so many (see "confirm"); 0: it need not be.
"rollout" tells how it stands. Until it ends nothing else can be committed.`,
  words: 'answers',
  run: async (context) => {
    const { dialogue } = context;
    const share = await askValue(
      dialogue,
      { text: '\nTo which share of the peers, in per cent?', default: '20' },
      (answer) => checkNumber(answer, [smallestShare, largestShare], 'a number'),
    );
    const duration = await askValue(
      dialogue,
      { text: 'After which time does it go to all?', default: '24h' },
      checkDuration,
    );
    const bound = await askValue(
      dialogue,
      { text: 'How many peers more than foretold may fail?', default: '0' },
      (answer) =>
        /^\d+$/.test(answer)
          ? checkNumber(answer, [0, largestBound], 'a whole number')
          : refused('Enter a whole number.'),
    );
    const minutes = await askValue(
      dialogue,
      { text: 'Within how many minutes must it be confirmed once it has gone to all?', default: '0' },
      (answer) => checkNumber(answer, [0, longestConfirmation], 'a number of minutes'),
    );
    await runCommit(context, { rollOut: { share, duration, bound }, confirmWithin: minutes * 60_000 });
  },
};

export const rollout: Command = {
  name: 'rollout',
  group: 'Changes',
  summary: 'how a roll-out stands; have it go to all at once, or take it back',
  usage: 'rollout [ALL|BACK]',
  help: `Who was there of the share and of the others, who fails, and whether that was foretold (see "commitrollout"). "rollout all"
gives everybody the new settings at once, "rollout back" the former ones.`,
  words: 'own',
  complete: ['all', 'back'],
  run: async ({ host, dialogue, actor, words }) => {
    const [word = ''] = words;
    const how = word.toLowerCase();
    if (words.length > 1 || !['', 'all', 'back'].includes(how)) {
      throw new PosternError('bad-usage', `"${short(words.join(' '))}" is not known`, {
        remedy: 'Enter "rollout", "rollout all" or "rollout back".',
      });
    }
    if (how === 'all' || how === 'back') {
      const revision = await host.endRollOut(actor, how);
      const said =
        how === 'all'
          ? 'All peers have the new settings.'
          : `Taken back: revision ${revision} has the former settings.`;
      dialogue.print(`\n${said}`);
      return;
    }
    const view = host.rollOut();
    dialogue.print(`\n${view === null ? 'There was no roll-out yet.' : rollOutText(view, Date.now())}`);
  },
};

const row = (label: string, value: string) => `${label.padEnd(31)}${value}`;

export function rollOutText(view: RollOutView, now: number): string {
  const { revision, share, until, services, inside, outside, foretold, unforeseen, expected, bound, failing } = view;
  const side = ({ peers, failing: failed, succeeded, failed: handshakes }: RollOutView['inside']) =>
    `${plural(peers, 'peer')}, ${failed} of them fail; ${plural(succeeded + handshakes, 'handshake')}, ${handshakes} failed`;
  const lines = [
    row('Roll-out:', `revision ${revision}, ${share} % of the peers (${services.join(', ')})`),
    row('State:', stateText(view, now)),
    ...(view.state === 'running'
      ? [row('Goes to all:', `${formatTime(until)} (in ${formatSpan(Math.max(0, until - now))})`)]
      : []),
    row('In the share:', side(inside)),
    row('The others:', side(outside)),
    row('Foretold to fail in the share:', plural(foretold, 'peer')),
    row(
      'Not foretold:',
      `${plural(unforeseen, 'peer')}${expected > 0 ? `, ${expected.toFixed(1)} by the rate of the others` : ''}; taken back from ${bound + 1} on`,
    ),
    ...(view.lost === 0 ? [] : [row('Not looked at:', `${view.lost} handshakes`)]),
  ];
  if (failing.length === 0) return lines.join('\n');
  const rows = failing
    .slice(0, shownFailing)
    .map(({ name, address, inside: within, fate, count, explanation, detail }) => {
      const who = name === '' ? address : `${name} (${address})`;
      return `  ${who}, ${within ? 'in the share' : 'not in the share'}, ${plural(count, 'time')}, ${fates[fate]}: ${explanation ?? detail}`;
    });
  return `${lines.join('\n')}\n\nWho fails:\n${rows.join('\n')}`;
}

const fates: Readonly<Record<RollOutView['failing'][number]['fate'], string>> = {
  refused: 'not foretold',
  'broken-off': 'not foretold',
  foretold: 'foretold',
  before: 'fails under the former settings too',
  'no-hello': 'began no TLS',
  pending: 'not judged yet',
};

function stateText({ state, ended, endedBy, reason }: RollOutView, now: number): string {
  if (state === 'running') return 'running';
  const when = `${formatTime(ended ?? now)}${endedBy === null ? '' : ` by ${endedBy}`}`;
  return state === 'completed' ? `went to all, ${when}` : `taken back, ${when}${reason === null ? '' : `: ${reason}`}`;
}

/** For `status`. */
export function rollOutLine({ revision, share, until, inside, unforeseen }: RollOutView): string {
  return `revision ${revision}, ${share} % until ${formatTime(until)}; ${inside.failing} of ${inside.peers} peers fail, ${unforeseen} not foretold ("rollout")`;
}
