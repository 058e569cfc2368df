// Requests whose certificate has not come yet.
import { Button, Group, Stack, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import type { CertificateRequest } from '../../../../src/admin/api/schemas/certificates.ts';
import { request } from '../../api/client.ts';
import { configurationChanged } from '../../api/queries.ts';
import { useRights } from '../../api/session.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { useConfirm } from '../../parts/confirm.tsx';
import { CopyText } from '../../parts/copy-text.tsx';
import { Card } from '../../parts/page.tsx';
import { Failure } from '../../parts/states.tsx';
import classes from './network.module.css';

interface RequestsProps {
  readonly requests: readonly CertificateRequest[];
  readonly onUpload: (name: string) => void;
}

export function Requests({ requests, onUpload }: RequestsProps) {
  const { t, format } = useLanguage();
  const rights = useRights();
  const confirm = useConfirm();
  const remove = useMutation({
    mutationFn: async (name: string) => {
      const text = t('certificates.forgetText', { name });
      if (!(await confirm({ title: t('certificates.forget'), text, action: t('common.delete'), danger: true }))) return;
      await request('DELETE', `/certificates/${encodeURIComponent(name)}`, { query: { request: true } });
      await configurationChanged();
    },
  });
  return (
    <Card title={t('certificates.requests')}>
      {remove.isError && <Failure error={remove.error} />}
      {requests.map(({ name, keyKind, created, names, csr }) => (
        <Stack key={name} gap="xs" className={classes['pair']}>
          <Text fw={600}>{name}</Text>
          <Text size="sm" c="dimmed">
            {keyKind} · {names.join(', ')} · {format.time(created)}
          </Text>
          <CopyText label={t('certificates.csr')} text={csr} rows={5} />
          {rights.configuration && (
            <Group gap="xs">
              <Button size="xs" onClick={() => onUpload(name)}>
                {t('certificates.answer')}
              </Button>
              <Button size="xs" variant="default" onClick={() => remove.mutate(name)}>
                {t('certificates.forget')}
              </Button>
            </Group>
          )}
        </Stack>
      ))}
    </Card>
  );
}
