// The threads of the program and the collectors of its log, as the event stream tells them.
import { Badge, Skeleton, Table } from '@mantine/core';
import type { OverviewEvent } from '../../../../src/admin/api/schemas/events.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { Card } from '../../parts/page.tsx';

export function Threads({ now }: { readonly now: OverviewEvent | null }) {
  const { t } = useLanguage();
  return (
    <Card title={t('overview.threads')}>
      {now === null ? (
        <Skeleton height={150} />
      ) : (
        <Table>
          <Table.Thead>
            <Table.Tr>
              <Table.Th scope="col">{t('overview.thread')}</Table.Th>
              <Table.Th scope="col">{t('overview.threadState')}</Table.Th>
              <Table.Th scope="col">{t('overview.threadRevision')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {now.threads.map(({ role, index, state, revision }) => (
              <Table.Tr key={`${role} ${index}`}>
                <Table.Th scope="row" fw={400}>
                  {t(`overview.role.${role}`)} {role === 'mail' ? index + 1 : ''}
                </Table.Th>
                <Table.Td>
                  <Badge
                    variant="light"
                    color={state === 'running' ? 'green' : state === 'starting' ? 'yellow' : 'red'}
                  >
                    {t(`overview.threadState.${state}`)}
                  </Badge>
                </Table.Td>
                <Table.Td>{revision}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </Card>
  );
}
