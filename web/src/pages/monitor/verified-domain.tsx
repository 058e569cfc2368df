// All that a verification found of one domain.
import { Badge, Group, Modal, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { VerifiedDomain } from '../../../../src/admin/api/schemas/verification.ts';
import { request } from '../../api/client.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { Facts } from '../../parts/facts.tsx';
import { Await } from '../../parts/states.tsx';
import classes from './verified-domain.module.css';

type Host = VerifiedDomain['hosts'][number];
type Address = Host['addresses'][number];
type Fact = readonly [name: string, value: ReactNode];

interface DialogProps {
  /** Null: closed. */
  readonly domain: string | null;
  /** The verification that it belongs to. */
  readonly of: string;
  readonly onClose: () => void;
}

export function VerifiedDomainDialog({ domain, of, onClose }: DialogProps) {
  const { t } = useLanguage();
  // What was opened last, while the dialog fades away.
  const [shown, setShown] = useState('');
  if (domain !== null && domain !== shown) setShown(domain);
  const found = useQuery({
    queryKey: ['verification', of, shown],
    queryFn: ({ signal }) =>
      request<VerifiedDomain>('GET', `/tls/verification/${encodeURIComponent(shown)}`, { signal }),
    enabled: domain !== null,
  });
  return (
    <Modal
      opened={domain !== null}
      onClose={onClose}
      title={t('verify.more', { domain: shown })}
      size="xl"
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <Await query={found} lines={8}>
        {({ hosts, lines }) => (
          <Stack gap="lg">
            {hosts.map((host) => (
              <HostFacts key={host.host} host={host} />
            ))}
            <details>
              <summary>{t('verify.words')}</summary>
              <pre className={classes['lines']} lang="en">
                {lines.join('\n')}
              </pre>
            </details>
          </Stack>
        )}
      </Await>
    </Modal>
  );
}

/** Those that say something. */
const told = (facts: readonly Fact[]): readonly Fact[] => facts.filter(([, value]) => value !== '' && value !== null);

const english = (text: string): ReactNode => (text === '' ? '' : <span lang="en">{text}</span>);

function HostFacts({ host: { host, signed, policy, addresses } }: { readonly host: Host }) {
  const { t } = useLanguage();
  const { wanted, level, why, refusal, names, tlsa } = policy;
  return (
    <section className={classes['host']}>
      <Group gap="xs" mb="xs">
        <Title order={3} size="h4" className={classes['name']}>
          {t('verify.host', { host })}
        </Title>
        <Badge variant="light" color={signed ? 'green' : 'gray'}>
          {t(signed ? 'verify.signed' : 'verify.unsigned')}
        </Badge>
      </Group>
      <Facts
        facts={told([
          [t('verify.policy'), t('verify.policyText', { wanted, level: level === 'none' ? 'clear text' : level })],
          [t('verify.why'), english(why)],
          [t('verify.refusal'), english(refusal)],
          [t('verify.names'), names.join(', ')],
          [t('verify.tlsa'), tlsa.join(', ')],
        ])}
      />
      {addresses.map((address) => (
        <AddressFacts key={`${address.address} ${address.port}`} address={address} />
      ))}
    </section>
  );
}

function AddressFacts({ address: found }: { readonly address: Address }) {
  const { t } = useLanguage();
  const { address, port, local, failure, explanation, decides, tls, versions } = found;
  return (
    <div className={classes['address']}>
      <Group gap="xs">
        <Text fw={600} size="sm">
          {t('verify.address', { address, port })}
        </Text>
        {decides && <Badge variant="light">{t('verify.decides')}</Badge>}
      </Group>
      <Facts
        facts={told([
          [t('verify.local'), local],
          [t('verify.failure'), english([failure, explanation].filter((text) => text !== '').join('. '))],
          ...(tls === null ? [] : handshakeFacts(tls, t)),
        ])}
      />
      {versions.length > 0 && <Versions versions={versions} />}
    </div>
  );
}

function handshakeFacts(tls: NonNullable<Address['tls']>, t: ReturnType<typeof useLanguage>['t']): readonly Fact[] {
  const { protocol, cipher, group, verified, detail, certificate, names, chain } = tls;
  return [
    [t('verify.connection'), `${protocol} ${cipher}`],
    [t('verify.group'), group],
    [t(verified ? 'verify.matched' : 'verify.unmatched'), english(detail)],
    [t('verify.shown'), english(certificate)],
    [t('verify.shownNames'), names],
    [t('verify.chain'), chain.join(' < ')],
  ];
}

function Versions({ versions }: { readonly versions: Address['versions'] }) {
  const { t } = useLanguage();
  return (
    <>
      <Text size="sm" c="dimmed" mt="xs">
        {t('verify.versions')}
      </Text>
      <ul className={classes['versions']} lang="en">
        {versions.map(({ version, cipher, reason }) => (
          <li key={version}>
            {version}: {cipher === '' ? `no (${reason})` : `yes, ${cipher}`}
          </li>
        ))}
      </ul>
    </>
  );
}
