import { ActionIcon, Popover, Text } from '@mantine/core';
import type { Suite } from '../../../../../src/admin/api/schemas/tls.ts';
import { useLanguage } from '../../../i18n/language.tsx';
import { Icon } from '../../../parts/icon.tsx';
import classes from './ssl.module.css';

/** The `?` beside a TLS v1.3 box: its three suites, which no setting changes. */
export function FixedSuites({ service, suites }: { readonly service: string; readonly suites: readonly Suite[] }) {
  const { t } = useLanguage();
  return (
    <Popover position="bottom" withArrow shadow="md" width="18rem" trapFocus returnFocus>
      <Popover.Target>
        <ActionIcon variant="light" size="sm" radius="xl" aria-label={t('ssl.fixedQuestion', { service })}>
          <Icon name="question" size={14} />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown aria-label={t('ssl.fixedTitle')}>
        <Text size="sm" fw={600} mb={4}>
          {t('ssl.fixedTitle')}
        </Text>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what the dialog is about gets the focus, to be read */}
        <ol className={classes['fixed']} tabIndex={0} data-autofocus>
          {suites.map(({ name }) => (
            <li key={name}>
              <code>{name}</code>
            </li>
          ))}
        </ol>
        <Text size="sm" c="dimmed">
          {t('ssl.fixedText')}
        </Text>
      </Popover.Dropdown>
    </Popover>
  );
}
