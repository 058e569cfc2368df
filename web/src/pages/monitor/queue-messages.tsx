// Messages in the queue, a page at a time.
import { Badge, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'wouter';
import type { QueuePage, QueueRow } from '../../../../src/admin/api/schemas/queue.ts';
import { request } from '../../api/client.ts';
import { useRights } from '../../api/session.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { type Column, DataTable, usePages } from '../../parts/data-table.tsx';
import { Card } from '../../parts/page.tsx';
import { SearchForm } from '../../parts/search-form.tsx';
import { useSearch } from '../../parts/search-parameters.ts';
import { Empty } from '../../parts/states.tsx';
import { Envelope } from './addresses.tsx';
import { QueueActions } from './queue-actions.tsx';
import { filterOf, queueFields, rowKey } from './queue-filter.ts';

const refreshed = 15_000;
const examples = {
  sender: 'a@example.org, @example.org, <>',
  recipient: 'b@example.com, @example.com',
  destination: 'example.com',
};
const badges = { waiting: 'gray', due: 'blue', delivering: 'green', held: 'yellow' } as const;

export function QueueMessages() {
  const { t, format } = useLanguage();
  const rights = useRights();
  const search = useSearch(queueFields);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const filter = filterOf(search.values);
  const pages = usePages<QueueRow>({
    queryKey: ['queue', 'messages', filter],
    fetchPage: (cursor, signal) =>
      request<QueuePage>('GET', '/queue', { query: { ...filter, cursor, limit: 100 }, signal }),
    refetchInterval: refreshed,
  });
  const columns: readonly Column<QueueRow>[] = [
    {
      key: 'mid',
      title: t('message.midShort'),
      tight: true,
      render: ({ mid }) => <Link href={`/monitor/tracking/${mid}`}>{mid}</Link>,
    },
    {
      key: 'envelope',
      title: t('message.envelopeColumn'),
      render: ({ sender, recipients, recipientCount }) => (
        <Envelope sender={sender} recipients={recipients} count={recipientCount} />
      ),
    },
    { key: 'destination', title: t('queue.destination'), render: ({ destination }) => destination },
    {
      key: 'next',
      title: t('queue.next'),
      tight: true,
      render: ({ state, next }) => (
        <>
          <Badge variant="light" color={badges[state]} size="sm">
            {t(`queue.state.${state}`)}
          </Badge>
          {next !== null && state === 'waiting' && (
            <Text size="xs" mt={2}>
              <time dateTime={next} title={format.time(next)}>
                {format.relative(next)}
              </time>
            </Text>
          )}
        </>
      ),
    },
    {
      key: 'reason',
      title: t('queue.reason'),
      render: ({ reason, attempts }) => (
        <>
          <Text span inherit lang="en">
            {reason}
          </Text>
          <Text size="xs" c="dimmed">
            {t('queue.attempts', { count: attempts })}
          </Text>
        </>
      ),
    },
    {
      key: 'received',
      title: t('queue.received'),
      tight: true,
      render: ({ received, size }) => (
        <>
          <time dateTime={received} title={format.time(received)}>
            {format.relative(received)}
          </time>
          <Text size="xs" c="dimmed">
            {format.bytes(size)}
          </Text>
        </>
      ),
    },
  ];
  return (
    <>
      <SearchForm
        label={t('queue.search')}
        search={search}
        fields={(typed, type) => (
          <>
            <TextInput
              label={t('message.sender')}
              placeholder={examples.sender}
              maxLength={322}
              value={typed.sender}
              onChange={(event) => type('sender', event.currentTarget.value)}
            />
            <TextInput
              label={t('message.recipient')}
              placeholder={examples.recipient}
              maxLength={322}
              value={typed.recipient}
              onChange={(event) => type('recipient', event.currentTarget.value)}
            />
            <TextInput
              label={t('queue.destination')}
              placeholder={examples.destination}
              maxLength={300}
              value={typed.destination}
              onChange={(event) => type('destination', event.currentTarget.value)}
            />
            <TextInput
              label={t('message.mid')}
              inputMode="numeric"
              pattern="[0-9]{1,15}"
              title={t('message.midHelp')}
              value={typed.mid}
              onChange={(event) => type('mid', event.currentTarget.value)}
            />
          </>
        )}
      />
      <Card flush>
        {rights.queue && (
          <QueueActions
            filter={filter}
            rows={pages.rows ?? []}
            more={pages.next !== null || pages.page > 1}
            queued={pages.total}
            chosen={chosen}
            onChosen={setChosen}
          />
        )}
        <DataTable
          label={t('queue.messages')}
          columns={columns}
          rowKey={rowKey}
          pages={pages}
          empty={
            search.none ? (
              <Empty icon="check" title={t('queue.empty')}>
                {t('queue.emptyText')}
              </Empty>
            ) : (
              <Empty icon="search" title={t('queue.notFound')}>
                {t('queue.notFoundText')}
              </Empty>
            )
          }
          {...(rights.queue ? { selection: { keys: chosen, onChange: setChosen } } : {})}
        />
      </Card>
    </>
  );
}
