// showconfig, loadconfig: the configuration as a YAML text.
import { printConfig } from '../../config/yaml.ts';
import { PosternError } from '../../errors.ts';
import { importCandidate } from './candidate.ts';
import type { Command, Dialogue } from './command.ts';
import { readNamedFile } from './named-file.ts';
import { accepted, askChoice, askValue, refused } from './question.ts';

/** Characters of a pasted configuration, bytes of a file. */
const longest = 8 * 1024 * 1024;

export const showconfig: Command = {
  name: 'showconfig',
  group: 'Configuration',
  summary: 'print the configuration as YAML',
  usage: 'showconfig [PENDING]',
  help: `What is committed; with PENDING, what it would be with your pending changes. It holds no secrets: keys of certificates
are names of files.`,
  words: 'own',
  complete: ['PENDING'],
  run: async ({ host, dialogue, user, words }) => {
    const pending = words[0]?.toUpperCase() === 'PENDING';
    if (words.length > 0 && (!pending || words.length > 1)) {
      throw new PosternError('bad-usage', `showconfig knows only the word PENDING`, {
        remedy: 'Usage: showconfig [PENDING]',
      });
    }
    const text = pending ? printConfig(host.config.candidate(user).config) : await host.config.exportText();
    dialogue.print(`\n${text}`);
    await dialogue.drained();
  },
};

export const loadconfig: Command = {
  name: 'loadconfig',
  group: 'Configuration',
  summary: 'load a configuration from a paste or a file',
  usage: 'loadconfig [1 | 2 FILE]',
  help: `The YAML text replaces your candidate as a whole; keys that it leaves out have their defaults. A paste ends with a line
of one dot, or with Ctrl-D on an empty line. A file is read by the gateway; a relative name is below its data directory. A
text with a mistake is refused with the line, the key, the reason and what would be right, and changes nothing. "commit"
puts what was loaded into force.`,
  words: 'answers',
  run: async ({ host, dialogue, actor }) => {
    const way = await askChoice(dialogue, '', ['Paste via CLI', 'Load from file'], 0);
    const { text, source } = way === 0 ? await pasted(dialogue) : await fromFile(dialogue, host.dataDirectory);
    const { changes } = await importCandidate(host, actor, text, source);
    const upgraded = changes.map((change) => `${change}\n`).join('');
    dialogue.print(`\n${upgraded}Values have been loaded.\nBe sure to run "commit" to make these settings active.`);
  },
};

async function pasted(dialogue: Dialogue): Promise<{ readonly text: string; readonly source: string }> {
  dialogue.print(
    '\nPaste the configuration now. End it with a line of one dot, or press CTRL-D on a blank line when done.',
  );
  const lines: string[] = [];
  let length = 0;
  for (;;) {
    const line = await dialogue.paste();
    if (line === null || line === '.') return { text: `${lines.join('\n')}\n`, source: 'the pasted text' };
    length += line.length + 1;
    if (length > longest) {
      throw new PosternError('bad-configuration', `the pasted text is longer than ${longest} characters`, {
        remedy: 'Move long lists into files, or load it from a file.',
      });
    }
    lines.push(line);
  }
}

async function fromFile(
  dialogue: Dialogue,
  directory: string,
): Promise<{ readonly text: string; readonly source: string }> {
  const source = await askValue(dialogue, { text: '\nEnter the name of the file to import:' }, (answer) =>
    answer === '' ? refused('Enter the name of a YAML file.') : accepted(answer),
  );
  return { text: await readNamedFile(directory, source, longest), source };
}
