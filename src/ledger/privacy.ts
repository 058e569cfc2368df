// The one place where `privacy` rules the mail log, the JSON log and syslog. Works on an event's values before any of
// them is made, so that all three say the same.
import type { EventDefinition, Value } from './events.ts';

export interface PrivacySettings {
  readonly logSubjects: boolean;
  readonly logAddresses: boolean;
}

/** What stands in the place of an address. */
export const redacted = 'redacted';

/** Fields that are an address and nothing else. */
const addressFields = new Set(['sender', 'recipient']);
/** Fields that look like an address and are none: a Message-ID is what a message is searched by; `user` is the audit trail, `flight` bytes. */
const exemptFields = new Set(['messageId', 'user', 'flight']);
/** A local part shorter than this is not searched for by itself: `a` would hit every word. */
const shortestLocalPart = 3;

/** Whether the event is logged at all. */
export function isLogged(event: EventDefinition, settings: PrivacySettings): boolean {
  return event.log !== 'none' && (settings.logSubjects || !event.fields.includes('subject'));
}

/**
 * The values with every address replaced by `redacted` (the null reverse-path stays empty): the address fields, what
 * looks like an address in any other text (replies of remote servers quote them), and in the same event the bare local
 * part of its addresses (`550 <bob>: no such user`).
 */
export function redactAddresses(event: EventDefinition, values: readonly Value[]): Value[] {
  const localParts: string[] = [];
  event.fields.forEach((field, index) => {
    const value = values[index];
    if (!addressFields.has(field) || typeof value !== 'string') return;
    const localPart = value.slice(0, Math.max(0, value.lastIndexOf('@'))).toLowerCase();
    if (localPart.length >= shortestLocalPart) localParts.push(localPart);
  });
  return event.fields.map((field, index) => {
    const value = values[index] ?? null;
    if (typeof value !== 'string' || exemptFields.has(field)) return value;
    if (addressFields.has(field)) return value === '' ? '' : redacted;
    return localParts.reduce(redactWord, redactText(value));
  });
}

/** What ends an address in running text, on either side. `=` and `+` are part of one (VERP, SRS, sub-addresses). */
const delimiters = new Set(' \t\r\n<>()[]{},;:"\'`|');

/** Replaces whatever has an `@` between two characters of an address. Linear in the length of the text. */
export function redactText(text: string): string {
  let at = text.indexOf('@');
  if (at < 0) return text;
  let done = '';
  let from = 0;
  while (at >= 0) {
    const start = localPartStart(text, at, from);
    let end = at + 1;
    while (end < text.length && !delimiters.has(text.charAt(end))) end++;
    // An address literal: user@[192.0.2.1].
    if (end === at + 1 && text.charAt(end) === '[') {
      const close = text.indexOf(']', end);
      if (close >= 0 && close - end < 64) end = close + 1;
    }
    // A full stop that ends the sentence stays.
    while (end > at + 1 && text.charAt(end - 1) === '.') end--;
    if (start < at) {
      done += text.slice(from, start) + redacted;
      from = end;
    }
    at = text.indexOf('@', Math.max(end, at + 1));
  }
  return done + text.slice(from);
}

function localPartStart(text: string, at: number, from: number): number {
  // A quoted local part (RFC 5321 4.1.2): "john doe"@example.com.
  if (at - 1 > from && text.charAt(at - 1) === '"') {
    const open = text.lastIndexOf('"', at - 2);
    if (open >= from) return open;
  }
  let start = at;
  while (start > from && !delimiters.has(text.charAt(start - 1))) start--;
  return start;
}

const wordCharacter = /[\p{L}\p{N}_]/u;

/** Replaces a word (in lower case) wherever it stands alone, in any case. */
function redactWord(text: string, word: string): string {
  const lower = text.toLowerCase();
  // Where lower case changes the length (a few letters of Turkish and Greek), positions would not match.
  if (lower.length !== text.length) return lower.includes(word) ? redacted : text;
  let done = '';
  let from = 0;
  let at = lower.indexOf(word);
  while (at >= 0) {
    const end = at + word.length;
    const alone = !wordCharacter.test(text.charAt(at - 1)) && !wordCharacter.test(text.charAt(end));
    if (alone) {
      done += text.slice(from, at) + redacted;
      from = end;
    }
    at = lower.indexOf(word, alone ? end : at + 1);
  }
  return done + text.slice(from);
}
