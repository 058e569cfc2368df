// Where the queue goes: one row a destination, with why it waits.
import { Badge, Text } from '@mantine/core';
import { Link } from 'wouter';
import type {
  QueueDestinations as DestinationPage,
  QueueDestination,
} from '../../../../src/admin/api/schemas/queue.ts';
import { request } from '../../api/client.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { type Column, DataTable, usePages } from '../../parts/data-table.tsx';
import { Card } from '../../parts/page.tsx';
import { Empty } from '../../parts/states.tsx';

const refreshed = 15_000;

export function QueueDestinations() {
  const { t, format } = useLanguage();
  const pages = usePages<QueueDestination>({
    queryKey: ['queue', 'destinations'],
    fetchPage: (cursor, signal) =>
      request<DestinationPage>('GET', '/queue/destinations', { query: { cursor, limit: 100 }, signal }),
    refetchInterval: refreshed,
  });
  const columns: readonly Column<QueueDestination>[] = [
    {
      key: 'destination',
      title: t('queue.destination'),
      render: ({ destination }) => (
        <Link href={`/monitor/queue?destination=${encodeURIComponent(destination)}`}>{destination}</Link>
      ),
    },
    { key: 'jobs', title: t('queue.waiting'), align: 'right', tight: true, render: ({ jobs }) => format.number(jobs) },
    {
      key: 'state',
      title: t('queue.reach'),
      render: ({ state }) => (
        <Badge variant="light" size="sm" color={state === 'up' ? 'green' : 'red'}>
          {t(`queue.reach.${state}`)}
        </Badge>
      ),
    },
    {
      key: 'next',
      title: t('queue.next'),
      tight: true,
      render: ({ next }) =>
        next === null ? (
          t('queue.nextNone')
        ) : (
          <time dateTime={next} title={format.time(next)}>
            {format.relative(next)}
          </time>
        ),
    },
    {
      key: 'reason',
      title: t('queue.reason'),
      render: ({ reason }) => (
        <Text span inherit lang="en">
          {reason}
        </Text>
      ),
    },
  ];
  return (
    <Card flush>
      <DataTable
        label={t('queue.destinations')}
        columns={columns}
        rowKey={({ destination }) => destination}
        pages={pages}
        empty={
          <Empty icon="check" title={t('queue.empty')}>
            {t('queue.emptyText')}
          </Empty>
        }
      />
    </Card>
  );
}
