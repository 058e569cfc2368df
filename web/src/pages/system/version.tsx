// Version and health: what is running, and whether all is well.
import { Alert, Badge, Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { Status, Version } from '../../../../src/admin/api/schemas/status.ts';
import { request } from '../../api/client.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { Facts } from '../../parts/facts.tsx';
import { Icon } from '../../parts/icon.tsx';
import { Card, Page } from '../../parts/page.tsx';
import { Await } from '../../parts/states.tsx';
import classes from './version.module.css';

export function VersionAndHealth() {
  const { t } = useLanguage();
  const version = useQuery({
    queryKey: ['version'],
    queryFn: ({ signal }) => request<Version>('GET', '/version', { signal }),
  });
  const status = useQuery({
    queryKey: ['status'],
    queryFn: ({ signal }) => request<Status>('GET', '/status', { signal }),
    refetchInterval: 5000,
  });
  return (
    <Page title={t('version.title')}>
      {/* Both at once, so that the second does not move when the first comes. */}
      <Await query={version} lines={12}>
        {(versions) => (
          <Await query={status} lines={12}>
            {(health) => (
              <>
                <Card title={t('version.version')}>
                  <Versions version={versions} />
                </Card>
                <Card title={t('version.health')}>
                  <Health status={health} />
                </Card>
              </>
            )}
          </Await>
        )}
      </Await>
    </Page>
  );
}

function Versions({ version }: { readonly version: Version }) {
  const { t } = useLanguage();
  return (
    <Facts
      facts={[
        [t('version.host'), version.hostname],
        [version.name, version.version],
        [t('version.node'), version.node],
        [t('version.openssl'), version.openssl],
        [t('version.schema'), String(version.schema)],
      ]}
    />
  );
}

function Health({ status }: { readonly status: Status }) {
  const { t, format } = useLanguage();
  const used = status.disk.total - status.disk.free;
  return (
    <>
      {status.problems.length > 0 && (
        <Alert color="yellow" icon={<Icon name="warning" />} title={t('version.impaired')} mb="md">
          <ul lang="en">
            {status.problems.map((problem) => (
              <li key={problem}>{problem}</li>
            ))}
          </ul>
        </Alert>
      )}
      <Facts
        facts={[
          [
            t('version.state'),
            <Badge key="state" color={status.state === 'online' ? 'green' : 'yellow'}>
              {t(`version.state.${status.state}`)}
            </Badge>,
          ],
          [t('version.started'), `${format.time(status.started)} (${format.duration(status.uptime)})`],
          [t('version.revision'), format.number(status.revision)],
          [t('version.memory'), format.bytes(status.memory)],
          [
            t('version.disk'),
            t('version.diskUsed', { used: format.bytes(used), total: format.bytes(status.disk.total) }),
          ],
          [t('version.cpu'), format.duration(status.cpu * 1000)],
        ]}
      />
      <Table mt="lg" aria-label={t('version.threads')} className={classes['table']}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t('version.thread')}</Table.Th>
            <Table.Th>{t('version.state')}</Table.Th>
            <Table.Th>{t('version.revision')}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {status.threads.map(({ role, index, state, revision }) => (
            <Table.Tr key={`${role} ${index}`}>
              <Table.Td>{`${t(`version.role.${role}`)} ${index}`}</Table.Td>
              <Table.Td>{t(`version.thread.${state}`)}</Table.Td>
              <Table.Td>{format.number(revision)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {status.collectors.length > 0 && (
        <Table mt="lg" aria-label={t('version.collectors')} className={classes['table']}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t('version.collector')}</Table.Th>
              <Table.Th>{t('version.state')}</Table.Th>
              <Table.Th>{t('version.buffered')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {status.collectors.map(({ name, host, port, protocol, connected, buffered, reason }) => (
              <Table.Tr key={name}>
                <Table.Td>{`${name} (${protocol} ${host}:${port})`}</Table.Td>
                <Table.Td>{connected ? t('version.connected') : `${t('version.away')} ${reason}`}</Table.Td>
                <Table.Td>{format.bytes(buffered)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </>
  );
}
