// The boxes TLS v1.0-v1.3 of a service: bold ones can be changed, grey ones say why not. A grey box is not `disabled`:
// it can be reached by keyboard and screen reader, which read its reason.
import { Checkbox, Group, Text } from '@mantine/core';
import { useId, useState } from 'react';
import type { Suite } from '../../../../../src/admin/api/schemas/tls.ts';
import { type Box, boxes, displayName, type TlsVersion, tlsVersions } from '../../../../../src/tls/versions.ts';
import { useLanguage } from '../../../i18n/language.tsx';
import { FixedSuites } from './fixed-suites.tsx';
import classes from './ssl.module.css';
import { greyText } from './versions.ts';

export interface VersionBoxesProps {
  readonly service: string;
  readonly versions: readonly TlsVersion[];
  readonly fixedSuites: readonly Suite[];
  readonly onChange: (versions: readonly TlsVersion[]) => void;
}

export function VersionBoxes({ service, versions, fixedSuites, onChange }: VersionBoxesProps) {
  const language = useLanguage();
  const { t } = language;
  const id = useId();
  const [looked, setLooked] = useState<TlsVersion | null>(null);
  const all = boxes(versions);
  const toggle = ({ version, action }: Box) => {
    setLooked(version);
    if (action === null) return;
    onChange(tlsVersions.filter((one) => (one === version ? action === 'add' : versions.includes(one))));
  };
  const box = all.find(({ version }) => version === looked);
  const reason = box === undefined ? null : greyText(box, language);
  return (
    <fieldset className={classes['boxes']}>
      <legend>{t('ssl.versions', { service })}</legend>
      <Group gap="lg" className={classes['boxRow']}>
        {all.map((one) => (
          <Group key={one.version} gap={6} wrap="nowrap">
            <Checkbox
              label={displayName(one.version)}
              checked={one.selected}
              data-active={one.active}
              aria-disabled={!one.active}
              aria-describedby={one.active ? undefined : `${id}-${one.version}`}
              classNames={{
                root: classes['box'] ?? '',
                label: classes['boxLabel'] ?? '',
                input: classes['boxInput'] ?? '',
              }}
              onChange={() => toggle(one)}
              onFocus={() => setLooked(one.version)}
              onMouseEnter={() => setLooked(one.version)}
            />
            {!one.active && (
              <span id={`${id}-${one.version}`} hidden>
                {greyText(one, language)}
              </span>
            )}
            {one.version === 'TLSv1.3' && <FixedSuites service={service} suites={fixedSuites} />}
          </Group>
        ))}
      </Group>
      <Text size="sm" c="dimmed" className={classes['reason']} aria-hidden="true">
        {reason}
      </Text>
    </fieldset>
  );
}
