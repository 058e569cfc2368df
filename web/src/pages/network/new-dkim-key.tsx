// A new key that is to sign mail.
import { Button, Group, Modal, Select, Stack, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { DkimKey, NewDkimKey as Input } from '../../../../src/admin/api/schemas/dns.ts';
import { request } from '../../api/client.ts';
import { problemsBelow } from '../../api/problem.ts';
import { configurationChanged } from '../../api/queries.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { CopyText } from '../../parts/copy-text.tsx';
import { Failure } from '../../parts/states.tsx';

const kinds = { 'rsa-2048': 'RSA 2048', 'rsa-3072': 'RSA 3072', 'rsa-4096': 'RSA 4096', ed25519: 'Ed25519' } as const;

interface NewDkimKeyProps {
  readonly opened: boolean;
  readonly onClose: () => void;
}

export function NewDkimKey({ opened, onClose }: NewDkimKeyProps) {
  const { t } = useLanguage();
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t('dkim.add')}
      size="lg"
      closeOnClickOutside={false}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <Form onClose={onClose} />
    </Modal>
  );
}

function Form({ onClose }: { readonly onClose: () => void }) {
  const { t } = useLanguage();
  const [input, setInput] = useState<Input>({ domain: '', kind: 'rsa-2048' });
  const make = useMutation({
    mutationFn: async () => {
      const made = await request<DkimKey>('POST', '/dkim', { body: input });
      await configurationChanged();
      return made;
    },
  });
  if (make.data !== undefined) {
    return (
      <Stack>
        <div>{t('dkim.made')}</div>
        <CopyText label={t('dkim.record', { name: make.data.name })} text={make.data.zone} rows={6} />
        <Group justify="flex-end">
          <Button onClick={onClose}>{t('common.close')}</Button>
        </Group>
      </Stack>
    );
  }
  const problem = (key: keyof Input) => problemsBelow(make.error, `/${key}`);
  const placed = problem('domain') !== undefined || problem('selector') !== undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    make.mutate();
  };
  const selector = (text: string) => {
    const { selector: _, ...rest } = input;
    setInput(text === '' ? rest : { ...rest, selector: text });
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        {make.isError && !placed && <Failure error={make.error} />}
        <TextInput
          label={t('dkim.domain')}
          description={t('dkim.domainHelp')}
          required
          data-autofocus
          maxLength={255}
          value={input.domain}
          error={problem('domain')}
          onChange={(event) => setInput({ ...input, domain: event.currentTarget.value.trim() })}
        />
        <Select
          label={t('dkim.kind')}
          description={t('dkim.kindHelp')}
          data={Object.entries(kinds).map(([value, label]) => ({ value, label }))}
          allowDeselect={false}
          value={input.kind ?? 'rsa-2048'}
          onChange={(kind) => setInput({ ...input, kind: (kind ?? 'rsa-2048') as keyof typeof kinds })}
        />
        <TextInput
          label={t('dkim.selector')}
          description={t('dkim.selectorHelp')}
          maxLength={63}
          value={input.selector ?? ''}
          error={problem('selector')}
          onChange={(event) => selector(event.currentTarget.value.trim())}
        />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
          <Button type="submit" loading={make.isPending}>
            {t('common.add')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
