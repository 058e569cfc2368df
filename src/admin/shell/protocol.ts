// What shell and gateway say to each other over the unix socket: one JSON object a line, UTF-8.
import { PosternError } from '../../errors.ts';

/** Raised with every change that an older side would not understand. */
export const protocolVersion = 1;

/** Longest line in bytes. A pasted or typed line of 64 KiB still fits when every character of it is escaped. */
export const longestFrame = 512 * 1024;
/** Longest line that a person or a script may enter, in characters. */
export const longestInput = 64 * 1024;
/** Output is cut into frames of at most this many characters. */
export const outputChunk = 32 * 1024;

/** How the client is used: at a terminal, with lines from a pipe, or for one command. */
export type ShellMode = 'terminal' | 'script' | 'command';

export type ClientFrame =
  | {
      readonly type: 'hello';
      readonly version: number;
      readonly mode: ShellMode;
      /** The person behind sudo or doas, where there is one; else empty: the built-in `admin`. */
      readonly user: string;
      readonly command?: string;
      readonly rows: number;
      readonly columns: number;
    }
  /** The answer to the question `id`; `end` without `text`: the input ended (of a paste only, at a terminal). */
  | { readonly type: 'line'; readonly id: number; readonly text: string }
  | { readonly type: 'pasted'; readonly id: number }
  | { readonly type: 'end' }
  | { readonly type: 'interrupt' }
  | { readonly type: 'resize'; readonly rows: number; readonly columns: number };

export type ServerFrame =
  | { readonly type: 'output'; readonly text: string; readonly error?: boolean }
  | {
      readonly type: 'ask';
      readonly id: number;
      readonly kind: 'command' | 'answer' | 'paste';
      /** One line. */
      readonly prompt: string;
      /** Whole phrases that Tab offers. */
      readonly complete?: readonly string[];
    }
  | { readonly type: 'bye'; readonly status: number };

/** Cuts a byte stream into lines of bounded length. */
export class FrameReader {
  #parts: Buffer[] = [];
  #length = 0;

  /** Calls back for each whole line. Throws `protocol` when a line grows beyond the bound. */
  push(chunk: Buffer, line: (text: string) => void): void {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(0x0a, start);
      const piece = chunk.subarray(start, end < 0 ? chunk.length : end);
      this.#length += piece.length;
      if (this.#length > longestFrame) throw new PosternError('protocol', 'a line of the shell protocol is too long');
      if (piece.length > 0) this.#parts.push(piece);
      if (end < 0) return;
      const text = Buffer.concat(this.#parts).toString('utf8');
      this.#parts = [];
      this.#length = 0;
      line(text);
      start = end + 1;
    }
  }
}

/** Reads what a client sent; anything unexpected is null. */
export function parseClientFrame(text: string): ClientFrame | null {
  const value = parseObject(text);
  if (value === null) return null;
  const whole = (key: string): number | null => {
    const number = value[key];
    return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : null;
  };
  const screen = () => ({
    rows: clamp(whole('rows'), 1, 10_000, 24),
    columns: clamp(whole('columns'), 20, 10_000, 80),
  });
  const id = whole('id');
  switch (value['type']) {
    case 'hello': {
      const version = whole('version');
      const { mode, user, command } = value;
      if (version === null || typeof user !== 'string') return null;
      if (mode !== 'terminal' && mode !== 'script' && mode !== 'command') return null;
      if (command !== undefined && (typeof command !== 'string' || command.length > longestInput)) return null;
      return { type: 'hello', version, mode, user, ...(command === undefined ? {} : { command }), ...screen() };
    }
    case 'line': {
      const line = value['text'];
      if (id === null || typeof line !== 'string' || line.length > longestInput) return null;
      return { type: 'line', id, text: line };
    }
    case 'pasted':
      return id === null ? null : { type: 'pasted', id };
    case 'end':
    case 'interrupt':
      return { type: value['type'] };
    case 'resize':
      return { type: 'resize', ...screen() };
    default:
      return null;
  }
}

/** Reads what the gateway sent; anything unexpected is null. */
export function parseServerFrame(text: string): ServerFrame | null {
  const value = parseObject(text);
  if (value === null) return null;
  const { type, id, kind, prompt, complete, status, error } = value;
  if (type === 'output' && typeof value['text'] === 'string') {
    return { type, text: value['text'], ...(error === true ? { error } : {}) };
  }
  if (type === 'bye' && typeof status === 'number') return { type, status };
  if (type === 'ask' && typeof id === 'number' && typeof prompt === 'string') {
    if (kind !== 'command' && kind !== 'answer' && kind !== 'paste') return null;
    const phrases = Array.isArray(complete) ? complete.filter((phrase) => typeof phrase === 'string') : [];
    return { type, id, kind, prompt, complete: phrases };
  }
  return null;
}

function clamp(value: number | null, least: number, most: number, otherwise: number): number {
  return value === null ? otherwise : Math.min(most, Math.max(least, value));
}

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    // Not JSON: whoever speaks there is no shell of ours.
    return null;
  }
}
