// The one cache of what the gateway said. A page names its data by a key; changes invalidate keys.
import { QueryClient } from '@tanstack/react-query';
import { ApiError } from './problem.ts';

/** Another attempt may help only where there was no answer, or the gateway was busy. */
function worthRepeating(failures: number, error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  return failures < 2 && (error.code === 'network' || error.status === 503);
}

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: { retry: worthRepeating, staleTime: 5000, refetchOnWindowFocus: true, networkMode: 'always' },
    mutations: { retry: false, networkMode: 'always' },
  },
});

/** First part of the keys of everything that depends on the configuration, committed or pending. */
export const configurationKey = 'configuration';

/** After a change of the candidate or a commit: whatever is shown of the configuration is asked for again. */
export function configurationChanged(): Promise<void> {
  return queryClient.invalidateQueries({ queryKey: [configurationKey] });
}
