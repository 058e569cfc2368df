// What stands before the gate: logon and set-up, without navigation.
import { Group, Paper, Stack, Text, Title } from '@mantine/core';
import { type ReactNode, useEffect } from 'react';
import { Brand } from '../../frame/brand.tsx';
import { ColourSwitch, LanguageSwitch } from '../../frame/switches.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import classes from './entrance.module.css';

export function Entrance({
  title,
  text,
  children,
}: {
  readonly title: string;
  readonly text?: ReactNode;
  readonly children: ReactNode;
}) {
  const { t } = useLanguage();
  useEffect(() => {
    document.title = `${title} – ${t('frame.title')}`;
  }, [title, t]);
  return (
    <main className={classes['entrance']}>
      <div className={classes['column']}>
        <Group justify="space-between" mb="md">
          <Brand />
          <Group gap={4}>
            <LanguageSwitch />
            <ColourSwitch />
          </Group>
        </Group>
        <Paper withBorder p="xl" className={classes['card']}>
          <Stack>
            <Title order={1} size="h3">
              {title}
            </Title>
            {text !== undefined && (
              <Text component="div" size="sm" c="dimmed">
                {text}
              </Text>
            )}
            {children}
          </Stack>
        </Paper>
      </div>
    </main>
  );
}
