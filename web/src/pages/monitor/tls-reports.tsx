// Monitor > TLS reports: what others failed at when they sent to us, and what became of our reports to them.
import { SegmentedControl, SimpleGrid, Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { TlsReportSums } from '../../../../src/admin/api/schemas/tls-reports.ts';
import { request } from '../../api/client.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { Chart } from '../../parts/chart.tsx';
import { Card, Page } from '../../parts/page.tsx';
import { useSearch } from '../../parts/search-parameters.ts';
import { Await, Empty } from '../../parts/states.tsx';
import { isTimeSpan, type TimeSpan, TimeSpanSelect } from '../../parts/time-span.tsx';
import classes from './reports.module.css';
import { ReceivedReports } from './tls-reports-received.tsx';
import { SentReports } from './tls-reports-sent.tsx';

const views = ['sums', 'received', 'sent'] as const;
const days: Readonly<Record<TimeSpan, number>> = { hour: 1, day: 2, week: 7, month: 30, quarter: 90 };
/** A day of UTC is named by its noon: nobody's midnight is on another date then. */
const noon = 12 * 3600;

export function TlsReports() {
  const { t } = useLanguage();
  const search = useSearch(['view', 'span', 'text', 'failed']);
  const view = views.find((one) => one === search.values.view) ?? 'sums';
  const span = isTimeSpan(search.values.span) ? search.values.span : 'month';
  return (
    <Page title={t('tlsReports.title')} description={t('tlsReports.description')}>
      <div className={classes['filters']}>
        <SegmentedControl
          aria-label={t('tlsReports.view')}
          data={views.map((value) => ({ value, label: t(`tlsReports.view.${value}`) }))}
          value={view}
          onChange={(value) => search.set({ view: value })}
        />
        {view === 'sums' && <TimeSpanSelect value={span} onChange={(value) => search.set({ span: value })} />}
      </div>
      {view === 'sums' && <Sums days={days[span]} />}
      {view === 'received' && <ReceivedReports search={search} />}
      {view === 'sent' && <SentReports />}
    </Page>
  );
}

function Sums({ days: back }: { readonly days: number }) {
  const query = useQuery({
    queryKey: ['tls-reports', 'sums', back],
    queryFn: ({ signal }) => request<TlsReportSums>('GET', '/tls-reports/sums', { query: { days: back }, signal }),
  });
  return (
    <Await query={query} lines={10}>
      {(sums) => <Summary sums={sums} />}
    </Await>
  );
}

function Summary({ sums }: { readonly sums: TlsReportSums }) {
  const { t, format } = useLanguage();
  if (sums.days.length === 0) {
    return (
      <Card>
        <Empty icon="search" title={t('tlsReports.none')}>
          {t('tlsReports.noneText')}
        </Empty>
      </Card>
    );
  }
  const failures = sums.results.length > 0;
  return (
    <>
      <Card title={t('tlsReports.chart')}>
        <Chart
          title={t('tlsReports.chart')}
          times={sums.days.map(({ day }) => Date.parse(day) / 1000 + noon)}
          lines={[
            { label: t('tlsReports.ok'), colour: 1, values: sums.days.map(({ ok }) => ok) },
            { label: t('tlsReports.failed'), colour: 2, values: sums.days.map(({ failed }) => failed) },
          ]}
          format={format.number}
        />
      </Card>
      {failures ? (
        <SimpleGrid cols={{ base: 1, md: 2 }}>
          <Counts
            title={t('tlsReports.results')}
            column={t('tlsReports.result')}
            rows={sums.results.map(({ name, count }) => ({ name, failed: count }))}
          />
          <Counts
            title={t('tlsReports.hosts')}
            column={t('tlsReports.host')}
            rows={sums.hosts.map(({ name, count }) => ({ name: name || t('tlsReports.hostUnknown'), failed: count }))}
          />
        </SimpleGrid>
      ) : (
        <Card>
          <Empty icon="check" title={t('tlsReports.nothingFailed')}>
            {t('tlsReports.nothingFailedText')}
          </Empty>
        </Card>
      )}
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <Counts title={t('tlsReports.organizations')} column={t('tlsReports.organization')} rows={sums.organizations} />
        <Counts title={t('tlsReports.domains')} column={t('tlsReports.domain')} rows={sums.domains} />
      </SimpleGrid>
    </>
  );
}

interface CountsProps {
  readonly title: string;
  readonly column: string;
  /** `ok` in all rows or in none. */
  readonly rows: readonly { readonly name: string; readonly ok?: number; readonly failed: number }[];
}

function Counts({ title, column, rows }: CountsProps) {
  const { t, format } = useLanguage();
  const both = rows.some(({ ok }) => ok !== undefined);
  return (
    <Card title={title} flush>
      <Table aria-label={title} layout="auto">
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">{column}</Table.Th>
            {both && (
              <Table.Th scope="col" ta="right">
                {t('tlsReports.ok')}
              </Table.Th>
            )}
            <Table.Th scope="col" ta="right">
              {both ? t('tlsReports.failed') : t('tlsReports.sessions')}
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map(({ name, ok, failed }) => (
            <Table.Tr key={name}>
              <Table.Td className={classes['name']}>{name}</Table.Td>
              {ok !== undefined && <Table.Td ta="right">{format.number(ok)}</Table.Td>}
              <Table.Td ta="right" className={classes['count']} data-tone={failed > 0 ? 'bad' : 'none'}>
                {format.number(failed)}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Card>
  );
}
