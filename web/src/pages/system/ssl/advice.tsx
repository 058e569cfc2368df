// What could be improved without harm to anybody who was seen, each piece one click away.
import { Button, Group, Stack, Text } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import type { Advice } from '../../../../../src/admin/api/schemas/preview.ts';
import { request } from '../../../api/client.ts';
import { configurationChanged, configurationKey } from '../../../api/queries.ts';
import { useLanguage } from '../../../i18n/language.tsx';
import { Card } from '../../../parts/page.tsx';
import { Await, Failure } from '../../../parts/states.tsx';
import { useToast } from '../../../parts/toast.tsx';

export function AdviceCard({ mayTake }: { readonly mayTake: boolean }) {
  const { t } = useLanguage();
  const toast = useToast();
  const advice = useQuery({
    queryKey: [configurationKey, 'advice'],
    queryFn: ({ signal }) => request<Advice>('GET', '/tls/advice', { signal }),
    staleTime: 60_000,
  });
  const take = useMutation({
    mutationFn: (patch: unknown) => request('PATCH', '/configuration/candidate', { body: patch }),
    onSuccess: () => toast(t('advice.taken')),
    onSettled: () => configurationChanged(),
  });
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
