// A request for a certificate (CSR): the gateway makes the key and keeps it.
import { Button, Group, Modal, Select, SimpleGrid, Stack, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { CertificateRequest, CsrInput } from '../../../../src/admin/api/schemas/certificates.ts';
import { request } from '../../api/client.ts';
import { problemsBelow } from '../../api/problem.ts';
import { configurationChanged } from '../../api/queries.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { CopyText } from '../../parts/copy-text.tsx';
import { Failure } from '../../parts/states.tsx';
import { LinesInput } from './lines-input.tsx';

const keys = {
  'ecdsa-p256': 'ECDSA P-256',
  'ecdsa-p384': 'ECDSA P-384',
  'rsa-2048': 'RSA 2048',
  'rsa-3072': 'RSA 3072',
  'rsa-4096': 'RSA 4096',
} as const;
const texts = ['organization', 'organizationalUnit', 'locality', 'state', 'country'] as const;

export function NewRequest({ opened, onClose }: { readonly opened: boolean; readonly onClose: () => void }) {
  const { t } = useLanguage();
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t('certificates.request')}
      size="lg"
      closeOnClickOutside={false}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <RequestForm onClose={onClose} />
    </Modal>
  );
}

function RequestForm({ onClose }: { readonly onClose: () => void }) {
  const { t } = useLanguage();
  const [input, setInput] = useState<CsrInput>({ name: '', commonName: '', key: 'ecdsa-p256' });
  const make = useMutation({
    mutationFn: async () => {
      const given = Object.entries(input).filter(([, value]) => value !== '');
      const made = await request<CertificateRequest>('POST', '/certificates/csr', { body: Object.fromEntries(given) });
      await configurationChanged();
      return made;
    },
  });
  if (make.data !== undefined) {
    return (
      <Stack>
        <div>{t('certificates.requested')}</div>
        <CopyText label={t('certificates.csr')} text={make.data.csr} rows={8} />
        <Group justify="flex-end">
          <Button onClick={onClose}>{t('common.close')}</Button>
        </Group>
      </Stack>
    );
  }
  const problem = (key: keyof CsrInput) => problemsBelow(make.error, `/${key}`);
  const placed = (Object.keys(input) as (keyof CsrInput)[]).some((key) => problem(key) !== undefined);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    make.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        {make.isError && !placed && <Failure error={make.error} />}
        <TextInput
          label={t('common.name')}
          description={t('certificates.nameHelp')}
          required
          data-autofocus
          maxLength={63}
          value={input.name}
          error={problem('name')}
          onChange={(event) => setInput({ ...input, name: event.currentTarget.value.trim() })}
        />
        <TextInput
          label={t('certificates.commonName')}
          required
          maxLength={64}
          value={input.commonName}
          error={problem('commonName')}
          onChange={(event) => setInput({ ...input, commonName: event.currentTarget.value.trim() })}
        />
        <LinesInput
          label={t('certificates.names')}
          description={t('certificates.namesHelp')}
          lines={input.names ?? []}
          error={problem('names')}
          onChange={(names) => setInput({ ...input, names: [...names] })}
        />
        <Select
          label={t('certificates.key')}
          data={Object.entries(keys).map(([value, label]) => ({ value, label }))}
          allowDeselect={false}
          value={input.key ?? 'ecdsa-p256'}
          onChange={(key) => setInput({ ...input, key: (key ?? 'ecdsa-p256') as keyof typeof keys })}
        />
        <SimpleGrid cols={{ base: 1, xs: 2 }}>
          {texts.map((key) => (
            <TextInput
              key={key}
              label={t(`certificates.subject.${key}`)}
              maxLength={key === 'country' ? 2 : 64}
              value={input[key] ?? ''}
              error={problem(key)}
              onChange={(event) => setInput({ ...input, [key]: event.currentTarget.value })}
            />
          ))}
        </SimpleGrid>
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
          <Button type="submit" loading={make.isPending}>
            {t('certificates.make')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
