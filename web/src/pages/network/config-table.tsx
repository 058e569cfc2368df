// A list of the configuration as a table: search, rows added and changed in a dialog, selected ones removed. Everything goes
// into the candidate; the gateway sends a page of rows at a time, whatever the list's length.
import { ActionIcon, Badge, Button, Group, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useMutation } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { TableName, TablePage, TableRow, TableValue } from '../../../../src/admin/api/schemas/tables.ts';
import { request } from '../../api/client.ts';
import { configurationChanged, configurationKey } from '../../api/queries.ts';
import { useRights } from '../../api/session.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { useConfirm } from '../../parts/confirm.tsx';
import { type Column, DataTable, usePages } from '../../parts/data-table.tsx';
import { Icon } from '../../parts/icon.tsx';
import { Card, Page } from '../../parts/page.tsx';
import { Empty, Failure } from '../../parts/states.tsx';
import { useToast } from '../../parts/toast.tsx';
import classes from './network.module.css';
import { RowDialog, type RowFields } from './row-dialog.tsx';

export type Row<N extends TableName> = Omit<TableRow, 'value'> & { readonly value: TableValue<N> };

export interface ConfigTableProps<N extends TableName> {
  readonly table: N;
  readonly title: string;
  readonly description: string;
  readonly columns: readonly Column<Row<N>>[];
  /** Said where the table has no row. */
  readonly empty: readonly [title: string, text: string];
  /** Words of the button that adds a row, and of its dialog. */
  readonly add: string;
  /** A new row before anything is filled in. */
  readonly blank: TableValue<N>;
  /** The fields of the dialog. */
  readonly fields: RowFields<N>;
  /** First match wins: rows can be moved. */
  readonly ordered?: boolean;
  /** Stands in the place of the dialog's form for new rows (several at once). */
  readonly addMany?: (close: () => void) => ReactNode;
  /** Above the table. */
  readonly children?: ReactNode;
}

const pageSize = 100;
type Opened<N extends TableName> = 'new' | Row<N> | null;

export function ConfigTable<N extends TableName>(props: ConfigTableProps<N>) {
  const { table, title, description, empty, add, ordered = false, children } = props;
  const { t } = useLanguage();
  const rights = useRights();
  const confirm = useConfirm();
  const toast = useToast();
  const [search, setSearch] = useState('');
  const [settled] = useDebouncedValue(search.trim(), 300);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [opened, setOpened] = useState<Opened<N>>(null);
  const path = `/configuration/candidate/tables/${table}`;
  const pages = usePages<Row<N>>({
    queryKey: [configurationKey, 'table', table, settled],
    fetchPage: async (cursor, signal) => {
      const page = await request<TablePage>('GET', path, {
        query: { search: settled, cursor, limit: pageSize },
        signal,
      });
      return page as TablePage & { readonly items: Row<N>[] };
    },
  });
  const selected = (pages.rows ?? []).filter(({ id }) => chosen.has(id)).map(({ id }) => id);
  const remove = useMutation({
    mutationFn: async (ids: readonly string[]) => {
      const text = ids.length > 5 ? t('table.count', { count: ids.length }) : ids.join(', ');
      if (!(await confirm({ title: t('table.removeTitle'), text, action: t('common.delete'), danger: true }))) return;
      await request('POST', `${path}/remove`, { body: { ids } });
      setChosen(new Set());
      await configurationChanged();
      toast(t('table.removed', { count: ids.length }));
    },
  });
  const move = useMutation({
    mutationFn: async ({ id, place }: { readonly id: string; readonly place: number }) => {
      await request('PUT', `${path}/rows`, { body: { id, place } });
      await configurationChanged();
    },
  });
  const columns: readonly Column<Row<N>>[] = [
    ...props.columns,
    { key: 'state', title: t('table.pending'), render: ({ state }) => <Pending state={state} /> },
    ...(rights.configuration
      ? [
          {
            key: 'actions',
            title: t('common.actions'),
            tight: true,
            render: (row: Row<N>) => (
              <Group gap={4} wrap="nowrap">
                {ordered && settled === '' && (
                  <Move
                    rows={pages.rows ?? []}
                    row={row}
                    first={(pages.page - 1) * pageSize}
                    total={pages.total ?? 0}
                    onMove={move.mutate}
                  />
                )}
                <ActionIcon
                  variant="subtle"
                  aria-label={`${t('common.edit')}: ${row.id}`}
                  onClick={() => setOpened(row)}
                >
                  <Icon name="edit" />
                </ActionIcon>
              </Group>
            ),
          },
        ]
      : []),
  ];
  return (
    <Page
      title={title}
      description={description}
      actions={
        rights.configuration && (
          <Button leftSection={<Icon name="plus" />} onClick={() => setOpened('new')}>
            {add}
          </Button>
        )
      }
    >
      {children}
      {remove.isError && <Failure error={remove.error} />}
      {move.isError && <Failure error={move.error} />}
      <Card flush>
        <div className={classes['bar']}>
          <TextInput
            aria-label={t('common.search')}
            placeholder={t('common.search')}
            leftSection={<Icon name="search" size={16} />}
            maxLength={255}
            value={search}
            onChange={(event) => setSearch(event.currentTarget.value)}
          />
          {rights.configuration && (
            <Button
              variant="default"
              size="sm"
              leftSection={<Icon name="trash" size={16} />}
              disabled={selected.length === 0}
              loading={remove.isPending}
              onClick={() => remove.mutate(selected)}
            >
              {t('table.remove')}
            </Button>
          )}
        </div>
        <DataTable
          label={title}
          columns={columns}
          rowKey={({ id }) => id}
          pages={pages}
          empty={
            settled === '' ? (
              <Empty title={empty[0]}>{empty[1]}</Empty>
            ) : (
              <Empty icon="search" title={t('table.notFound')}>
                {t('table.notFoundText')}
              </Empty>
            )
          }
          {...(rights.configuration ? { selection: { keys: chosen, onChange: setChosen } } : {})}
        />
      </Card>
      <RowDialog {...props} path={path} opened={opened} onClose={() => setOpened(null)} />
    </Page>
  );
}

function Pending({ state }: { readonly state: TableRow['state'] }) {
  const { t } = useLanguage();
  if (state === 'same') return null;
  return (
    <Badge variant="light" color="yellow" size="sm">
      {t(`table.state.${state}`)}
    </Badge>
  );
}

interface MoveProps {
  readonly rows: readonly { readonly id: string }[];
  readonly row: { readonly id: string };
  /** Place of the first row of the page. */
  readonly first: number;
  readonly total: number;
  readonly onMove: (move: { readonly id: string; readonly place: number }) => void;
}

function Move({ rows, row, first, total, onMove }: MoveProps) {
  const { t } = useLanguage();
  const place = first + rows.findIndex(({ id }) => id === row.id);
  return (
    <>
      <ActionIcon
        variant="subtle"
        aria-label={`${t('table.up')}: ${row.id}`}
        disabled={place === 0}
        onClick={() => onMove({ id: row.id, place: place - 1 })}
      >
        <Icon name="up" />
      </ActionIcon>
      <ActionIcon
        variant="subtle"
        aria-label={`${t('table.down')}: ${row.id}`}
        disabled={place >= total - 1}
        onClick={() => onMove({ id: row.id, place: place + 1 })}
      >
        <Icon name="down" />
      </ActionIcon>
    </>
  );
}
