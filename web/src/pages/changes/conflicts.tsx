// Somebody else has committed other values for what is pending here.
import { Alert, Button, Group, Stack } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import type { Resolve } from '../../../../src/admin/api/schemas/configuration.ts';
import { request } from '../../api/client.ts';
import { configurationChanged } from '../../api/queries.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { Icon } from '../../parts/icon.tsx';
import { Failure } from '../../parts/states.tsx';

export function Conflicts({ keys }: { readonly keys: readonly string[] }) {
  const { t } = useLanguage();
  const resolve = useMutation({
    mutationFn: (body: Resolve) => request('POST', '/configuration/candidate/resolve', { body }),
    onSuccess: () => configurationChanged(),
  });
  return (
    <Alert color="yellow" icon={<Icon name="warning" />} title={t('commit.conflict')}>
      <Stack gap="xs">
        <div>{t('commit.conflictText')}</div>
        <ul>
          {keys.map((key) => (
            <li key={key}>
              <code>{key}</code>
            </li>
          ))}
        </ul>
        {resolve.isError && <Failure error={resolve.error} />}
        <Group gap="xs">
          <Button variant="default" loading={resolve.isPending} onClick={() => resolve.mutate({ keep: 'mine' })}>
            {t('commit.keepMine')}
          </Button>
          <Button variant="default" loading={resolve.isPending} onClick={() => resolve.mutate({ keep: 'theirs' })}>
            {t('commit.keepTheirs')}
          </Button>
        </Group>
      </Stack>
    </Alert>
  );
}
