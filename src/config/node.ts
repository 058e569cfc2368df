// The schema as plain JSON Schema, for everything that walks it: defaults, validation, merging, diffs, printing, docs.
import { isPlainObject } from './plain-object.ts';
import { configSchema } from './schema.ts';
import { parseDuration, parseSize } from './units.ts';

export interface SchemaNode {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly const?: string | number;
  readonly default?: unknown;
  readonly description?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  /** What a string is; `least` and `most` bound a duration or size. */
  readonly unit?: 'duration' | 'size' | 'name';
  readonly least?: string;
  readonly most?: string;
  /** Key that tells the elements of a list apart; such a list is merged and compared element by element. */
  readonly identity?: string;
  /** The order of the elements matters (first match wins). */
  readonly ordered?: boolean;
  /** A list of scalars whose order does not matter. */
  readonly elements?: 'set';
}

export const rootNode: SchemaNode = configSchema as SchemaNode;

export type Path = readonly (string | number)[];
/** The allowed values of a union of literals, or null for any other schema. */
export function literalsOf(node: SchemaNode): readonly (string | number)[] | null {
  const values: (string | number)[] = [];
  for (const branch of node.anyOf ?? []) {
    if (branch.const === undefined) return null;
    values.push(branch.const);
  }
  return values.length === 0 ? null : values;
}

/** Milliseconds or bytes of a text with a unit. Throws `bad-configuration`. */
export function amountOf(node: SchemaNode, text: string): number {
  return node.unit === 'duration' ? parseDuration(text) : parseSize(text);
}

/** What a value must be, in words: for error texts and documentation. */
export function expectation(node: SchemaNode): string {
  const literals = literalsOf(node);
  if (literals !== null) return `one of ${literals.join(', ')}`;
  if (node.anyOf !== undefined) return node.anyOf.map(expectation).join(' or ');
  if (node.const !== undefined) return String(node.const);
  switch (node.type) {
    case 'object':
      return 'a mapping of keys to values';
    case 'array':
      return `a list${between(node.minItems === 0 ? undefined : node.minItems, node.maxItems, 'elements')}`;
    case 'boolean':
      return 'true or false';
    case 'integer':
      return `a whole number${between(node.minimum, node.maximum)}`;
    case 'number':
      return `a number${between(node.minimum, node.maximum)}`;
    default:
      if (node.unit === 'name') return 'a name (a letter or digit, then up to 62 letters, digits, ".", "_" or "-")';
      if (node.unit !== undefined) return `a ${node.unit}${between(node.least, node.most)}`;
      return 'a text';
  }
}

function between(least: number | string | undefined, most: number | string | undefined, what = ''): string {
  const tail = what === '' ? '' : ` ${what}`;
  if (least !== undefined && most !== undefined) return ` from ${least} to ${most}${tail}`;
  if (least !== undefined) return ` of at least ${least}${tail}`;
  return most === undefined ? '' : ` of at most ${most}${tail}`;
}

/** `tls.inbound.versions`, `listeners[mx].port`; an element that has no name yet is `listeners[#2]`, counted from 1. */
export function formatPath(path: Path, root?: unknown): string {
  let text = '';
  let node: SchemaNode | undefined = rootNode;
  let value: unknown = root;
  for (const segment of path) {
    if (typeof segment === 'number') {
      const element: unknown = Array.isArray(value) ? value[segment] : undefined;
      text += `[${elementName(node, element) ?? `#${segment + 1}`}]`;
      node = node?.items;
      value = element;
    } else {
      text += text === '' ? segment : `.${segment}`;
      node = node?.properties?.[segment];
      value = isPlainObject(value) && Object.hasOwn(value, segment) ? value[segment] : undefined;
    }
  }
  return text;
}

function elementName(node: SchemaNode | undefined, element: unknown): string | null {
  if (node?.identity === undefined || !isPlainObject(element)) return null;
  const id = element[node.identity];
  return typeof id === 'string' && id !== '' && id.length <= 255 ? id : null;
}
