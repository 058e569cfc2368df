// What differs between two configurations, in words: what was, what becomes of it.
import { Button, Group } from '@mantine/core';
import { useState } from 'react';
import type { Difference } from '../../../src/admin/api/schemas/configuration.ts';
import { useLanguage } from '../i18n/language.tsx';
import classes from './differences.module.css';

/** A list of thousands of entries is drawn a part at a time. */
const step = 100;

export function Differences({ changes }: { readonly changes: readonly Difference[] }) {
  const { t } = useLanguage();
  const [shown, setShown] = useState(step);
  const rest = changes.length - shown;
  return (
    <>
      <ul className={classes['list']}>
        {changes.slice(0, shown).map((change) => (
          <li key={`${change.kind} ${change.key} ${change.before} ${change.after}`} className={classes['change']}>
            <div className={classes['head']}>
              <code className={classes['key']}>{change.key}</code>
              <span className={classes['kind']}>{t(`diff.${change.kind}`)}</span>
            </div>
            <Values change={change} />
          </li>
        ))}
      </ul>
      {rest > 0 && (
        <Group justify="center" p="sm">
          <Button variant="default" size="xs" onClick={() => setShown(shown + step)}>
            {t('diff.more', { count: rest })}
          </Button>
        </Group>
      )}
    </>
  );
}

function Values({ change: { before, after } }: { readonly change: Difference }) {
  const { t } = useLanguage();
  return (
    <div className={classes['values']}>
      {before !== '' && (
        <del className={classes['before']}>
          <span className={classes['hidden']}>{t('diff.before')}</span>
          {before}
        </del>
      )}
      {after !== '' && (
        <ins className={classes['after']}>
          <span className={classes['hidden']}>{t('diff.after')}</span>
          {after}
        </ins>
      )}
    </div>
  );
}
