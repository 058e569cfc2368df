// A value may be anything a stranger sent: whatever it holds, it makes no second log line and no false screen.
import type { Value } from './events.ts';

/** Characters of a value that a log line holds; the rest is cut and counted. */
export const longestValue = 2048;

/**
 * What a value may not hold as it is: control characters (C0, DEL, C1), line and paragraph separators, and the marks that
 * turn the direction of text on a screen (Unicode TR 36 2.6), and lone surrogates, which UTF-8 cannot carry.
 */
const unsafe =
  /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** True for a string that all logs can take as it is: short, printable ASCII, nothing to escape in JSON. The hot path. */
export function isPlain(value: string): boolean {
  return value.length <= longestValue && !notPlain.test(value);
}
const notPlain = /[^ !#-[\]-~]/;

/** The value as text of a log line: unsafe characters as `\r`, `\n`, `\t`, `\xNN` or `\uNNNN`, cut to `longestValue`. */
export function textValue(value: Value): Value {
  if (typeof value !== 'string') return value;
  return cut(value).replace(unsafe, escapeText);
}

/** The value as JSON, unsafe characters escaped so that the original comes back, cut to `longestValue`. */
export function jsonValue(value: Value): string {
  if (typeof value === 'string') return JSON.stringify(cut(value)).replace(unsafe, escapeJson);
  if (typeof value === 'number') return Number.isFinite(value) ? `${value}` : 'null';
  return value === null ? 'null' : `${value}`;
}

function cut(value: string): string {
  if (value.length <= longestValue) return value;
  // Not through the middle of a pair.
  const end = (value.charCodeAt(longestValue - 1) & 0xfc00) === 0xd800 ? longestValue - 1 : longestValue;
  return `${value.slice(0, end)}... (${value.length - end} more)`;
}

const short: Readonly<Record<string, string>> = { '\r': '\\r', '\n': '\\n', '\t': '\\t' };

function escapeText(character: string): string {
  const code = character.charCodeAt(0);
  return short[character] ?? (code < 0x100 ? `\\x${hex(code, 2)}` : escapeJson(character));
}

function escapeJson(character: string): string {
  return `\\u${hex(character.charCodeAt(0), 4)}`;
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}
