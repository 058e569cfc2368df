// Server-sent events: a stream for each use. The browser opens one again by itself after a break; where the gateway
// answered with an error, it gives up, and this does it.
import { useEffect, useRef, useState } from 'react';
import { address } from './client.ts';
import { checkSession } from './session.ts';

/** `broken`: it was refused or cut; another attempt is under way. */
export type StreamState = 'connecting' | 'open' | 'broken';

export interface StreamOptions {
  /** Such as `overview,configuration`. Null: no stream. */
  readonly topics: string | null;
  readonly filter?: string | undefined;
  /** Last lines of a log to begin with. */
  readonly lines?: number | undefined;
  /** By name of the event (`overview`, `log`, `configuration`); called with its parsed data. */
  readonly on: Readonly<Record<string, (data: unknown) => void>>;
}

const again = 5000;

/** Opens a stream while the component is shown. */
export function useEvents({ topics, filter, lines, on }: StreamOptions): StreamState {
  const [state, setState] = useState<StreamState>('connecting');
  const listeners = useRef(on);
  useEffect(() => {
    listeners.current = on;
  });
  const names = Object.keys(on).join(',');
  useEffect(() => {
    if (topics === null) return;
    let source: EventSource;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const open = () => {
      source = new EventSource(address('/events', { topics, filter, lines }));
      source.onopen = () => setState('open');
      source.onerror = () => {
        setState('broken');
        if (source.readyState !== EventSource.CLOSED) return;
        void checkSession();
        timer = setTimeout(open, again);
      };
      for (const name of names.split(',')) {
        source.addEventListener(name, (event) => listeners.current[name]?.(JSON.parse(event.data)));
      }
    };
    open();
    return () => {
      clearTimeout(timer);
      source.close();
    };
  }, [topics, filter, lines, names]);
  return state;
}
