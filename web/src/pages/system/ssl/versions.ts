// The words around the boxes: which versions there are, why one is grey.
import { type Box, displayName, type TlsVersion } from '../../../../../src/tls/versions.ts';
import type { LanguageContext } from '../../../i18n/language.tsx';

/** `TLS v1.1 and TLS v1.2`. */
export function versionNames(versions: readonly TlsVersion[], { format }: LanguageContext): string {
  return format.list(versions.map(displayName));
}

/** Why a box cannot be changed; null: it can. */
export function greyText({ version, reason }: Box, language: LanguageContext): string | null {
  if (reason === null) return null;
  const { t } = language;
  const names = { version: displayName(version), others: versionNames(reason.versions, language) };
  if (reason.code === 'last') return t('ssl.grey.last', { version: names.version });
  return reason.code === 'inside' ? t('ssl.grey.inside', names) : t('ssl.grey.apart', names);
}

/** Those of a selection that are out of date. */
export function deprecated(versions: readonly TlsVersion[]): readonly TlsVersion[] {
  return versions.filter((version) => version === 'TLSv1.0' || version === 'TLSv1.1');
}
