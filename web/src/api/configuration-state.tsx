// The state of the configuration, told by the gateway's event stream: what is pending, which revision is in force. One
// stream for the whole page; whatever is shown of the configuration is asked for again when it changes.
import { createContext, type ReactNode, use, useState } from 'react';
import type { ConfigurationEvent } from '../../../src/admin/api/schemas/events.ts';
import { type StreamState, useEvents } from './events.ts';
import { configurationChanged } from './queries.ts';

export interface ConfigurationState {
  /** Null: not told yet. */
  readonly told: ConfigurationEvent | null;
  readonly stream: StreamState;
}

const Context = createContext<ConfigurationState>({ told: null, stream: 'connecting' });

export function ConfigurationStateProvider({ children }: { readonly children: ReactNode }) {
  const [told, setTold] = useState<ConfigurationEvent | null>(null);
  const stream = useEvents({
    topics: 'configuration',
    on: {
      configuration: (data) => {
        if (told !== null) void configurationChanged();
        setTold(data as ConfigurationEvent);
      },
    },
  });
  return <Context value={{ told, stream }}>{children}</Context>;
}

export function useConfigurationState(): ConfigurationState {
  return use(Context);
}
