import { rootNode, type SchemaNode } from './node.ts';
import { isPlainObject } from './plain-object.ts';
import type { GatewayConfig } from './schema.ts';

/**
 * A structurally valid, perhaps partial document (`structureIssues` found nothing) with every default filled in, nested
 * ones too. A section written without content (`limits:`) is as if it were absent. Keys come in the schema's order.
 */
export function fillDefaults(document: unknown): GatewayConfig {
  return fill(rootNode, document) as GatewayConfig;
}

/** The configuration of an empty document. */
export function defaultConfig(): GatewayConfig {
  return fillDefaults({});
}

function fill(node: SchemaNode, value: unknown): unknown {
  if (node.properties !== undefined) {
    const given = isPlainObject(value) ? value : {};
    const filled: Record<string, unknown> = {};
    for (const [key, property] of Object.entries(node.properties)) {
      const own = Object.hasOwn(given, key) ? given[key] : undefined;
      const optional = !(node.required ?? []).includes(key);
      if (optional && (own === undefined || own === null)) continue;
      filled[key] = fill(property, own);
    }
    return filled;
  }
  if (value === undefined || value === null) return structuredClone(node.default);
  const { items } = node;
  if (items !== undefined && Array.isArray(value)) return value.map((element: unknown) => fill(items, element));
  return value;
}
