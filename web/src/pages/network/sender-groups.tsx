// Mail Policies > Sender Groups: what a client may do, by who it is. The first group that matches counts.
import { Select, TextInput } from '@mantine/core';
import { useLanguage } from '../../i18n/language.tsx';
import { ConfigTable } from './config-table.tsx';
import { LinesInput } from './lines-input.tsx';

const actions = ['ACCEPT', 'RELAY', 'REJECT', 'TCPREFUSE'] as const;
const shown = 4;

const matches = (match: string | readonly string[]): readonly string[] => (typeof match === 'string' ? [match] : match);

export function SenderGroups() {
  const { t } = useLanguage();
  return (
    <ConfigTable
      table="senderGroups"
      ordered
      title={t('groups.title')}
      description={t('groups.description')}
      add={t('groups.add')}
      empty={[t('groups.empty'), t('groups.emptyText')]}
      blank={{ name: '', match: [], action: 'ACCEPT' }}
      columns={[
        { key: 'name', title: t('common.name'), render: ({ value }) => value.name },
        {
          key: 'match',
          title: t('groups.match'),
          render: ({ value }) => {
            const list = matches(value.match);
            const more = list.length - shown;
            return `${list.slice(0, shown).join(', ')}${more > 0 ? ` ${t('message.more', { count: more })}` : ''}`;
          },
        },
        { key: 'action', title: t('groups.action'), render: ({ value }) => t(`groups.action.${value.action}`) },
      ]}
      fields={{
        keys: ['name', 'match', 'action'],
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
            <LinesInput
              label={t('groups.match')}
              description={t('groups.matchHelp')}
              required
              lines={matches(value.match)}
              error={problem('match')}
              onChange={(match) => set({ ...value, match: [...match] })}
            />
            <Select
              label={t('groups.action')}
              data={actions.map((action) => ({ value: action, label: t(`groups.action.${action}`) }))}
              allowDeselect={false}
              value={value.action}
              error={problem('action')}
              onChange={(action) => set({ ...value, action: (action ?? 'ACCEPT') as (typeof actions)[number] })}
            />
          </>
        ),
      }}
    />
  );
}
