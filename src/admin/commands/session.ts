// quit: the end of a session.
import type { Command } from './command.ts';
import { askYesNo } from './question.ts';

export const quit: Command = {
  name: 'quit',
  aliases: ['exit', 'logout'],
  group: 'Session',
  summary: 'leave the shell',
  usage: 'quit',
  help: 'Ctrl-D does the same. Changes that are not committed stay pending: they are there again in the next session.',
  words: 'none',
  run: async ({ host, dialogue, user }) => {
    if (host.config.pending(user).length > 0) {
      dialogue.print('\nThere are changes that are not committed. They stay pending until "commit" or "clearchanges".');
      if (dialogue.interactive && !(await askYesNo(dialogue, 'Are you sure you want to leave?', true))) return;
    }
    dialogue.quit();
  },
};
