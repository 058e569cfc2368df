// One service in Edit Settings.
import { Stack } from '@mantine/core';
import type { Suite, TlsServiceView } from '../../../../../src/admin/api/schemas/tls.ts';
import type { TlsVersion } from '../../../../../src/tls/versions.ts';
import { fieldProblem } from '../../../api/problem.ts';
import { useLanguage } from '../../../i18n/language.tsx';
import { Card } from '../../../parts/page.tsx';
import { Failure } from '../../../parts/states.tsx';
import { CipherField } from './cipher-field.tsx';
import { Deprecation } from './deprecation.tsx';
import { VersionBoxes } from './version-boxes.tsx';

export interface ServiceSettings {
  readonly versions: readonly TlsVersion[];
  readonly ciphers: string;
}

export interface ServiceFormProps {
  readonly service: TlsServiceView['service'];
  readonly value: ServiceSettings;
  readonly fixedSuites: readonly Suite[];
  readonly error: unknown;
  readonly onChange: (value: ServiceSettings) => void;
}

export function ServiceForm({ service, value, fixedSuites, error, onChange }: ServiceFormProps) {
  const { t } = useLanguage();
  const title = t(`ssl.service.${service}`);
  const cipherError = fieldProblem(error, '/ciphers');
  return (
    <Card title={title}>
      <Stack>
        {error !== null && cipherError === undefined && <Failure error={error} />}
        <VersionBoxes
          service={title}
          versions={value.versions}
          fixedSuites={fixedSuites}
          onChange={(versions) => onChange({ ...value, versions })}
        />
        <Deprecation versions={value.versions} />
        <CipherField
          service={service}
          versions={value.versions}
          value={value.ciphers}
          error={cipherError}
          onChange={(ciphers) => onChange({ ...value, ciphers })}
        />
      </Stack>
    </Card>
  );
}
