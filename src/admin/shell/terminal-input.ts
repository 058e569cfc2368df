// A person at a terminal: line editing, history and Tab by node:readline.
import { createInterface, type Interface } from 'node:readline';
import type { Ask, Source } from './client.ts';
import type { History } from './history.ts';

export interface TerminalOptions {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  readonly history: History | null;
  /** Ctrl-C. */
  interrupt(): void;
}

/** Lines typed (or pasted) ahead of their questions. */
const mostAhead = 100_000;

export class TerminalInput implements Source {
  readonly #options: TerminalOptions;
  #readline: Interface;
  #ask: Ask | null = null;
  #resolve: ((line: string | null) => void) | null = null;
  /** Null: Ctrl-D. */
  #ahead: (string | null)[] = [];
  #ended = false;
  #closing = false;
  /** Newest first: commands only, no answers. */
  #history: string[];

  constructor(options: TerminalOptions) {
    this.#options = options;
    this.#history = options.history?.load() ?? [];
    this.#readline = this.#open();
  }

  next(ask: Ask): Promise<string | null> {
    this.#ask = ask;
    const line = this.#ahead.shift();
    if (line !== undefined) {
      this.#options.output.write(`${ask.prompt}${line ?? ''}\n`);
      return Promise.resolve(this.#given(line));
    }
    if (this.#ended) return Promise.resolve(null);
    const { promise, resolve } = Promise.withResolvers<string | null>();
    this.#resolve = resolve;
    this.#readline.setPrompt(ask.prompt);
    this.#readline.prompt();
    return promise;
  }

  cancel(): void {
    // The promise of a question that is gone stays open: its answer would be taken for the next one's.
    this.#resolve = null;
    this.#ahead = [];
  }

  close(): void {
    this.#closing = true;
    this.#readline.close();
    this.#options.input.pause();
  }

  #open(): Interface {
    const readline = createInterface({
      input: this.#options.input,
      output: this.#options.output,
      terminal: true,
      history: [...this.#history],
      historySize: 1000,
      removeHistoryDuplicates: true,
      completer: (line: string) => completeLine(line, this.#ask?.complete ?? []),
    });
    readline.on('history', (history) => {
      // readline keeps every line; answers are not commands.
      history.splice(0, history.length, ...this.#history);
    });
    readline.on('line', (line) => this.#line(line));
    readline.on('SIGINT', () => {
      this.#options.output.write('^C\n');
      // Whatever was typed is forgotten; the next prompt comes with the next question.
      readline.setPrompt('');
      readline.write(null, { ctrl: true, name: 'e' });
      readline.write(null, { ctrl: true, name: 'u' });
      this.#options.interrupt();
    });
    readline.on('close', () => this.#closed());
    return readline;
  }

  #line(line: string | null): void {
    const resolve = this.#resolve;
    this.#resolve = null;
    if (resolve !== null) resolve(this.#given(line));
    else if (this.#ahead.length < mostAhead) this.#ahead.push(line);
  }

  /** What a line is depends on the question it answers, not on when it was typed. Ctrl-D ends a paste, else the input. */
  #given(line: string | null): string | null {
    const kind = this.#ask?.kind;
    if (line === null) this.#ended ||= kind !== 'paste';
    else if (kind === 'command') this.#remember(line.trim());
    return line;
  }

  #remember(line: string): void {
    if (line === '') return;
    if (this.#history[0] !== line) this.#options.history?.add(line);
    this.#history = [line, ...this.#history.filter((known) => known !== line)].slice(0, 1000);
  }

  /** Ctrl-D, or the terminal is gone. */
  #closed(): void {
    if (this.#closing) return;
    this.#options.output.write('\n');
    if (this.#options.input.readable) this.#readline = this.#open();
    else this.#ended = true;
    this.#line(null);
  }
}

/** Completes up to the end of the next word; capitals do not count. */
export function completeLine(line: string, phrases: readonly string[]): [string[], string] {
  const typed = line.trimStart().toLowerCase();
  const found = new Set<string>();
  for (const phrase of phrases) {
    if (!phrase.toLowerCase().startsWith(typed)) continue;
    const end = phrase.indexOf(' ', typed.length);
    found.add(end < 0 ? phrase : phrase.slice(0, end));
  }
  return [[...found].sort(), line.trimStart()];
}
