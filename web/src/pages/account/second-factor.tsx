// The second factor: codes of an authenticator app (TOTP), set up by a QR code that is drawn here.
import { Alert, Button, Group, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { Recovery, TotpConfirm, TotpOffer, TotpRemove } from '../../../../src/admin/api/schemas/session.ts';
import { request } from '../../api/client.ts';
import { refreshSession, useSession } from '../../api/session.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { CopyText } from '../../parts/copy-text.tsx';
import { Icon } from '../../parts/icon.tsx';
import { Card } from '../../parts/page.tsx';
import { Failure } from '../../parts/states.tsx';
import { useToast } from '../../parts/toast.tsx';
import { QrCode } from './qr-code.tsx';

export function SecondFactor() {
  const { t } = useLanguage();
  const { totp } = useSession();
  return <Card title={t('totp.title')}>{totp ? <Remove /> : <Add />}</Card>;
}

function Add() {
  const { t } = useLanguage();
  const offer = useMutation({ mutationFn: () => request<TotpOffer>('POST', '/session/totp') });
  const [code, setCode] = useState('');
  const confirm = useMutation({
    mutationFn: () => {
      const body: TotpConfirm = { code };
      return request<Recovery>('PUT', '/session/totp', { body });
    },
  });
  if (offer.data === undefined) {
    return (
      <Stack>
        <Text size="sm">{t('totp.text')}</Text>
        {offer.isError && <Failure error={offer.error} />}
        <Group>
          <Button loading={offer.isPending} onClick={() => offer.mutate()}>
            {t('totp.add')}
          </Button>
        </Group>
      </Stack>
    );
  }
  if (confirm.data !== undefined) return <RecoveryCodes codes={confirm.data.recoveryCodes} />;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    confirm.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack maw="26rem">
        <Text size="sm">{t('totp.scan')}</Text>
        <QrCode label={t('totp.qr')} text={offer.data.uri} />
        <CopyText label={t('totp.secret')} text={offer.data.secret} rows={1} />
        {confirm.isError && <Failure error={confirm.error} />}
        <TextInput
          label={t('session.code')}
          description={t('session.codeHelp')}
          autoComplete="one-time-code"
          inputMode="numeric"
          required
          value={code}
          onChange={(event) => setCode(event.currentTarget.value.replaceAll(/\D/g, '').slice(0, 6))}
        />
        <Group>
          <Button type="submit" disabled={code.length !== 6} loading={confirm.isPending}>
            {t('totp.confirm')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** Shown once; the session says that there is a second factor only after one has closed them. */
function RecoveryCodes({ codes }: { readonly codes: readonly string[] }) {
  const { t } = useLanguage();
  return (
    <Stack maw="26rem">
      <Alert color="green" icon={<Icon name="check" />} title={t('totp.added')}>
        {t('totp.recoveryText')}
      </Alert>
      <CopyText label={t('totp.recovery')} text={codes.join('\n')} rows={codes.length} />
      <Group>
        <Button onClick={() => void refreshSession()}>{t('totp.recoveryKept')}</Button>
      </Group>
    </Stack>
  );
}

function Remove() {
  const { t } = useLanguage();
  const toast = useToast();
  const [password, setPassword] = useState('');
  const remove = useMutation({
    mutationFn: async () => {
      const body: TotpRemove = { password };
      await request('DELETE', '/session/totp', { body });
      await refreshSession();
    },
    onSuccess: () => toast(t('totp.removed')),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    remove.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack maw="26rem">
        <Alert color="green" icon={<Icon name="check" />}>
          {t('totp.active')}
        </Alert>
        {remove.isError && <Failure error={remove.error} />}
        <PasswordInput
          label={t('account.presentPassword')}
          autoComplete="current-password"
          required
          value={password}
          visibilityToggleButtonProps={{ 'aria-label': t('session.showPassword') }}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
        <Group>
          <Button type="submit" variant="default" loading={remove.isPending}>
            {t('totp.remove')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
