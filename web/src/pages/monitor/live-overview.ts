// The present, told by the event stream once a second, kept for as long as the live charts go back.
import { useReducedMotion } from '@mantine/hooks';
import { useRef, useState } from 'react';
import type { OverviewEvent } from '../../../../src/admin/api/schemas/events.ts';
import { type StreamState, useEvents } from '../../api/events.ts';
import { type Sample, withSample } from './measurements.ts';

export type CountName = keyof OverviewEvent['counts'];
/** Gauges that are drawn, too. */
export type GaugeName = 'queued' | 'held';
type LiveSample = Sample<CountName | GaugeName>;

export interface LiveOverview {
  /** Null: nothing was told yet. */
  readonly now: OverviewEvent | null;
  readonly samples: readonly LiveSample[];
  readonly stream: StreamState;
}

/** What the live charts show, in ms. */
export const liveSpan = 300_000;
/** Whoever asked for less motion sees the charts move this seldom, in ms. */
const calmInterval = 10_000;

/** `onSample`: called with each sample and the one before it. */
export function useLiveOverview(onSample: (before: LiveSample, sample: LiveSample) => void): LiveOverview {
  const calm = useReducedMotion();
  const [told, setTold] = useState<Omit<LiveOverview, 'stream'>>({ now: null, samples: [] });
  const last = useRef<LiveSample | null>(null);
  const take = (now: OverviewEvent) => {
    const time = Date.parse(now.time);
    const before = last.current;
    if (calm && before !== null && time - before.time < calmInterval) return;
    const sample: LiveSample = { time, values: { ...now.counts, queued: now.queue.messages, held: now.queue.held } };
    last.current = sample;
    if (before !== null) onSample(before, sample);
    setTold(({ samples }) => ({ now, samples: withSample(samples, sample, liveSpan) }));
  };
  const stream = useEvents({ topics: 'overview', on: { overview: (data) => take(data as OverviewEvent) } });
  return { ...told, stream };
}
