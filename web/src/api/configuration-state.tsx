// The state of the configuration, told by the gateway's event stream: what is pending, which revision is in force. One
// stream for the whole page; whatever is shown of the configuration is asked for again when it changes.
import { useQuery } from '@tanstack/react-query';
import { createContext, type ReactNode, use, useState } from 'react';
import type { Candidate, Confirmation } from '../../../src/admin/api/schemas/configuration.ts';
import type { ConfigurationEvent } from '../../../src/admin/api/schemas/events.ts';
import { request } from './client.ts';
import { type StreamState, useEvents } from './events.ts';
import { configurationChanged, configurationKey } from './queries.ts';

interface Told {
  readonly revision: number;
  /** Changes that are not committed. */
  readonly pending: number;
  /** What must be confirmed is taken back then; null: nothing must. */
  readonly confirmBy: string | null;
}

export interface ConfigurationState {
  /** Null: not told yet. */
  readonly told: Told | null;
  readonly stream: StreamState;
}

const Context = createContext<ConfigurationState>({ told: null, stream: 'connecting' });

export function ConfigurationStateProvider({ children }: { readonly children: ReactNode }) {
  const [event, setEvent] = useState<ConfigurationEvent | null>(null);
  const stream = useEvents({
    topics: 'configuration',
    on: {
      configuration: (data) => {
        if (event !== null) void configurationChanged();
        setEvent(data as ConfigurationEvent);
      },
    },
  });
  // Without the stream (a proxy that holds it back), it is asked for: after each change of one's own, and now and then.
  const asked = useQuery({
    queryKey: [configurationKey, 'candidate'],
    queryFn: ({ signal }) => request<Candidate>('GET', '/configuration/candidate', { signal }),
    enabled: stream === 'broken',
    refetchInterval: 30_000,
  });
  const waiting = useQuery({
    queryKey: [configurationKey, 'confirmation'],
    queryFn: ({ signal }) => request<Confirmation>('GET', '/configuration/confirmation', { signal }),
    enabled: stream === 'broken',
    refetchInterval: 30_000,
  });
  const told =
    stream === 'broken' && asked.data !== undefined
      ? {
          revision: asked.data.committed,
          pending: asked.data.changes.length,
          confirmBy: waiting.data?.waiting?.until ?? null,
        }
      : event;
  return <Context value={{ told, stream }}>{children}</Context>;
}

export function useConfigurationState(): ConfigurationState {
  return use(Context);
}
