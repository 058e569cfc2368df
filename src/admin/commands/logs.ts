// tail, grep: the logs.

import { PosternError } from '../../errors.ts';
import { grepLog, tailLog } from '../../ledger/follow.ts';
import type { LogName } from '../../ledger/rotation.ts';
import type { Command, Dialogue } from './command.ts';
import { accepted, askValue, askYesNo, refused, short } from './question.ts';

interface LogEntry {
  readonly name: string;
  readonly log: LogName;
  readonly type: string;
}

const logs: readonly LogEntry[] = [
  { name: 'mail_logs', log: 'mail', type: 'Text Mail Logs' },
  { name: 'system_logs', log: 'system', type: 'System Logs' },
  { name: 'mail_json', log: 'json', type: 'JSON Mail Logs' },
];

const names = logs.map((entry) => entry.name);

function findLog(answer: string): LogEntry | undefined {
  const wanted = answer.toLowerCase();
  return logs.find((entry, index) => entry.name === wanted || entry.log === wanted || String(index + 1) === wanted);
}

function askLog(dialogue: Dialogue, what: string): Promise<LogEntry> {
  const list = logs.map((entry, index) => `${index + 1}. "${entry.name}" Type: "${entry.type}"`);
  return askValue(
    dialogue,
    {
      text: `\nCurrently configured logs:\n${list.join('\n')}\nEnter the number of the log you wish to ${what}.`,
      default: '1',
      choices: names,
    },
    (answer) => {
      const found = findLog(answer);
      return found === undefined ? refused(`There is no log "${short(answer)}".`) : accepted(found);
    },
  );
}

export const tail: Command = {
  name: 'tail',
  group: 'Monitoring',
  summary: 'follow a log until Ctrl-C',
  usage: 'tail [mail_logs|system_logs|mail_json]',
  help: 'Shows the last lines of the log and then those that come, across rotations.',
  words: 'answers',
  endless: true,
  complete: names,
  run: async ({ host, dialogue }) => {
    const { log } = await askLog(dialogue, 'tail');
    if (dialogue.interactive) dialogue.print('\nPress Ctrl-C to stop.');
    for await (const line of tailLog(host.logDirectory, log, {}, dialogue.signal)) {
      dialogue.print(line);
      await dialogue.drained();
    }
  },
};

interface GrepWords {
  readonly pattern: string | null;
  readonly log: LogEntry | null;
  readonly ignoreCase: boolean;
  readonly invert: boolean;
}

/** `grep [-i] [-v] [-e] PATTERN [LOG]`. */
export function parseGrep(words: readonly string[]): GrepWords {
  let ignoreCase = false;
  let invert = false;
  const rest = [...words];
  while (rest.length > 1 && /^-[iv]+$/.test(rest[0] ?? '')) {
    const flags = rest.shift() ?? '';
    ignoreCase = ignoreCase || flags.includes('i');
    invert = invert || flags.includes('v');
  }
  if (rest.length > 1 && rest[0] === '-e') rest.shift();
  const pattern = rest.shift() ?? null;
  const name = rest.shift();
  const log = name === undefined ? null : (findLog(name) ?? null);
  if (rest.length > 0 || (name !== undefined && log === null)) {
    throw new PosternError('bad-usage', `"${short(name ?? '')}" is not the name of a log`, {
      remedy: `Usage: ${grepUsage}. A pattern with blanks stands in quotation marks.`,
    });
  }
  return { pattern, log, ignoreCase, invert };
}

const grepUsage = 'grep [-i] [-v] PATTERN [mail_logs|system_logs|mail_json]';

export const grep: Command = {
  name: 'grep',
  group: 'Monitoring',
  summary: 'search a log, its closed files included',
  usage: grepUsage,
  help: `The pattern is a regular expression. -i: capitals do not count; -v: lines that do not match. Without a pattern it asks for
everything. Ctrl-C ends the search.`,
  words: 'own',
  complete: ['-i', '-v'],
  run: async ({ host, dialogue, words }) => {
    const given = parseGrep(words);
    let { log, pattern, ignoreCase, invert } = given;
    if (pattern === null) {
      log = await askLog(dialogue, 'grep');
      pattern = await askValue(dialogue, { text: '\nEnter the regular expression to grep.' }, (answer) =>
        answer === '' ? refused('Enter a regular expression.') : accepted(answer),
      );
      ignoreCase = await askYesNo(dialogue, '\nDo you want this search to be case insensitive?', true);
      invert = await askYesNo(dialogue, '\nDo you want to search for non-matching lines?', false);
      dialogue.print('');
    }
    let found = 0;
    const lines = grepLog(host.logDirectory, log?.log ?? 'mail', pattern, { ignoreCase, invert }, dialogue.signal);
    for await (const line of lines) {
      dialogue.print(line);
      found++;
      await dialogue.drained();
    }
    if (found === 0) throw new PosternError('not-found', 'no line matches');
  },
};
