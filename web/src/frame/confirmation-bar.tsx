// A commit that must be confirmed: how long it waits, and the two ways out. Below every page, so that nothing moves.
import { Button, Group, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type RefObject, useEffect, useRef, useState } from 'react';
import { request } from '../api/client.ts';
import { useConfigurationState } from '../api/configuration-state.tsx';
import { hasCode } from '../api/problem.ts';
import { configurationChanged } from '../api/queries.ts';
import { useRights } from '../api/session.ts';
import { useLanguage } from '../i18n/language.tsx';
import { useToast } from '../parts/toast.tsx';
import classes from './confirmation-bar.module.css';

/** A browser has at most six connections to one origin with HTTP/1.1; each old one is closed by the gateway when it is tried. */
const mostOldConnections = 8;

async function confirmOverNewConnection(): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await request('POST', '/configuration/confirmation');
      return;
    } catch (error) {
      if (!hasCode(error, 'old-connection') || attempt >= mostOldConnections) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100 * attempt));
    }
  }
}

export function ConfirmationBar() {
  const { told } = useConfigurationState();
  const until = told?.confirmBy ?? null;
  return until === null ? null : <Waiting until={Date.parse(until)} />;
}

function Waiting({ until }: { readonly until: number }) {
  const { t, format } = useLanguage();
  const rights = useRights();
  const toast = useToast();
  const left = useSecondsUntil(until);
  const bar = useScrollRoom();
  const confirm = useMutation({
    mutationFn: confirmOverNewConnection,
    onSuccess: () => toast(t('confirmation.confirmed')),
    onSettled: () => configurationChanged(),
  });
  const takeBack = useMutation({
    mutationFn: () => request('DELETE', '/configuration/confirmation'),
    onSuccess: () => toast(t('confirmation.takenBack')),
    onSettled: () => configurationChanged(),
  });
  const failed = confirm.error ?? takeBack.error;
  return (
    <section ref={bar} className={classes['bar']} aria-label={t('confirmation.title')}>
      <div>
        <Text size="sm" fw={600} role="status">
          {t('confirmation.title')}
        </Text>
        <Text size="sm">
          {left > 0
            ? t('confirmation.text', { time: format.time(until), left: format.duration(left * 1000) })
            : t('confirmation.over')}
        </Text>
        {failed !== null && (
          <Text size="sm" fw={600} role="alert">
            {hasCode(failed, 'network') ? t('confirmation.unreachable') : t('confirmation.failed')}
          </Text>
        )}
      </div>
      {rights.configuration && (
        <Group gap="xs" wrap="nowrap">
          <Button size="compact-md" loading={confirm.isPending} onClick={() => confirm.mutate()}>
            {t('confirmation.confirm')}
          </Button>
          <Button size="compact-md" variant="default" loading={takeBack.isPending} onClick={() => takeBack.mutate()}>
            {t('confirmation.takeBack')}
          </Button>
        </Group>
      )}
    </section>
  );
}

/** What gets the focus or is jumped to comes to stand above the bar, not behind it (WCAG 2.2, 2.4.11). */
function useScrollRoom(): RefObject<HTMLElement | null> {
  const bar = useRef<HTMLElement>(null);
  useEffect(() => {
    const { style } = document.documentElement;
    const observer = new ResizeObserver(() => {
      style.scrollPaddingBottom = `${bar.current?.offsetHeight ?? 0}px`;
    });
    if (bar.current !== null) observer.observe(bar.current);
    return () => {
      observer.disconnect();
      style.scrollPaddingBottom = '';
    };
  }, []);
  return bar;
}

function useSecondsUntil(until: number): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return Math.max(0, Math.ceil((until - now) / 1000));
}
