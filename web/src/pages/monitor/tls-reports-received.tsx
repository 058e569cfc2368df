// The reports that came, newest first.
import { Anchor, Badge, Checkbox, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { Link } from 'wouter';
import type { ReceivedTlsReport, ReceivedTlsReports } from '../../../../src/admin/api/schemas/tls-reports.ts';
import { request } from '../../api/client.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { type Column, DataTable, usePages } from '../../parts/data-table.tsx';
import { Card } from '../../parts/page.tsx';
import type { Search } from '../../parts/search-parameters.ts';
import { Empty } from '../../parts/states.tsx';
import classes from './reports.module.css';

export function ReceivedReports({ search }: { readonly search: Search<'view' | 'span' | 'text' | 'failed'> }) {
  const { t, format } = useLanguage();
  const [text] = useDebouncedValue(search.values.text.trim(), 300);
  const failed = search.values.failed === 'true';
  const pages = usePages<ReceivedTlsReport>({
    queryKey: ['tls-reports', 'received', text, failed],
    fetchPage: (cursor, signal) =>
      request<ReceivedTlsReports>('GET', '/tls-reports/received', {
        query: { text, failed: failed ? 'true' : '', cursor, limit: 50 },
        signal,
      }),
  });
  const columns: readonly Column<ReceivedTlsReport>[] = [
    { key: 'came', title: t('tlsReports.came'), tight: true, render: ({ time }) => format.time(time) },
    {
      key: 'report',
      title: t('tlsReports.report'),
      render: ({ id, organization, problem, sender, counted, signature }) =>
        problem === '' ? (
          <div className={classes['name']}>
            <Anchor component={Link} inherit href={`/monitor/tls-reports/${id}`}>
              {organization}
            </Anchor>
            {!counted && (
              <Text size="xs" c="dimmed">
                {t('tlsReports.notCounted')}: <span lang="en">{signature}</span>
              </Text>
            )}
          </div>
        ) : (
          <div className={classes['name']}>
            <Badge variant="filled" color="red.9" size="sm">
              {t('tlsReports.unreadable')}
            </Badge>
            <Text size="xs" c="dimmed">
              {sender}: <span lang="en">{problem}</span>
            </Text>
          </div>
        ),
    },
    {
      key: 'about',
      title: t('tlsReports.about'),
      tight: true,
      render: ({ start, problem }) => (problem === '' ? format.day(noonOf(start)) : ''),
    },
    {
      key: 'ok',
      title: t('tlsReports.ok'),
      align: 'right',
      tight: true,
      render: ({ ok, problem }) => (problem === '' ? format.number(ok) : ''),
    },
    {
      key: 'failed',
      title: t('tlsReports.failed'),
      align: 'right',
      tight: true,
      render: ({ failed: count, problem }) =>
        problem === '' && (
          <span className={classes['count']} data-tone={count > 0 ? 'bad' : 'none'}>
            {format.number(count)}
          </span>
        ),
    },
  ];
  return (
    <>
      <div className={classes['filters']}>
        <TextInput
          label={t('tlsReports.text')}
          maxLength={255}
          value={search.values.text}
          onChange={(event) => search.set({ text: event.currentTarget.value })}
        />
        <Checkbox
          label={t('tlsReports.onlyFailed')}
          checked={failed}
          onChange={(event) => search.set({ failed: event.currentTarget.checked ? 'true' : '' })}
        />
      </div>
      <Card flush>
        <DataTable
          label={t('tlsReports.view.received')}
          columns={columns}
          rowKey={({ id }) => String(id)}
          pages={pages}
          empty={
            <Empty icon="search" title={t('tlsReports.emptyReceived')}>
              {t('tlsReports.emptyReceivedText')}
            </Empty>
          }
        />
      </Card>
    </>
  );
}

/** A day of UTC is named by its noon: nobody's midnight is on another date then. */
export function noonOf(start: string): number {
  return Date.parse(start) + 12 * 3_600_000;
}
