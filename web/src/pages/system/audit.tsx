// The audit trail, searchable.
import { Code, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useState } from 'react';
import type { Audit, AuditEntry } from '../../../../src/admin/api/schemas/session.ts';
import { request } from '../../api/client.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { type Column, DataTable, usePages } from '../../parts/data-table.tsx';
import { Icon } from '../../parts/icon.tsx';
import { Card, Page } from '../../parts/page.tsx';
import { Empty } from '../../parts/states.tsx';

export function AuditTrail() {
  const { t, format } = useLanguage();
  const [search, setSearch] = useState('');
  const [settled] = useDebouncedValue(search.trim(), 300);
  const pages = usePages<AuditEntry>({
    queryKey: ['audit', settled],
    fetchPage: (cursor, signal) =>
      request<Audit>('GET', '/audit', { query: { text: settled, cursor, limit: 50 }, signal }),
  });
  const columns: readonly Column<AuditEntry>[] = [
    { key: 'time', title: t('audit.time'), tight: true, render: ({ time }) => format.time(time) },
    { key: 'user', title: t('audit.user'), render: ({ user }) => user },
    { key: 'from', title: t('audit.from'), render: ({ address }) => (address === '' ? t('audit.local') : address) },
    { key: 'face', title: t('audit.face'), render: ({ face }) => face },
    {
      key: 'text',
      title: t('audit.text'),
      render: ({ action, detail }) => (
        <>
          <Code>{action}</Code>{' '}
          <Text span inherit lang="en">
            {detail}
          </Text>
        </>
      ),
    },
  ];
  return (
    <Page title={t('audit.title')} description={t('audit.description')}>
      <TextInput
        aria-label={t('audit.search')}
        placeholder={t('audit.search')}
        leftSection={<Icon name="search" size={16} />}
        maw="24rem"
        maxLength={200}
        value={search}
        onChange={(event) => setSearch(event.currentTarget.value)}
      />
      <Card flush>
        <DataTable
          label={t('audit.title')}
          columns={columns}
          rowKey={({ id }) => String(id)}
          pages={pages}
          empty={<Empty title={t('audit.empty')}>{t('audit.emptyText')}</Empty>}
        />
      </Card>
    </Page>
  );
}
