// The first administrator, by the link that the console printed: /setup#TOKEN. The token stands behind the `#`, where it is
// sent to nobody and stands in no log.
import { Button, Group, Stack, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useLocation } from 'wouter';
import type { Setup as SetupInput } from '../../../../src/admin/api/schemas/session.ts';
import { request } from '../../api/client.ts';
import { fieldProblem } from '../../api/problem.ts';
import { logOn } from '../../api/session.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { NewPassword, useNewPassword } from '../../parts/new-password.tsx';
import { Empty, Failure } from '../../parts/states.tsx';
import { Entrance } from './entrance.tsx';

export function Setup() {
  const { t } = useLanguage();
  const [, navigate] = useLocation();
  const [token] = useState(() => decodeURIComponent(window.location.hash.slice(1)));
  const [name, setName] = useState('admin');
  const password = useNewPassword();
  const setup = useMutation({
    mutationFn: async () => {
      const body: SetupInput = { token, name: name.trim(), password: password.value };
      await request('POST', '/setup', { body });
      await logOn({ name: body.name, password: body.password });
      navigate('/', { replace: true });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (password.check()) setup.mutate();
  };
  if (token === '') {
    return (
      <Entrance title={t('setup.title')}>
        <Empty icon="lock" title={t('setup.noToken')}>
          {t('setup.noTokenText')}
        </Empty>
        <Group justify="center">
          <Button variant="default" onClick={() => navigate('/', { replace: true })}>
            {t('session.logOn')}
          </Button>
        </Group>
      </Entrance>
    );
  }
  const nameProblem = fieldProblem(setup.error, '/name');
  return (
    <Entrance title={t('setup.title')} text={t('setup.text')}>
      <form onSubmit={submit}>
        <Stack>
          {setup.isError && nameProblem === undefined && <Failure error={setup.error} />}
          <TextInput
            label={t('session.user')}
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            required
            value={name}
            error={nameProblem}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <NewPassword state={password} />
          <Button type="submit" loading={setup.isPending}>
            {t('setup.action')}
          </Button>
        </Stack>
      </form>
    </Entrance>
  );
}
