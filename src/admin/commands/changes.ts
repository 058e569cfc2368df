// commit, clearchanges, showchanges, commitdetail, rollbackconfig: what becomes of an administrator's candidate.
import { oneLine } from '../../config/quote.ts';
import { PosternError } from '../../errors.ts';
import type { Actor, AdminHost, CommitChoice, CommitResult } from '../host.ts';
import { clearCandidate, resolveCandidate, rollbackCandidate } from './candidate.ts';
import type { Command, CommandContext, Dialogue } from './command.ts';
import { printSummary } from './preview.ts';
import { accepted, askChoice, askValue, askYesNo, errorText, refused, short } from './question.ts';
import { formatTime } from './time.ts';

const nothing = 'There is no data to commit.';
/** Longest comment, in characters. */
const longestComment = 1000;

/** A comment is one line in the log. */
function checkComment(text: string) {
  if (text.length > longestComment) return refused(`The comment is longer than ${longestComment} characters.`);
  return accepted(oneLine(text));
}

const askComment = (dialogue: Dialogue) =>
  askValue(dialogue, { text: '\nPlease enter some comments describing your changes:' }, checkComment);

function conflictText(keys: readonly string[]): string {
  return `Another administrator has committed other values for what you changed:\n${keys.map((key) => `  ${key}`).join('\n')}`;
}

/** False: the administrator wants to look first. */
async function settleConflicts(host: AdminHost, dialogue: Dialogue, actor: Actor): Promise<boolean> {
  const keys = host.config.conflicts(actor.user);
  if (keys.length === 0) return true;
  const choices = ['Keep your values.', 'Keep the committed values.', 'Commit nothing now.'];
  const choice = await askChoice(dialogue, `\n${conflictText(keys)}\n`, choices, 2);
  if (choice === 2) {
    throw new PosternError('conflict', `nothing was committed: ${keys.join('; ')} changed meanwhile`, {
      remedy: '"showchanges" tells what you changed, "commitdetail" what the others did.',
    });
  }
  await resolveCandidate(host, actor, choice === 0 ? 'mine' : 'theirs');
  if (host.config.pending(actor.user).length > 0) return true;
  dialogue.print(`\n${nothing}`);
  return false;
}

/** A commit that would lock somebody out of the web UI is made only if it is said once more. */
async function commitAskingTwice(
  { host, dialogue, actor }: CommandContext,
  comment: string,
  choice: CommitChoice,
): Promise<void> {
  let result: CommitResult;
  try {
    result = await host.commit(actor, comment, choice);
    dialogue.spareWords(1);
  } catch (error) {
    if (!(error instanceof PosternError && error.code === 'lock-out')) throw error;
    dialogue.print(`\n${errorText(error)}`);
    if (!(await askYesNo(dialogue, '\nDo you want to commit all the same?', false))) throw error;
    result = await host.commit(actor, comment, { ...choice, force: true });
  }
  dialogue.print(`Changes committed: ${formatTime(result.time)}`);
  for (const warning of result.warnings) dialogue.print(warning);
  if (result.rollOutUntil !== null) {
    dialogue.print(
      `It goes to all at ${formatTime(result.rollOutUntil)} unless more peers fail than was foretold; "rollout" tells more.`,
    );
  }
  if (result.confirmBy === null) return;
  dialogue.print(`It is taken back at ${formatTime(result.confirmBy)} unless it is confirmed: ${confirmAction}.`);
}

/** How to confirm. */
export const confirmAction = '"confirm" in a new shell, or in the web UI';

/** The dialogue of a commit. */
export async function runCommit(
  context: CommandContext,
  choice: Pick<CommitChoice, 'confirmWithin' | 'rollOut'> = {},
): Promise<void> {
  const { host, dialogue, user, actor } = context;
  if (host.config.pending(user).length === 0) {
    dialogue.spareWords(4);
    dialogue.print(`\n${nothing}`);
    return;
  }
  if (!(await settleConflicts(host, dialogue, actor))) return;
  const comment = await askComment(dialogue);
  const keep = await askYesNo(dialogue, 'Do you want to save the current configuration for rollback?', true);
  if (!(await printSummary(host, dialogue, user))) dialogue.spareWords(1);
  else {
    const go = await askYesNo(dialogue, 'Somebody would break. Do you want to commit all the same?', false);
    if (!go) {
      throw new PosternError('not-committed', 'nothing was committed', {
        remedy: '"preview" tells more; "sslconfig" changes your settings, which stay pending.',
      });
    }
  }
  await commitAskingTwice(context, comment, { keep, ...choice });
}

export const commit: Command = {
  name: 'commit',
  group: 'Changes',
  summary: 'put the pending changes into force',
  usage: 'commit ["COMMENT" [Y|N [Y|N [Y|N]]]]',
  help: `Asks for a comment and whether the configuration that is replaced stays in the list of "rollbackconfig". New connections
use the new configuration at once; those that are open go on. Who would break is said first (see "preview"), and where somebody
does, you are asked again (third word); so you are where it would lock somebody out of the web UI (fourth word). If any part of the gateway cannot use it, nothing changes. What changes the web service's TLS, certificate,
address or ports must be confirmed within 10 minutes (see "confirm"; "commitconfirmed" chooses the time).`,
  words: 'answers',
  run: (context) => runCommit(context),
};

