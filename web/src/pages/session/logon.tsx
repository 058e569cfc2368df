// The logon: name and password, then the code of the second factor where one is asked for.
import { Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { hasCode } from '../../api/problem.ts';
import { logOn } from '../../api/session.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { Failure } from '../../parts/states.tsx';
import { Entrance } from './entrance.tsx';

/** Six digits, or a recovery code such as `ab12-cd34-ef56`; people type blanks between them. */
function withoutBlanks(text: string): string {
  return text.replaceAll(/\s/g, '').slice(0, 20);
}

export function Logon() {
  const { t } = useLanguage();
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  const logon = useMutation({
    mutationFn: () => logOn({ name: name.trim(), password, ...(code === '' ? {} : { code }) }),
  });
  const asksCode = code !== '' || hasCode(logon.error, 'code-required');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    logon.mutate();
  };
  return (
    <Entrance title={t('session.logOnTo', { host: window.location.hostname })}>
      <form onSubmit={submit}>
        <Stack>
          {logon.isError && !hasCode(logon.error, 'code-required') && <Failure error={logon.error} />}
          <TextInput
            label={t('session.user')}
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            required
            data-autofocus
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <PasswordInput
            label={t('session.password')}
            autoComplete="current-password"
            required
            value={password}
            visibilityToggleButtonProps={{ 'aria-label': t('session.showPassword') }}
            onChange={(event) => setPassword(event.currentTarget.value)}
          />
          {asksCode && (
            <TextInput
              label={t('session.code')}
              description={t('session.anyCodeHelp')}
              autoComplete="one-time-code"
              autoFocus
              value={code}
              onChange={(event) => setCode(withoutBlanks(event.currentTarget.value))}
            />
          )}
          <Button type="submit" loading={logon.isPending}>
            {t('session.logOn')}
          </Button>
        </Stack>
      </form>
    </Entrance>
  );
}
