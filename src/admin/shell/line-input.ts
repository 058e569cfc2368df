// Lines from a pipe or file. What is read is shown behind its prompt, so that the output reads as a session at a terminal.
import { StringDecoder } from 'node:string_decoder';
import { PosternError } from '../../errors.ts';
import type { Ask, Source } from './client.ts';
import { longestInput } from './protocol.ts';

export class LineInput implements Source {
  readonly #input: NodeJS.ReadableStream;
  readonly #output: NodeJS.WritableStream;
  readonly #echo: boolean;
  readonly #decoder = new StringDecoder('utf8');
  #lines: string[] = [];
  #rest = '';
  #ended = false;
  #waiting: { resolve(line: string | null): void; reject(error: Error): void } | null = null;
  #failed: Error | null = null;

  constructor(input: NodeJS.ReadableStream, output: NodeJS.WritableStream, options: { readonly echo: boolean }) {
    this.#input = input;
    this.#output = output;
    this.#echo = options.echo;
    input.on('data', (chunk: Buffer | string) =>
      this.#push(typeof chunk === 'string' ? chunk : this.#decoder.write(chunk)),
    );
    input.on('end', () => this.#end());
    input.on('error', (error: Error) => {
      this.#failed = error;
      this.#end();
    });
  }

  async next(ask: Ask): Promise<string | null> {
    if (ask.prompt !== '') this.#output.write(ask.prompt);
    const line = await this.#read();
    if (line === null) this.#output.write('\n');
    else if (this.#echo) this.#output.write(`${line}\n`);
    return line;
  }

  cancel(): void {
    // The line that was waited for is answered to the next question.
  }

  close(): void {
    this.#input.pause();
    this.#waiting?.resolve(null);
  }

  #read(): Promise<string | null> {
    const line = this.#lines.shift();
    if (line !== undefined) return Promise.resolve(line);
    if (this.#failed !== null) return Promise.reject(this.#failed);
    if (this.#ended) return Promise.resolve(null);
    this.#input.resume();
    const { promise, resolve, reject } = Promise.withResolvers<string | null>();
    this.#waiting = { resolve, reject };
    return promise;
  }

  #push(text: string): void {
    const parts = (this.#rest + text).split('\n');
    this.#rest = parts.pop() ?? '';
    for (const part of parts) this.#lines.push(part.endsWith('\r') ? part.slice(0, -1) : part);
    if (this.#rest.length > longestInput) {
      this.#failed = new PosternError('bad-usage', `a line of the input is longer than ${longestInput} characters`);
      this.#end();
      return;
    }
    if (this.#lines.length > 0) this.#input.pause();
    this.#settle();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#rest !== '' && this.#failed === null) this.#lines.push(this.#rest);
    this.#settle();
  }

  #settle(): void {
    const waiting = this.#waiting;
    if (waiting === null || (this.#lines.length === 0 && !this.#ended)) return;
    this.#waiting = null;
    const line = this.#lines.shift();
    if (line === undefined && this.#failed !== null) waiting.reject(this.#failed);
    else waiting.resolve(line ?? null);
  }
}
