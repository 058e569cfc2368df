// Handshakes and connections that failed, with what to do about it.
import { Badge, Select, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import type { Failure, Failures as Report } from '../../../../src/admin/api/schemas/reports.ts';
import { request } from '../../api/client.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { type Column, DataTable, usePages } from '../../parts/data-table.tsx';
import { Card, Page } from '../../parts/page.tsx';
import { useSearch } from '../../parts/search-parameters.ts';
import { Empty } from '../../parts/states.tsx';
import { beginOf, isTimeSpan, TimeSpanSelect } from '../../parts/time-span.tsx';
import classes from './reports.module.css';

const directions = ['incoming', 'outgoing', 'web'] as const;

export function Failures() {
  const { t, format } = useLanguage();
  const search = useSearch(['direction', 'span', 'text']);
  const direction = directions.find((one) => one === search.values.direction) ?? '';
  const span = isTimeSpan(search.values.span) ? search.values.span : 'week';
  const [text] = useDebouncedValue(search.values.text.trim(), 300);
  const pages = usePages<Failure>({
    queryKey: ['failures', direction, span, text],
    fetchPage: (cursor, signal) =>
      request<Report>('GET', '/reports/failures', {
        query: { direction, from: beginOf(span), text, cursor, limit: 50 },
        signal,
      }),
  });
  const columns: readonly Column<Failure>[] = [
    {
      key: 'last',
      title: t('failures.last'),
      tight: true,
      render: ({ last, first, count }) => (
        <>
          {format.time(last)}
          {count > 1 && (
            <Text size="xs" c="dimmed">
              {t('failures.since', { time: format.time(first) })}
            </Text>
          )}
        </>
      ),
    },
    {
      key: 'count',
      title: t('failures.count'),
      align: 'right',
      tight: true,
      render: ({ count }) => format.number(count),
    },
    {
      key: 'direction',
      title: t('failures.direction'),
      tight: true,
      render: (row) => (
        <Badge variant="light" color="gray" size="sm">
          {t(`failures.direction.${row.direction}`)}
        </Badge>
      ),
    },
    {
      key: 'peer',
      title: t('failures.peer'),
      render: ({ peer, name }) => (
        <>
          {name !== null && <div className={classes['domain']}>{name}</div>}
          <Text span inherit {...(name === null ? {} : { c: 'dimmed' })}>
            {peer}
          </Text>
        </>
      ),
    },
    {
      key: 'explanation',
      title: t('failures.explanation'),
      render: ({ explanation, detail }) => (
        <div className={classes['explanation']} lang="en">
          {explanation !== null && <div>{explanation}</div>}
          <div className={classes['detail']}>{detail}</div>
        </div>
      ),
    },
  ];
  return (
    <Page title={t('failures.title')} description={t('failures.description')}>
      <div className={classes['filters']}>
        <Select
          label={t('failures.direction')}
          data={[
            { value: '', label: t('failures.direction.all') },
            ...directions.map((value) => ({ value, label: t(`failures.direction.${value}`) })),
          ]}
          allowDeselect={false}
          value={direction}
          onChange={(value) => search.set({ direction: value ?? '' })}
        />
        <TimeSpanSelect value={span} onChange={(value) => search.set({ span: value })} />
        <TextInput
          label={t('failures.text')}
          maxLength={255}
          value={search.values.text}
          onChange={(event) => search.set({ text: event.currentTarget.value })}
        />
      </div>
      <Card flush>
        <DataTable
          label={t('failures.title')}
          columns={columns}
          rowKey={({ direction: way, peer, name, detail }) => `${way} ${peer} ${name ?? ''} ${detail}`}
          pages={pages}
          empty={
            <Empty icon="check" title={t('failures.empty')}>
              {t('failures.emptyText')}
            </Empty>
          }
        />
      </Card>
    </Page>
  );
}
