// A new user, or another role, password or state of one that there is.
import { Button, Checkbox, Group, Radio, Stack, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { NewUser, User, UserChange } from '../../../../src/admin/api/schemas/session.ts';
import { request } from '../../api/client.ts';
import { fieldProblem } from '../../api/problem.ts';
import { queryClient } from '../../api/queries.ts';
import { refreshSession, useSession } from '../../api/session.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { NewPassword, useNewPassword } from '../../parts/new-password.tsx';
import { Failure } from '../../parts/states.tsx';

const roles: readonly User['role'][] = ['administrator', 'operator', 'auditor'];

/** `user` null: a new one. */
export function UserForm({ user, onClose }: { readonly user: User | null; readonly onClose: () => void }) {
  const { t } = useLanguage();
  const session = useSession();
  const own = user?.name === session.user;
  const [name, setName] = useState(user?.name ?? '');
  const [role, setRole] = useState<User['role']>(user?.role ?? 'operator');
  const [disabled, setDisabled] = useState(user?.disabled ?? false);
  const [removeTotp, setRemoveTotp] = useState(false);
  const [otherPassword, setOtherPassword] = useState(false);
  const password = useNewPassword();
  const withPassword = user === null || otherPassword;
  const save = useMutation({
    mutationFn: async () => {
      if (user === null) {
        const body: NewUser = { name: name.trim(), role, password: password.value };
        await request('POST', '/users', { body });
      } else {
        const body: UserChange = {
          ...(role === user.role ? {} : { role }),
          ...(disabled === user.disabled ? {} : { disabled }),
          ...(removeTotp ? { totp: false as const } : {}),
          ...(withPassword ? { password: password.value } : {}),
        };
        if (Object.keys(body).length > 0) await request('PATCH', `/users/${encodeURIComponent(user.name)}`, { body });
      }
      await queryClient.invalidateQueries({ queryKey: ['users'] });
      if (own) await refreshSession();
    },
    onSuccess: onClose,
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!withPassword || password.check()) save.mutate();
  };
  const nameProblem = fieldProblem(save.error, '/name');
  return (
    <form onSubmit={submit}>
      <Stack>
        {save.isError && nameProblem === undefined && <Failure error={save.error} />}
        {user === null && (
          <TextInput
            label={t('session.user')}
            required
            maxLength={32}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            value={name}
            error={nameProblem}
            data-autofocus
            onChange={(event) => setName(event.currentTarget.value)}
          />
        )}
        {!own && (
          <Radio.Group
            label={t('users.role')}
            value={role}
            onChange={(value) => setRole(roles.find((one) => one === value) ?? role)}
          >
            <Stack gap="xs" mt="xs">
              {roles.map((one) => (
                <Radio key={one} value={one} label={t(`frame.role.${one}`)} description={t(`users.roleText.${one}`)} />
              ))}
            </Stack>
          </Radio.Group>
        )}
        {user !== null && (
          <Checkbox
            label={t('users.newPassword')}
            checked={otherPassword}
            onChange={(event) => setOtherPassword(event.currentTarget.checked)}
          />
        )}
        {withPassword && <NewPassword state={password} />}
        {user?.totp === true && (
          <Checkbox
            label={t('users.removeTotp')}
            checked={removeTotp}
            onChange={(event) => setRemoveTotp(event.currentTarget.checked)}
          />
        )}
        {user !== null && !own && (
          <Checkbox
            label={t('users.disable')}
            description={t('users.disableText')}
            checked={disabled}
            onChange={(event) => setDisabled(event.currentTarget.checked)}
          />
        )}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
          <Button type="submit" loading={save.isPending}>
            {user === null ? t('users.add') : t('common.save')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
