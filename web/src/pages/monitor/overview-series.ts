// Counts over a longer span: asked for once from the history, then kept up to date by the event stream.
import { useQuery } from '@tanstack/react-query';
import { useCallback, useEffect, useState } from 'react';
import type { Series } from '../../../../src/admin/api/schemas/reports.ts';
import { request } from '../../api/client.ts';
import type { CountName } from './live-overview.ts';
import { type Buckets, grown, type Sample } from './measurements.ts';

export const spans = ['live', 'hour', 'day', 'month'] as const;
export type Span = (typeof spans)[number];

const hours: Readonly<Record<Exclude<Span, 'live'>, number>> = { hour: 1, day: 24, month: 30 * 24 };
export interface OverviewSeries {
  /** Null: not there yet. */
  readonly buckets: Buckets<CountName> | null;
  readonly step: 'minute' | 'hour';
  readonly error: unknown;
  readonly refetch: () => void;
  /** Adds what came between two samples of the stream. */
  readonly add: (before: Sample<CountName>, sample: Sample<CountName>) => void;
}

export function useOverviewSeries(span: Span): OverviewSeries {
  const step = span === 'month' ? 'hour' : 'minute';
  const query = useQuery({
    queryKey: ['series', span],
    enabled: span !== 'live',
    staleTime: 0,
    gcTime: 0,
    queryFn: ({ signal }) => {
      const to = Date.now();
      const from = span === 'live' ? to : to - hours[span] * 3_600_000;
      const query = { from: new Date(from).toISOString(), to: new Date(to).toISOString(), step };
      return request<Series>('GET', '/reports/series', { query, signal });
    },
  });
  const [buckets, setBuckets] = useState<Buckets<CountName> | null>(null);
  useEffect(() => {
    setBuckets(query.data === undefined ? null : { ...query.data, start: Date.parse(query.data.start) });
  }, [query.data]);
  const add = useCallback((before: Sample<CountName>, sample: Sample<CountName>) => {
    setBuckets((present) => (present === null ? null : grown(present, before.values, sample)));
  }, []);
  return { buckets, step, error: query.error, refetch: () => void query.refetch(), add };
}
