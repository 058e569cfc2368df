// Mail Policies > Destination Controls: TLS and limits towards single destinations, and what holds for all others.
import { NumberInput, Select, Text, TextInput } from '@mantine/core';
import { useLanguage } from '../../i18n/language.tsx';
import { CertificateSelect } from './certificate-select.tsx';
import { ConfigTable } from './config-table.tsx';
import { asksAuthorities, type Destination, destinationLevels, verifies, withKey } from './destination.ts';
import { LinesInput } from './lines-input.tsx';
import classes from './network.module.css';
import type { FieldProps } from './row-dialog.tsx';
import { TrustAnchors } from './trust-anchors.tsx';

export function Destinations() {
  const { t, format } = useLanguage();
  const number = (value: number | undefined) =>
    value === undefined ? t('destinations.default') : format.number(value);
  return (
    <ConfigTable
      table="destinations"
      title={t('destinations.title')}
      description={t('destinations.description')}
      add={t('destinations.add')}
      empty={[t('destinations.empty'), t('destinations.emptyText')]}
      blank={{ domain: '', tls: 'required' }}
      columns={[
        {
          key: 'domain',
          title: t('destinations.domain'),
          render: ({ value }) => (
            <div className={classes['destination']}>{value.domain === '*' ? t('destinations.all') : value.domain}</div>
          ),
        },
        { key: 'tls', title: t('destinations.tls'), render: ({ value }) => <Tls value={value} /> },
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
        keys: [
          'domain',
          'tls',
          'names',
          'ca',
          'systemCa',
          'certificate',
          'mtaSts',
          'connections',
          'messagesPerConnection',
        ],
        draw: (fields) => (
          <>
            <DomainField {...fields} />
            <TlsFields {...fields} />
            <LimitFields {...fields} />
          </>
        ),
      }}
    />
  );
}

/** The level, and below it whatever else the entry sets. */
function Tls({ value }: { readonly value: Destination }) {
  const { t } = useLanguage();
  const { tls, names, ca, systemCa, certificate, mtaSts } = value;
  const more: readonly (readonly [key: string, text: string | undefined])[] = [
    ['names', names && t('destinations.shown.names', { names: names.join(', ') })],
    ['ca', ca && t(systemCa === true ? 'destinations.shown.caToo' : 'destinations.shown.ca', { file: ca })],
    ['certificate', certificate && t('destinations.shown.certificate', { name: certificate })],
    ['mtaSts', mtaSts === undefined ? undefined : t(`destinations.shown.mtaSts.${mtaSts ? 'keep' : 'ignore'}`)],
  ];
  return (
    <>
      <div>{t(tls === undefined ? 'destinations.default' : `destinations.tls.${tls}`)}</div>
      {more.map(
        ([key, text]) =>
          text !== undefined && (
            <Text key={key} size="xs" c="dimmed">
              {text}
            </Text>
          ),
      )}
    </>
  );
}

type Fields = FieldProps<'destinations'>;

function DomainField({ value, set, problem }: Fields) {
  const { t } = useLanguage();
  return (
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
  );
}

function TlsFields({ value, set, problem }: Fields) {
  const { t } = useLanguage();
  const chosen = (tls: string | null) =>
    set(
      withKey(
        value,
        'tls',
        destinationLevels.find((level) => level === tls),
      ),
    );
  return (
    <>
      <Select
        label={t('destinations.tls')}
        data={[
          { value: '', label: t('destinations.default') },
          ...destinationLevels.map((level) => ({ value: level as string, label: t(`destinations.tls.${level}`) })),
        ]}
        allowDeselect={false}
        value={value.tls ?? ''}
        error={problem('tls')}
        onChange={chosen}
      />
      {(verifies(value.tls) || value.names !== undefined) && (
        <LinesInput
          label={t('destinations.names')}
          description={t('destinations.namesHelp')}
          lines={value.names ?? []}
          error={problem('names')}
          onChange={(names) => set(withKey(value, 'names', names.length === 0 ? undefined : [...names]))}
        />
      )}
      {(asksAuthorities(value.tls) || value.ca !== undefined) && (
        <TrustAnchors value={value} set={set} problem={problem} />
      )}
      {(value.tls !== 'none' || value.certificate !== undefined) && (
        <CertificateSelect
          label={t('destinations.certificate')}
          description={t('destinations.certificateHelp')}
          none={t('destinations.default')}
          value={value.certificate ?? ''}
          error={problem('certificate')}
          onChange={(name) => set(withKey(value, 'certificate', name === '' ? undefined : name))}
        />
      )}
      {(value.tls !== 'none' || value.mtaSts !== undefined) && (
        <Select
          label={t('destinations.mtaSts')}
          description={t('destinations.mtaStsHelp')}
          data={[
            { value: '', label: t('destinations.default') },
            { value: 'keep', label: t('destinations.mtaSts.keep') },
            { value: 'ignore', label: t('destinations.mtaSts.ignore') },
          ]}
          allowDeselect={false}
          value={value.mtaSts === undefined ? '' : value.mtaSts ? 'keep' : 'ignore'}
          error={problem('mtaSts')}
          onChange={(choice) => set(withKey(value, 'mtaSts', choice === '' ? undefined : choice === 'keep'))}
        />
      )}
    </>
  );
}

function LimitFields({ value, set, problem }: Fields) {
  const { t } = useLanguage();
  const count = (text: string | number) => (text === '' ? undefined : Number(text));
  return (
    <>
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
  );
}
