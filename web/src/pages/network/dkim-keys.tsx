// The keys that sign mail: made, published, put to use, retired.
import { Alert, Badge, Button, Group, Stack, Text } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { DkimKey, DkimKeys as List } from '../../../../src/admin/api/schemas/dns.ts';
import { request } from '../../api/client.ts';
import { ApiError } from '../../api/problem.ts';
import { configurationChanged, configurationKey } from '../../api/queries.ts';
import { useRights } from '../../api/session.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { useConfirm } from '../../parts/confirm.tsx';
import { CopyText } from '../../parts/copy-text.tsx';
import { Icon } from '../../parts/icon.tsx';
import { Card } from '../../parts/page.tsx';
import { Await, Failure } from '../../parts/states.tsx';
import classes from './network.module.css';
import { NewDkimKey } from './new-dkim-key.tsx';

const colours = { next: 'yellow', active: 'green', retired: 'gray' } as const;

export function DkimKeys() {
  const { t } = useLanguage();
  const rights = useRights();
  const [making, setMaking] = useState(false);
  const keys = useQuery({
    queryKey: [configurationKey, 'dkim'],
    queryFn: ({ signal }) => request<List>('GET', '/dkim', { signal }),
  });
  return (
    <Card
      title={t('dkim.title')}
      actions={
        rights.configuration && (
          <Button size="xs" onClick={() => setMaking(true)}>
            {t('dkim.add')}
          </Button>
        )
      }
    >
      <Await query={keys} lines={3}>
        {({ items, problems }) => (
          <>
            {problems.map((problem) => (
              <Alert key={problem} color="red" icon={<Icon name="error" />} lang="en">
                {problem}
              </Alert>
            ))}
            {items.length === 0 && <Text c="dimmed">{t('dkim.none')}</Text>}
            {items.map((key) => (
              <OneKey key={key.name} item={key} />
            ))}
          </>
        )}
      </Await>
      <NewDkimKey opened={making} onClose={() => setMaking(false)} />
    </Card>
  );
}

function OneKey({ item }: { readonly item: DkimKey }) {
  const { t } = useLanguage();
  const rights = useRights();
  const { domain, name, algorithm, state, pending, until, zone } = item;
  return (
    <Stack gap={4} className={classes['pair']}>
      <Group gap="xs">
        <Badge color={colours[state]}>{t(`dkim.state.${state}`)}</Badge>
        {pending && (
          <Badge variant="light" color="yellow">
            {t('table.pending')}
          </Badge>
        )}
        <Text fw={600}>{domain}</Text>
      </Group>
      <Text size="sm" c="dimmed" className={classes['anywhere']}>
        {name} · {algorithm}
      </Text>
      {until !== null && <Text size="sm">{t('dkim.until', { day: until })}</Text>}
      {state === 'next' && <CopyText label={t('dkim.record', { name })} text={zone} rows={4} />}
      {rights.configuration && <KeyActions item={item} />}
    </Stack>
  );
}

function KeyActions({ item: { domain, selector, state } }: { readonly item: DkimKey }) {
  const { t } = useLanguage();
  const confirm = useConfirm();
  const path = `/dkim/${encodeURIComponent(domain)}/${encodeURIComponent(selector)}`;
  const act = useMutation({
    mutationFn: async (work: () => Promise<unknown>) => {
      await work();
      await configurationChanged();
    },
  });
  const activate = async () => {
    try {
      await request('POST', `${path}/activate`, { body: {} });
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'conflict') throw error;
      const title = t('dkim.anyway');
      if (!(await confirm({ title, text: error.message, action: t('dkim.anywayAction'), danger: true }))) return;
      await request('POST', `${path}/activate`, { body: { force: true } });
    }
  };
  const retire = async () => {
    const text = t('dkim.retireText', { domain, selector });
    if (!(await confirm({ title: t('dkim.retire'), text, action: t('dkim.retire'), danger: true }))) return;
    await request('POST', `${path}/retire`);
  };
  const remove = async () => {
    const text = t('dkim.deleteText', { domain, selector });
    if (!(await confirm({ title: t('common.delete'), text, action: t('common.delete'), danger: true }))) return;
    await request('DELETE', path);
  };
  const rotate = () => request('POST', '/dkim/rotate', { body: { domain } });
  return (
    <>
      {act.isError && <Failure error={act.error} />}
      <Group gap="xs">
        {state !== 'active' && (
          <Button size="xs" loading={act.isPending} onClick={() => act.mutate(activate)}>
            {t('dkim.activate')}
          </Button>
        )}
        {state === 'active' && (
          <>
            <Button size="xs" variant="default" loading={act.isPending} onClick={() => act.mutate(rotate)}>
              {t('dkim.rotate')}
            </Button>
            <Button size="xs" variant="default" onClick={() => act.mutate(retire)}>
              {t('dkim.retire')}
            </Button>
          </>
        )}
        {state !== 'active' && (
          <Button size="xs" variant="default" onClick={() => act.mutate(remove)}>
            {t('common.delete')}
          </Button>
        )}
      </Group>
    </>
  );
}
