// Rehearsal: trial handshakes with the destinations of the last days under the pending changes.
import { Alert, Badge, Button, Group, NumberInput, Progress, Stack, Table, Text } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { PresentRehearsal, Rehearsal } from '../../../../src/admin/api/schemas/rehearsal.ts';
import { request } from '../../api/client.ts';
import { queryClient } from '../../api/queries.ts';
import { useRights } from '../../api/session.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { Icon } from '../../parts/icon.tsx';
import { Card, Page } from '../../parts/page.tsx';
import { Await, Empty, Failure } from '../../parts/states.tsx';

const key = ['rehearsal'];
const colours = { secure: 'green', clear: 'yellow', waits: 'red', unreachable: 'gray' } as const;

export function RehearsalPage() {
  const { t } = useLanguage();
  const rights = useRights();
  const [days, setDays] = useState<string | number>(7);
  const rehearsal = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => request<PresentRehearsal>('GET', '/tls/rehearsal', { signal }),
    refetchInterval: ({ state }) => (isRunning(state.data) ? 500 : false),
  });
  const asked = () => queryClient.invalidateQueries({ queryKey: key });
  const begin = useMutation({
    mutationFn: () => request<Rehearsal>('POST', '/tls/rehearsal', { body: { days } }),
    onSettled: asked,
  });
  const end = useMutation({ mutationFn: () => request('DELETE', '/tls/rehearsal'), onSettled: asked });
  const running = isRunning(rehearsal.data);
  return (
    <Page title={t('rehearsal.title')} description={t('rehearsal.description')}>
      {rights.configuration && (
        <Card>
          <Stack gap="sm">
            {begin.isError && <Failure error={begin.error} />}
            {end.isError && <Failure error={end.error} />}
            <Group align="end" gap="sm">
              <NumberInput label={t('rehearsal.days')} value={days} min={1} max={3650} maw="16rem" onChange={setDays} />
              {running ? (
                <Button variant="default" loading={end.isPending} onClick={() => end.mutate()}>
                  {t('rehearsal.end')}
                </Button>
              ) : (
                <Button loading={begin.isPending} disabled={typeof days !== 'number'} onClick={() => begin.mutate()}>
                  {t('rehearsal.begin')}
                </Button>
              )}
            </Group>
          </Stack>
        </Card>
      )}
      <Await query={rehearsal} lines={6}>
        {({ rehearsal: present }) =>
          present === null ? (
            <Card>
              <Empty icon="send" title={t('rehearsal.none')}>
                {t('rehearsal.noneText')}
              </Empty>
            </Card>
          ) : (
            <Found rehearsal={present} />
          )
        }
      </Await>
    </Page>
  );
}

function isRunning(data: PresentRehearsal | undefined): boolean {
  return data?.rehearsal?.ended === null;
}

function Found({ rehearsal }: { readonly rehearsal: Rehearsal }) {
  const { t, format } = useLanguage();
  const { by, days, began, ended, failure, told, all, breaks, rows } = rehearsal;
  return (
    <Card title={t('rehearsal.of', { by, time: format.time(began) })} flush>
      <Stack gap="sm" p="md">
        <Progress
          value={all === 0 ? (ended === null ? 0 : 100) : (told / all) * 100}
          animated={ended === null}
          aria-label={t('rehearsal.progress', { told, all })}
        />
        <Text size="sm" role="status">
          {t('rehearsal.progress', { told, all })}
        </Text>
        {failure !== null && (
          <Alert color="red" icon={<Icon name="error" />}>
            <span lang="en">{failure}</span>
          </Alert>
        )}
        {ended !== null && failure === null && (
          <Alert color={breaks > 0 ? 'red' : 'green'} icon={<Icon name={breaks > 0 ? 'warning' : 'check'} />}>
            {all === 0
              ? t('rehearsal.nobody', { days })
              : breaks > 0
                ? t('rehearsal.breaks', { count: breaks })
                : t('rehearsal.allWell')}
          </Alert>
        )}
      </Stack>
      {rows.length > 0 && (
        <Table.ScrollContainer minWidth={720}>
          <Table fz="sm">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t('rehearsal.destination')}</Table.Th>
                <Table.Th>{t('preview.messages')}</Table.Th>
                <Table.Th>{t('rehearsal.outcome')}</Table.Th>
                <Table.Th>{t('preview.today')}</Table.Th>
                <Table.Th>{t('rehearsal.rehearsed')}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {rows.map((row) => (
                <Table.Tr key={row.domain}>
                  <Table.Td>
                    <Text size="sm" fw={600}>
                      {row.domain}
                    </Text>
                    <Text size="xs" c="dimmed">
                      {row.host} {row.address !== '' && row.address !== row.host && `(${row.address})`}
                    </Text>
                  </Table.Td>
                  <Table.Td>{format.number(row.messages)}</Table.Td>
                  <Table.Td>
                    <Badge color={colours[row.outcome]}>{t(`rehearsal.outcome.${row.outcome}`)}</Badge>
                  </Table.Td>
                  <Table.Td>{row.today === '' ? '–' : row.today}</Table.Td>
                  <Table.Td lang="en">
                    {row.protocol !== '' &&
                      `${row.protocol} ${row.cipher}, ${row.group}, certificate: ${row.certificate}`}
                    {row.reason !== '' && <Text size="sm">{row.reason}</Text>}
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </Card>
  );
}
