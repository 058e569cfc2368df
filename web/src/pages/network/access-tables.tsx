// Mail Policies > Recipient Access Table, Relay Table: what mail is taken from whom.
import { useLanguage } from '../../i18n/language.tsx';
import { ValueTable } from './value-table.tsx';

export function RecipientTable() {
  const { t } = useLanguage();
  return (
    <ValueTable
      table="accept"
      title={t('accept.title')}
      description={t('accept.description')}
      column={t('accept.domain')}
      add={t('accept.add')}
      help={t('accept.help')}
      empty={[t('accept.empty'), t('accept.emptyText')]}
    />
  );
}

export function RelayTable() {
  const { t } = useLanguage();
  return (
    <ValueTable
      table="relay"
      title={t('relay.title')}
      description={t('relay.description')}
      column={t('relay.client')}
      add={t('relay.add')}
      help={t('relay.help')}
      empty={[t('relay.empty'), t('relay.emptyText')]}
    />
  );
}
