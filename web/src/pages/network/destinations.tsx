// Mail Policies > Destination Controls: TLS and limits towards single destinations.
import { NumberInput, Select, TextInput } from '@mantine/core';
import type { TableValue } from '../../../../src/admin/api/schemas/tables.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { ConfigTable } from './config-table.tsx';
import { LinesInput } from './lines-input.tsx';

type Destination = TableValue<'destinations'>;
const levels = ['none', 'preferred', 'preferred-verify', 'required', 'required-verify', 'dane', 'dane-only'] as const;
const verifying: ReadonlySet<string | undefined> = new Set(['preferred-verify', 'required-verify']);

/** The destination with a key set, or without it. */
function withKey<Key extends keyof Destination>(
  value: Destination,
  key: Key,
  set: Destination[Key] | undefined,
): Destination {
  const { [key]: _, ...rest } = value;
  return (set === undefined ? rest : { ...rest, [key]: set }) as Destination;
}

export function Destinations() {
  const { t, format } = useLanguage();
  const number = (value: number | undefined) =>
    value === undefined ? t('destinations.default') : format.number(value);
  const count = (value: string | number) => (value === '' ? undefined : Number(value));
  return (
    <ConfigTable
      table="destinations"
      title={t('destinations.title')}
      description={t('destinations.description')}
      add={t('destinations.add')}
      empty={[t('destinations.empty'), t('destinations.emptyText')]}
      blank={{ domain: '', tls: 'required' }}
      columns={[
        { key: 'domain', title: t('destinations.domain'), render: ({ value }) => value.domain },
        {
          key: 'tls',
          title: t('destinations.tls'),
          render: ({ value }) => t(value.tls === undefined ? 'destinations.default' : `destinations.tls.${value.tls}`),
        },
        {
          key: 'connections',
          title: t('destinations.connections'),
          align: 'right',
          render: ({ value }) => number(value.connections),
        },
        {
          key: 'messages',
          title: t('destinations.messages'),
          align: 'right',
          render: ({ value }) => number(value.messagesPerConnection),
        },
      ]}
      fields={{
        keys: ['domain', 'tls', 'names', 'connections', 'messagesPerConnection'],
        draw: ({ value, set, problem }) => (
          <>
            <TextInput
              label={t('destinations.domain')}
              description={t('destinations.domainHelp')}
              required
              data-autofocus
              maxLength={320}
              value={value.domain}
              error={problem('domain')}
              onChange={(event) => set({ ...value, domain: event.currentTarget.value.trim() })}
            />
            <Select
              label={t('destinations.tls')}
              data={[
                { value: '', label: t('destinations.default') },
                ...levels.map((level) => ({ value: level as string, label: t(`destinations.tls.${level}`) })),
              ]}
              allowDeselect={false}
              value={value.tls ?? ''}
              error={problem('tls')}
              onChange={(tls) =>
                set(
                  withKey(
                    value,
                    'tls',
                    levels.find((level) => level === tls),
                  ),
                )
              }
            />
            {verifying.has(value.tls) && (
              <LinesInput
                label={t('destinations.names')}
                description={t('destinations.namesHelp')}
                lines={value.names ?? []}
                error={problem('names')}
                onChange={(names) => set(withKey(value, 'names', names.length === 0 ? undefined : [...names]))}
              />
            )}
            <NumberInput
              label={t('destinations.connections')}
              placeholder={t('destinations.default')}
              min={1}
              max={10_000}
              allowDecimal={false}
              value={value.connections ?? ''}
              error={problem('connections')}
              onChange={(next) => set(withKey(value, 'connections', count(next)))}
            />
            <NumberInput
              label={t('destinations.messages')}
              placeholder={t('destinations.default')}
              min={1}
              max={1_000_000}
              allowDecimal={false}
              value={value.messagesPerConnection ?? ''}
              error={problem('messagesPerConnection')}
              onChange={(next) => set(withKey(value, 'messagesPerConnection', count(next)))}
            />
          </>
        ),
      }}
    />
  );
}
