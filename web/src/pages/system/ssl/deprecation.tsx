import { Alert } from '@mantine/core';
import type { TlsVersion } from '../../../../../src/tls/versions.ts';
import { useLanguage } from '../../../i18n/language.tsx';
import { Icon } from '../../../parts/icon.tsx';
import { deprecated, versionNames } from './versions.ts';

/** What to know about a selection with versions that are out of date. */
export function Deprecation({ versions }: { readonly versions: readonly TlsVersion[] }) {
  const language = useLanguage();
  const old = deprecated(versions);
  if (old.length === 0) return null;
  const names = versionNames(old, language);
  return (
    <Alert color="yellow" icon={<Icon name="warning" />}>
      {language.t('ssl.deprecated', { count: old.length, versions: names })}
    </Alert>
  );
}
