// The commits: what each changed, any two compared, the way back.
import { Badge, Button, Group } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import type {
  History as HistoryPage,
  RevisionInfo,
  Rollback,
} from '../../../../src/admin/api/schemas/configuration.ts';
import { request } from '../../api/client.ts';
import { useConfigurationState } from '../../api/configuration-state.tsx';
import { configurationChanged, configurationKey } from '../../api/queries.ts';
import { useRights } from '../../api/session.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { useConfirm } from '../../parts/confirm.tsx';
import { type Column, DataTable, usePages } from '../../parts/data-table.tsx';
import { Card, Page } from '../../parts/page.tsx';
import { Empty, Failure } from '../../parts/states.tsx';

/** The last two that were chosen. */
function lastTwo(keys: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...keys].slice(-2));
}

function diffAddress(keys: Iterable<string>): string {
  const [from, to] = [...keys].map(Number).toSorted((a, b) => a - b);
  return `/system/history/diff?from=${from}&to=${to}`;
}

export function History() {
  const { t, format } = useLanguage();
  const rights = useRights();
  const confirm = useConfirm();
  const [, navigate] = useLocation();
  const { told } = useConfigurationState();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const pages = usePages<RevisionInfo>({
    queryKey: [configurationKey, 'history'],
    fetchPage: (cursor, signal) =>
      request<HistoryPage>('GET', '/configuration/history', { query: { cursor, limit: 25 }, signal }),
  });
  const rollback = useMutation({
    mutationFn: async ({ number }: RevisionInfo) => {
      const text = (told?.pending ?? 0) > 0 ? t('history.rollbackLoses') : t('history.rollbackText');
      const title = t('history.rollbackTitle', { revision: number });
      if (!(await confirm({ title, text, action: t('history.rollback') }))) return;
      const body: Rollback = { revision: number };
      await request('POST', '/configuration/rollback', { body });
      await configurationChanged();
      navigate('/commit');
    },
  });
  const columns: readonly Column<RevisionInfo>[] = [
    {
      key: 'number',
      title: t('history.revision'),
      tight: true,
      render: ({ number }) => (
        <Group gap="xs" wrap="nowrap">
          {format.number(number)}
          {number === told?.revision && (
            <Badge color="green" size="sm">
              {t('history.present')}
            </Badge>
          )}
        </Group>
      ),
    },
    { key: 'time', title: t('history.time'), tight: true, render: ({ time }) => format.time(time) },
    { key: 'user', title: t('history.user'), render: ({ user }) => user },
    { key: 'comment', title: t('history.comment'), render: ({ comment }) => comment },
    {
      key: 'actions',
      title: t('common.actions'),
      render: (revision) => (
        <Group gap="xs">
          {revision.number > 1 && (
            <Button
              component={Link}
              href={diffAddress([String(revision.number - 1), String(revision.number)])}
              size="compact-xs"
              variant="default"
              aria-label={t('history.changesOf', { revision: revision.number })}
            >
              {t('history.changes')}
            </Button>
          )}
          {rights.configuration && revision.offered && revision.number !== told?.revision && (
            <Button
              size="compact-xs"
              variant="default"
              aria-label={t('history.rollbackTitle', { revision: revision.number })}
              onClick={() => rollback.mutate(revision)}
            >
              {t('history.rollback')}
            </Button>
          )}
        </Group>
      ),
    },
  ];
  return (
    <Page
      title={t('history.title')}
      description={t('history.description')}
      actions={
        <Button disabled={chosen.size !== 2} onClick={() => navigate(diffAddress(chosen))}>
          {t('history.compare')}
        </Button>
      }
    >
      {rollback.isError && <Failure error={rollback.error} />}
      <Card flush>
        <DataTable
          label={t('history.title')}
          columns={columns}
          rowKey={({ number }) => String(number)}
          pages={pages}
          empty={<Empty title={t('history.empty')} />}
          selection={{ keys: chosen, withoutAll: true, onChange: (keys) => setChosen(lastTwo(keys)) }}
        />
      </Card>
    </Page>
  );
}
