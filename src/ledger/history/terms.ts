// What a message is found by: words for the full-text tables, made in the same way when it is written and when it is searched. A
// word's first letter says what it is, so that one column is enough and a search for a sender never finds a recipient.
import type { TrackingFilter } from '../protocol.ts';

export interface Searchable {
  readonly icid: number;
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly subject: string | null;
  readonly messageId: string | null;
  readonly peer: string | null;
  readonly listener: string | null;
}

/**
 * Messages with the same `segmentOf(mid)` share a table: 32,768, some 3 MB of words, so that what is deleted soon gives back its
 * room also in a small database. A search asks each table: some 50 µs.
 */
export function segmentOf(mid: number): number {
  return Math.floor(mid / 32_768);
}

/** Everything but blanks belongs to a word; ASCII letters are folded by the table, others here. */
const tokenizer = quoted(`ascii tokenchars ${quoted('!#$%&()*+,-./:;<=>?@[\\]^_`{|}~"\'')}`);

export function createSearchTable(segment: number): string {
  return `CREATE VIRTUAL TABLE IF NOT EXISTS search_${segment} USING fts5(words, content='', detail=none, columnsize=0, tokenize=${tokenizer})`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

const longestWord = 200;
/** Of one message: words of its subject, and recipients. */
const mostSubjectWords = 24;
const mostRecipients = 1000;

/** The words of a message, separated by blanks. Always the same for the same message. */
export function wordsOf(message: Searchable): string {
  const { recipients, subject, messageId, icid, peer, listener } = message;
  let words = address('f', message.sender);
  if (recipients.length === 1) words += ` ${address('t', recipients[0] ?? '')}`;
  else words += recipientWords(recipients);
  if (messageId !== null) words += ` ${word('i', bareId(messageId))}`;
  if (icid !== 0) words += ` c${icid}`;
  if (peer !== null) words += ` a${peer}`;
  if (listener !== null) words += ` ${word('l', listener)}`;
  if (subject !== null) for (const each of subjectWords(subject)) words += ` ${word('w', each)}`;
  return words;
}

function recipientWords(recipients: readonly string[]): string {
  let words = '';
  const domains = new Set<string>();
  for (const recipient of recipients.slice(0, mostRecipients)) {
    words += ` ${word('t', recipient)}`;
    domains.add(recipient.slice(recipient.lastIndexOf('@')));
  }
  for (const domain of domains) words += ` ${word('t', domain)}`;
  return words;
}

/** The search for the full-text tables; null: the filter names nothing that has words. */
export function matchOf(filter: TrackingFilter): string | null {
  const terms: string[] = [];
  const add = (kind: string, text: string) => {
    const open = text.endsWith('*');
    const term = word(kind, open ? text.slice(0, -1) : text);
    terms.push(`"${term.replaceAll('"', '""')}"${open ? ' *' : ''}`);
  };
  if (filter.sender !== undefined) add('f', filter.sender === '' ? '<>' : filter.sender);
  if (filter.recipient !== undefined) add('t', filter.recipient);
  if (filter.messageId !== undefined) add('i', bareId(filter.messageId));
  if (filter.icid !== undefined) add('c', String(filter.icid));
  if (filter.peer !== undefined) add('a', filter.peer);
  if (filter.listener !== undefined) add('l', filter.listener);
  if (filter.subject !== undefined) {
    const parts = filter.subject.split(/\s+/).filter((part) => part !== '');
    for (const part of parts) {
      const words = subjectWords(part);
      words.forEach((each, index) => {
        add('w', part.endsWith('*') && index === words.length - 1 ? `${each}*` : each);
      });
    }
  }
  return terms.length === 0 ? null : terms.join(' AND ');
}

/** The address, and its domain with the `@`. */
function address(kind: string, text: string): string {
  if (text === '') return `${kind}<>`;
  const at = text.lastIndexOf('@');
  return at <= 0 ? word(kind, text) : `${word(kind, text)} ${word(kind, text.slice(at))}`;
}

/** The table folds ASCII letters; most words need nothing done. */
function word(kind: string, text: string): string {
  if (text.length <= longestWord && !special.test(text)) return kind + text;
  return kind + text.slice(0, longestWord).replaceAll(blanks, '_').toLowerCase();
}
const special = /[^\x21-\x7e]/;
const blanks = /[\s\0]/g;

function bareId(id: string): string {
  const text = id.trim();
  return text.startsWith('<') && text.endsWith('>') ? text.slice(1, -1) : text.replace(/^</, '');
}

const asciiOnly = /^[\x00-\x7f]*$/;
const asciiWord = /[A-Za-z0-9]+/g;
const anyWord = /[\p{L}\p{N}]+/gu;

function subjectWords(subject: string): readonly string[] {
  const text = subject.slice(0, 1000);
  const words = asciiOnly.test(text) ? text.match(asciiWord) : text.normalize('NFKC').match(anyWord);
  return words === null ? [] : words.slice(0, mostSubjectWords);
}
