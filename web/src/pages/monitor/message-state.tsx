import { Badge } from '@mantine/core';
import type { Tracked } from '../../../../src/admin/api/schemas/tracking.ts';
import { useLanguage } from '../../i18n/language.tsx';

type State = Tracked['state'];

const colours: Readonly<Record<State, string>> = {
  queued: 'blue',
  delivered: 'green',
  partial: 'yellow',
  bounced: 'red',
  aborted: 'gray',
  rejected: 'red',
  deleted: 'gray',
  dropped: 'red',
};

export const messageStates = Object.keys(colours) as readonly State[];

export function MessageState({ state }: { readonly state: State }) {
  const { t } = useLanguage();
  return (
    <Badge variant="light" color={colours[state]} size="sm">
      {t(`message.state.${state}`)}
    </Badge>
  );
}
