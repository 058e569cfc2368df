// From counters that only grow, as the gateway tells them, to the points of a chart.

export type Counts<Name extends string> = Readonly<Record<Name, number>>;

export interface Sample<Name extends string> {
  /** ms since the epoch. */
  readonly time: number;
  readonly values: Counts<Name>;
}

/** With the new sample at the end, without those older than `length` ms. */
export function withSample<Name extends string>(
  samples: readonly Sample<Name>[],
  sample: Sample<Name>,
  length: number,
): readonly Sample<Name>[] {
  const last = samples.at(-1);
  // Told twice, or a clock that was set back: what is there cannot be drawn together with it.
  if (last !== undefined && sample.time <= last.time) return sample.time === last.time ? samples : [sample];
  const oldest = samples.findIndex(({ time }) => time >= sample.time - length);
  return [...(oldest < 0 ? [] : samples.slice(oldest)), sample];
}

/** Each sample's counter against the one before, a second; null where none is, or where the gateway began anew. */
export function rates<Name extends string>(samples: readonly Sample<Name>[], name: Name): (number | null)[] {
  return samples.map((sample, index) => {
    const before = samples[index - 1];
    if (before === undefined) return null;
    const grown = sample.values[name] - before.values[name];
    return grown < 0 ? null : grown / ((sample.time - before.time) / 1000);
  });
}

/** Sums over spans of equal length. */
export interface Buckets<Name extends string> {
  /** Begin of the first, ms since the epoch. */
  readonly start: number;
  /** ms. */
  readonly step: number;
  readonly values: Readonly<Record<Name, readonly number[]>>;
}

/** What came between two samples, added to the span that it fell into; the number of spans stays. */
export function grown<Name extends string>(
  buckets: Buckets<Name>,
  before: Counts<Name>,
  sample: Sample<Name>,
): Buckets<Name> {
  const names = Object.keys(buckets.values) as Name[];
  const length = names[0] === undefined ? 0 : buckets.values[names[0]].length;
  const wanted = Math.floor((sample.time - buckets.start) / buckets.step);
  if (wanted < 0 || length === 0) return buckets;
  const added = Math.max(0, wanted - length + 1);
  const place = wanted - added;
  const values = {} as Record<Name, readonly number[]>;
  for (const name of names) {
    const list = added >= length ? new Array<number>(length).fill(0) : buckets.values[name].slice(added);
    while (list.length < length) list.push(0);
    // A gateway that began anew counts from zero.
    const more = sample.values[name] - before[name];
    list[place] = (list[place] ?? 0) + (more < 0 ? sample.values[name] : more);
    values[name] = list;
  }
  return { start: buckets.start + added * buckets.step, step: buckets.step, values };
}

/** Begins of the spans in seconds since the epoch, as charts take them. */
export function bucketTimes<Name extends string>(buckets: Buckets<Name>): number[] {
  const [list = []] = Object.values(buckets.values) as (readonly number[])[];
  return list.map((_, index) => (buckets.start + index * buckets.step) / 1000);
}
