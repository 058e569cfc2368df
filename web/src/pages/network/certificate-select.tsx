import { Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { Certificates } from '../../../../src/admin/api/schemas/certificates.ts';
import { request } from '../../api/client.ts';
import { configurationKey } from '../../api/queries.ts';

export const certificatesKey = [configurationKey, 'certificates'];

export function useCertificates() {
  return useQuery({
    queryKey: certificatesKey,
    queryFn: ({ signal }) => request<Certificates>('GET', '/certificates', { signal }),
  });
}

export interface CertificateSelectProps {
  readonly label: string;
  readonly description?: string;
  /** Words for no certificate, whose value is ''; without: there must be one. */
  readonly none?: string;
  readonly value: string;
  readonly error: string | undefined;
  readonly onChange: (name: string) => void;
}

/** A certificate by its name. */
export function CertificateSelect({ none, onChange, ...props }: CertificateSelectProps) {
  const { data } = useCertificates();
  const names = new Set([...(data?.items.map(({ name }) => name) ?? []), props.value]);
  names.delete('');
  return (
    <Select
      {...props}
      data={[
        ...(none === undefined ? [] : [{ value: '', label: none }]),
        ...[...names].map((name) => ({ value: name, label: name })),
      ]}
      allowDeselect={false}
      onChange={(name) => onChange(name ?? props.value)}
    />
  );
}
