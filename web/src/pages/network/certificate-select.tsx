import { Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { Certificates } from '../../../../src/admin/api/schemas/certificates.ts';
import { request } from '../../api/client.ts';
import { configurationKey } from '../../api/queries.ts';
import { useLanguage } from '../../i18n/language.tsx';

export const certificatesKey = [configurationKey, 'certificates'];

export function useCertificates() {
  return useQuery({
    queryKey: certificatesKey,
    queryFn: ({ signal }) => request<Certificates>('GET', '/certificates', { signal }),
  });
}

export interface CertificateSelectProps {
  readonly value: string;
  readonly error: string | undefined;
  readonly onChange: (name: string) => void;
}

/** The certificate of a service by its name. */
export function CertificateSelect({ value, error, onChange }: CertificateSelectProps) {
  const { t } = useLanguage();
  const { data } = useCertificates();
  const names = new Set([...(data?.items.map(({ name }) => name) ?? []), value]);
  return (
    <Select
      label={t('listeners.certificate')}
      data={[...names]}
      allowDeselect={false}
      value={value}
      error={error}
      onChange={(name) => onChange(name ?? value)}
    />
  );
}
