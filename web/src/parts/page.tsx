// The inside of every page: its heading, what can be done on it, and its contents on cards.
import { Group, Paper, Text, Title } from '@mantine/core';
import { type ReactNode, useEffect, useRef } from 'react';
import { useLanguage } from '../i18n/language.tsx';
import classes from './page.module.css';

export interface PageProps {
  readonly title: string;
  /** One sentence about what this page is for. */
  readonly description?: ReactNode;
  /** Buttons at the right of the heading. */
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}

export function Page({ title, description, actions, children }: PageProps) {
  const { t } = useLanguage();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} – ${t('frame.title')}`;
  }, [title, t]);
  useEffect(() => {
    // Whoever hears the page instead of seeing it is told that it is another one now.
    heading.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, []);
  return (
    <div className={classes['page']}>
      <Group justify="space-between" align="flex-start" gap="sm" className={classes['head']}>
        <div className={classes['words']}>
          <Title order={1} size="h2" ref={heading} tabIndex={-1} className={classes['title']}>
            {title}
          </Title>
          {description !== undefined && (
            <Text component="div" c="dimmed" size="sm" mt={4}>
              {description}
            </Text>
          )}
        </div>
        {actions !== undefined && <Group gap="xs">{actions}</Group>}
      </Group>
      {children}
    </div>
  );
}

export interface CardProps {
  readonly title?: string;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
  /** Tables reach the border. */
  readonly flush?: boolean;
}

export function Card({ title, actions, children, flush = false }: CardProps) {
  return (
    <Paper
      withBorder
      component="section"
      className={classes['card']}
      {...(title === undefined ? {} : { 'aria-label': title })}
    >
      {(title !== undefined || actions !== undefined) && (
        <Group justify="space-between" gap="sm" className={classes['cardHead']}>
          {title !== undefined && (
            <Title order={2} size="h4">
              {title}
            </Title>
          )}
          {actions}
        </Group>
      )}
      <div className={flush ? undefined : classes['cardBody']}>{children}</div>
    </Paper>
  );
}
