// Uncommitted Changes: what a commit would change; Commit Changes, Abandon Changes.
import { Button, Group } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter';
import type { Candidate, Committed } from '../../../../src/admin/api/schemas/configuration.ts';
import { request } from '../../api/client.ts';
import { configurationKey } from '../../api/queries.ts';
import { useRights } from '../../api/session.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { Differences } from '../../parts/differences.tsx';
import { Card, Page } from '../../parts/page.tsx';
import { PreviewPanel } from '../../parts/preview/preview-panel.tsx';
import { useTake } from '../../parts/preview/use-take.ts';
import { Await, Empty, Failure } from '../../parts/states.tsx';
import { CommitForm } from './commit-form.tsx';
import { Conflicts } from './conflicts.tsx';
import { Result } from './result.tsx';

export function CommitPage() {
  const { t } = useLanguage();
  const [committed, setCommitted] = useState<Committed | null>(null);
  const candidate = useQuery({
    queryKey: [configurationKey, 'candidate'],
    queryFn: ({ signal }) => request<Candidate>('GET', '/configuration/candidate', { signal }),
  });
  const rights = useRights();
  const keep = useTake();
  return (
    <Page title={t('commit.title')}>
      {committed !== null && <Result committed={committed} />}
      <Await query={candidate}>
        {(data) =>
          data.changes.length === 0 ? (
            committed === null && <NothingPending />
          ) : (
            <>
              {data.conflicts.length > 0 && <Conflicts keys={data.conflicts} />}
              <Card title={t('commit.changes', { count: data.changes.length })} flush>
                <Differences changes={data.changes} />
              </Card>
              {keep.isError && <Failure error={keep.error} />}
              <PreviewPanel patch={null} onKeep={rights.configuration ? keep.mutate : null} picture />
              <CommitForm disabled={data.conflicts.length > 0} onCommitted={setCommitted} />
            </>
          )
        }
      </Await>
    </Page>
  );
}

function NothingPending() {
  const { t } = useLanguage();
  return (
    <Card>
      <Empty icon="check" title={t('frame.noChanges')}>
        {t('commit.nothing')}
      </Empty>
      <Group justify="center">
        <Button component={Link} href="/system/history" variant="default">
          {t('history.title')}
        </Button>
      </Group>
    </Card>
  );
}
