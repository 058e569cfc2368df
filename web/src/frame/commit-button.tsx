// Top right of every page: nothing is pending, or the yellow way to the commit.
import { Button } from '@mantine/core';
import { Link } from 'wouter';
import { useConfigurationState } from '../api/configuration-state.tsx';
import { useRights } from '../api/session.ts';
import { useLanguage } from '../i18n/language.tsx';
import classes from './commit-button.module.css';

export function CommitButton() {
  const { t } = useLanguage();
  const rights = useRights();
  const { told } = useConfigurationState();
  if (!rights.configuration) return null;
  const pending = told?.pending ?? 0;
  if (pending === 0) return <span className={classes['none']}>{t('frame.noChanges')}</span>;
  return (
    <Button
      component={Link}
      href="/commit"
      size="compact-md"
      className={classes['commit']}
      aria-label={`${t('frame.commitChanges')} (${t('frame.pending', { count: pending })})`}
    >
      <span className={classes['long']}>{t('frame.commitChanges')}</span>
      <span className={classes['count']} aria-hidden="true">
        {pending}
      </span>
    </Button>
  );
}
