// A table whose pages come from the gateway: it holds the rows of one page only, whatever the list's length. On a phone
// each row becomes a small card.
import { ActionIcon, Checkbox, Group, Skeleton, Text, VisuallyHidden } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { useLanguage } from '../i18n/language.tsx';
import classes from './data-table.module.css';
import { Icon } from './icon.tsx';
import { Failure } from './states.tsx';

/** A list of the API. */
export interface ListPage<Row> {
  readonly items: readonly Row[];
  readonly next: string | null;
  readonly total?: number;
}

export interface Pages<Row> {
  readonly rows: readonly Row[] | undefined;
  readonly total: number | undefined;
  readonly error: unknown;
  /** The rows shown are those of the page before; the new ones are under way. */
  readonly changing: boolean;
  readonly page: number;
  readonly previous: (() => void) | null;
  readonly next: (() => void) | null;
  readonly refetch: () => void;
}

export interface PagesOptions<Row> {
  /** Names the list and its filters; another key begins with the first page again. */
  readonly queryKey: readonly unknown[];
  readonly fetchPage: (cursor: string | null, signal: AbortSignal) => Promise<ListPage<Row>>;
  /** ms; without: only when something changed. */
  readonly refetchInterval?: number;
}

/** Walks through a list by its cursors. */
export function usePages<Row>({ queryKey, fetchPage, refetchInterval }: PagesOptions<Row>): Pages<Row> {
  const name = JSON.stringify(queryKey);
  const [walked, setWalked] = useState<{ readonly name: string; readonly cursors: readonly string[] }>({
    name,
    cursors: [],
  });
  const cursors = walked.name === name ? walked.cursors : [];
  const cursor = cursors.at(-1) ?? null;
  const query = useQuery({
    queryKey: [...queryKey, cursor],
    queryFn: ({ signal }) => fetchPage(cursor, signal),
    placeholderData: keepPreviousData,
    ...(refetchInterval === undefined ? {} : { refetchInterval }),
  });
  const next = query.data?.next ?? null;
  return {
    rows: query.data?.items,
    total: query.data?.total,
    error: query.error,
    changing: query.isPlaceholderData,
    page: cursors.length + 1,
    previous: cursors.length === 0 ? null : () => setWalked({ name, cursors: cursors.slice(0, -1) }),
    next: next === null || query.isPlaceholderData ? null : () => setWalked({ name, cursors: [...cursors, next] }),
    refetch: () => void query.refetch(),
  };
}

const wholePage = 100;

/** A list that is here as a whole, page by page. `page` counts from 0. */
export function pageOf<Row>(rows: readonly Row[], page: number, setPage: (page: number) => void): Pages<Row> {
  const last = Math.max(0, Math.ceil(rows.length / wholePage) - 1);
  const shown = Math.min(page, last);
  return {
    rows: rows.slice(shown * wholePage, (shown + 1) * wholePage),
    total: rows.length,
    error: null,
    changing: false,
    page: shown + 1,
    previous: shown === 0 ? null : () => setPage(shown - 1),
    next: shown === last ? null : () => setPage(shown + 1),
    refetch: () => {},
  };
}

export interface Column<Row> {
  readonly key: string;
  readonly title: string;
  readonly render: (row: Row) => ReactNode;
  readonly align?: 'right';
  /** Does not break; for times and numbers. */
  readonly tight?: boolean;
}

export interface Selection {
  readonly keys: ReadonlySet<string>;
  readonly onChange: (keys: ReadonlySet<string>) => void;
  /** There is no box for all rows of the page. */
  readonly withoutAll?: boolean;
}

export interface DataTableProps<Row> {
  /** What the table holds, for screen readers. */
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rowKey: (row: Row) => string;
  readonly pages: Pages<Row>;
  /** Shown where there is no row. */
  readonly empty: ReactNode;
  readonly selection?: Selection;
}

const placeholderRows = 8;

