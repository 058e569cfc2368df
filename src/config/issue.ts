// What is wrong with a configuration: where, why, and what would be right.
import { PosternError } from '../errors.ts';
import { formatPath, type Path } from './node.ts';

export interface ConfigIssue {
  readonly path: Path;
  readonly reason: string;
  readonly remedy: string;
  /** Point at the key, not at its value: the key itself is wrong. */
  readonly atKey?: boolean;
}

/** An issue as the administrator sees it. `line` and `column` count from 1; null where there is no text. */
export interface LocatedIssue {
  readonly line: number | null;
  readonly column: number | null;
  /** `tls.inbound.versions`, `listeners[mx].port`; empty: the document as a whole. */
  readonly key: string;
  /** The same as a JSON pointer: `/tls/inbound/versions`, `/listeners/0/port`. */
  readonly pointer: string;
  readonly reason: string;
  readonly remedy: string;
}

/** Where a path stands in a text. */
export type Locate = (path: Path, atKey: boolean) => { readonly line: number; readonly column: number };

const shown = 20;

/** `value` is the document that the paths go into: list elements are named by it. */
export function locateIssues(issues: readonly ConfigIssue[], value: unknown, locate?: Locate): LocatedIssue[] {
  const located = issues.map((issue) => {
    const position = locate?.(issue.path, issue.atKey ?? false);
    return {
      line: position?.line ?? null,
      column: position?.column ?? null,
      key: formatPath(issue.path, value),
      pointer: jsonPointer(issue.path),
      reason: issue.reason,
      remedy: issue.remedy,
    };
  });
  return located.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}

/** RFC 6901. */
export function jsonPointer(path: Path): string {
  return path.map((segment) => `/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** `gateway.yaml:12:5: tls.inbound.versions: reason`. */
export function formatIssue(issue: LocatedIssue, source: string): string {
  const place = issue.line === null ? '' : `${source}:${issue.line}:${issue.column ?? 1}: `;
  return `${place}${issue.key === '' ? '' : `${issue.key}: `}${issue.reason}`;
}

/**
 * The error for a configuration that is refused: code `bad-configuration`; the message has a line an issue, each with its
 * place, and from the second on its remedy; `remedy` is the first one's.
 */
export function configurationError(issues: readonly LocatedIssue[], source: string): PosternError {
  const [first, ...others] = issues;
  if (first === undefined) return new PosternError('bad-configuration', `${source} is not a configuration`);
  const lines = others.slice(0, shown - 1).map((issue) => `${formatIssue(issue, source)} (${issue.remedy})`);
  if (issues.length > shown) lines.push(`and ${issues.length - shown} more`);
  return new PosternError('bad-configuration', [formatIssue(first, source), ...lines].join('\n'), {
    remedy: first.remedy,
    issues: issues.slice(0, shown).map((issue) => ({
      pointer: issue.pointer,
      detail: formatIssue(issue, source),
      remedy: issue.remedy,
    })),
  });
}

/** The candidate nearest to `word` by edits, where it is near enough to be a slip of the finger. */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  if (word.length > 64) return null;
  const wanted = word.toLowerCase();
  const most = Math.max(1, Math.floor(wanted.length / 3));
  let best: string | null = null;
  let bestDistance = most + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - wanted.length) > most) continue;
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Optimal string alignment: insertions, deletions, substitutions, and two neighbours swapped. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min((row[j - 1] ?? 0) + 1, (previous[j] ?? 0) + 1, (previous[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      }
      row.push(cost);
    }
    before = previous;
    previous = row;
  }
  return previous[b.length] ?? 0;
}
