// Monitor > TLS Verification: tlsverify and daneverify, with progress.
import { Anchor, Badge, Checkbox, Group, Stack, Textarea } from '@mantine/core';
import { useState } from 'react';
import type {
  Verification,
  VerificationRequest,
  VerificationRow,
} from '../../../../src/admin/api/schemas/verification.ts';
import { useRights } from '../../api/session.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { type Column, DataTable, pageOf } from '../../parts/data-table.tsx';
import { JobButton, type JobControl, JobFailure, JobProgress, useJob } from '../../parts/job.tsx';
import { Card, Page } from '../../parts/page.tsx';
import { Await, Empty } from '../../parts/states.tsx';
import { VerifiedDomainDialog } from './verified-domain.tsx';

export function VerificationPage() {
  const { t } = useLanguage();
  const rights = useRights();
  const job = useJob<'verification', Verification>('verification');
  return (
    <Page title={t('verify.title')} description={t('verify.description')}>
      {rights.queue && <Begin job={job} />}
      <Await query={job.query} lines={6}>
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

function Begin({ job }: { readonly job: JobControl }) {
  const { t } = useLanguage();
  const [text, setText] = useState('');
  const [dane, setDane] = useState(false);
  const [detail, setDetail] = useState(false);
  const domains = text.split(/[\s,;]+/).filter((domain) => domain !== '');
  const asked: VerificationRequest = { domains, dane, detail };
  return (
    <Card>
      <Stack gap="sm">
        <JobFailure {...job} />
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
        <Checkbox label={t('verify.dane')} checked={dane} onChange={(event) => setDane(event.currentTarget.checked)} />
        <Checkbox
          label={t('verify.detail')}
          checked={detail}
          onChange={(event) => setDetail(event.currentTarget.checked)}
        />
        <Group>
          <JobButton
            job={job}
            body={domains.length === 0 ? null : asked}
            words={{ begin: t('verify.begin'), end: t('verify.end') }}
          />
        </Group>
      </Stack>
    </Card>
  );
}

function Found({ verification }: { readonly verification: Verification }) {
  const { t, format } = useLanguage();
  const { began, told, all, failed, rows } = verification;
  const well = t(told < all ? 'verify.broken' : 'verify.allWell');
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
      <JobProgress
        job={verification}
        progress={t('verify.progress', { told, all })}
        outcome={{ bad: failed > 0, text: failed > 0 ? t('verify.failed', { count: failed }) : well }}
      />
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
