// Finding messages, whatever has become of them.
import { Badge, Select, Text, TextInput } from '@mantine/core';
import { Link } from 'wouter';
import type { Tracked, TrackingPage } from '../../../../src/admin/api/schemas/tracking.ts';
import { request } from '../../api/client.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { type Column, DataTable, usePages } from '../../parts/data-table.tsx';
import { Card, Page } from '../../parts/page.tsx';
import { SearchForm } from '../../parts/search-form.tsx';
import { useSearch } from '../../parts/search-parameters.ts';
import { Empty } from '../../parts/states.tsx';
import { Envelope } from './addresses.tsx';
import { MessageState, messageStates } from './message-state.tsx';

const fields = ['sender', 'recipient', 'subject', 'messageId', 'mid', 'state', 'from', 'to'] as const;

export function Tracking() {
  const { t, format } = useLanguage();
  const search = useSearch(fields);
  const query = queryOf(search.values);
  const pages = usePages<Tracked>({
    queryKey: ['tracking', query],
    fetchPage: (cursor, signal) =>
      request<TrackingPage>('GET', '/tracking', { query: { ...query, cursor, limit: 50 }, signal }),
  });
  const columns: readonly Column<Tracked>[] = [
    { key: 'time', title: t('message.time'), tight: true, render: ({ time }) => format.time(time) },
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
    {
      key: 'subject',
      title: t('message.subject'),
      render: ({ subject }) =>
        subject ?? (
          <Text span inherit c="dimmed">
            {t('message.noSubject')}
          </Text>
        ),
    },
    {
      key: 'tls',
      title: t('tracking.tlsIn'),
      tight: true,
      render: ({ tls, icid }) =>
        tls === null ? (
          <Text span inherit c="dimmed">
            {icid === 0 ? t('message.madeHere') : t('overview.clear')}
          </Text>
        ) : (
          <Badge variant="light" color="gray" size="sm" tt="none">
            {tls}
          </Badge>
        ),
    },
    { key: 'state', title: t('message.state'), tight: true, render: ({ state }) => <MessageState state={state} /> },
  ];
  return (
    <Page title={t('tracking.title')} description={t('tracking.description')}>
      <SearchForm
        label={t('tracking.search')}
        search={search}
        fields={(typed, type) => {
          const text = (name: (typeof fields)[number], label: string, placeholder: string, maxLength: number) => (
            <TextInput
              label={label}
              placeholder={placeholder}
              maxLength={maxLength}
              value={typed[name]}
              onChange={(event) => type(name, event.currentTarget.value)}
            />
          );
          const moment = (name: 'from' | 'to', label: string) => (
            <TextInput
              type="datetime-local"
              label={label}
              value={typed[name]}
              onChange={(event) => type(name, event.currentTarget.value)}
            />
          );
          return (
            <>
              {text('sender', t('message.sender'), 'a@example.org, @example.org, a*', 322)}
              {text('recipient', t('message.recipient'), 'b@example.com, @example.com, b*', 322)}
              {text('subject', t('message.subject'), t('tracking.words'), 200)}
              {text('messageId', t('message.messageId'), '<x@example.org>', 998)}
              <TextInput
                label={t('message.mid')}
                inputMode="numeric"
                pattern="[0-9]{1,15}"
                title={t('message.midHelp')}
                value={typed.mid}
                onChange={(event) => type('mid', event.currentTarget.value)}
              />
              <Select
                label={t('message.state')}
                data={[
                  { value: '', label: t('message.anyState') },
                  ...messageStates.map((state) => ({ value: state, label: t(`message.state.${state}`) })),
                ]}
                allowDeselect={false}
                value={typed.state}
                onChange={(value) => type('state', value ?? '')}
              />
              {moment('from', t('tracking.from'))}
              {moment('to', t('tracking.to'))}
            </>
          );
        }}
      />
      <Card flush>
        <DataTable
          label={t('tracking.results')}
          columns={columns}
          rowKey={({ mid }) => String(mid)}
          pages={pages}
          empty={
            search.none ? (
              <Empty icon="search" title={t('tracking.empty')}>
                {t('tracking.emptyText')}
              </Empty>
            ) : (
              <Empty icon="search" title={t('tracking.notFound')}>
                {t('tracking.notFoundText')}
              </Empty>
            )
          }
        />
      </Card>
    </Page>
  );
}

/** The fields have the reader's local time; the gateway has UTC. */
function queryOf({ from, to, mid, ...texts }: Readonly<Record<(typeof fields)[number], string>>) {
  return { ...texts, mid: /^[0-9]{1,15}$/.test(mid) ? mid : '', from: utc(from), to: utc(to) };
}

function utc(local: string): string {
  const time = local === '' ? Number.NaN : new Date(local).getTime();
  return Number.isNaN(time) ? '' : new Date(time).toISOString();
}
