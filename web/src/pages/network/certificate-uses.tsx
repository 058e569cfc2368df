// Which services show a certificate.
import { Button, Checkbox, Group, Modal, Stack } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { Certificate, CertificateUses as Uses } from '../../../../src/admin/api/schemas/certificates.ts';
import type { TablePage, TableValue } from '../../../../src/admin/api/schemas/tables.ts';
import { request } from '../../api/client.ts';
import { configurationChanged, configurationKey } from '../../api/queries.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { Await, Failure } from '../../parts/states.tsx';
import { useToast } from '../../parts/toast.tsx';

export interface CertificateUsesProps {
  readonly certificate: Certificate;
  readonly opened: boolean;
  readonly onClose: () => void;
}

export function CertificateUses({ certificate, opened, onClose }: CertificateUsesProps) {
  const { t } = useLanguage();
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={`${t('certificates.choose')}: ${certificate.name}`}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <UsesForm certificate={certificate} onClose={onClose} />
    </Modal>
  );
}

function UsesForm({ certificate, onClose }: Omit<CertificateUsesProps, 'opened'>) {
  const { t } = useLanguage();
  const toast = useToast();
  const listeners = useQuery({
    queryKey: [configurationKey, 'table', 'listeners', 'names'],
    queryFn: async ({ signal }) => {
      const query = { limit: 256 };
      const page = await request<TablePage>('GET', '/configuration/candidate/tables/listeners', { query, signal });
      return page.items.map(({ value }) => (value as TableValue<'listeners'>).name);
    },
  });
  const isUsed = (kind: string, name: string) =>
    certificate.usedBy.some((user) => user.kind === kind && user.name === name);
  const used = certificate.usedBy.filter(({ kind }) => kind === 'listener').map(({ name }) => name);
  const [gui, setGui] = useState(isUsed('gui', ''));
  const [chosen, setChosen] = useState<readonly string[]>(used);
  const save = useMutation({
    mutationFn: async () => {
      const body: Uses = {
        ...(gui ? { gui } : {}),
        ...(chosen.length === 0 ? {} : { listeners: [...chosen] }),
      };
      await request('PUT', `/certificates/${encodeURIComponent(certificate.name)}/use`, { body });
      await configurationChanged();
      onClose();
      toast(t('table.submitted'));
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        {save.isError && <Failure error={save.error} />}
        <div>{t('certificates.chooseText')}</div>
        <Checkbox
          label={t('certificates.gui')}
          checked={gui}
          disabled={isUsed('gui', '')}
          onChange={(event) => setGui(event.currentTarget.checked)}
        />
        <Await query={listeners} lines={3}>
          {(names) => (
            <Stack gap="xs">
              {names.map((name) => (
                <Checkbox
                  key={name}
                  label={t('certificates.listener', { name })}
                  checked={chosen.includes(name)}
                  disabled={used.includes(name)}
                  onChange={(event) =>
                    setChosen(event.currentTarget.checked ? [...chosen, name] : chosen.filter((one) => one !== name))
                  }
                />
              ))}
            </Stack>
          )}
        </Await>
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
          <Button type="submit" loading={save.isPending}>
            {t('common.submit')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
