// What must be right about the keys that sign mail.
import { getDomain } from 'tldts';
import { parseDomain } from './names.ts';
import { quote } from './quote.ts';
import type { Report } from './rules.ts';
import type { GatewayConfig } from './schema.ts';
import { parseDay } from './units.ts';

export function checkDkim({ dkim }: GatewayConfig, report: Report): void {
  const records = new Set<string>();
  for (const [index, { domain, selector, key, state, retired }] of dkim.keys.entries()) {
    const path = ['dkim', 'keys', index];
    const name = parseDomain(domain);
    if (!name.ok) report([...path, 'domain'], name.reason, name.remedy);
    else if (!canSignFor(name.value)) report([...path, 'domain'], ...nobodys(domain));
    const label = parseDomain(selector);
    if (!label.ok) {
      report([...path, 'selector'], `${quote(selector)} is not a part of a name`, 'write letters, digits and "-"');
    }
    if (name.ok && label.ok) {
      const record = `${label.value}._domainkey.${name.value}`;
      if (records.has(record)) {
        report([...path, 'selector'], `there are two keys for ${record}`, 'give one of them another selector');
      }
      records.add(record);
    }
    if (key.includes('-----BEGIN')) {
      report(
        [...path, 'key'],
        'must be the name of a file, not its contents',
        'put it into a file that only postern may read',
      );
    }
    if (retired !== undefined && parseDay(retired) === null) {
      report([...path, 'retired'], 'is no day', 'write it such as 2026-12-31');
    }
    if ((retired !== undefined) !== (state === 'retired')) {
      report([...path, 'retired'], 'belongs to state: retired, and to no other', 'write both or neither');
    }
  }
}

/** Whoever signs for a public suffix would sign for domains of others. `domain`: A-labels. */
export function canSignFor(domain: string): boolean {
  return getDomain(domain) !== null;
}

/** Reason and remedy where nobody can sign for a domain. */
export function nobodys(domain: string): [reason: string, remedy: string] {
  return [`${quote(domain)} is nobody's domain`, 'write a registered domain, such as example.com'];
}
