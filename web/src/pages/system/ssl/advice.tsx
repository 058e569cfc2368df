// What could be improved without harm to anybody who was seen, each piece one click away.
import { Button, Group, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { Advice } from '../../../../../src/admin/api/schemas/preview.ts';
import { request } from '../../../api/client.ts';
import { configurationKey } from '../../../api/queries.ts';
import { useLanguage } from '../../../i18n/language.tsx';
import { Card } from '../../../parts/page.tsx';
import { useTake } from '../../../parts/preview/use-take.ts';
import { Await, Failure } from '../../../parts/states.tsx';

export function AdviceCard({ mayTake }: { readonly mayTake: boolean }) {
  const { t } = useLanguage();
  const advice = useQuery({
    queryKey: [configurationKey, 'advice'],
    queryFn: ({ signal }) => request<Advice>('GET', '/tls/advice', { signal }),
    staleTime: 60_000,
  });
  const take = useTake();
  return (
    <Card title={t('advice.title')}>
      <Await query={advice} lines={2}>
        {({ items }) => (
          <Stack gap="sm">
            {take.isError && <Failure error={take.error} />}
            {items.length === 0 && <Text size="sm">{t('advice.none')}</Text>}
            {items.map(({ service, text, patch }) => (
              <Group key={`${service} ${text}`} justify="space-between" gap="sm">
                <Text size="sm" lang="en" maw="46rem">
                  {text}
                </Text>
                {mayTake && (
                  <Button size="compact-md" variant="default" onClick={() => take.mutate(patch)}>
                    {t('advice.take')}
                  </Button>
                )}
              </Group>
            ))}
          </Stack>
        )}
      </Await>
    </Card>
  );
}
