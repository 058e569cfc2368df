// TXT records.

/** The strings of a TXT record stand for one text (RFC 7208 3.3). */
export function textOf(data: string | Buffer | readonly (string | Buffer)[]): string {
  const parts = typeof data === 'string' || Buffer.isBuffer(data) ? [data] : data;
  return parts.map((part) => (typeof part === 'string' ? part : part.toString('latin1'))).join('');
}
