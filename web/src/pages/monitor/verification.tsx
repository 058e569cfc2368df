// Monitor > TLS Verification: tlsverify and daneverify, with progress.
import { Alert, Anchor, Badge, Button, Checkbox, Group, Progress, Stack, Text, Textarea } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type {
  PresentVerification,
  Verification,
  VerificationRequest,
  VerificationRow,
} from '../../../../src/admin/api/schemas/verification.ts';
import { request } from '../../api/client.ts';
import { queryClient } from '../../api/queries.ts';
import { useRights } from '../../api/session.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { type Column, DataTable, pageOf } from '../../parts/data-table.tsx';
import { Icon } from '../../parts/icon.tsx';
import { Card, Page } from '../../parts/page.tsx';
import { Await, Empty, Failure } from '../../parts/states.tsx';
import { VerifiedDomainDialog } from './verified-domain.tsx';

const key = ['verification'];
const path = '/tls/verification';

export function VerificationPage() {
  const { t } = useLanguage();
  const rights = useRights();
  const present = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => request<PresentVerification>('GET', path, { signal }),
    refetchInterval: ({ state }) => (state.data?.verification?.ended === null ? 500 : false),
  });
  return (
    <Page title={t('verify.title')} description={t('verify.description')}>
      {rights.queue && <Begin running={present.data?.verification?.ended === null} />}
      <Await query={present} lines={6}>
        {({ verification }) =>
          verification === null ? (
            <Card>
              <Empty icon="lock" title={t('verify.none')}>
                {t('verify.noneText')}
              </Empty>
            </Card>
          ) : (
            <Found verification={verification} />
          )
        }
      </Await>
    </Page>
  );
}

function Begin({ running }: { readonly running: boolean }) {
  const { t } = useLanguage();
  const [text, setText] = useState('');
  const [dane, setDane] = useState(false);
  const [detail, setDetail] = useState(false);
  const domains = text.split(/[\s,;]+/).filter((domain) => domain !== '');
  const asked = () => queryClient.invalidateQueries({ queryKey: key });
  const begin = useMutation({
    mutationFn: () => {
      const body: VerificationRequest = { domains, dane, detail };
      return request<Verification>('POST', path, { body });
    },
    onSettled: asked,
  });
  const end = useMutation({ mutationFn: () => request('DELETE', path), onSettled: asked });
  return (
    <Card>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          begin.mutate();
        }}
      >
        <Stack gap="sm">
          {begin.isError && <Failure error={begin.error} />}
          {end.isError && <Failure error={end.error} />}
          <Textarea
            label={t('verify.domains')}
            description={t('verify.domainsHelp')}
            autosize
            minRows={3}
            maxRows={12}
            spellCheck={false}
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
          />
          <Checkbox
            label={t('verify.dane')}
            checked={dane}
            onChange={(event) => setDane(event.currentTarget.checked)}
          />
          <Checkbox
            label={t('verify.detail')}
            checked={detail}
            onChange={(event) => setDetail(event.currentTarget.checked)}
          />
          <Group>
            {running ? (
              <Button variant="default" loading={end.isPending} onClick={() => end.mutate()}>
                {t('verify.end')}
              </Button>
            ) : (
              <Button type="submit" loading={begin.isPending} disabled={domains.length === 0}>
                {t('verify.begin')}
              </Button>
            )}
          </Group>
        </Stack>
      </form>
    </Card>
  );
}

function Found({ verification }: { readonly verification: Verification }) {
  const { t, format } = useLanguage();
  const { began, ended, failure, told, all, failed, rows } = verification;
  const [opened, setOpened] = useState<string | null>(null);
  const [page, setPage] = useState(0);
  const columns: readonly Column<VerificationRow>[] = [
    {
      key: 'domain',
      title: t('verify.domain'),
      render: ({ domain }) => (
        <Anchor component="button" type="button" size="sm" fw={600} ta="left" onClick={() => setOpened(domain)}>
          <span style={{ overflowWrap: 'break-word' }}>{domain}</span>
        </Anchor>
      ),
    },
    {
      key: 'result',
      title: t('verify.result'),
      render: ({ ok }) => <Badge color={ok ? 'green' : 'red'}>{t(ok ? 'verify.ok' : 'verify.notOk')}</Badge>,
    },
    {
      key: 'found',
      title: t('verify.found'),
      tight: true,
      render: ({ protocol, cipher }) =>
        protocol === '' ? (
          '–'
        ) : (
          <>
            {protocol} <br />
            {cipher}
          </>
        ),
    },
    {
      key: 'certificate',
      title: t('verify.certificate'),
      render: ({ protocol, verified }) =>
        protocol === '' ? '–' : t(verified ? 'verify.certificate.yes' : 'verify.certificate.no'),
    },
    { key: 'policy', title: t('verify.policy'), render: ({ wanted }) => (wanted === '' ? '–' : wanted) },
    {
      key: 'reason',
      title: t('verify.reason'),
      render: ({ reason }) => (reason === '' ? '–' : <span lang="en">{reason}</span>),
    },
  ];
  return (
    <Card title={t('verify.of', { time: format.time(began) })} flush>
      <Stack gap="sm" p="md">
        <Progress
          value={(told / all) * 100}
          animated={ended === null}
          aria-label={t('verify.progress', { told, all })}
        />
        <Text size="sm" role="status">
          {t('verify.progress', { told, all })}
        </Text>
        {failure !== null && (
          <Alert color="red" icon={<Icon name="error" />}>
            <span lang="en">{failure}</span>
          </Alert>
        )}
        {ended !== null && failure === null && (
          <Alert color={failed > 0 ? 'red' : 'green'} icon={<Icon name={failed > 0 ? 'warning' : 'check'} />}>
            {failed > 0 ? t('verify.failed', { count: failed }) : t(told < all ? 'verify.broken' : 'verify.allWell')}
          </Alert>
        )}
      </Stack>
      {rows.length > 0 && (
        <DataTable
          label={t('verify.title')}
          columns={columns}
          rowKey={({ domain }) => domain}
          pages={pageOf(rows, page, setPage)}
          empty={null}
        />
      )}
      <VerifiedDomainDialog domain={opened} of={began} onClose={() => setOpened(null)} />
    </Card>
  );
}
