// What differs between two configurations: by key path, lists by element.
import { elementsOf, hasElements, same } from './elements.ts';
import { rootNode, type SchemaNode } from './node.ts';
import { isPlainObject } from './plain-object.ts';
import type { GatewayConfig } from './schema.ts';

export interface Difference {
  /** `tls.inbound.versions`, `listeners[mx].port`, `accept`. */
  readonly key: string;
  readonly kind: 'changed' | 'added' | 'removed' | 'order';
  /** In words; empty for what was not there. */
  readonly before: string;
  readonly after: string;
}

/** In the order of the schema. Empty: the two are the same configuration. */
export function differences(before: GatewayConfig, after: GatewayConfig): Difference[] {
  const found: Difference[] = [];
  compare(rootNode, before, after, '', found);
  return found;
}

/**
 * One line a difference:
 * `tls.inbound.versions: TLSv1.2, TLSv1.3 -> TLSv1.3` · `accept: added example.org` ·
 * `listeners[backup]: added address 127.0.0.1, port 2526` · `senderGroups: order A, B -> B, A`.
 */
export function formatDifference(difference: Difference): string {
  const { key, kind, before, after } = difference;
  switch (kind) {
    case 'changed':
      return `${key}: ${before} -> ${after}`;
    case 'order':
      return `${key}: order ${before} -> ${after}`;
    case 'added':
      return `${key}: added${after === '' ? '' : ` ${after}`}`;
    case 'removed':
      return `${key}: removed${before === '' ? '' : ` ${before}`}`;
  }
}

/** `differences` as lines. */
export function differenceLines(before: GatewayConfig, after: GatewayConfig): string[] {
  return differences(before, after).map(formatDifference);
}

function compare(node: SchemaNode, before: unknown, after: unknown, key: string, found: Difference[]): void {
  if (same(before, after)) return;
  if (node.properties !== undefined && isPlainObject(before) && isPlainObject(after)) {
    for (const [name, property] of Object.entries(node.properties)) {
      compare(property, before[name], after[name], key === '' ? name : `${key}.${name}`, found);
    }
    return;
  }
  if (hasElements(node)) {
    compareElements(node, Array.isArray(before) ? before : [], Array.isArray(after) ? after : [], key, found);
    return;
  }
  found.push({ key, kind: 'changed', before: words(before), after: words(after) });
}

function compareElements(
  node: SchemaNode,
  before: readonly unknown[],
  after: readonly unknown[],
  key: string,
  found: Difference[],
): void {
  const old = elementsOf(node, before);
  const now = elementsOf(node, after);
  const keyed = node.identity !== undefined;
  for (const [id, element] of old) {
    const text = keyed ? '' : words(element);
    if (!now.has(id)) found.push({ key: keyed ? `${key}[${id}]` : key, kind: 'removed', before: text, after: '' });
  }
  for (const [id, element] of now) {
    if (!old.has(id)) {
      const text = keyed ? elementWords(node, element) : words(element);
      found.push({ key: keyed ? `${key}[${id}]` : key, kind: 'added', before: '', after: text });
    } else if (node.items !== undefined) {
      compare(node.items, old.get(id), element, `${key}[${id}]`, found);
    }
  }
  if (node.ordered !== true) return;
  const kept = [...old.keys()].filter((id) => now.has(id));
  const order = [...now.keys()].filter((id) => old.has(id));
  if (!same(kept, order)) found.push({ key, kind: 'order', before: kept.join(', '), after: order.join(', ') });
}

function elementWords(node: SchemaNode, element: unknown): string {
  if (!isPlainObject(element)) return words(element);
  const rest = Object.entries(element).filter(([name]) => name !== node.identity);
  return rest.map(([name, value]) => `${name} ${Array.isArray(value) ? `[${words(value)}]` : words(value)}`).join(', ');
}

function words(value: unknown): string {
  if (value === undefined) return '(not set)';
  if (Array.isArray(value)) return value.length === 0 ? '(empty)' : value.map(words).join(', ');
  if (isPlainObject(value))
    return `{${Object.entries(value)
      .map(([name, own]) => `${name}: ${words(own)}`)
      .join(', ')}}`;
  return String(value);
}
