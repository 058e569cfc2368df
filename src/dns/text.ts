// TXT records as texts.
import type { Found } from './lookup.ts';

/** One text a record: its strings belong together (RFC 7208 3.3, RFC 8461 3.1, RFC 6376 3.6.2.2). */
export function textsOf({ records }: Pick<Found, 'records'>): string[] {
  return records.flatMap((record) => {
    if (record.type !== 'TXT') return [];
    const parts = Array.isArray(record.data) ? record.data : [record.data];
    return [parts.map((part) => (typeof part === 'string' ? part : part.toString('latin1'))).join('')];
  });
}
