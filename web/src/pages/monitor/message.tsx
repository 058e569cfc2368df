// The whole story of one message: where it came from, where it went, how both ways were encrypted, and what happened when.
import { Alert, Button, SimpleGrid, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link, useParams } from 'wouter';
import type { Story } from '../../../../src/admin/api/schemas/tracking.ts';
import { request } from '../../api/client.ts';
import { hasCode } from '../../api/problem.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { Icon } from '../../parts/icon.tsx';
import { Card, Page } from '../../parts/page.tsx';
import { Await, Empty } from '../../parts/states.tsx';
import { Addresses, Sender } from './addresses.tsx';
import classes from './message.module.css';
import { MessageState } from './message-state.tsx';
import { StoryLine } from './story-line.tsx';

/** A message that is not settled is looked at again, in ms. */
const refreshed = 5000;
const unsettled: ReadonlySet<string> = new Set(['queued']);

export function Message() {
  const { t } = useLanguage();
  const { mid = '' } = useParams<{ mid: string }>();
  const query = useQuery({
    queryKey: ['tracking', 'message', mid],
    queryFn: ({ signal }) => request<Story>('GET', `/tracking/${encodeURIComponent(mid)}`, { signal }),
    refetchInterval: ({ state }) =>
      state.data !== undefined && unsettled.has(state.data.message.state) ? refreshed : false,
  });
  const unknown = hasCode(query.error, 'not-found', 'bad-request');
  return (
    <Page
      title={t('message.title', { mid })}
      actions={
        <>
          <Button component={Link} href={`/monitor/log?filter=${encodeURIComponent(`MID ${mid}`)}`} variant="default">
            {t('message.log')}
          </Button>
          <Button
            component={Link}
            href="/monitor/tracking"
            variant="default"
            leftSection={<Icon name="search" size={16} />}
          >
            {t('message.other')}
          </Button>
        </>
      }
    >
      {unknown && query.data === undefined ? (
        <Card>
          <Empty icon="search" title={t('message.unknown')}>
            {t('message.unknownText')}
          </Empty>
        </Card>
      ) : (
        <Await query={query} lines={12}>
          {(story) => <Told story={story} />}
        </Await>
      )}
    </Page>
  );
}

function Told({ story }: { readonly story: Story }) {
  const { t, format } = useLanguage();
  const { message, recipients, cut } = story;
  return (
    <>
      <Card title={t('message.envelope')} actions={<MessageState state={message.state} />}>
        <dl className={classes['facts']}>
          <Fact name={t('message.sender')}>
            <Sender address={message.sender} />
          </Fact>
          <Fact name={t('message.recipients')}>
            <Addresses addresses={recipients} count={Math.max(recipients.length, message.recipientCount)} most={20} />
          </Fact>
          <Fact name={t('message.subject')}>{message.subject ?? t('message.noSubject')}</Fact>
          <Fact name={t('message.messageId')}>{message.messageId ?? t('common.none')}</Fact>
          <Fact name={t('message.time')}>{format.time(message.time)}</Fact>
          <Fact name={t('message.size')}>{format.bytes(message.size)}</Fact>
        </dl>
      </Card>
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md">
        <Incoming story={story} />
        <Outgoing story={story} />
      </SimpleGrid>
      <Card title={t('message.story')}>
        {cut && (
          <Alert color="yellow" mb="md" icon={<Icon name="warning" />}>
            {t('message.cut')}
          </Alert>
        )}
        <StoryLine story={story} />
      </Card>
    </>
  );
}

function Incoming({ story }: { readonly story: Story }) {
  const { t } = useLanguage();
  const { incoming, message } = story;
  const groupOf = ({ derivedGroup: group }: { readonly derivedGroup: string | null }) =>
    group === null ? [] : [t('message.derivedGroup', { group })];
  return (
    <Card title={t('message.incoming')} actions={incoming !== null && <Tls tls={incoming.tls} />}>
      {incoming === null ? (
        <Text c="dimmed">{message.icid === 0 ? t('message.madeHereText') : t('message.forgotten')}</Text>
      ) : (
        <dl className={classes['facts']}>
          <Fact name={t('message.client')}>
            {incoming.reverseName ?? t('message.noName')} ({incoming.address})
            {incoming.reverseName !== null && !incoming.verified && (
              <Text size="xs" c="dimmed">
                {t('message.unverified')}
              </Text>
            )}
          </Fact>
          <Fact name="HELO">{incoming.helo ?? t('common.none')}</Fact>
          <Fact name={t('message.listener')}>
            {incoming.listener} ({incoming.localAddress})
          </Fact>
          <Fact name={t('message.group')}>
            {incoming.senderGroup} ({incoming.action}, {incoming.match})
          </Fact>
          <Fact name="TLS">
            {incoming.tls === null
              ? t('message.clear')
              : [incoming.tls.protocol, incoming.tls.cipher, ...groupOf(incoming.tls)].join(', ')}
          </Fact>
          <Fact name="ICID">
            <Link href={`/monitor/log?filter=${encodeURIComponent(`ICID ${incoming.icid}`)}`}>{incoming.icid}</Link>
          </Fact>
        </dl>
      )}
    </Card>
  );
}

function Outgoing({ story }: { readonly story: Story }) {
  const { t } = useLanguage();
  const { outgoing } = story;
  const last = outgoing.at(-1);
  return (
    <Card
      title={t('message.outgoing')}
      actions={last !== undefined && <Tls tls={last.tls} failed={last.security?.got === 'failed'} />}
    >
      {outgoing.length === 0 && <Text c="dimmed">{t('message.noOutgoing')}</Text>}
      <div className={classes['legs']}>
        {outgoing.map((leg) => (
          <dl key={leg.dcid} className={classes['facts']}>
            <Fact name={t('queue.destination')}>{leg.destination}</Fact>
            <Fact name={t('message.host')}>
              {leg.host === '' || leg.host === leg.address ? '' : `${leg.host} `}
              {leg.address}:{leg.port}
            </Fact>
            <Fact name="TLS">
              {leg.tls !== null
                ? `${leg.tls.protocol}, ${leg.tls.cipher}`
                : t(leg.security?.got === 'failed' ? 'message.nothingSent' : 'message.clear')}
            </Fact>
            {leg.security !== null && (
              <Fact name={t('message.security')}>
                <span className={classes['got']} data-failed={leg.security.got === 'failed'}>
                  {`${leg.security.wanted}:${leg.security.got}`}
                </span>
                {leg.security.detail !== '' && <span lang="en"> ({leg.security.detail})</span>}
              </Fact>
            )}
            {leg.tls !== null && leg.tls.certificate !== null && (
              <Fact name={t('message.certificate')}>
                <span lang="en">{leg.tls.certificate}</span>
              </Fact>
            )}
            <Fact name="DCID">
              <Link href={`/monitor/log?filter=${encodeURIComponent(`DCID ${leg.dcid}`)}`}>{leg.dcid}</Link>
            </Fact>
          </dl>
        ))}
      </div>
    </Card>
  );
}

interface TlsProps {
  /** Null: clear text. */
  readonly tls: { readonly protocol: string } | null;
  /** It was not what was wanted: nothing was sent. */
  readonly failed?: boolean;
}

function Tls({ tls, failed = false }: TlsProps) {
  const { t } = useLanguage();
  const state = failed ? 'failed' : tls === null ? 'clear' : 'encrypted';
  return (
    <span className={classes['tls']} data-state={state}>
      <Icon name={state === 'encrypted' ? 'lock' : 'warning'} size={16} />
      {failed ? t('message.tlsFailed') : tls === null ? t('overview.clear') : tls.protocol}
    </span>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
