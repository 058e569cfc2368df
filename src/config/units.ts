import { PosternError } from '../errors.ts';

const milliseconds: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const bytes: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 };

/** A duration as written in the configuration: a whole number and `ms`, `s`, `m`, `h` or `d`. */
export const durationPattern = '^(0|[1-9][0-9]{0,8})(ms|s|m|h|d)$';
/** A size as written in the configuration: a whole number and `B`, `KiB`, `MiB`, `GiB` or `TiB`. */
export const sizePattern = '^(0|[1-9][0-9]{0,8})(B|KiB|MiB|GiB|TiB)$';

/** `"5m"` → 300000 (milliseconds). Throws `bad-configuration`. */
export function parseDuration(text: string): number {
  return parse(text, durationPattern, milliseconds, 'duration', '30s, 5m, 4h or 5d');
}

/** `"32MiB"` → 33554432 (bytes). Throws `bad-configuration`. */
export function parseSize(text: string): number {
  return parse(text, sizePattern, bytes, 'size', '256KiB or 32MiB');
}

function parse(text: string, pattern: string, units: Readonly<Record<string, number>>, what: string, examples: string) {
  const found = new RegExp(pattern).exec(text);
  const factor = found === null ? undefined : units[found[2] ?? ''];
  if (found === null || factor === undefined) {
    throw new PosternError('bad-configuration', `"${text}" is not a ${what}`, {
      remedy: `write a whole number and a unit, such as ${examples}`,
    });
  }
  return Number(found[1]) * factor;
}

export const dayLength = 24 * 3600 * 1000;

/** The begin of a day such as `2026-12-31` (UTC), ms since the epoch; null: it is none. */
export function parseDay(text: string): number | null {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return null;
  const begin = Date.parse(`${text}T00:00:00Z`);
  // 2026-02-31 is read as a day of March.
  return Number.isNaN(begin) || new Date(begin).toISOString().slice(0, 10) !== text ? null : begin;
}
