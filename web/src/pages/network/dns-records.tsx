// Network > DNS Records: what to publish, each compared with DNS now; the keys that sign mail.
import { Alert, Badge, Button, Group, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { DnsRecord, DnsRecords as Report } from '../../../../src/admin/api/schemas/dns.ts';
import { request } from '../../api/client.ts';
import { configurationKey } from '../../api/queries.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { CopyText } from '../../parts/copy-text.tsx';
import { Icon } from '../../parts/icon.tsx';
import { Card, Page } from '../../parts/page.tsx';
import { Await, Empty } from '../../parts/states.tsx';
import { DkimKeys } from './dkim-keys.tsx';
import classes from './network.module.css';

const purposes = ['TLSA', 'MTA-STS', 'TLS-RPT', 'SPF', 'DKIM'] as const;
const colours = { right: 'green', missing: 'yellow', different: 'red', superfluous: 'gray', unknown: 'gray' } as const;

export function DnsRecords() {
  const { t } = useLanguage();
  const report = useQuery({
    queryKey: [configurationKey, 'dns-records'],
    queryFn: ({ signal }) => request<Report>('GET', '/dns-records', { signal }),
    // Each look is many questions to DNS.
    staleTime: 60_000,
    refetchOnWindowFocus: false,
  });
  return (
    <Page
      title={t('dns.title')}
      description={t('dns.description')}
      actions={
        <Button variant="default" loading={report.isFetching} onClick={() => void report.refetch()}>
          {t('dns.again')}
        </Button>
      }
    >
      <DkimKeys />
      <Await query={report} lines={12}>
        {(shown) => <Shown report={shown} />}
      </Await>
    </Page>
  );
}

function Shown({ report: { records, notes } }: { readonly report: Report }) {
  const { t } = useLanguage();
  if (records.length === 0) {
    return (
      <Card>
        <Empty icon="check" title={t('dns.none')}>
          {t('dns.noneText')}
        </Empty>
      </Card>
    );
  }
  const lines = records.filter(({ status }) => status !== 'superfluous').map(({ zone }) => zone);
  return (
    <>
      {notes.length > 0 && (
        <Alert color="yellow" icon={<Icon name="warning" />}>
          <ul className={classes['warnings']} lang="en">
            {notes.map((note) => (
              <li key={note}>{note}</li>
            ))}
          </ul>
        </Alert>
      )}
      {purposes.map((purpose) => (
        <Purpose key={purpose} purpose={purpose} records={records.filter((record) => record.purpose === purpose)} />
      ))}
      <Card>
        <CopyText label={t('dns.zone')} text={`${[...new Set(lines)].join('\n')}\n`} rows={8} />
      </Card>
    </>
  );
}

interface PurposeProps {
  readonly purpose: DnsRecord['purpose'];
  readonly records: readonly DnsRecord[];
}

function Purpose({ purpose, records }: PurposeProps) {
  const { t } = useLanguage();
  if (records.length === 0) return null;
  return (
    <Card title={t(`dns.purpose.${purpose}`)}>
      {records.map((record) => (
        <OneRecord key={record.zone} record={record} />
      ))}
    </Card>
  );
}

function OneRecord({ record }: { readonly record: DnsRecord }) {
  const { t } = useLanguage();
  const { name, type, value, status, about, detail, found, secure } = record;
  const there = status === 'different' || status === 'unknown' ? found : [];
  return (
    <Stack gap={4} className={classes['pair']}>
      <Group gap="xs">
        <Badge color={colours[status]}>{t(`dns.status.${status}`)}</Badge>
        <Text fw={600} className={classes['anywhere']}>
          {name} {type}
        </Text>
      </Group>
      <Text ff="monospace" size="sm" className={classes['anywhere']}>
        {value}
      </Text>
      {there.map((text) => (
        <Text key={text} size="sm" className={classes['anywhere']}>
          {t('dns.found')} <span className={classes['mono']}>{text}</span>
        </Text>
      ))}
      <Text size="sm" c="dimmed" lang="en">
        {about}. {detail}
      </Text>
      {type === 'TLSA' && secure === true && (
        <Text size="sm" c="dimmed">
          {t('dns.secure')}
        </Text>
      )}
    </Stack>
  );
}
