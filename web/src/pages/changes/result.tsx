import { Alert, Stack, Text } from '@mantine/core';
import { Link } from 'wouter';
import type { Committed } from '../../../../src/admin/api/schemas/configuration.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { Differences } from '../../parts/differences.tsx';
import { Icon } from '../../parts/icon.tsx';
import { Card } from '../../parts/page.tsx';

/** What was committed, and what to know about it. */
export function Result({ committed }: { readonly committed: Committed }) {
  const { t, format } = useLanguage();
  return (
    <>
      <Alert color="green" icon={<Icon name="check" />} title={t('commit.done')} role="status">
        <Stack gap={4}>
          <Text size="sm">
            {t('commit.doneText', { revision: committed.revision, time: format.time(committed.time) })}
          </Text>
          {committed.confirmBy !== null && (
            <Text size="sm">{t('commit.doneConfirm', { time: format.time(committed.confirmBy) })}</Text>
          )}
          {committed.rollOutUntil !== null && (
            <Text size="sm">
              {t('rollOut.begun', { time: format.time(committed.rollOutUntil) })}{' '}
              <Link href="/system/roll-out">{t('rollOut.title')}</Link>
            </Text>
          )}
          {committed.warnings.map((warning) => (
            <Text key={warning} size="sm" lang="en">
              {warning}
            </Text>
          ))}
        </Stack>
      </Alert>
      <Card title={t('commit.changed')} flush>
        <Differences changes={committed.changes} />
      </Card>
    </>
  );
}
