// Rehearsal: trial handshakes with the destinations of the last days under the pending changes.
import { Badge, Group, NumberInput, Stack, Table, Text } from '@mantine/core';
import { useState } from 'react';
import type { Rehearsal } from '../../../../src/admin/api/schemas/rehearsal.ts';
import { useRights } from '../../api/session.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { JobButton, JobFailure, JobProgress, useJob } from '../../parts/job.tsx';
import { Card, Page } from '../../parts/page.tsx';
import { Await, Empty } from '../../parts/states.tsx';

const colours = { secure: 'green', clear: 'yellow', waits: 'red', unreachable: 'gray' } as const;

export function RehearsalPage() {
  const { t } = useLanguage();
  const rights = useRights();
  const [days, setDays] = useState<string | number>(7);
  const job = useJob<'rehearsal', Rehearsal>('rehearsal');
  return (
    <Page title={t('rehearsal.title')} description={t('rehearsal.description')}>
      {rights.configuration && (
        <Card>
          <Stack gap="sm">
            <JobFailure {...job} />
            <Group align="end" gap="sm">
              <NumberInput label={t('rehearsal.days')} value={days} min={1} max={3650} maw="16rem" onChange={setDays} />
              <JobButton
                job={job}
                body={typeof days === 'number' ? { days } : null}
                words={{ begin: t('rehearsal.begin'), end: t('rehearsal.end') }}
              />
            </Group>
          </Stack>
        </Card>
      )}
      <Await query={job.query} lines={6}>
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

function Found({ rehearsal }: { readonly rehearsal: Rehearsal }) {
  const { t, format } = useLanguage();
  const { by, days, began, told, all, breaks, rows } = rehearsal;
  const well = all === 0 ? t('rehearsal.nobody', { days }) : t('rehearsal.allWell');
  return (
    <Card title={t('rehearsal.of', { by, time: format.time(began) })} flush>
      <JobProgress
        job={rehearsal}
        progress={t('rehearsal.progress', { told, all })}
        outcome={{ bad: breaks > 0, text: breaks > 0 ? t('rehearsal.breaks', { count: breaks }) : well }}
      />
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
