// Mail Policies > Sender Controls: the least TLS that mail of single senders goes out with.
import { Select, TextInput } from '@mantine/core';
import { useLanguage } from '../../i18n/language.tsx';
import { ConfigTable } from './config-table.tsx';

const demands = ['required', 'required-verify', 'dane-only'] as const;

export function Senders() {
  const { t } = useLanguage();
  return (
    <ConfigTable
      table="senders"
      title={t('senders.title')}
      description={t('senders.description')}
      add={t('senders.add')}
      empty={[t('senders.empty'), t('senders.emptyText')]}
      blank={{ sender: '', tls: 'required' }}
      columns={[
        { key: 'sender', title: t('senders.sender'), render: ({ value }) => value.sender },
        { key: 'tls', title: t('senders.tls'), render: ({ value }) => t(`destinations.tls.${value.tls}`) },
      ]}
      fields={{
        keys: ['sender', 'tls'],
        draw: ({ value, set, problem }) => (
          <>
            <TextInput
              label={t('senders.sender')}
              description={t('senders.senderHelp')}
              required
              data-autofocus
              maxLength={320}
              value={value.sender}
              error={problem('sender')}
              onChange={(event) => set({ ...value, sender: event.currentTarget.value.trim() })}
            />
            <Select
              label={t('senders.tls')}
              description={t('senders.tlsHelp')}
              data={demands.map((demand) => ({ value: demand as string, label: t(`destinations.tls.${demand}`) }))}
              allowDeselect={false}
              value={value.tls}
              error={problem('tls')}
              onChange={(tls) => set({ ...value, tls: demands.find((demand) => demand === tls) ?? value.tls })}
            />
          </>
        ),
      }}
    />
  );
}
