// Other TLS Client Services: the clients that the gateway itself is, other than mail.
import { Badge, Checkbox, Stack, Text } from '@mantine/core';
import type { OtherClients, TlsView } from '../../../../../src/admin/api/schemas/tls.ts';
import type { TlsVersion } from '../../../../../src/tls/versions.ts';
import { useLanguage } from '../../../i18n/language.tsx';
import { Facts } from '../../../parts/facts.tsx';
import { Card } from '../../../parts/page.tsx';
import { Deprecation } from './deprecation.tsx';
import { Versions } from './service-view.tsx';
import classes from './ssl.module.css';
import { versionNames } from './versions.ts';

/** TLS v1.2 and v1.3 always; v1.0 brings v1.1, its bridge, with it. */
function versionsOf({ allowTLSv1_0, allowTLSv1_1 }: OtherClients): readonly TlsVersion[] {
  return [
    ...(allowTLSv1_0 ? (['TLSv1.0'] as const) : []),
    ...(allowTLSv1_1 || allowTLSv1_0 ? (['TLSv1.1'] as const) : []),
    'TLSv1.2',
    'TLSv1.3',
  ];
}

export function OtherClientsView({ view }: { readonly view: TlsView['otherClients'] }) {
  const language = useLanguage();
  const { t } = language;
  const versions = versionsOf(view.candidate);
  return (
    <Card
      title={t('ssl.otherClients')}
      actions={view.changed ? <Badge className={classes['pending']}>{t('ssl.pending')}</Badge> : undefined}
    >
      <Stack gap="sm">
        <Text size="sm" c="dimmed">
          {t('ssl.otherClientsHelp')}
        </Text>
        <Facts
          facts={[
            [
              t('ssl.method'),
              <Stack key="method" gap={4}>
                <Versions versions={versions} />
                {view.changed && (
                  <Text size="sm" c="dimmed">
                    {t('ssl.inForce', { value: versionNames(versionsOf(view.committed), language) })}
                  </Text>
                )}
              </Stack>,
            ],
          ]}
        />
        <Deprecation versions={versions} />
      </Stack>
    </Card>
  );
}

export function OtherClientsForm({
  value,
  onChange,
}: {
  readonly value: OtherClients;
  readonly onChange: (value: OtherClients) => void;
}) {
  const { t } = useLanguage();
  const { allowTLSv1_0, allowTLSv1_1 } = value;
  return (
    <Card title={t('ssl.otherClients')}>
      <Stack gap="sm">
        <Text size="sm" c="dimmed">
          {t('ssl.otherClientsHelp')}
        </Text>
        <Checkbox
          label={t('ssl.allow', { version: 'TLS v1.1' })}
          description={allowTLSv1_0 ? t('ssl.bridge') : undefined}
          checked={allowTLSv1_1 || allowTLSv1_0}
          aria-disabled={allowTLSv1_0}
          data-active={!allowTLSv1_0}
          classNames={{ label: classes['boxLabel'] ?? '', input: classes['boxInput'] ?? '' }}
          onChange={() => {
            if (!allowTLSv1_0) onChange({ ...value, allowTLSv1_1: !allowTLSv1_1 });
          }}
        />
        <Checkbox
          label={t('ssl.allow', { version: 'TLS v1.0' })}
          checked={allowTLSv1_0}
          data-active
          classNames={{ label: classes['boxLabel'] ?? '', input: classes['boxInput'] ?? '' }}
          onChange={() => onChange({ allowTLSv1_0: !allowTLSv1_0, allowTLSv1_1: true })}
        />
        <Deprecation versions={versionsOf(value)} />
      </Stack>
    </Card>
  );
}
