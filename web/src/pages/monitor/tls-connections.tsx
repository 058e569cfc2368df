// Connections by domain: what was asked of TLS, what came of it, and by which version.
import { Button, SegmentedControl, Select, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import type { TlsConnections as Report, TlsConnectionsRow } from '../../../../src/admin/api/schemas/reports.ts';
import { request } from '../../api/client.ts';
import { type TextKey, useLanguage } from '../../i18n/language.tsx';
import { csvText } from '../../parts/csv.ts';
import { type Column, DataTable, pageOf, usePages } from '../../parts/data-table.tsx';
import { download } from '../../parts/download.ts';
import { Icon } from '../../parts/icon.tsx';
import { Card, Page } from '../../parts/page.tsx';
import { useSearch } from '../../parts/search-parameters.ts';
import { Empty, Failure } from '../../parts/states.tsx';
import { beginOf, isTimeSpan, TimeSpanSelect } from '../../parts/time-span.tsx';
import classes from './reports.module.css';

type Direction = 'incoming' | 'outgoing';
type CountName = Exclude<keyof TlsConnectionsRow, 'domain'>;

const counts: readonly (readonly [name: CountName, title: TextKey | null, words: string])[] = [
  ['requiredOk', 'connections.requiredOk', ''],
  ['requiredFailed', 'connections.requiredFailed', ''],
  ['preferredOk', 'connections.preferredOk', ''],
  ['preferredFailed', 'connections.preferredFailed', ''],
  ['unencrypted', 'connections.unencrypted', ''],
  ['tls10', null, 'TLS v1.0'],
  ['tls11', null, 'TLS v1.1'],
  ['tls12', null, 'TLS v1.2'],
  ['tls13', null, 'TLS v1.3'],
  ['total', 'connections.total', ''],
  ['messages', 'connections.messages', ''],
];

export function TlsConnections() {
  const { t, format } = useLanguage();
  const search = useSearch(['direction', 'span', 'domain', 'sort']);
  const direction: Direction = search.values.direction === 'outgoing' ? 'outgoing' : 'incoming';
  const span = isTimeSpan(search.values.span) ? search.values.span : 'day';
  const [domain] = useDebouncedValue(search.values.domain.trim(), 300);
  const sort =
    counts.find(([name]) => name === search.values.sort)?.[0] ?? (search.values.sort === 'domain' ? 'domain' : 'total');
  const [sum, setSum] = useState<Report | null>(null);
  const fetchReport = (cursor: string | null, limit: number, signal?: AbortSignal) =>
    request<Report>('GET', '/reports/tls-connections', {
      query: { direction, from: beginOf(span), domain, sort, cursor, limit },
      signal,
    });
  const pages = usePages<TlsConnectionsRow>({
    queryKey: ['tls-connections', direction, span, domain, sort],
    fetchPage: async (cursor, signal) => {
      const report = await fetchReport(cursor, 50, signal);
      setSum(report);
      return { items: report.items, next: report.next, total: report.domains };
    },
  });
  const titleOf = (title: TextKey | null, words: string) => (title === null ? words : t(title as 'connections.total'));
  const columns: readonly Column<TlsConnectionsRow>[] = [
    {
      key: 'domain',
      title: t('connections.domain'),
      render: (row) => <div className={classes['domain']}>{domainName(row.domain, t)}</div>,
    },
    ...counts.map(
      ([name, title, words]): Column<TlsConnectionsRow> => ({
        key: name,
        title: titleOf(title, words),
        align: 'right',
        render: (row) => <Count value={row[name]} name={name} text={format.number(row[name])} />,
      }),
    ),
  ];
  const exported = useMutation({
    mutationFn: async () => {
      const rows: (string | number)[][] = [
        [t('connections.domain'), ...counts.map(([, title, words]) => titleOf(title, words))],
      ];
      for (let cursor: string | null = null, more = true; more; more = cursor !== null) {
        const report: Report = await fetchReport(cursor, 1000);
        for (const row of report.items) rows.push([row.domain, ...counts.map(([name]) => row[name])]);
        cursor = report.next;
      }
      const day = new Date().toISOString().slice(0, 10);
      download(`tls-connections-${direction}-${day}.csv`, csvText(rows), 'text/csv');
    },
  });
  return (
    <Page
      title={t('connections.title')}
      description={t('connections.description')}
      actions={
        <Button
          variant="default"
          leftSection={<Icon name="download" size={16} />}
          loading={exported.isPending}
          onClick={() => exported.mutate()}
        >
          {t('connections.export')}
        </Button>
      }
    >
      <div className={classes['filters']}>
        <SegmentedControl
          aria-label={t('connections.direction')}
          value={direction}
          onChange={(value) => search.set({ direction: value === 'incoming' ? '' : value })}
          data={[
            { value: 'incoming', label: t('overview.incoming') },
            { value: 'outgoing', label: t('overview.outgoing') },
          ]}
        />
        <TimeSpanSelect value={span} onChange={(value) => search.set({ span: value })} />
        <TextInput
          label={t('connections.domain')}
          maxLength={255}
          value={search.values.domain}
          onChange={(event) => search.set({ domain: event.currentTarget.value })}
        />
        <Select
          label={t('connections.sort')}
          data={[
            ...counts.map(([name, title, words]) => ({ value: name as string, label: titleOf(title, words) })),
            { value: 'domain', label: t('connections.domain') },
          ]}
          allowDeselect={false}
          value={sort}
          onChange={(value) => search.set({ sort: value === null || value === 'total' ? '' : value })}
        />
      </div>
      {exported.isError && <Failure error={exported.error} />}
      <Sum report={sum} />
      <Security report={sum} />
      <Card flush>
        <DataTable
          label={t('connections.title')}
          columns={columns}
          rowKey={(row) => row.domain}
          pages={pages}
          empty={<Empty title={t('connections.empty')}>{t('connections.emptyText')}</Empty>}
        />
      </Card>
    </Page>
  );
}

function domainName(domain: string, t: ReturnType<typeof useLanguage>['t']): string {
  if (domain === 'unknown') return t('connections.unknown');
  return domain === 'other' ? t('connections.other') : domain;
}

const bad: ReadonlySet<CountName> = new Set(['requiredFailed', 'preferredFailed']);
const old: ReadonlySet<CountName> = new Set(['tls10', 'tls11']);

/** Zeros are faint: what matters is where there is something. */
function Count({ value, name, text }: { readonly value: number; readonly name: CountName; readonly text: string }) {
  const tone = value === 0 ? 'none' : bad.has(name) ? 'bad' : old.has(name) ? 'old' : undefined;
  return (
    <span className={classes['count']} data-tone={tone}>
      {text}
    </span>
  );
}

/** All domains together. */
function Sum({ report }: { readonly report: Report | null }) {
  const { t, format } = useLanguage();
  if (report === null || report.sum.total === 0) return null;
  const { sum } = report;
  const share = (value: number) => `${format.number(Math.round((value / sum.total) * 1000) / 10)} %`;
  return (
    <Card title={t('connections.sum', { count: report.domains })}>
      <dl className={classes['sum']}>
        {(['tls13', 'tls12', 'tls11', 'tls10', 'unencrypted', 'total'] as const).map((name) => (
          <div key={name}>
            <dt>{titleOfSum(name, t)}</dt>
            <dd>
              {format.number(sum[name])}
              <div className={classes['share']}>{share(sum[name])}</div>
            </dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}

type Secured = Report['security'][number];

/** What TLS was wanted towards them, and what it became: as `tls=wanted:got` in the mail log. */
function Security({ report }: { readonly report: Report | null }) {
  const { t, format } = useLanguage();
  if (report === null || report.security.length === 0) return null;
  const columns: readonly Column<Secured>[] = [
    { key: 'wanted', title: t('connections.wanted'), render: ({ wanted }) => wanted },
    {
      key: 'got',
      title: t('connections.got'),
      render: ({ got }) => (
        <span className={classes['count']} data-tone={got === 'failed' ? 'bad' : undefined}>
          {got}
        </span>
      ),
    },
    {
      key: 'connections',
      title: t('connections.count'),
      align: 'right',
      render: ({ connections }) => format.number(connections),
    },
    {
      key: 'messages',
      title: t('connections.messages'),
      align: 'right',
      render: ({ messages }) => format.number(messages),
    },
  ];
  return (
    <Card title={t('connections.security')} flush>
      <DataTable
        label={t('connections.security')}
        columns={columns}
        rowKey={({ wanted, got }) => `${wanted}:${got}`}
        pages={{ ...pageOf(report.security, 0, () => undefined), total: undefined }}
        empty={null}
      />
    </Card>
  );
}

function titleOfSum(name: CountName, t: ReturnType<typeof useLanguage>['t']): string {
  const found = counts.find(([count]) => count === name);
  const title = found?.[1] ?? null;
  return title === null ? (found?.[2] ?? '') : t(title as 'connections.total');
}
