// Monitor > Alerts: connections that had to be secure and were not, failures that followed a commit and that nobody foretold.
import { Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { Alerts } from '../../../../src/admin/api/schemas/status.ts';
import { request } from '../../api/client.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { Card, Page } from '../../parts/page.tsx';
import { Await, Empty } from '../../parts/states.tsx';

export function AlertsPage() {
  const { t, format } = useLanguage();
  const alerts = useQuery({
    queryKey: ['alerts'],
    queryFn: ({ signal }) => request<Alerts>('GET', '/alerts', { signal }),
    refetchInterval: 30_000,
  });
  return (
    <Page title={t('alerts.title')} description={t('alerts.description')}>
      <Await query={alerts} lines={6}>
        {({ items }) =>
          items.length === 0 ? (
            <Card>
              <Empty icon="check" title={t('alerts.none')}>
                {t('alerts.noneText')}
              </Empty>
            </Card>
          ) : (
            items.map(({ time, title, lines }, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: two alerts may be alike in everything
              <Card key={`${time} ${index}`}>
                <Stack gap={4}>
                  <Text size="sm" c="dimmed">
                    {format.time(time)}
                  </Text>
                  <div lang="en">
                    <Text fw={600}>{title}</Text>
                    {lines
                      .filter((line) => line !== '')
                      .map((line) => (
                        <Text key={line} size="sm" style={{ overflowWrap: 'anywhere' }}>
                          {line}
                        </Text>
                      ))}
                  </div>
                </Stack>
              </Card>
            ))
          )
        }
      </Await>
    </Page>
  );
}
