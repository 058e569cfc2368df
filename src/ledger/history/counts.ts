// Counts over time, for charts: minutes for a day, hours for 90 days, and since the start of the program.
import type { DatabaseSync } from 'node:sqlite';
import { type SeriesCounts, type SeriesName, seriesNames } from '../protocol.ts';

export const minute = 60_000;
export const hour = 3_600_000;
export const day = 86_400_000;
/** How long buckets of a step are kept, ms. */
export const kept: Readonly<Record<number, number>> = { [minute]: day, [hour]: 90 * day };

const index = Object.fromEntries(seriesNames.map((name, at) => [name, at])) as Readonly<Record<SeriesName, number>>;

class Bucket {
  readonly step: number;
  start: number;
  counts: number[];
  changed = false;

  constructor(step: number, start: number, counts: number[]) {
    this.step = step;
    this.start = start;
    this.counts = counts;
  }
}

export class Counts {
  readonly #totals = zeros();
  readonly #buckets: Bucket[];
  /** Buckets that are over and not written yet. */
  #over: Bucket[] = [];

  constructor(database: DatabaseSync | null, now: number) {
    this.#buckets = [minute, hour].map((step) => {
      const start = now - (now % step);
      return new Bucket(step, start, database === null ? zeros() : load(database, step, start));
    });
  }

  /** `time`: when it happened; what comes a little late counts for the present bucket. */
  add(name: SeriesName, time: number, count = 1): void {
    const at = index[name];
    this.#totals[at] = (this.#totals[at] ?? 0) + count;
    for (const bucket of this.#buckets) {
      if (time >= bucket.start + bucket.step) this.#turn(bucket, time);
      bucket.counts[at] = (bucket.counts[at] ?? 0) + count;
      bucket.changed = true;
    }
  }

  totals(): SeriesCounts {
    return Object.fromEntries(seriesNames.map((name, at) => [name, this.#totals[at] ?? 0])) as SeriesCounts;
  }

  write(database: DatabaseSync): void {
    const statement = database.prepare('INSERT OR REPLACE INTO series (step, start, counts) VALUES (?, ?, ?)');
    for (const { step, start, counts, changed } of [...this.#over, ...this.#buckets]) {
      if (changed) statement.run(step, start, JSON.stringify(counts));
    }
  }

  /** What `write` wrote is safe. */
  written(): void {
    this.#over = [];
    for (const bucket of this.#buckets) bucket.changed = false;
  }

  #turn(bucket: Bucket, time: number): void {
    // While nothing can be written the newest are kept: 60 of each step.
    if (bucket.changed) this.#over.push({ ...bucket, counts: bucket.counts });
    if (this.#over.length > 120) this.#over.shift();
    bucket.start = time - (time % bucket.step);
    bucket.counts = zeros();
    bucket.changed = false;
  }
}

function zeros(): number[] {
  return seriesNames.map(() => 0);
}

function load(database: DatabaseSync, step: number, start: number): number[] {
  const row = database.prepare('SELECT counts FROM series WHERE step = ? AND start = ?').get(step, start);
  return row === undefined ? zeros() : countsOf(String(row['counts']));
}

/** A row of the table `series`; names that are newer than the row are 0. */
export function countsOf(text: string): number[] {
  const values = JSON.parse(text) as unknown[];
  return seriesNames.map((_, at) => Number(values[at] ?? 0));
}
