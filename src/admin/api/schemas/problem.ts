// What every error looks like (RFC 9457).
import Type, { type Static } from 'typebox';
import { list, object, text } from './form.ts';

const pointer = text('JSON pointer (RFC 6901) to the value that is wrong; for a query parameter `/query/NAME`.');

export const problemSchema = object(
  {
    type: text('A URI for the code; relative to the documentation.'),
    title: text('The kind of error, the same for each code.'),
    status: Type.Integer({ minimum: 400, maximum: 599, description: 'The HTTP status again.' }),
    code: text('A stable word that programs branch on.'),
    detail: text('What was wrong here: a sentence for a person.'),
    remedy: Type.Optional(text('What would be right: a sentence for a person.')),
    pointer: Type.Optional(pointer),
    errors: Type.Optional(
      list(
        object(
          { pointer, detail: text('What is wrong with it.'), remedy: Type.Optional(text('What would be right.')) },
          'One value.',
        ),
        'Everything that is wrong, where it is more than one thing or has a place.',
      ),
    ),
  },
  'An error.',
);
export type Problem = Static<typeof problemSchema>;
