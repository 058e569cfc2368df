// The queue: what waits, why, until when; what an administrator does to it.
import { SegmentedControl } from '@mantine/core';
import { useLanguage } from '../../i18n/language.tsx';
import { Page } from '../../parts/page.tsx';
import { useSearch } from '../../parts/search-parameters.ts';
import { QueueDestinations } from './queue-destinations.tsx';
import { QueueMessages } from './queue-messages.tsx';

export function Queue() {
  const { t } = useLanguage();
  const view = useSearch(['view']);
  const shown = view.values.view === 'destinations' ? 'destinations' : 'messages';
  return (
    <Page
      title={t('queue.title')}
      description={t('queue.description')}
      actions={
        <SegmentedControl
          aria-label={t('queue.view')}
          size="xs"
          value={shown}
          onChange={(value) => view.set({ view: value === 'messages' ? '' : value })}
          data={[
            { value: 'messages', label: t('queue.messages') },
            { value: 'destinations', label: t('queue.destinations') },
          ]}
        />
      }
    >
      {shown === 'messages' ? <QueueMessages /> : <QueueDestinations />}
    </Page>
  );
}
