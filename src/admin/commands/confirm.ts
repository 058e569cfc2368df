// confirm, commitconfirmed: commits that are taken back unless somebody can still get in to confirm them.
import { PosternError } from '../../errors.ts';
import { confirmAction, runCommit } from './changes.ts';
import type { Command } from './command.ts';
import { accepted, askValue, refused, short } from './question.ts';
import { formatTime } from './time.ts';

/** Minutes. */
export const longestConfirmation = 24 * 60;

export const confirm: Command = {
  name: 'confirm',
  group: 'Changes',
  summary: 'keep a commit that waits for a confirmation, or take it back',
  usage: 'confirm [UNDO]',
  help: `A commit of "commitconfirmed", and each that changes versions, ciphers, certificate, address or ports of the web service,
is taken back by itself unless it is confirmed in time: through a connection that was made after it. This shell counts if it was
opened after the commit. "confirm undo" takes it back at once, from anywhere.`,
  words: 'own',
  complete: ['undo'],
  run: async ({ host, dialogue, actor, words }) => {
    const [word] = words;
    if (words.length > 1 || (word !== undefined && !/^undo$/i.test(word))) {
      throw new PosternError('bad-usage', `"${short(word ?? '')}" is not known`, {
        remedy: 'Enter "confirm", or "confirm undo".',
      });
    }
    if (word !== undefined) {
      const revision = await host.takeBack(actor);
      const kept = 'Nothing of it was left to take back.';
      dialogue.print(`\n${revision === null ? kept : `Taken back: revision ${revision} has the former settings.`}`);
      return;
    }
    const { revisions } = await host.confirm(actor);
    dialogue.print(`\nConfirmed: revision ${revisions.join(', ')} stays in force.`);
  },
};

export const commitconfirmed: Command = {
  name: 'commitconfirmed',
  group: 'Changes',
  summary: 'commit, and take it back unless it is confirmed within N minutes',
  usage: 'commitconfirmed [MINUTES ["COMMENT" [Y|N [Y|N [Y|N]]]]]',
  help: `As "commit". Without "confirm" from a new connection within so many minutes (10 unless you say otherwise; 0: no confirmation
is needed) what it changed is taken back, also when the gateway was restarted in between. What others commit meanwhile stays.`,
  words: 'answers',
  run: async (context) => {
    const question = { text: '\nWithin how many minutes must it be confirmed?', default: '10' };
    const minutes = await askValue(context.dialogue, question, (answer) => {
      const value = Number(answer);
      if (/^\d+(\.\d+)?$/.test(answer) && value <= longestConfirmation) return accepted(value);
      return refused(`Enter a number of minutes from 0 to ${longestConfirmation}.`);
    });
    await runCommit(context, { confirmWithin: minutes * 60_000 });
  },
};

/** For `status`. */
export function waitingLine(waiting: { readonly revisions: readonly number[]; readonly until: number }): string {
  return `revision ${waiting.revisions.join(', ')}, by ${formatTime(waiting.until)} (${confirmAction})`;
}
