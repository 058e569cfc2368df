// All commands by name, and help about them.
import { nearest } from '../../config/issue.ts';
import { PosternError } from '../../errors.ts';
import { adviseCommand } from './advice.ts';
import { displayalerts } from './alerts.ts';
import { certconfig } from './certconfig.ts';
import { clearchanges, commit, commitdetail, rollbackconfig, showchanges } from './changes.ts';
import type { Command } from './command.ts';
import { loadconfig, showconfig } from './configuration.ts';
import { commitconfirmed, confirm } from './confirm.ts';
import { deleteMessages, delivernow, hold, release } from './delivery.ts';
import { destconfig } from './destconfig.ts';
import { dkimconfig } from './dkimconfig.ts';
import { dnsrecords } from './dnsrecords.ts';
import { exceptionconfig } from './exceptionconfig.ts';
import { forgetaddress } from './forget.ts';
import { listenerconfig } from './listenerconfig.ts';
import { grep, tail } from './logs.ts';
import { preview } from './preview.ts';
import { short } from './question.ts';
import { hoststatus, showrecipients } from './queue.ts';
import { rehearseCommand } from './rehearse.ts';
import { commitrollout, rollout } from './rollout.ts';
import { quit } from './session.ts';
import { setup } from './setup.ts';
import { smtproutes } from './smtproutes.ts';
import { sslconfig } from './sslconfig.ts';
import { status, version } from './status.ts';
import { tlsconnections } from './tlsconnections.ts';
import { tlsreports } from './tlsreports.ts';
import { daneverify, tlsverify } from './tlsverify.ts';
import { userconfig } from './userconfig.ts';

const groups: readonly Command['group'][] = ['Configuration', 'Changes', 'Monitoring', 'Queue', 'Session'];

const help: Command = {
  name: 'help',
  aliases: ['?'],
  group: 'Session',
  summary: 'this list, or more about one command',
  usage: 'help [COMMAND]',
  help: 'Commands and their sub-commands may be written in capitals or not. Tab completes them.',
  words: 'own',
  run: async ({ dialogue, words }) => {
    if (words.length === 0) {
      dialogue.print(`\n${overview()}`);
      return;
    }
    const found = findCommand(words);
    if (found === null) throw new PosternError('bad-usage', unknownCommand(words[0] ?? ''));
    const { name, aliases = [], summary, usage, help: more } = found.command;
    const also = aliases.length === 0 ? '' : `\nAlso: ${aliases.join(', ')}`;
    dialogue.print(`\n${name} - ${summary}\n\nUsage: ${usage}${also}\n\n${more}`);
  },
};

export const commands: readonly Command[] = [
  sslconfig,
  listenerconfig,
  smtproutes,
  destconfig,
  exceptionconfig,
  certconfig,
  dkimconfig,
  userconfig,
  showconfig,
  loadconfig,
  commit,
  commitconfirmed,
  confirm,
  commitrollout,
  rollout,
  clearchanges,
  showchanges,
  preview,
  adviseCommand,
  rehearseCommand,
  commitdetail,
  rollbackconfig,
  status,
  hoststatus,
  displayalerts,
  forgetaddress,
  tlsconnections,
  tlsverify,
  daneverify,
  tlsreports,
  dnsrecords,
  tail,
  grep,
  version,
  showrecipients,
  delivernow,
  deleteMessages,
  hold,
  release,
  setup,
  help,
  quit,
];

/** Phrases for Tab: every command, with each of its words. */
export const completions: readonly string[] = commands.flatMap((command) => [
  command.name,
  ...(command.aliases ?? []),
  ...(command.name === 'help' ? commands.map((other) => other.name) : (command.complete ?? [])).map(
    (word) => `${command.name} ${word}`,
  ),
]);

function overview(): string {
  const blocks = groups.map((group) => {
    const rows = commands.filter((command) => command.group === group);
    return `${group}:\n${rows.map((command) => `  ${command.name.padEnd(16)}${command.summary}`).join('\n')}`;
  });
  return `${blocks.join('\n\n')}\n\n"help COMMAND" tells more about one of them.`;
}

/** The command that the words name, and the words behind its name. Some names have two words: `deliver now`. */
export function findCommand(
  words: readonly string[],
): { readonly command: Command; readonly rest: readonly string[] } | null {
  for (const length of [2, 1]) {
    if (words.length < length) continue;
    const name = words.slice(0, length).join(' ').toLowerCase();
    const command = commands.find((one) => one.name === name || one.aliases?.includes(name));
    if (command !== undefined) return { command, rest: words.slice(length) };
  }
  return null;
}

/** Begins with `Unknown command`. */
export function unknownCommand(word: string): string {
  const meant = nearest(
    word,
    commands.map((command) => command.name),
  );
  const hint = meant === null ? '' : ` Did you mean "${meant}"?`;
  return `Unknown command: ${short(word)}${hint ? `.${hint}` : ''}\nEnter "help" for the list of commands.`;
}
