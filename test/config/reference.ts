// The table of keys in docs/configuration.md, made from the schema: `node test/config/reference.ts` writes it anew.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expectation, literalsOf, rootNode, type SchemaNode } from '../../src/config/node.ts';
import { defaultCiphers } from '../../src/config/schema.ts';

export const documentation = join(import.meta.dirname, '..', '..', 'docs', 'configuration.md');
const begin = '<!-- keys: made from the schema by test/config/reference.ts -->';
const end = '<!-- end of keys -->';

interface Row {
  readonly key: string;
  readonly value: string;
  readonly preset: string;
  readonly meaning: string;
}

/** Every key of the schema, in its order. `listeners[].port` is a key of each element. */
export function keys(node: SchemaNode = rootNode, prefix = ''): Row[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, property]) => {
    const key = prefix === '' ? name : `${prefix}.${name}`;
    if (property.properties !== undefined) return [section(key, property), ...keys(property, key)];
    const { items } = property;
    if (items?.properties !== undefined) return [row(key, property, node, name), ...keys(items, `${key}[]`)];
    return [row(key, property, node, name)];
  });
}

function section(key: string, node: SchemaNode): Row {
  return { key, value: 'section', preset: '', meaning: node.description ?? '' };
}

function row(key: string, node: SchemaNode, parent: SchemaNode, name: string): Row {
  const required = (parent.required ?? []).includes(name);
  const preset = node.default === undefined ? (required ? '**required**' : 'not set') : shown(node.default);
  return { key, value: valueOfKey(node), preset, meaning: node.description ?? '' };
}

function valueOfKey(node: SchemaNode): string {
  const literals = literalsOf(node);
  if (literals !== null) return literals.map((literal) => `\`${literal}\``).join(', ');
  const { items } = node;
  if (items?.properties !== undefined) return 'list of sections';
  if (items !== undefined) return `list of: ${valueOfKey(items)}`;
  return expectation(node).replace(/^an? /, '');
}

function shown(value: unknown): string {
  if (value === defaultCiphers) return 'the built-in string below';
  if (Array.isArray(value)) return `\`[${value.join(', ')}]\``;
  return `\`${String(value)}\``;
}

export function table(): string {
  const cell = (text: string) => text.replaceAll('|', '\\|');
  const lines = keys().map(
    ({ key, value, preset, meaning }) => `| \`${key}\` | ${cell(value)} | ${cell(preset)} | ${cell(meaning)} |`,
  );
  return ['| key | value | default | meaning |', '| --- | --- | --- | --- |', ...lines].join('\n');
}

/** The document with its table as the schema has it now. */
export function withTable(document: string): string {
  const from = document.indexOf(begin);
  const to = document.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${documentation} has lost its marks`);
  return `${document.slice(0, from + begin.length)}\n\n${table()}\n\n${document.slice(to)}`;
}

if (import.meta.main) writeFileSync(documentation, withTable(readFileSync(documentation, 'utf8')));
