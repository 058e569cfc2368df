// What is printed: progress on standard error, tables in Markdown on standard output.

/** A line that replaces itself on a terminal, a plain line elsewhere. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  else process.stderr.write(`${text}\n`);
}

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
}

export type Row = readonly (string | number)[];

export function printTable(title: string, headings: readonly string[], rows: readonly Row[]): void {
  clearProgress();
  const line = (cells: Row) => `| ${cells.join(' | ')} |`;
  const text = [line(headings), `|${'---|'.repeat(headings.length)}`, ...rows.map(line)].join('\n');
  process.stdout.write(`\n### ${title}\n\n${text}\n`);
}

export const met = (reached: boolean): string => (reached ? 'met' : 'NOT MET');

/** Three digits that count. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return Math.abs(value) >= 10 ? value.toFixed(1) : value.toPrecision(3);
}

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** The middle one; of an even number, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  return ((sorted[Math.ceil(half) - 1] ?? Number.NaN) + (sorted[Math.floor(half)] ?? Number.NaN)) / 2;
}

/** Median and range. */
export function spread(values: readonly number[]): string {
  if (values.length === 1) return figure(median(values));
  return `${figure(median(values))} [${figure(Math.min(...values))}-${figure(Math.max(...values))}]`;
}
