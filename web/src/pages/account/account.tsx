// One's own account: password, second factor, session.
import { Button, Group, PasswordInput, Stack, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { PasswordChange } from '../../../../src/admin/api/schemas/session.ts';
import { request } from '../../api/client.ts';
import { refreshSession, useSession } from '../../api/session.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { Facts } from '../../parts/facts.tsx';
import { NewPassword, useNewPassword } from '../../parts/new-password.tsx';
import { Card, Page } from '../../parts/page.tsx';
import { Failure } from '../../parts/states.tsx';
import { useToast } from '../../parts/toast.tsx';
import { SecondFactor } from './second-factor.tsx';

export function Account() {
  const { t, format } = useLanguage();
  const { user, role, idleExpires, expires } = useSession();
  return (
    <Page title={t('frame.account')}>
      <Card title={t('account.session')}>
        <Facts
          facts={[
            [t('session.user'), user],
            [t('users.role'), t(`frame.role.${role}`)],
            [t('account.idleExpires'), idleExpires === null ? t('common.never') : format.time(idleExpires)],
            [t('account.expires'), expires === null ? t('common.never') : format.time(expires)],
          ]}
        />
      </Card>
      <Password />
      <SecondFactor />
    </Page>
  );
}

function Password() {
  const { t } = useLanguage();
  const toast = useToast();
  const [present, setPresent] = useState('');
  const password = useNewPassword();
  const change = useMutation({
    mutationFn: async () => {
      const body: PasswordChange = { present, password: password.value };
      await request('PUT', '/session/password', { body });
      await refreshSession();
    },
    onSuccess: () => {
      setPresent('');
      password.clear();
      toast(t('account.passwordChanged'));
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (password.check()) change.mutate();
  };
  return (
    <Card title={t('session.password')}>
      <form onSubmit={submit}>
        <Stack maw="26rem">
          <Text size="sm" c="dimmed">
            {t('account.passwordText')}
          </Text>
          {change.isError && <Failure error={change.error} />}
          <PasswordInput
            label={t('account.presentPassword')}
            autoComplete="current-password"
            required
            value={present}
            visibilityToggleButtonProps={{ 'aria-label': t('session.showPassword') }}
            onChange={(event) => setPresent(event.currentTarget.value)}
          />
          <NewPassword state={password} />
          <Group>
            <Button type="submit" loading={change.isPending}>
              {t('account.changePassword')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Card>
  );
}
