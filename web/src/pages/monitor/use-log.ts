// A log: its last lines from a page of the API, what is written from then on from the event stream.
import { useInfiniteQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import type { LogEvent } from '../../../../src/admin/api/schemas/events.ts';
import type { LogPage } from '../../../../src/admin/api/schemas/logs.ts';
import { request } from '../../api/client.ts';
import { useEvents } from '../../api/events.ts';
import { noLines, type Tail, withLines } from './log-lines.ts';

export type LogName = 'mail' | 'system';

const firstLines = 200;
const olderLines = 500;

export interface Log {
  /** Null: not there yet. */
  readonly tail: Tail | null;
  /** What was asked for from before it, oldest first. */
  readonly older: readonly string[];
  readonly error: unknown;
  readonly retry: () => void;
  readonly live: boolean;
  readonly paused: boolean;
  /** Lines that came while it is paused. */
  readonly waiting: number;
  /** Lines that came too fast for this page. */
  readonly skipped: number;
  readonly pause: () => void;
  readonly resume: () => void;
  readonly hasOlder: boolean;
  readonly loadingOlder: boolean;
  readonly fetchOlder: () => void;
}

export function useLog(name: LogName, filter: string): Log {
  const pages = useInfiniteQuery({
    queryKey: ['log', name, filter],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) =>
      request<LogPage>('GET', `/logs/${name}`, {
        query: { filter, before: pageParam, lines: pageParam === null ? firstLines : olderLines },
        signal,
      }),
    getNextPageParam: (page) => page.before,
    // What was written since comes by the stream: asking again would only repeat it.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    refetchOnWindowFocus: false,
  });
  const [first, ...others] = pages.data?.pages ?? [];
  const [live, setLive] = useState<Tail | null>(null);
  const [held, setHeld] = useState<Tail | null>(null);
  const [skipped, setSkipped] = useState(0);
  const fresh = useRef(true);
  useEffect(() => {
    if (first !== undefined) setLive((present) => present ?? { first: 0, lines: first.lines });
  }, [first]);
  const take = ({ log, lines, skipped: more }: LogEvent) => {
    if (log !== name) return;
    const again = fresh.current;
    fresh.current = false;
    if (more > 0) setSkipped((count) => count + more);
    if (held === null) setLive((present) => withLines(present ?? noLines, lines, again));
    else setHeld((present) => withLines(present ?? noLines, lines, again));
  };
  const stream = useEvents({
    topics: live === null ? null : `${name}-log`,
    filter: filter === '' ? undefined : filter,
    lines: firstLines,
    on: { log: (data) => take(data as LogEvent) },
  });
  useEffect(() => {
    if (stream === 'connecting') fresh.current = true;
  }, [stream]);
  return {
    tail: live,
    older: others.toReversed().flatMap(({ lines }) => lines),
    error: pages.error,
    retry: () => void pages.refetch(),
    live: stream === 'open',
    paused: held !== null,
    waiting: held?.lines.length ?? 0,
    skipped,
    pause: () => setHeld(noLines),
    resume: () => {
      setLive((present) => withLines(present ?? noLines, held?.lines ?? [], true));
      setHeld(null);
    },
    hasOlder: pages.hasNextPage,
    loadingOlder: pages.isFetchingNextPage,
    fetchOlder: () => void pages.fetchNextPage(),
  };
}
