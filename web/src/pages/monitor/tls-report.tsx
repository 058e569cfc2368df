// One TLS report that came, whole.
import { Button, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from 'wouter';
import type { ReceivedTlsStory } from '../../../../src/admin/api/schemas/tls-reports.ts';
import { request } from '../../api/client.ts';
import { hasCode } from '../../api/problem.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { Facts } from '../../parts/facts.tsx';
import { Card, Page } from '../../parts/page.tsx';
import { Await, Empty } from '../../parts/states.tsx';
import classes from './reports.module.css';

export function TlsReport() {
  const { t } = useLanguage();
  const { id = '' } = useParams<{ id: string }>();
  const query = useQuery({
    queryKey: ['tls-reports', 'one', id],
    queryFn: ({ signal }) =>
      request<ReceivedTlsStory>('GET', `/tls-reports/received/${encodeURIComponent(id)}`, { signal }),
  });
  return (
    <Page
      title={t('tlsReports.one', { id })}
      actions={
        <Button component={Link} href="/monitor/tls-reports?view=received" variant="default">
          {t('tlsReports.all')}
        </Button>
      }
    >
      {hasCode(query.error, 'not-found', 'bad-request') ? (
        <Card>
          <Empty icon="search" title={t('tlsReports.unknown')}>
            {t('tlsReports.unknownText')}
          </Empty>
        </Card>
      ) : (
        <Await query={query} lines={10}>
          {(story) => <Told story={story} />}
        </Await>
      )}
    </Page>
  );
}

function Told({ story: { report, policies } }: { readonly story: ReceivedTlsStory }) {
  const { t, format } = useLanguage();
  return (
    <>
      <Card>
        <Facts
          facts={[
            [t('tlsReports.organization'), report.organization],
            [t('tlsReports.contact'), report.contact],
            [
              t('tlsReports.about'),
              t('tlsReports.range', { from: format.time(report.start), to: format.time(report.end) }),
            ],
            [t('tlsReports.came'), format.time(report.time)],
            [t('tlsReports.from'), report.sender],
            [
              t('tlsReports.signature'),
              <span key="signature">
                <span lang="en">{report.signature}</span>
                {!report.counted && ` (${t('tlsReports.notCounted')})`}
              </span>,
            ],
            [t('tlsReports.identifier'), report.reportId],
            ...(report.problem === '' ? [] : [[t('tlsReports.unreadable'), report.problem] as const]),
          ]}
        />
      </Card>
      {policies.map((policy, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: two policies may be alike in everything
        <Policy key={index} policy={policy} />
      ))}
    </>
  );
}

function Policy({ policy }: { readonly policy: ReceivedTlsStory['policies'][number] }) {
  const { t, format } = useLanguage();
  const { type, domain, lines, ok, failed, failures } = policy;
  const title = domain === '' ? type : `${domain} (${type})`;
  return (
    <Card title={title}>
      <Facts
        facts={[
          [t('tlsReports.ok'), format.number(ok)],
          [t('tlsReports.failed'), format.number(failed)],
          ...(lines.length === 0
            ? []
            : [
                [
                  t('tlsReports.policy'),
                  <div key="lines" className={classes['detail']}>
                    {lines.map((line) => (
                      <div key={line}>{line}</div>
                    ))}
                  </div>,
                ] as const,
              ]),
        ]}
      />
      {failures.length > 0 && (
        <ul className={classes['failures']} aria-label={t('tlsReports.results')}>
          {failures.map(({ result, count, host, address, sender, reason, info }, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: two failures may be alike in everything
            <li key={index}>
              <Text fw={600}>{t('tlsReports.failure', { count, result })}</Text>
              <Text size="sm">
                {[host, address, sender === '' ? '' : t('tlsReports.sentBy', { sender })].filter(Boolean).join(', ')}
              </Text>
              <div className={classes['detail']} lang="en">
                {[reason, info].filter(Boolean).join(' ')}
              </div>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
