// The lists of the configuration as tables: a page of rows, one row changed. A list may have 100,000 rows.
import { PosternError } from '../errors.ts';
import { same } from './elements.ts';
import { quote } from './quote.ts';
import type { GatewayConfig } from './schema.ts';
import type { TableName, TableValue } from './table-names.ts';

export interface TableRow<N extends TableName = TableName> {
  /** Tells it apart in its table: the name, the domain, the range, the sender. */
  readonly id: string;
  readonly value: TableValue<N>;
  /** Against the revision that the candidate was begun on. */
  readonly state: 'same' | 'changed' | 'added';
}

export interface TablePage<N extends TableName = TableName> {
  readonly rows: readonly TableRow<N>[];
  /** Where the next page begins; null: this was the last. */
  readonly next: number | null;
  /** Rows that the search found. */
  readonly total: number;
}

export interface TableQuery {
  /** Found anywhere in a row, in capitals or not. */
  readonly search?: string;
  /** Rows left out at the beginning. */
  readonly offset: number;
  readonly limit: number;
}

/** Tables whose order means something (first match wins) keep it; the others are shown in the order of their IDs. */
const kept: ReadonlySet<TableName> = new Set(['senderGroups', 'listeners']);

export function rowId(value: TableValue): string {
  if (typeof value === 'string') return value;
  if ('peer' in value) return value.peer;
  if ('sender' in value) return value.sender;
  return 'name' in value ? value.name : value.domain;
}

/** A page of the candidate's table. */
export function tablePage<N extends TableName>(
  candidate: { readonly config: GatewayConfig; readonly base: GatewayConfig },
  name: N,
  { search = '', offset, limit }: TableQuery,
): TablePage<N> {
  const all = inOrder(name, candidate.config[name]);
  const wanted = search.trim().toLowerCase();
  const texts = wanted === '' ? [] : textsOf(all);
  const found = wanted === '' ? all : all.filter((_, index) => texts[index]?.includes(wanted));
  const before = byId(candidate.base[name]);
  const rows = found.slice(offset, offset + limit).map((value): TableRow<N> => {
    const id = rowId(value);
    const old = before.get(id);
    return { id, value, state: old === undefined ? 'added' : same(old, value) ? 'same' : 'changed' };
  });
  const end = offset + rows.length;
  return { rows, next: end < found.length ? end : null, total: found.length };
}

/** The configuration with these rows at the end of the table. What stands twice then is for `requireValid` to refuse. */
export function withRows<N extends TableName>(
  config: GatewayConfig,
  name: N,
  values: readonly TableValue<N>[],
): GatewayConfig {
  return { ...config, [name]: [...config[name], ...values] };
}

/** The configuration with another value in the place of a row, which may get another ID by that. Throws `not-found`. */
export function withRow<N extends TableName>(
  config: GatewayConfig,
  name: N,
  id: string,
  value: TableValue<N>,
): GatewayConfig {
  return { ...config, [name]: config[name].with(indexOf(config, name, id), value as never) };
}

/** The configuration without these rows. Throws `not-found` where one of them is not there. */
export function withoutRows(config: GatewayConfig, name: TableName, ids: readonly string[]): GatewayConfig {
  const gone = new Set(ids);
  const rest = (config[name] as readonly TableValue[]).filter((value) => !gone.delete(rowId(value)));
  for (const id of gone) throw notFound(name, id);
  return { ...config, [name]: rest };
}

/** The configuration with a row moved to another place of its table, counted from 0. Throws `not-found`. */
export function withRowAt(config: GatewayConfig, name: TableName, id: string, place: number): GatewayConfig {
  const rows: TableValue[] = [...config[name]];
  const moved = rows.splice(indexOf(config, name, id), 1);
  rows.splice(place, 0, ...moved);
  return { ...config, [name]: rows };
}

/** Where the row stands in the list of the configuration. Throws `not-found`. */
export function indexOf(config: GatewayConfig, name: TableName, id: string): number {
  const index = (config[name] as readonly TableValue[]).findIndex((value) => rowId(value) === id);
  if (index < 0) throw notFound(name, id);
  return index;
}

function notFound(name: TableName, id: string): PosternError {
  return new PosternError('not-found', `${name} has no row ${quote(id)}`, {
    remedy: 'It may have been removed or renamed meanwhile: look at the table again.',
  });
}

/** Lists of a stored candidate are frozen and live as long as it does, so what is worked out once serves every page. */
const sorted = new WeakMap<object, readonly TableValue[]>();
const indexed = new WeakMap<object, ReadonlyMap<string, TableValue>>();
const searched = new WeakMap<object, readonly string[]>();

function once<T>(cache: WeakMap<object, T>, list: readonly unknown[], work: () => T): T {
  const known = cache.get(list);
  if (known !== undefined) return known;
  const result = work();
  if (Object.isFrozen(list)) cache.set(list, result);
  return result;
}

function inOrder<N extends TableName>(name: N, list: GatewayConfig[N]): readonly TableValue<N>[] {
  if (kept.has(name)) return list;
  // Code units, not a locale: domains are A-labels.
  const order = () => Object.freeze([...list].sort((a, b) => compare(rowId(a), rowId(b))));
  return once(sorted, list, order) as readonly TableValue<N>[];
}

function byId(list: readonly TableValue[]): ReadonlyMap<string, TableValue> {
  return once(indexed, list, () => new Map(list.map((value) => [rowId(value), value])));
}

/** What a search looks through: every value of a row. */
function textsOf(list: readonly TableValue[]): readonly string[] {
  const text = (value: TableValue) => (typeof value === 'string' ? value : Object.values(value).flat().join(' '));
  return once(searched, list, () => list.map((value) => text(value).toLowerCase()));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
