// Mail Policies > TLS Exceptions: old TLS for single peers, until a day.
import { Checkbox, Group, Select, TextInput } from '@mantine/core';
import { tlsVersions } from '../../../../src/tls/versions.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { ConfigTable } from './config-table.tsx';

/** A new exception lasts so long, days. */
const usualDays = 90;

export function Exceptions() {
  const { t } = useLanguage();
  const expires = new Date(Date.now() + usualDays * 24 * 3600 * 1000).toISOString().slice(0, 10);
  return (
    <ConfigTable
      table="exceptions"
      title={t('exceptions.title')}
      description={t('exceptions.description')}
      add={t('exceptions.add')}
      empty={[t('exceptions.empty'), t('exceptions.emptyText')]}
      blank={{ peer: '', service: 'inbound', versions: [], owner: '', reason: '', expires }}
      columns={[
        { key: 'peer', title: t('exceptions.peer'), render: ({ value }) => value.peer },
        { key: 'service', title: t('exceptions.service'), render: ({ value }) => t(`ssl.service.${value.service}`) },
        {
          key: 'what',
          title: t('exceptions.what'),
          render: ({ value: { versions = [], ciphers } }) =>
            [...versions, ...(ciphers === undefined ? [] : [ciphers])].join(', '),
        },
        { key: 'owner', title: t('exceptions.owner'), render: ({ value }) => value.owner },
        { key: 'reason', title: t('exceptions.reason'), render: ({ value }) => value.reason },
        { key: 'expires', title: t('exceptions.expires'), render: ({ value }) => value.expires },
      ]}
      fields={{
        keys: ['peer', 'service', 'versions', 'ciphers', 'owner', 'reason', 'expires'],
        draw: ({ value, set, problem }) => {
          const { versions = [], ciphers = '' } = value;
          const { versions: _, ciphers: __, ...rest } = value;
          const put = (chosen: readonly (typeof tlsVersions)[number][], text: string) =>
            set({
              ...rest,
              ...(chosen.length === 0 ? {} : { versions: [...chosen] }),
              ...(text === '' ? {} : { ciphers: text }),
            });
          return (
            <>
              <Select
                label={t('exceptions.service')}
                data={(['inbound', 'outbound'] as const).map((service) => ({
                  value: service,
                  label: t(`ssl.service.${service}`),
                }))}
                allowDeselect={false}
                value={value.service}
                onChange={(service) => set({ ...value, service: service === 'outbound' ? 'outbound' : 'inbound' })}
              />
              <TextInput
                label={t('exceptions.peer')}
                description={t('exceptions.peerHelp')}
                required
                data-autofocus
                value={value.peer}
                error={problem('peer')}
                onChange={(event) => set({ ...value, peer: event.currentTarget.value.trim() })}
              />
              <Checkbox.Group
                label={t('exceptions.versions')}
                value={versions}
                error={problem('versions')}
                onChange={(chosen) =>
                  put(
                    tlsVersions.filter((version) => chosen.includes(version)),
                    ciphers,
                  )
                }
              >
                <Group gap="sm" mt={4}>
                  {tlsVersions.map((version) => (
                    <Checkbox key={version} value={version} label={version.replace('TLSv', 'TLS v')} />
                  ))}
                </Group>
              </Checkbox.Group>
              <TextInput
                label={t('exceptions.ciphers')}
                value={ciphers}
                error={problem('ciphers')}
                onChange={(event) => put(versions, event.currentTarget.value.trim())}
              />
              <TextInput
                label={t('exceptions.owner')}
                required
                value={value.owner}
                error={problem('owner')}
                onChange={(event) => set({ ...value, owner: event.currentTarget.value })}
              />
              <TextInput
                label={t('exceptions.reason')}
                required
                value={value.reason}
                error={problem('reason')}
                onChange={(event) => set({ ...value, reason: event.currentTarget.value })}
              />
              <TextInput
                label={t('exceptions.expires')}
                type="date"
                required
                value={value.expires}
                error={problem('expires')}
                onChange={(event) => set({ ...value, expires: event.currentTarget.value })}
              />
            </>
          );
        },
      }}
    />
  );
}
