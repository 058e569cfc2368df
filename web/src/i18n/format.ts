// Numbers, sizes and times as the reader's language writes them; times are the browser's local ones.
import type { Language } from './language.tsx';

export interface Format {
  readonly number: (value: number) => string;
  /** `1.5 MB`, decimal units as file managers and mail limits use them. */
  readonly bytes: (value: number) => string;
  /** Day and time with seconds. */
  readonly time: (iso: string | number | Date) => string;
  /** Day alone. */
  readonly day: (iso: string | number | Date) => string;
  /** `in 5 minutes`, `3 hours ago`. */
  readonly relative: (iso: string | number | Date, now?: number) => string;
  /** `2 days, 4 hours` from milliseconds; the two biggest units. */
  readonly duration: (ms: number) => string;
  /** `a, b and c`. */
  readonly list: (items: readonly string[]) => string;
}

const steps = [
  ['year', 31_557_600_000],
  ['month', 2_629_800_000],
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
] as const;
const sizes = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

export function formatFor(language: Language): Format {
  // British English writes the day before the month and 24 hours, as logs do.
  const tag = language === 'en' ? 'en-GB' : 'de-DE';
  const number = new Intl.NumberFormat(tag);
  const time = new Intl.DateTimeFormat(tag, { dateStyle: 'medium', timeStyle: 'medium' });
  const day = new Intl.DateTimeFormat(tag, { dateStyle: 'medium' });
  const relative = new Intl.RelativeTimeFormat(tag, { numeric: 'auto' });
  const units = new Intl.ListFormat(tag, { style: 'narrow', type: 'unit' });
  const list = new Intl.ListFormat(tag, { style: 'long', type: 'conjunction' });
  const date = (value: string | number | Date) => (value instanceof Date ? value : new Date(value));
  const count = (value: number, unit: string) =>
    new Intl.NumberFormat(tag, { style: 'unit', unit, unitDisplay: 'long' }).format(value);
  return {
    number: (value) => number.format(value),
    bytes: (value) => {
      const power = value < 1000 ? 0 : Math.min(Math.floor(Math.log10(value) / 3), sizes.length - 1);
      return new Intl.NumberFormat(tag, {
        style: 'unit',
        unit: sizes[power] ?? 'byte',
        unitDisplay: power === 0 ? 'long' : 'short',
        maximumFractionDigits: power === 0 ? 0 : 1,
      }).format(value / 1000 ** power);
    },
    time: (value) => time.format(date(value)),
    day: (value) => day.format(date(value)),
    relative: (value, now = Date.now()) => {
      const distance = date(value).getTime() - now;
      const [unit, size] = steps.find(([, length]) => Math.abs(distance) >= length) ?? ['second', 1000];
      return relative.format(Math.round(distance / size), unit);
    },
    duration: (ms) => {
      const parts: string[] = [];
      let rest = Math.max(0, ms);
      for (const [unit, size] of steps.slice(2)) {
        const whole = Math.floor(rest / size);
        rest -= whole * size;
        if (whole > 0) parts.push(count(whole, unit));
        else if (parts.length > 0) break;
        if (parts.length === 2) break;
      }
      return parts.length === 0 ? count(0, 'second') : units.format(parts);
    },
    list: (items) => list.format(items),
  };
}
