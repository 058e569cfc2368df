// The logs as they are written: live, filtered, with older lines on demand.
import { Button, Group, SegmentedControl, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useState } from 'react';
import { useLanguage } from '../../i18n/language.tsx';
import { Icon } from '../../parts/icon.tsx';
import { Card, Page } from '../../parts/page.tsx';
import { useSearch } from '../../parts/search-parameters.ts';
import { Empty, Failure, Loading } from '../../parts/states.tsx';
import classes from './log.module.css';
import { LogLines } from './log-view.tsx';
import { type LogName, useLog } from './use-log.ts';

export function MailLog() {
  const { t } = useLanguage();
  const search = useSearch(['filter', 'log']);
  const [settled] = useDebouncedValue(search.values.filter.trim(), 300);
  const name: LogName = search.values.log === 'system' ? 'system' : 'mail';
  return (
    <Page
      title={t('log.title')}
      description={t('log.description')}
      actions={
        <SegmentedControl
          aria-label={t('log.which')}
          size="xs"
          value={name}
          onChange={(value) => search.set({ log: value === 'mail' ? '' : value })}
          data={[
            { value: 'mail', label: t('log.mail') },
            { value: 'system', label: t('log.system') },
          ]}
        />
      }
    >
      <TextInput
        aria-label={t('log.filter')}
        placeholder={t('log.filter')}
        leftSection={<Icon name="search" size={16} />}
        maxLength={200}
        value={search.values.filter}
        onChange={(event) => search.set({ filter: event.currentTarget.value })}
      />
      {/* Another log, or another filter, is another view. */}
      <Log key={`${name} ${settled}`} name={name} filter={settled} onFilter={(filter) => search.set({ filter })} />
    </Page>
  );
}

interface LogProps {
  readonly name: LogName;
  readonly filter: string;
  readonly onFilter: (filter: string) => void;
}

function Log({ name, filter, onFilter }: LogProps) {
  const { t } = useLanguage();
  const log = useLog(name, filter);
  const [following, setFollowing] = useState(true);
  return (
    <Card flush>
      <Group justify="space-between" gap="xs" className={classes['bar']}>
        <Group gap="xs">
          <Button
            size="xs"
            variant="default"
            leftSection={<Icon name={log.paused ? 'play' : 'pause'} size={14} />}
            onClick={() => (log.paused ? log.resume() : log.pause())}
          >
            {log.paused ? t('log.resume') : t('log.pause')}
          </Button>
          <Button
            size="xs"
            variant="default"
            disabled={!log.hasOlder}
            loading={log.loadingOlder}
            onClick={log.fetchOlder}
          >
            {t('log.older')}
          </Button>
        </Group>
        <Text size="sm" c="dimmed" role="status" className={classes['status']}>
          {log.paused
            ? t('log.waiting', { count: log.waiting })
            : log.live
              ? t(following ? 'log.live' : 'log.scrolled')
              : t('log.connecting')}
        </Text>
      </Group>
      {log.error !== null && (
        <div className={classes['padded']}>
          <Failure error={log.error} onRetry={log.retry} />
        </div>
      )}
      {log.skipped > 0 && (
        <Text size="sm" className={classes['padded']}>
          {t('log.skipped', { count: log.skipped })}
        </Text>
      )}
      {log.tail === null ? (
        log.error === null && (
          <div className={classes['padded']}>
            <Loading lines={14} />
          </div>
        )
      ) : log.tail.lines.length + log.older.length === 0 ? (
        <Empty icon="search" title={t(filter === '' ? 'log.empty' : 'log.notFound')}>
          {t(log.hasOlder ? 'log.notFoundYet' : 'log.emptyText')}
        </Empty>
      ) : (
        <LogLines
          label={t(`log.${name}`)}
          tail={log.tail}
          older={log.older}
          onFilter={onFilter}
          onFollowing={setFollowing}
        />
      )}
    </Card>
  );
}
