// One shell at the gateway's end: reads command lines, runs commands, plays their dialogues over the connection.
import { messageOf, PosternError } from '../../errors.ts';
import { systemWarning } from '../../ledger/events.ts';
import {
  type Command,
  type CommandContext,
  type Dialogue,
  InputEnded,
  Interrupted,
  type Question,
} from '../commands/command.ts';
import { errorText, sentence } from '../commands/question.ts';
import { completions, findCommand, unknownCommand } from '../commands/registry.ts';
import { splitWords } from '../commands/words.ts';
import type { AdminHost } from '../host.ts';
import { type ClientFrame, outputChunk, type ServerFrame, type ShellMode } from './protocol.ts';

/** The connection as the session sees it. */
export interface SessionLink {
  send(frame: ServerFrame): void;
  /** Resolves when the client has read enough; rejects with `Interrupted` where it does not. */
  drained(): Promise<void>;
  close(): void;
}

export interface SessionOptions {
  readonly host: AdminHost;
  readonly link: SessionLink;
  readonly user: string;
  readonly mode: ShellMode;
  readonly rows: number;
  readonly columns: number;
  /** Without an answer for this long (ms) the session ends. */
  readonly idle: number;
  readonly command?: string;
}

interface OpenQuestion {
  readonly id: number;
  readonly kind: 'command' | 'answer' | 'paste';
  readonly resolve: (line: string | null) => void;
  readonly reject: (error: Error) => void;
}

/** A menu that is answered with Enter after the input ended leads up; anything that asks more often goes round in circles. */
const questionsAfterEnd = 100;

