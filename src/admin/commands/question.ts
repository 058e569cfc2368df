// The kinds of questions that commands ask: menus of operations, numbered lists, yes or no, values with a check.
import { PosternError } from '../../errors.ts';
import type { Dialogue } from './command.ts';

export interface Operation {
  readonly key: string;
  readonly text: string;
  run(): Promise<void>;
}

export type Checked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly message: string };

export const accepted = <T>(value: T): Checked<T> => ({ ok: true, value });
export const refused = (message: string): Checked<never> => ({ ok: false, message });

/**
 * Shows `heading` and the operations until Enter. Keys are case-insensitive; a beginning that fits one key only is enough.
 * Both are asked for anew each time: what there is to do depends on what was done.
 */
export async function operationMenu(
  dialogue: Dialogue,
  heading: () => string,
  operations: () => readonly Operation[],
): Promise<void> {
  for (;;) {
    const offered = operations();
    const list = offered.map((operation) => `- ${operation.key} - ${operation.text}`);
    const top = heading();
    const answer = await dialogue.ask({
      text: `${top === '' ? '' : `\n${top}\n`}\nChoose the operation you want to perform:\n${list.join('\n')}`,
      choices: offered.map((operation) => operation.key),
    });
    if (answer === '') return;
    const chosen = findByKey(offered, answer);
    if (chosen === null) {
      dialogue.refuse(
        `Unknown option "${short(answer)}". Enter one of ${offered.map((o) => o.key).join(', ')}, or nothing.`,
      );
    } else {
      await perform(dialogue, chosen);
    }
  }
}

/** What an operation could not do is told, and the menu comes again. */
async function perform(dialogue: Dialogue, operation: Operation): Promise<void> {
  try {
    await operation.run();
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    dialogue.refuse(errorText(error));
  }
}

function findByKey(operations: readonly Operation[], answer: string): Operation | null {
  const wanted = answer.toUpperCase();
  const exact = operations.find((operation) => operation.key === wanted);
  if (exact !== undefined) return exact;
  const beginning = operations.filter((operation) => operation.key.startsWith(wanted));
  return beginning.length === 1 ? (beginning[0] ?? null) : null;
}

/** Asks until the check accepts. A refused answer is told and the question comes again. */
export async function askValue<T>(
  dialogue: Dialogue,
  question: { readonly text: string; readonly default?: string; readonly choices?: readonly string[] },
  check: (answer: string) => Checked<T>,
): Promise<T> {
  for (;;) {
    const checked = check(await dialogue.ask(question));
    if (checked.ok) return checked.value;
    dialogue.refuse(checked.message);
  }
}

/** `question [Y]> ` */
export async function askYesNo(dialogue: Dialogue, question: string, preset: boolean): Promise<boolean> {
  for (;;) {
    const answer = await dialogue.ask({ text: question, default: preset ? 'Y' : 'N', inline: true });
    if (/^y(es)?$/i.test(answer)) return true;
    if (/^no?$/i.test(answer)) return false;
    dialogue.refuse('Enter Y or N.');
  }
}

/** A numbered list; the answer is a number or one of the texts' first words. `preset` is an index. */
export async function askChoice(
  dialogue: Dialogue,
  text: string,
  choices: readonly string[],
  preset?: number,
): Promise<number> {
  const list = choices.map((choice, index) => `${index + 1}. ${choice}`);
  return askValue(
    dialogue,
    {
      text: [text, ...list].join('\n'),
      choices,
      ...(preset === undefined ? {} : { default: String(preset + 1) }),
    },
    (answer) => {
      const number = Number(answer);
      if (answer !== '' && Number.isInteger(number) && number >= 1 && number <= choices.length)
        return accepted(number - 1);
      const named = choices.findIndex((choice) => choice.toLowerCase() === answer.toLowerCase());
      if (named >= 0) return accepted(named);
      return refused(`The value must be an integer from 1 to ${choices.length}.`);
    },
  );
}

/** For error texts: one line, not too long. */
export function short(text: string): string {
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '?');
  return line.length > 60 ? `${line.slice(0, 57)}...` : line;
}

/** An error as it is told: its message as a sentence, on the next line what would be right. */
export function errorText(error: PosternError): string {
  return [error.message, error.remedy ?? '']
    .filter((text) => text !== '')
    .map(sentence)
    .join('\n');
}

/** Begins with a capital unless its first word is a name, a path or a key; ends with a full stop unless it has an end. */
export function sentence(text: string): string {
  const capital = /^[a-z]+[ ,;]/.test(text) ? `${text.charAt(0).toUpperCase()}${text.slice(1)}` : text;
  if (capital.startsWith('Usage: ')) return capital;
  return /[.!?:\n)"]$/.test(capital) || capital.includes('\n') ? capital : `${capital}.`;
}

const mostDays = 3650;

/** How far back a command looks: its word, or `usual` without one. */
export function daysOf(word: string | undefined, usual: number): number {
  if (word === undefined) return usual;
  const days = Number(word);
  if (Number.isInteger(days) && days >= 1 && days <= mostDays) return days;
  throw new PosternError('bad-usage', `"${short(word)}" is no number of days`, {
    remedy: `Enter a whole number from 1 to ${mostDays}, or nothing for ${usual}.`,
  });
}
