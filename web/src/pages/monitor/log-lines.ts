// Lines of a log as a page holds them: bounded, with what comes twice after a break of the stream left out.

/** Lines kept on the page; older ones can be asked for again. */
export const mostLines = 3000;

export interface Tail {
  /** Number of the first line: each keeps its own for as long as it is there. */
  readonly first: number;
  readonly lines: readonly string[];
}

export const noLines: Tail = { first: 0, lines: [] };

/**
 * What came, behind what is there. `again`: the stream was opened anew and begins with lines of before; those that are there
 * already are not repeated.
 */
export function withLines(present: Tail, came: readonly string[], again: boolean): Tail {
  const known = again ? overlap(present.lines, came) : 0;
  const all = [...present.lines, ...came.slice(known)];
  const dropped = Math.max(0, all.length - mostLines);
  return { first: present.first + dropped, lines: dropped === 0 ? all : all.slice(dropped) };
}

/** How many lines at the end of `present` are the beginning of `came`. */
function overlap(present: readonly string[], came: readonly string[]): number {
  for (let length = Math.min(present.length, came.length); length > 0; length--) {
    const from = present.length - length;
    if (came[0] === present[from] && came.slice(0, length).every((line, index) => line === present[from + index])) {
      return length;
    }
  }
  return 0;
}

export interface LinePart {
  readonly text: string;
  /** A message, or a connection that the log can be filtered by. */
  readonly id?: { readonly kind: 'MID' | 'ICID' | 'DCID'; readonly number: number };
}

const ids = /\b(MID|ICID|DCID) ([1-9][0-9]{0,15})\b/g;

/** The IDs of a line apart from the rest of it. */
export function partsOf(line: string): readonly LinePart[] {
  const parts: LinePart[] = [];
  let end = 0;
  for (const found of line.matchAll(ids)) {
    if (found.index > end) parts.push({ text: line.slice(end, found.index) });
    parts.push({ text: found[0], id: { kind: found[1] as 'MID' | 'ICID' | 'DCID', number: Number(found[2]) } });
    end = found.index + found[0].length;
  }
  if (end < line.length) parts.push({ text: line.slice(end) });
  return parts;
}

/** `Warning` of `Wed Nov 25 22:42:28 2026 Warning: text`. */
export function levelOf(line: string): string {
  return /^\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} (\w+):/.exec(line)?.[1] ?? 'Info';
}
