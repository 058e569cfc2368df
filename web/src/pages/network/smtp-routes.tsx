// Network > SMTP Routes: where the mail of a domain goes, in the place of what DNS says.
import { TextInput } from '@mantine/core';
import { useLanguage } from '../../i18n/language.tsx';
import { ConfigTable } from './config-table.tsx';
import { LinesInput } from './lines-input.tsx';

export function SmtpRoutes() {
  const { t } = useLanguage();
  return (
    <ConfigTable
      table="routes"
      title={t('routes.title')}
      description={t('routes.description')}
      add={t('routes.add')}
      empty={[t('routes.empty'), t('routes.emptyText')]}
      blank={{ domain: '', to: [] }}
      columns={[
        {
          key: 'domain',
          title: t('routes.domain'),
          render: ({ value }) => (value.domain === '*' ? t('routes.all') : value.domain),
        },
        {
          key: 'to',
          title: t('routes.to'),
          render: ({ value }) => value.to.map((host) => (host === 'USEDNS' ? t('routes.useDns') : host)).join(', '),
        },
      ]}
      fields={{
        keys: ['domain', 'to'],
        draw: ({ value, set, problem }) => (
          <>
            <TextInput
              label={t('routes.domain')}
              description={t('routes.domainHelp')}
              required
              data-autofocus
              value={value.domain}
              error={problem('domain')}
              onChange={(event) => set({ ...value, domain: event.currentTarget.value.trim() })}
            />
            <LinesInput
              label={t('routes.to')}
              description={t('routes.toHelp')}
              required
              lines={value.to}
              error={problem('to')}
              onChange={(to) => set({ ...value, to: [...to] })}
            />
          </>
        ),
      }}
    />
  );
}
