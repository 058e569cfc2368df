// What a command is: a function over an abstract dialogue. The shell plays the dialogue with a person or a script; the
// pure operations beside each command are shared with the other faces.
import type { Actor, AdminHost } from '../host.ts';

export interface Question {
  /** Whole lines above the prompt, without a final line end; for a yes/no question the question itself. */
  readonly text: string;
  /** What Enter means; stands in the brackets. Empty: `[]> `. */
  readonly default?: string;
  /** Shown instead of `default` between the brackets. */
  readonly shown?: string;
  /** The prompt stands on the line of the question. */
  readonly inline?: boolean;
  /** Without brackets. */
  readonly plain?: boolean;
  /** Words for Tab. */
  readonly choices?: readonly string[];
}

/** A command's side of the conversation. */
export interface Dialogue {
  /** Aborted by Ctrl-C and when the other side is gone. */
  readonly signal: AbortSignal;
  /** A person sits there: long output is paged. */
  readonly interactive: boolean;
  /** Lines of the screen. */
  readonly rows: number;
  readonly columns: number;
  /** The answer without surrounding blanks, or the default. Rejects with `Interrupted`. */
  ask(question: Question): Promise<string>;
  /** One pasted line as it is; null: the paste is over. */
  paste(): Promise<string | null>;
  /** Text is printed as it is; a line end is added where it has none. */
  print(text: string): void;
  /** Says why the last answer was refused; the question follows again. */
  refuse(text: string): void;
  /** Resolves when the other side has read enough of what was printed. */
  drained(): Promise<void>;
  /** So many words that were not asked for are no mistake: `commit "comment" Y` where nothing is pending. */
  spareWords(most: number): void;
  /** Ends the session after this command. */
  quit(): void;
}

export interface CommandContext {
  readonly host: AdminHost;
  readonly dialogue: Dialogue;
  /** Whose candidate is edited; stands in the log. */
  readonly user: string;
  /** The same, and from where. */
  readonly actor: Actor;
  /** The words behind the command's name; empty unless the command is `words: 'own'`. */
  readonly words: readonly string[];
}

export interface Command {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly group: 'Configuration' | 'Changes' | 'Monitoring' | 'Queue' | 'Session';
  /** One line for the list of `help`. */
  readonly summary: string;
  readonly usage: string;
  /** What `help <command>` tells beside summary and usage. */
  readonly help: string;
  /**
   * What words behind the name are: answers to the command's first questions (`sslconfig inbound 1-3`), its own affair, or
   * wrong.
   */
  readonly words: 'answers' | 'own' | 'none';
  /** Ctrl-C is the way to end it, not a failure. */
  readonly endless?: boolean;
  /** Words that Tab offers behind the name. */
  readonly complete?: readonly string[];
  /** Throws `PosternError` where it failed; what it says is printed. */
  run(context: CommandContext): Promise<void>;
}

/** The command was ended by Ctrl-C, or nobody is there any more. */
export class Interrupted extends Error {
  constructor() {
    super('interrupted');
    this.name = 'Interrupted';
  }
}

/** The input ended before a question was answered that has no default. */
export class InputEnded extends Error {
  constructor() {
    super('the input ended before the question was answered; nothing was done');
    this.name = 'InputEnded';
  }
}