export function DataTable<Row>({ label, columns, rowKey, pages, empty, selection }: DataTableProps<Row>) {
  const { t } = useLanguage();
  const { rows, error } = pages;
  if (rows === undefined && error !== null) {
    return (
      <div className={classes['padded']}>
        <Failure error={error} onRetry={pages.refetch} />
      </div>
    );
  }
  if (rows?.length === 0 && pages.page === 1) return <div className={classes['padded']}>{empty}</div>;
  return (
    <div>
      {error !== null && (
        <div className={classes['padded']}>
          <Failure error={error} onRetry={pages.refetch} />
        </div>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section className={classes['scroll']} aria-label={label} tabIndex={0}>
        {/* The roles are said again because rows drawn as cards (display: block) lose them. */}
        <table
          className={classes['table']}
          role="table"
          aria-label={label}
          aria-busy={rows === undefined || pages.changing}
        >
          <thead role="rowgroup">
            <tr role="row">
              {selection !== undefined && (
                <th role="columnheader" scope="col" className={classes['select']}>
                  {selection.withoutAll === true ? (
                    <VisuallyHidden>{t('table.select')}</VisuallyHidden>
                  ) : (
                    <SelectAll keys={(rows ?? []).map(rowKey)} selection={selection} />
                  )}
                </th>
              )}
              {columns.map(({ key, title, align, tight }) => (
                <th key={key} role="columnheader" scope="col" data-align={align} data-tight={tight}>
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody role="rowgroup" data-changing={pages.changing}>
            {rows === undefined
              ? Array.from({ length: placeholderRows }, (_, index) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: the rows are all alike
                  <tr key={index} role="row">
                    <td role="cell" colSpan={columns.length + (selection === undefined ? 0 : 1)}>
                      <Skeleton height={20} />
                    </td>
                  </tr>
                ))
              : rows.map((row) => (
                  <Cells key={rowKey(row)} row={row} columns={columns} rowKey={rowKey} selection={selection} />
                ))}
          </tbody>
        </table>
      </section>
      <Footer pages={pages} />
    </div>
  );
}

function Cells<Row>({
  row,
  columns,
  rowKey,
  selection,
}: Pick<DataTableProps<Row>, 'columns' | 'rowKey'> & {
  readonly row: Row;
  readonly selection: Selection | undefined;
}) {
  const { t } = useLanguage();
  const key = rowKey(row);
  const toggle = (current: Selection) => {
    const keys = new Set(current.keys);
    if (!keys.delete(key)) keys.add(key);
    current.onChange(keys);
  };
  return (
    <tr role="row" data-selected={selection?.keys.has(key)}>
      {selection !== undefined && (
        <td role="cell" className={classes['select']}>
          <Checkbox
            size="xs"
            aria-label={`${t('table.select')}: ${key}`}
            checked={selection.keys.has(key)}
            onChange={() => toggle(selection)}
          />
        </td>
      )}
      {columns.map((column) => (
        <td key={column.key} role="cell" data-title={column.title} data-align={column.align} data-tight={column.tight}>
          {/* One element: drawn as a card, the cell is a grid of its title and this. */}
          <div>{column.render(row)}</div>
        </td>
      ))}
    </tr>
  );
}

function SelectAll({ keys, selection }: { readonly keys: readonly string[]; readonly selection: Selection }) {
  const { t } = useLanguage();
  const chosen = keys.filter((key) => selection.keys.has(key)).length;
  const all = keys.length > 0 && chosen === keys.length;
  const change = () => {
    const next = new Set(selection.keys);
    for (const key of keys) {
      if (all) next.delete(key);
      else next.add(key);
    }
    selection.onChange(next);
  };
  return (
    <Checkbox
      size="xs"
      aria-label={t('table.selectAll')}
      checked={all}
      indeterminate={chosen > 0 && !all}
      onChange={change}
    />
  );
}

function Footer<Row>({ pages }: { readonly pages: Pages<Row> }) {
  const { t } = useLanguage();
  const onePage = pages.page === 1 && pages.next === null && !pages.changing;
  if (onePage && pages.total === undefined) return null;
  return (
    <Group justify="space-between" className={classes['footer']}>
      <Text size="sm" c="dimmed">
        {pages.total === undefined ? '' : t('table.total', { count: pages.total })}
      </Text>
      {!onePage && (
        <Group gap="xs">
          <ActionIcon
            variant="default"
            aria-label={t('table.previous')}
            disabled={pages.previous === null}
            onClick={() => pages.previous?.()}
          >
            <Icon name="left" />
          </ActionIcon>
          <Text size="sm" aria-live="polite">
            {t('table.page', { page: pages.page })}
          </Text>
          <ActionIcon
            variant="default"
            aria-label={t('table.next')}
            disabled={pages.next === null}
            onClick={() => pages.next?.()}
          >
            <Icon name="right" />
          </ActionIcon>
        </Group>
      )}
    </Group>
  );
}
