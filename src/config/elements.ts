// Lists whose elements are told apart (by a key, or by being different) rather than counted.
import { isDeepStrictEqual } from 'node:util';
import type { SchemaNode } from './node.ts';
import { isPlainObject } from './plain-object.ts';

/** True where elements of the list are compared and merged one by one; false where the list is one value. */
export function hasElements(node: SchemaNode): boolean {
  return node.identity !== undefined || node.elements === 'set';
}

/** The elements by what tells them apart; the second of two equals is `name#2` (two key pairs under one name). */
export function elementsOf(node: SchemaNode, list: readonly unknown[]): Map<string, unknown> {
  const elements = new Map<string, unknown>();
  for (const element of list) {
    const id = identityOf(node, element);
    let key = id;
    for (let number = 2; elements.has(key); number++) key = `${id}#${number}`;
    elements.set(key, element);
  }
  return elements;
}

function identityOf(node: SchemaNode, element: unknown): string {
  if (node.identity === undefined || !isPlainObject(element)) return String(element);
  return String(element[node.identity]);
}

export function same(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(a, b);
}
