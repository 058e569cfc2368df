// The logs, a page at a time, backwards.
import Type, { type Static } from 'typebox';
import { list, nullable, object, text, words } from './form.ts';

export const logParamsSchema = object({ log: words(['mail', 'system'], 'The log.') }, 'A log.');
export const logQuerySchema = object(
  {
    filter: Type.Optional(
      text('Lines that have all of these words (capitals do not count).', { minLength: 1, maxLength: 200 }),
    ),
    lines: Type.Optional(Type.Integer({ minimum: 1, maximum: 2000, default: 200, description: 'Lines, at most.' })),
    before: Type.Optional(text('`before` of another page: what came earlier.', { minLength: 1, maxLength: 100 })),
  },
  'Which lines.',
);
export const logPageSchema = object(
  {
    lines: list(text('A line.'), 'Oldest first.'),
    before: nullable(
      text(
        'For the page before this one. May be there although no line is: the search stopped for a breath. Null: the log begins here.',
      ),
    ),
  },
  'Lines of a log.',
);
export type LogPage = Static<typeof logPageSchema>;