export class ShellSession {
  readonly #options: SessionOptions;
  #screen: { rows: number; columns: number };
  #open: OpenQuestion | null = null;
  #nextId = 1;
  #command: AbortController | null = null;
  #words: string[] = [];
  #answeredByWord = false;
  #inputEnded = false;
  #askedAfterEnd = 0;
  #refused = false;
  #quitting = false;
  #gone = false;
  #printed = false;
  #failed = false;
  readonly #began = performance.now();
  #idleTimer: NodeJS.Timeout | null = null;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#screen = { rows: options.rows, columns: options.columns };
  }

  /** Runs to the end of the session; never rejects. */
  async run(): Promise<void> {
    const { mode, command, host, user } = this.#options;
    if (mode === 'command') {
      await this.#runLine(command ?? '');
    } else {
      while (!this.#quitting && !this.#gone) {
        const line = await this.#nextCommandLine();
        if (line === null) break;
        await this.#runLine(line);
      }
      if (this.#inputEnded && !this.#gone && host.config.pending(user).length > 0) this.#output(pendingNotice);
    }
    this.#options.link.send({ type: 'bye', status: this.#failed ? 1 : 0 });
    this.#options.link.close();
  }

  receive(frame: ClientFrame): void {
    switch (frame.type) {
      case 'line':
        this.#answer(frame.id, frame.text);
        return;
      case 'pasted':
        this.#answer(frame.id, null);
        return;
      case 'end':
        this.#endInput();
        return;
      case 'interrupt':
        this.#interrupt();
        return;
      case 'resize':
        this.#screen = { rows: frame.rows, columns: frame.columns };
        return;
      case 'hello':
        return;
    }
  }

  /** The connection is lost, or the gateway ends. */
  disconnect(): void {
    this.#gone = true;
    this.#interrupt();
  }

  // --- Questions ---

  #answer(id: number, text: string | null): void {
    // An answer that crossed an interrupt belongs to a question that is gone.
    if (this.#open?.id !== id || (text === null && this.#open.kind !== 'paste')) return;
    const { resolve } = this.#open;
    this.#settle();
    resolve(text);
  }

  #settle(): void {
    this.#open = null;
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer);
    this.#idleTimer = null;
  }

  #endInput(): void {
    this.#inputEnded = true;
    if (this.#options.mode === 'terminal') {
      // Ctrl-D: whoever leaves in the middle of a command does not wait for its end.
      this.#interrupt();
      return;
    }
    const open = this.#open;
    if (open === null) return;
    this.#settle();
    open.resolve(null);
  }

  #interrupt(): void {
    this.#command?.abort();
    const open = this.#open;
    if (open === null) return;
    this.#settle();
    open.reject(new Interrupted());
  }

  #put(kind: OpenQuestion['kind'], prompt: string, complete?: readonly string[]): Promise<string | null> {
    if (this.#gone) return Promise.reject(new Interrupted());
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<string | null>();
    this.#open = { id, kind, resolve, reject };
    this.#idleTimer = setTimeout(() => this.#idle(), this.#options.idle);
    this.#idleTimer.unref();
    this.#options.link.send({ type: 'ask', id, kind, prompt, ...(complete === undefined ? {} : { complete }) });
    return promise;
  }

  #idle(): void {
    this.#output('\nNothing was entered for a long time: the session is closed.');
    this.#failed = true;
    this.disconnect();
  }

  /** Null: the input is at its end. */
  async #nextCommandLine(): Promise<string | null> {
    for (;;) {
      if (this.#inputEnded) return null;
      const { host, mode } = this.#options;
      try {
        if (this.#printed) this.#output('\n');
        this.#printed = true;
        return await this.#put('command', `${host.hostname()}> `, mode === 'terminal' ? completions : undefined);
      } catch (error) {
        if (!(error instanceof Interrupted)) throw error;
        if (this.#gone) return null;
      }
    }
  }

  async #ask(question: Question): Promise<string> {
    const preset = question.default ?? '';
    const word = this.#words.shift();
    this.#answeredByWord = word !== undefined;
    if (word !== undefined) return word === '' ? preset : word;
    const bracket = `[${question.shown ?? preset}]> `;
    const lines = question.text.split('\n');
    let prompt = bracket;
    if (question.inline === true) prompt = `${lines.pop() ?? ''} ${question.plain === true ? '' : bracket}`;
    if (lines.length > 0) this.#output(`${lines.join('\n')}\n`);
    if (this.#inputEnded) {
      if (this.#refused || ++this.#askedAfterEnd > questionsAfterEnd) throw new InputEnded();
      this.#output(`${prompt}\n`);
      return preset;
    }
    const choices = this.#options.mode === 'terminal' ? question.choices : undefined;
    const answer = await this.#put('answer', prompt, choices);
    if (answer === null) {
      if (this.#refused) throw new InputEnded();
      this.#askedAfterEnd++;
      return preset;
    }
    this.#refused = false;
    const text = answer.trim();
    return text === '' ? preset : text;
  }

  async #paste(): Promise<string | null> {
    if (this.#inputEnded) return null;
    return this.#put('paste', '');
  }

  // --- Commands ---

  async #runLine(line: string): Promise<void> {
    const text = line.trim();
    // A script may be commented.
    if (text === '' || text.startsWith('#')) return;
    try {
      const words = splitWords(text);
      const found = findCommand(words);
      if (found === null) throw new PosternError('bad-usage', unknownCommand(words[0] ?? ''));
      await this.#runCommand(found.command, found.rest);
    } catch (error) {
      this.#report(error);
    }
  }

  async #runCommand(command: Command, rest: readonly string[]): Promise<void> {
    if (command.words === 'none' && rest.length > 0) {
      throw new PosternError('bad-usage', `${command.name} takes no words behind it`, {
        remedy: `Usage: ${command.usage}`,
      });
    }
    const controller = new AbortController();
    this.#command = controller;
    this.#words = command.words === 'answers' ? [...rest] : [];
    this.#refused = false;
    this.#askedAfterEnd = 0;
    const { promise: interrupted, reject } = Promise.withResolvers<never>();
    controller.signal.addEventListener('abort', () => reject(new Interrupted()), { once: true });
    const dialogue = this.#dialogue(controller.signal);
    const context: CommandContext = {
      host: this.#options.host,
      dialogue,
      user: this.#options.user,
      actor: {
        user: this.#options.user,
        role: 'administrator',
        face: 'shell',
        address: '',
        flight: null,
        connected: this.#began,
      },
      words: command.words === 'own' ? rest : [],
    };
    try {
      // What a command waits for at the gateway ends by its own deadline; Ctrl-C gives the prompt back at once.
      await Promise.race([command.run(context), interrupted]).catch((error: unknown) => {
        if (!(error instanceof Interrupted && command.endless === true)) throw error;
      });
      if (this.#words.length > 0) {
        throw new PosternError('bad-usage', `these words were not asked for: ${this.#words.join(' ')}`, {
          remedy: `Usage: ${command.usage}`,
        });
      }
    } finally {
      this.#command = null;
      this.#words = [];
    }
  }

  #dialogue(signal: AbortSignal): Dialogue {
    const alive = <T extends unknown[], R>(call: (...args: T) => Promise<R>) => {
      return (...args: T): Promise<R> => (signal.aborted ? Promise.reject(new Interrupted()) : call(...args));
    };
    const screen = () => this.#screen;
    return {
      signal,
      interactive: this.#options.mode === 'terminal',
      get rows() {
        return screen().rows;
      },
      get columns() {
        return screen().columns;
      },
      ask: alive((question: Question) => this.#ask(question)),
      paste: alive(() => this.#paste()),
      print: (text) => {
        if (!signal.aborted) this.#output(text.endsWith('\n') ? text : `${text}\n`);
      },
      refuse: (text) => {
        if (signal.aborted) return;
        if (this.#answeredByWord) throw new PosternError('bad-usage', text);
        this.#refused = true;
        // A script whose answer was refused did not do what its author meant, however it goes on.
        if (this.#options.mode !== 'terminal') this.#failed = true;
        this.#output(`\n${text}\n`);
      },
      drained: alive(() => this.#options.link.drained()),
      spareWords: (most) => {
        this.#words = this.#words.slice(most);
      },
      quit: () => {
        this.#quitting = true;
      },
    };
  }

  #report(error: unknown): void {
    this.#failed = this.#failed || this.#options.mode !== 'terminal';
    if (this.#gone) return;
    if (error instanceof Interrupted) return;
    if (error instanceof PosternError) {
      this.#error(errorText(error));
    } else if (error instanceof InputEnded) {
      this.#error(sentence(error.message));
    } else {
      this.#error(`The command failed: ${messageOf(error)}`);
      this.#options.host.log.record(systemWarning, `a command of the shell failed: ${messageOf(error)}`);
    }
  }

  #error(text: string): void {
    this.#printed = true;
    this.#options.link.send({ type: 'output', text: visible(`${text}\n`), error: true });
  }

  #output(text: string): void {
    let output = visible(text);
    if (this.#options.mode === 'command' && !this.#printed && text.startsWith('\n')) output = text.slice(1);
    this.#printed = true;
    for (let at = 0; at < output.length; at += outputChunk) {
      this.#options.link.send({ type: 'output', text: output.slice(at, at + outputChunk) });
    }
  }
}

/**
 * Senders, replies of servers and comments are written by others: what a terminal would act upon (ECMA-48 controls, the
 * marks that turn the direction of writing) is shown instead.
 */
function visible(text: string): string {
  return text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

const pendingNotice =
  '\nThere are changes that are not committed. They stay pending; enter "commit" or "clearchanges" in the next session.\n';
