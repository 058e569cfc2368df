// The difference of two revisions: /system/history/diff?from=3&to=5
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useSearchParams } from 'wouter';
import type { Diff } from '../../../../src/admin/api/schemas/configuration.ts';
import { request } from '../../api/client.ts';
import { configurationKey } from '../../api/queries.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { Differences } from '../../parts/differences.tsx';
import { Icon } from '../../parts/icon.tsx';
import { Card, Page } from '../../parts/page.tsx';
import { Await, Empty } from '../../parts/states.tsx';

export function Comparison() {
  const { t } = useLanguage();
  const [parameters] = useSearchParams();
  const [from, to] = [parameters.get('from'), parameters.get('to')];
  const diff = useQuery({
    queryKey: [configurationKey, 'diff', from, to],
    queryFn: ({ signal }) => request<Diff>('GET', '/configuration/diff', { query: { from, to }, signal }),
  });
  return (
    <Page
      title={t('history.diffTitle', { from: from ?? '', to: to ?? '' })}
      actions={
        <Button component={Link} href="/system/history" variant="default" leftSection={<Icon name="left" size={16} />}>
          {t('history.title')}
        </Button>
      }
    >
      <Await query={diff}>
        {({ changes }) => (
          <Card
            {...(changes.length === 0 ? {} : { title: t('commit.changes', { count: changes.length }), flush: true })}
          >
            {changes.length === 0 ? (
              <Empty icon="check" title={t('history.same')} />
            ) : (
              <Differences changes={changes} />
            )}
          </Card>
        )}
      </Await>
    </Page>
  );
}
