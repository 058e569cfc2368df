// What became of our reports to other domains.
import { Badge, Text } from '@mantine/core';
import type { SentTlsReport, SentTlsReports } from '../../../../src/admin/api/schemas/tls-reports.ts';
import { request } from '../../api/client.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { type Column, DataTable, usePages } from '../../parts/data-table.tsx';
import { Card } from '../../parts/page.tsx';
import { Empty } from '../../parts/states.tsx';
import classes from './reports.module.css';
import { noonOf } from './tls-reports-received.tsx';

const colours: Readonly<Record<SentTlsReport['state'], string>> = {
  due: 'yellow.9',
  sent: 'green.9',
  none: 'gray.8',
  failed: 'red.9',
};

export function SentReports() {
  const { t, format } = useLanguage();
  const pages = usePages<SentTlsReport>({
    queryKey: ['tls-reports', 'sent'],
    fetchPage: async (_cursor, signal) => {
      const { items } = await request<SentTlsReports>('GET', '/tls-reports/sent', { signal });
      return { items, next: null };
    },
  });
  const columns: readonly Column<SentTlsReport>[] = [
    { key: 'day', title: t('tlsReports.about'), tight: true, render: ({ day }) => format.day(noonOf(day)) },
    {
      key: 'domain',
      title: t('tlsReports.domain'),
      render: ({ domain }) => <div className={classes['name']}>{domain}</div>,
    },
    {
      key: 'state',
      title: t('tlsReports.state'),
      tight: true,
      render: ({ state }) => (
        <Badge variant="filled" color={colours[state]} size="sm">
          {t(`tlsReports.state.${state}`)}
        </Badge>
      ),
    },
    {
      key: 'detail',
      title: t('tlsReports.detail'),
      render: ({ detail, next }) => (
        <div className={classes['name']}>
          <span lang="en">{detail}</span>
          {next !== null && (
            <Text size="xs" c="dimmed">
              {t('tlsReports.next', { time: format.time(next) })}
            </Text>
          )}
        </div>
      ),
    },
  ];
  return (
    <Card flush>
      <DataTable
        label={t('tlsReports.view.sent')}
        columns={columns}
        rowKey={({ day, domain }) => `${day} ${domain}`}
        pages={pages}
        empty={
          <Empty icon="check" title={t('tlsReports.emptySent')}>
            {t('tlsReports.emptySentText')}
          </Empty>
        }
      />
    </Card>
  );
}
