// Which authorities the certificates of a destination may come from: the system's, those of a file, or both.
import { Select, TextInput } from '@mantine/core';
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
    </>
  );
}
