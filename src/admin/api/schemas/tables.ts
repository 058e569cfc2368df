// The lists of the configuration as tables: pages of rows, rows added, changed, moved, removed in your candidate.
import Type, { type Static } from 'typebox';
import { type TableName, type TableValue, tableNames } from '../../../config/table-names.ts';
import { count, list, object, page, pageQuery, text, words } from './form.ts';

export type { TableName, TableValue };

const table = words(tableNames, 'A list of the configuration.');
const id = text('What tells the row apart: name, domain or range.', { minLength: 1, maxLength: 1024 });
const value = Type.Unsafe<TableValue>(
  Type.Unknown({ description: 'A row: an element of the list of this name in `Configuration`.' }),
);

export const tableParamsSchema = object({ table }, 'A table.');

export const tableQuerySchema = object(
  {
    search: Type.Optional(text('Only rows that contain this; capitals do not count.', { maxLength: 255 })),
    ...pageQuery,
  },
  'Which rows.',
);

export const tableRowSchema = object(
  {
    id,
    value,
    state: words(['same', 'changed', 'added'], 'Against the revision that your candidate was begun on.'),
  },
  'A row.',
);
export type TableRow = Static<typeof tableRowSchema>;
export const tableSchema = page(
  tableRowSchema,
  'Rows of your candidate, by ID; listeners and sender groups in their order. `total`: rows that the search found.',
);
export type TablePage = Static<typeof tableSchema>;

export const newRowsSchema = object(
  { values: list(value, 'Rows, for the end of the table.', { maxItems: 10_000 }) },
  'New rows: all of them, or none where one is wrong.',
);
export type NewRows = Static<typeof newRowsSchema>;

export const rowSchema = object(
  {
    id,
    value: Type.Optional(value),
    place: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 100_000, description: 'Where it shall stand, counted from 0.' }),
    ),
  },
  'Another value for a row, another place, or both.',
);
export type RowChange = Static<typeof rowSchema>;

export const removedRowsSchema = object(
  { ids: Type.Array(id, { minItems: 1, maxItems: 10_000, description: 'Rows.' }) },
  'Rows to remove: all of them, or none where one is not there.',
);
export type RemovedRows = Static<typeof removedRowsSchema>;

export const tableChangedSchema = object({ changes: count('Changes that are pending now.') }, 'What was changed.');
export type TableChanged = Static<typeof tableChangedSchema>;
