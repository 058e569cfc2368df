// Documents of older formats. `schema: 1` is from before TLS 1.3 was known: it is upgraded as the reference system does it
// (AsyncOS 15.5: exactly 1.1 and 1.2 on all services; 1.0 obsolete and off, 1.3 opt-in).
import type { ConfigIssue } from './issue.ts';
import { isPlainObject, type PlainObject } from './plain-object.ts';

export interface Upgrade {
  /** The document in the present format; the input itself where nothing had to be done. */
  readonly document: unknown;
  /** What was changed, a sentence a change, for the administrator. */
  readonly changes: readonly string[];
  readonly issues: readonly ConfigIssue[];
}

const present = 2;
const services = ['gui', 'inbound', 'outbound'] as const;
const upgraded = ['TLSv1.1', 'TLSv1.2'] as const;

/** A document without `schema` is of the present format. Never throws; a wrong `tls` section is left to the validation. */
export function upgradeDocument(document: unknown): Upgrade {
  if (!isPlainObject(document)) return { document, changes: [], issues: [] };
  const schema = Object.hasOwn(document, 'schema') ? document['schema'] : undefined;
  if (schema === 1) return upgradeFirst(document);
  if (typeof schema === 'number' && Number.isInteger(schema) && schema > present) {
    const issue = {
      path: ['schema'],
      reason: `this is a file of schema ${schema}; this version of Postern knows schema 1 and ${present}`,
      remedy: 'use the version of Postern that wrote it, or a newer one',
    };
    return { document, changes: [], issues: [issue] };
  }
  return { document, changes: [], issues: [] };
}

function upgradeFirst(document: PlainObject): Upgrade {
  const given = Object.hasOwn(document, 'tls') ? document['tls'] : undefined;
  if (given !== undefined && given !== null && !isPlainObject(given)) {
    return { document: { ...document, schema: present }, changes: [], issues: [] };
  }
  const issues: ConfigIssue[] = [];
  const changes = [`schema: 1 -> ${present}`];
  const tls: Record<string, unknown> = { ...given };
  for (const service of services) {
    const before = tls[service] ?? {};
    if (!isPlainObject(before)) continue;
    const versions = before['versions'];
    if (Array.isArray(versions) && versions.includes('TLSv1.3')) {
      issues.push({
        path: ['tls', service, 'versions'],
        reason: 'a file of schema 1 is from before TLS 1.3, but this one names TLSv1.3',
        remedy: `write "schema: ${present}" to choose the versions yourself`,
      });
    }
    tls[service] = { ...before, versions: [...upgraded] };
    changes.push(`tls.${service}.versions: ${listed(versions)} -> ${upgraded.join(', ')}`);
  }
  const boxes = tls['otherClients'] ?? {};
  if (isPlainObject(boxes)) {
    tls['otherClients'] = { ...boxes, allowTLSv1_1: true, allowTLSv1_0: false };
    changes.push(`tls.otherClients.allowTLSv1_1: ${set(boxes['allowTLSv1_1'])} -> true`);
    if (boxes['allowTLSv1_0'] === true) changes.push('tls.otherClients.allowTLSv1_0: true -> false');
  }
  return { document: { ...document, schema: present, tls }, changes, issues };
}

function listed(versions: unknown): string {
  return Array.isArray(versions) ? versions.map(String).join(', ') : '(not set)';
}

function set(value: unknown): string {
  return typeof value === 'boolean' ? String(value) : '(not set)';
}
