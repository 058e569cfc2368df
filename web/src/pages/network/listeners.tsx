// Network > Listeners: the addresses that take mail in.
import { NumberInput, Select, TextInput } from '@mantine/core';
import { useLanguage } from '../../i18n/language.tsx';
import { CertificateSelect } from './certificate-select.tsx';
import { ConfigTable } from './config-table.tsx';

const levels = ['off', 'preferred', 'required'] as const;

export function Listeners() {
  const { t } = useLanguage();
  const level = levels.map((value) => ({ value, label: t(`listeners.tls.${value}`) }));
  return (
    <ConfigTable
      table="listeners"
      title={t('listeners.title')}
      description={t('listeners.description')}
      add={t('listeners.add')}
      empty={[t('listeners.empty'), t('listeners.emptyText')]}
      blank={{ name: '', address: '0.0.0.0', port: 25, tls: 'preferred', certificate: 'demo', interface: 'Management' }}
      columns={[
        { key: 'name', title: t('common.name'), render: ({ value }) => value.name },
        {
          key: 'address',
          title: t('listeners.address'),
          render: ({ value }) =>
            value.address.includes(':') ? `[${value.address}]:${value.port}` : `${value.address}:${value.port}`,
        },
        { key: 'tls', title: t('listeners.tls'), render: ({ value }) => t(`listeners.tls.${value.tls}`) },
        { key: 'certificate', title: t('listeners.certificate'), render: ({ value }) => value.certificate },
        { key: 'interface', title: t('listeners.interface'), render: ({ value }) => value.interface },
      ]}
      fields={{
        keys: ['name', 'address', 'port', 'tls', 'certificate', 'interface'],
        draw: ({ value, set, problem }) => (
          <>
            <TextInput
              label={t('common.name')}
              required
              data-autofocus
              maxLength={63}
              value={value.name}
              error={problem('name')}
              onChange={(event) => set({ ...value, name: event.currentTarget.value.trim() })}
            />
            <TextInput
              label={t('listeners.ip')}
              description={t('listeners.ipHelp')}
              required
              value={value.address}
              error={problem('address')}
              onChange={(event) => set({ ...value, address: event.currentTarget.value.trim() })}
            />
            <NumberInput
              label={t('listeners.port')}
              required
              min={1}
              max={65_535}
              allowDecimal={false}
              value={value.port}
              error={problem('port')}
              onChange={(port) => set({ ...value, port: Number(port) })}
            />
            <Select
              label={t('listeners.tls')}
              description={t('listeners.tlsHelp')}
              data={level}
              allowDeselect={false}
              value={value.tls}
              error={problem('tls')}
              onChange={(tls) => set({ ...value, tls: (tls ?? 'preferred') as (typeof levels)[number] })}
            />
            <CertificateSelect
              label={t('listeners.certificate')}
              value={value.certificate}
              error={problem('certificate')}
              onChange={(certificate) => set({ ...value, certificate })}
            />
            <TextInput
              label={t('listeners.interface')}
              description={t('listeners.interfaceHelp')}
              maxLength={63}
              value={value.interface}
              error={problem('interface')}
              onChange={(event) => set({ ...value, interface: event.currentTarget.value })}
            />
          </>
        ),
      }}
    />
  );
}
