import { PosternError } from '../../errors.ts';

/**
 * Splits a command line at blanks. "..." and '...' keep blanks; inside "..." a backslash keeps a quotation mark. All else is
 * taken as it is, backslashes too: patterns for grep are full of them. Throws `bad-usage` where a quotation is not closed.
 */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  let word = '';
  let inWord = false;
  let quote = '';
  for (let at = 0; at < line.length; at++) {
    const character = line.charAt(at);
    if (quote !== '') {
      if (character === quote) {
        quote = '';
      } else if (quote === '"' && character === '\\' && line.charAt(at + 1) === '"') {
        word += '"';
        at++;
      } else {
        word += character;
      }
    } else if ((character === '"' || character === "'") && !inWord) {
      quote = character;
      inWord = true;
    } else if (/\s/.test(character)) {
      if (inWord) words.push(word);
      word = '';
      inWord = false;
    } else {
      word += character;
      inWord = true;
    }
  }
  if (quote !== '') {
    throw new PosternError('bad-usage', `the quotation that begins with ${quote} is not closed`, {
      remedy: `Close it with another ${quote}.`,
    });
  }
  if (inWord) words.push(word);
  return words;
}
