// Texts of others in our own sentences. Apart from the rest: mail workers quote names too, and need not load the schema for it
// (10 MB a thread, measured).

/** On one line and without controls, `most` characters at most. */
export function oneLine(text: string, most = Number.POSITIVE_INFINITY): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').slice(0, most);
}

/** A value for an error text: short, on one line, and never a private key that someone put in the wrong place. */
export function quote(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  if (/PRIVATE KEY/.test(text)) return '(a private key, not shown)';
  const line = oneLine(text);
  const short = line.length > 80 ? `${line.slice(0, 77)}...` : line;
  return typeof value === 'string' ? `"${short}"` : short;
}
