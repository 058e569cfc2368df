// Network > Certificates: what there is, who uses it, until when; new ones by upload or request.
import { Alert, Badge, Button, Group, Menu, Stack, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import type { Certificate, KeyPair, Certificates as List } from '../../../../src/admin/api/schemas/certificates.ts';
import { request } from '../../api/client.ts';
import { configurationChanged } from '../../api/queries.ts';
import { useRights } from '../../api/session.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { useConfirm } from '../../parts/confirm.tsx';
import { Facts } from '../../parts/facts.tsx';
import { Icon } from '../../parts/icon.tsx';
import { Card, Page } from '../../parts/page.tsx';
import { Await, Failure } from '../../parts/states.tsx';
import { useToast } from '../../parts/toast.tsx';
import { NewRequest } from './certificate-request.tsx';
import { useCertificates } from './certificate-select.tsx';
import { Upload } from './certificate-upload.tsx';
import { CertificateUses } from './certificate-uses.tsx';
import classes from './network.module.css';
import { Requests } from './requests.tsx';

/** A certificate that expires within so many days is warned of. */
const soon = 30;

export function Certificates() {
  const { t } = useLanguage();
  const rights = useRights();
  const query = useCertificates();
  const [opened, setOpened] = useState<'upload' | 'request' | null>(null);
  const [name, setName] = useState('');
  const close = () => setOpened(null);
  const upload = (wanted: string) => {
    setName(wanted);
    setOpened('upload');
  };
  return (
    <Page
      title={t('certificates.title')}
      description={t('certificates.description')}
      actions={
        rights.configuration && (
          <>
            <Button variant="default" onClick={() => setOpened('request')}>
              {t('certificates.request')}
            </Button>
            <Button leftSection={<Icon name="upload" size={16} />} onClick={() => upload('')}>
              {t('certificates.upload')}
            </Button>
          </>
        )
      }
    >
      <Await query={query} lines={12}>
        {(list) => <Shown list={list} onUpload={upload} />}
      </Await>
      <Upload opened={opened === 'upload'} name={name} onClose={close} />
      <NewRequest opened={opened === 'request'} onClose={close} />
    </Page>
  );
}

function Shown({ list, onUpload }: { readonly list: List; readonly onUpload: (name: string) => void }) {
  const { t } = useLanguage();
  return (
    <>
      {list.warnings.length > 0 && (
        <Alert color="yellow" icon={<Icon name="warning" />} title={t('certificates.warning')}>
          <ul className={classes['warnings']} lang="en">
            {list.warnings.map((warning) => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        </Alert>
      )}
      {list.requests.length > 0 && <Requests requests={list.requests} onUpload={onUpload} />}
      {list.items.map((certificate) => (
        <OneCertificate key={certificate.name} certificate={certificate} onUpload={onUpload} />
      ))}
    </>
  );
}

interface OneProps {
  readonly certificate: Certificate;
  readonly onUpload: (name: string) => void;
}

function OneCertificate({ certificate, onUpload }: OneProps) {
  const { t } = useLanguage();
  const rights = useRights();
  const confirm = useConfirm();
  const toast = useToast();
  const [choosing, setChoosing] = useState(false);
  const { name, builtIn, pending, pairs, problems, usedBy } = certificate;
  const remove = useMutation({
    mutationFn: async () => {
      const text = t('certificates.deleteText', { name });
      if (!(await confirm({ title: t('certificates.deleteTitle'), text, action: t('common.delete'), danger: true })))
        return;
      await request('DELETE', `/certificates/${encodeURIComponent(name)}`);
      await configurationChanged();
      toast(t('certificates.deleted'));
    },
  });
  return (
    <Card
      title={name}
      actions={
        <Group gap="xs">
          {builtIn && <Badge variant="light">{t('certificates.builtIn')}</Badge>}
          {pending && (
            <Badge variant="light" color="yellow">
              {t('table.state.added')}
            </Badge>
          )}
          {rights.configuration && (
            <Menu position="bottom-end">
              <Menu.Target>
                <Button
                  size="xs"
                  variant="default"
                  rightSection={<Icon name="chevron" size={14} />}
                  aria-label={`${t('common.actions')}: ${name}`}
                >
                  {t('common.actions')}
                </Button>
              </Menu.Target>
              <Menu.Dropdown>
                <Menu.Item onClick={() => setChoosing(true)}>{t('certificates.choose')}</Menu.Item>
                {!builtIn && <Menu.Item onClick={() => onUpload(name)}>{t('certificates.replace')}</Menu.Item>}
                {!builtIn && <Menu.Item onClick={() => remove.mutate()}>{t('common.delete')}</Menu.Item>}
              </Menu.Dropdown>
            </Menu>
          )}
        </Group>
      }
    >
      <Stack>
        {remove.isError && <Failure error={remove.error} />}
        {problems.map((problem) => (
          <Alert key={problem} color="red" icon={<Icon name="error" />} lang="en">
            {problem}
          </Alert>
        ))}
        {builtIn && <Text c="dimmed">{t('certificates.builtInText')}</Text>}
        <Facts facts={[[t('certificates.usedBy'), <UsedBy key="usedBy" users={usedBy} />]]} />
        <div>
          {pairs.map((pair) => (
            <Pair key={pair.fingerprint} pair={pair} />
          ))}
        </div>
      </Stack>
      <CertificateUses certificate={certificate} opened={choosing} onClose={() => setChoosing(false)} />
    </Card>
  );
}

function Pair({ pair }: { readonly pair: KeyPair }) {
  const { t, format } = useLanguage();
  const { daysLeft } = pair;
  const expiry =
    daysLeft < 0 ? t('certificates.expired') : daysLeft <= soon ? t('certificates.expires', { days: daysLeft }) : null;
  return (
    <section className={classes['pair']} aria-label={`${pair.keyKind} ${pair.keyDetail}`}>
      <Facts
        facts={[
          [t('certificates.key'), `${pair.keyKind} ${pair.keyDetail}`],
          [t('certificates.names'), pair.names.length === 0 ? t('common.none') : pair.names.join(', ')],
          [t('certificates.issuer'), pair.selfSigned ? t('certificates.selfSigned') : pair.issuer],
          [
            t('certificates.validity'),
            <span key="validity">
              {format.day(pair.notBefore)} – {format.day(pair.notAfter)}{' '}
              {expiry !== null && (
                <Badge color={daysLeft < 0 ? 'red.9' : 'yellow'} size="sm">
                  {expiry}
                </Badge>
              )}
            </span>,
          ],
          [
            t('certificates.fingerprint'),
            <span key="fingerprint" className={classes['fingerprint']}>
              {pair.fingerprint}
            </span>,
          ],
        ]}
      />
      {pair.warnings.length > 0 && (
        <Alert color="yellow" mt="sm" icon={<Icon name="warning" />} lang="en">
          {pair.warnings.join(' ')}
        </Alert>
      )}
      <details>
        <summary>{t('certificates.chain', { count: pair.chain.length + 1 })}</summary>
        <ol className={classes['chain']}>
          {[pair, ...pair.chain].map((link) => (
            <li key={link.fingerprint}>
              {link.subject}
              <Text size="sm" c="dimmed">
                {t('certificates.issuedBy', { issuer: link.issuer })} ·{' '}
                {t('certificates.until', { day: format.day(link.notAfter) })}
              </Text>
            </li>
          ))}
        </ol>
      </details>
    </section>
  );
}

/** So many users are named; a certificate may be that of very many destinations. */
const namedUsers = 10;

function UsedBy({ users }: { readonly users: Certificate['usedBy'] }) {
  const { t } = useLanguage();
  if (users.length === 0) return t('certificates.unused');
  const words = users
    .slice(0, namedUsers)
    .map(({ kind, name }) => (kind === 'gui' ? t('certificates.gui') : t(`certificates.${kind}`, { name })));
  const more = users.length - words.length;
  return `${words.join(', ')}${more > 0 ? ` ${t('certificates.more', { count: more })}` : ''}`;
}
