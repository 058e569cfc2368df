// One service in view mode: what is set, and what is in force as long as that is something else.
import { Badge, Group, Stack, Text } from '@mantine/core';
import type { TlsServiceView } from '../../../../../src/admin/api/schemas/tls.ts';
import { displayName, type TlsVersion, tlsVersions } from '../../../../../src/tls/versions.ts';
import { useLanguage } from '../../../i18n/language.tsx';
import { Facts } from '../../../parts/facts.tsx';
import { Icon } from '../../../parts/icon.tsx';
import { Card } from '../../../parts/page.tsx';
import { Deprecation } from './deprecation.tsx';
import classes from './ssl.module.css';
import { SuiteList } from './suite-list.tsx';
import { versionNames } from './versions.ts';

export function ServiceView({ view }: { readonly view: TlsServiceView }) {
  const language = useLanguage();
  const { t } = language;
  const { committed, candidate, changed, suites, warnings } = view;
  const versionsChanged = committed.method !== candidate.method;
  return (
    <Card
      title={t(`ssl.service.${view.service}`)}
      actions={changed ? <Badge className={classes['pending']}>{t('ssl.pending')}</Badge> : undefined}
    >
      <Stack gap="sm">
        <Facts
          facts={[
            [
              t('ssl.method'),
              <Stack key="method" gap={4}>
                <Versions versions={candidate.versions} />
                {versionsChanged && (
                  <Text size="sm" c="dimmed">
                    {t('ssl.inForce', { value: versionNames(committed.versions, language) })}
                  </Text>
                )}
              </Stack>,
            ],
            [
              t('ssl.ciphers'),
              <Stack key="ciphers" gap={4}>
                <code className={classes['tokens']}>{candidate.ciphers}</code>
                {committed.ciphers !== candidate.ciphers && (
                  <Text size="sm" c="dimmed" className={classes['tokens']}>
                    {t('ssl.inForce', { value: committed.ciphers })}
                  </Text>
                )}
              </Stack>,
            ],
            [
              t('ssl.effective'),
              <SuiteList key="suites" suites={suites} label={t('ssl.suites', { count: suites.length })} />,
            ],
          ]}
        />
        <Deprecation versions={candidate.versions} />
        {warnings.map((warning) => (
          <Text key={warning} size="sm" lang="en">
            {warning}
          </Text>
        ))}
      </Stack>
    </Card>
  );
}

/** All versions there are: those selected with a tick, the others struck out for the eye and named for the ear. */
export function Versions({ versions }: { readonly versions: readonly TlsVersion[] }) {
  const { t } = useLanguage();
  return (
    <Group gap="xs" component="ul" className={classes['versions']}>
      {tlsVersions.map((version) => {
        const on = versions.includes(version);
        return (
          <li key={version} className={classes['version']} data-on={on}>
            <Icon name={on ? 'check' : 'close'} size={14} />
            {displayName(version)}
            <span className={classes['hidden']}>{on ? t('ssl.on') : t('ssl.off')}</span>
          </li>
        );
      })}
    </Group>
  );
}
