// What would become of everybody who was seen, under what is pending and what is not saved yet.
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import type { Preview } from '../../../../src/admin/api/schemas/preview.ts';
import { request } from '../../api/client.ts';
import { configurationKey } from '../../api/queries.ts';

/** ms without another click before the gateway is asked. */
const pauseBetweenClicks = 200;
/** ms until the gateway answers with what it knows by then; it is asked again until it knows all. */
const patience = 400;
/** ms after which those count who were seen meanwhile. */
const seenSince = 15_000;

export type { Preview };
export type Target = Preview['targets'][number];
export type Group = Target['groups'][number];
export type Move = Target['moves'][number];
export type Change = Group['change'];

/** `patch`: a merge patch upon the candidate; null: the candidate as it is. */
export function usePreview(patch: unknown) {
  const [asked] = useDebouncedValue(JSON.stringify(patch), pauseBetweenClicks);
  return useQuery({
    queryKey: [configurationKey, 'preview', asked],
    queryFn: ({ signal }) => {
      const body = { days: 30, wait: patience, ...(asked === 'null' ? {} : { patch: JSON.parse(asked) as unknown }) };
      return request<Preview>('POST', '/tls/preview', { body, signal });
    },
    // Nothing jumps while one clicks: the last figures stay until the next are there.
    placeholderData: (before) => before,
    refetchInterval: ({ state }) => (state.data?.complete === false ? 100 : seenSince),
  });
}
