// /configuration/candidate/tables: the lists of the configuration, row by row. A list may have 100,000 rows.
import type { Path } from '../../../config/node.ts';
import type { GatewayConfig } from '../../../config/schema.ts';
import type { TableName, TableValue } from '../../../config/table-names.ts';
import { indexOf, tablePage, withoutRows, withRow, withRowAt, withRows } from '../../../config/tables.ts';
import { PosternError } from '../../../errors.ts';
import { authorityProblem } from '../../commands/authorities.ts';
import { editCandidate } from '../../commands/candidate.ts';
import type { Actor, AdminHost } from '../../host.ts';
import { numberCursor } from '../page.ts';
import { route } from '../route.ts';
import {
  newRowsSchema,
  removedRowsSchema,
  rowSchema,
  tableChangedSchema,
  tableParamsSchema,
  tableQuerySchema,
  tableSchema,
} from '../schemas/tables.ts';

const tag = 'configuration';
const path = '/configuration/candidate/tables/{table}';
const change = { tag, access: 'administer', locked: true, response: tableChangedSchema } as const;

interface Given {
  readonly table: TableName;
  /** Where the given rows stand in the list from here on; -1: nowhere. */
  first: number;
  /** Pointer in the request to the row at `first + index`. */
  readonly pointer: (index: number) => string;
}

/** An error at a row of the list becomes one at the row of the request, so that a form can show it at its field. */
function inRequest(error: unknown, { table, first, pointer }: Given): unknown {
  if (!(error instanceof PosternError) || error.issues.length === 0 || first < 0) return error;
  const issues = error.issues.map((issue) => {
    const found = new RegExp(`^/${table}/([0-9]+)(.*)$`).exec(issue.pointer);
    const index = Number(found?.[1]) - first;
    return found === null || index < 0 ? issue : { ...issue, pointer: pointer(index) + found[2] };
  });
  const { code, message, remedy, temporary } = error;
  return new PosternError(code, message, {
    issues,
    temporary,
    ...(remedy === undefined ? {} : { remedy }),
    cause: error,
  });
}

async function edit(
  host: AdminHost,
  caller: Actor,
  work: (config: GatewayConfig, given: Given) => GatewayConfig,
  given: Given,
) {
  try {
    const pending = await editCandidate(host, caller, (config) => work(config, given));
    return { body: { changes: pending.length }, revision: host.config.committed().number };
  } catch (error) {
    throw inRequest(error, given);
  }
}

/** Files of authorities in rows of the request are looked at now: the form has them before it, a commit does not. */
async function requireAuthorities(
  host: AdminHost,
  rows: readonly { readonly value: TableValue; readonly path: Path }[],
): Promise<void> {
  const named = rows.flatMap(({ value, path }) =>
    typeof value === 'object' && value !== null && 'ca' in value && typeof value.ca === 'string'
      ? { file: value.ca, path: [...path, 'ca'] }
      : [],
  );
  const problem = await authorityProblem(host.dataDirectory, named);
  if (problem !== null) throw problem;
}

const nowhere = (table: TableName): Given => ({ table, first: -1, pointer: () => '' });

export const tableRoutes = [
  route({
    tag,
    access: 'read',
    method: 'GET',
    path,
    revised: true,
    summary: 'Rows of a list of your candidate',
    params: tableParamsSchema,
    query: tableQuerySchema,
    response: tableSchema,
    handler: ({ host, caller, params, query: { search, limit = 100, cursor } }) => {
      const { rows, next, total } = tablePage(host.config.candidate(caller.user), params.table, {
        ...(search === undefined ? {} : { search }),
        offset: cursor === undefined ? 0 : numberCursor(cursor),
        limit,
      });
      return {
        body: { items: [...rows], next: next === null ? null : String(next), total },
        revision: host.config.committed().number,
      };
    },
  }),
  route({
    ...change,
    method: 'POST',
    path,
    summary: 'Add rows to a list of your candidate',
    params: tableParamsSchema,
    body: newRowsSchema,
    large: true,
    handler: async ({ host, caller, params: { table }, body }) => {
      await requireAuthorities(
        host,
        body.values.map((value, index) => ({ value, path: ['values', index] })),
      );
      const add = (config: GatewayConfig, given: Given) => {
        given.first = config[table].length;
        return withRows(config, table, body.values);
      };
      return edit(host, caller, add, { ...nowhere(table), pointer: (index) => `/values/${index}` });
    },
  }),
  route({
    ...change,
    method: 'PUT',
    path: `${path}/rows`,
    summary: 'Change a row of a list of your candidate, or its place',
    params: tableParamsSchema,
    body: rowSchema,
    handler: async ({ host, caller, params: { table }, body: { id, value, place } }) => {
      if (value !== undefined) await requireAuthorities(host, [{ value, path: ['value'] }]);
      const put = (config: GatewayConfig, given: Given) => {
        const moved = place === undefined ? config : withRowAt(config, table, id, place);
        given.first = indexOf(moved, table, id);
        return value === undefined ? moved : withRow(moved, table, id, value);
      };
      return edit(host, caller, put, { ...nowhere(table), pointer: (index) => (index === 0 ? '/value' : '') });
    },
  }),
  route({
    ...change,
    method: 'POST',
    path: `${path}/remove`,
    summary: 'Remove rows from a list of your candidate',
    params: tableParamsSchema,
    body: removedRowsSchema,
    large: true,
    handler: ({ host, caller, params: { table }, body }) =>
      edit(host, caller, (config) => withoutRows(config, table, body.ids), nowhere(table)),
  }),
];
