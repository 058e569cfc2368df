// Which authorities the certificates of a destination may come from: the system's, those of a file, or both.
import { FileInput, Select, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import type { Authorities, StoredAuthorities } from '../../../../src/admin/api/schemas/certificates.ts';
import { request } from '../../api/client.ts';
import { problemsBelow } from '../../api/problem.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { withKey } from './destination.ts';
import type { FieldProps } from './row-dialog.tsx';

type Choice = '' | 'own' | 'both';

export function TrustAnchors({ value, set, problem }: Pick<FieldProps<'destinations'>, 'value' | 'set' | 'problem'>) {
  const { t } = useLanguage();
  const { ca, systemCa } = value;
  const present: Choice = ca === undefined ? '' : systemCa === true ? 'both' : 'own';
  const choose = (choice: string | null) =>
    set(
      withKey(
        withKey(value, 'ca', choice === '' ? undefined : (ca ?? '')),
        'systemCa',
        choice === 'both' ? true : undefined,
      ),
    );
  return (
    <>
      <Select
        label={t('destinations.anchors')}
        description={t('destinations.anchorsHelp')}
        data={[
          { value: '', label: t('destinations.default') },
          { value: 'own', label: t('destinations.anchors.own') },
          { value: 'both', label: t('destinations.anchors.both') },
        ]}
        allowDeselect={false}
        value={present}
        error={problem('systemCa')}
        onChange={choose}
      />
      {ca !== undefined && (
        <TextInput
          label={t('destinations.ca')}
          description={t('destinations.caHelp')}
          required
          maxLength={4096}
          spellCheck={false}
          value={ca}
          error={problem('ca')}
          onChange={(event) => set({ ...value, ca: event.currentTarget.value })}
        />
      )}
      {ca !== undefined && <CaUpload onStored={(file) => set({ ...value, ca: file })} />}
    </>
  );
}

/** A file of this computer, kept on the gateway. */
function CaUpload({ onStored }: { readonly onStored: (file: string) => void }) {
  const { t } = useLanguage();
  const upload = useMutation({
    mutationFn: async (file: File) => {
      const body: Authorities = { pem: await file.text() };
      return await request<StoredAuthorities>('POST', '/certificates/authorities', { body });
    },
    onSuccess: ({ file }) => onStored(file),
  });
  return (
    <FileInput
      size="xs"
      aria-label={t('destinations.caUpload')}
      placeholder={t('destinations.caUpload')}
      disabled={upload.isPending}
      error={upload.isError ? (problemsBelow(upload.error, '/pem') ?? upload.error.message) : undefined}
      onChange={(chosen) => chosen !== null && upload.mutate(chosen)}
    />
  );
}