export const clearchanges: Command = {
  name: 'clearchanges',
  aliases: ['clear'],
  group: 'Changes',
  summary: 'forget the pending changes',
  usage: 'clearchanges [Y]',
  help: 'Your candidate is again what is committed. The changes of other administrators stay pending.',
  words: 'answers',
  run: async ({ host, dialogue, user, actor }) => {
    if (host.config.pending(user).length === 0) {
      dialogue.print('\nThere are no changes to clear.');
      return;
    }
    // Two blanks, as in the reference.
    const question = '\nAre you sure you want to clear all changes since the last commit? ';
    if (!(await askYesNo(dialogue, question, true))) return;
    await clearCandidate(host, actor);
    dialogue.print(`\nChanges cleared: ${formatTime(new Date())}`);
  },
};

export const showchanges: Command = {
  name: 'showchanges',
  group: 'Changes',
  summary: 'what a commit would change',
  usage: 'showchanges',
  help: 'One line a difference: the key of the configuration, what it was, what it becomes.',
  words: 'none',
  run: async ({ host, dialogue, user }) => {
    const lines = host.config.pending(user);
    dialogue.print(lines.length === 0 ? '\nNo changes are pending.' : `\n${lines.join('\n')}`);
    const conflicts = host.config.conflicts(user);
    if (conflicts.length > 0) dialogue.print(`\n${conflictText(conflicts)}`);
  },
};

export const commitdetail: Command = {
  name: 'commitdetail',
  group: 'Changes',
  summary: 'the last commit, or revision N: when, who, comment, what it changed',
  usage: 'commitdetail [N]',
  help: 'The list of "rollbackconfig" has the numbers of the revisions.',
  words: 'own',
  run: async ({ host, dialogue, words }) => {
    const history = host.config.history();
    const wanted = words[0] === undefined ? history[0]?.number : Number(words[0]);
    const info = history.find((entry) => entry.number === wanted);
    if (info === undefined) {
      throw new PosternError('not-found', `there is no revision "${short(words[0] ?? '')}"`, {
        remedy: 'The list of "rollbackconfig" has their numbers.',
      });
    }
    const by = `Commit at ${formatTime(info.time)} by ${info.user} with comments: "${info.comment}".`;
    const before = history.find((entry) => entry.number < info.number);
    const lines =
      before === undefined
        ? ['This is the oldest revision that is kept.']
        : await host.config.diff(before.number, info.number);
    dialogue.print(
      `\nRevision ${info.number}. ${by}\n\n${lines.length === 0 ? 'Nothing was changed.' : lines.join('\n')}`,
    );
  },
};

export const rollbackconfig: Command = {
  name: 'rollbackconfig',
  group: 'Changes',
  summary: 'go back to an earlier configuration',
  usage: 'rollbackconfig',
  help: `Lists the previous commits. The one that is chosen becomes your candidate, in place of pending changes, and can be
committed at once; the history keeps everything, so that a rollback can be rolled back.`,
  words: 'answers',
  run: async (context) => {
    const { host, dialogue, user, actor } = context;
    const { number: present } = host.config.committed();
    const offered = host.config.history().filter((entry) => entry.offered && entry.number !== present);
    if (offered.length === 0) {
      dialogue.print('\nThere are no previous commits to go back to.');
      return;
    }
    const width = String(offered.length).length + 1;
    const rows = offered.map(
      ({ number, time, user: who, comment }, index) =>
        `${`${index + 1}.`.padEnd(width)} ${formatTime(time).padEnd(30)}${who.padEnd(16)}${comment} (revision ${number})`,
    );
    const heading = `${''.padEnd(width)} ${'Committed On'.padEnd(30)}${'User'.padEnd(16)}Description`;
    const chosen = await askValue(
      dialogue,
      {
        text: `\nPrevious commits:\n${heading}\n${'-'.repeat(80)}\n${rows.join('\n')}\n\nEnter the number of the configuration to go back to.`,
      },
      (answer) => {
        if (answer === '') return accepted(null);
        const entry = /^[0-9]+\.?$/.test(answer) ? offered[Number.parseInt(answer, 10) - 1] : undefined;
        return entry === undefined
          ? refused(`"${short(answer)}" is not in the list. Enter a number of its first column, or nothing.`)
          : accepted(entry);
      },
    );
    if (chosen === null) return;
    const lines = await host.config.diff(present, chosen.number);
    const pending = host.config.pending(user).length > 0 ? '\nYour pending changes will be lost.' : '';
    dialogue.print(`\nThis will change:\n${lines.length === 0 ? '(nothing)' : lines.join('\n')}${pending}`);
    if (!(await askYesNo(dialogue, '\nAre you sure you want to roll back the configuration?', false))) return;
    await rollbackCandidate(host, actor, chosen.number);
    dialogue.print(`\nReverted to ${formatTime(chosen.time)} ${chosen.user} ${chosen.comment}`.trimEnd());
    if (host.config.pending(user).length === 0) {
      dialogue.print('\nIt is the same as what is committed; there is nothing to commit.');
      return;
    }
    if (!(await askYesNo(dialogue, '\nDo you want to commit this configuration now?', false))) {
      dialogue.print('\nBe sure to run "commit" to make these settings active.');
      return;
    }
    await commitAskingTwice(context, `rollback to revision ${chosen.number}`, { keep: true });
  },
};
