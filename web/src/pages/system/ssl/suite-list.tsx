import { UnstyledButton } from '@mantine/core';
import { useId, useState } from 'react';
import type { Suite } from '../../../../../src/admin/api/schemas/tls.ts';
import { useLanguage } from '../../../i18n/language.tsx';
import { Icon } from '../../../parts/icon.tsx';
import classes from './ssl.module.css';

/** How many suites there are; on demand all of them, in the gateway's order of preference. */
export function SuiteList({ suites, label }: { readonly suites: readonly Suite[]; readonly label: string }) {
  const { t } = useLanguage();
  const [open, setOpen] = useState(false);
  const id = useId();
  return (
    <div>
      <UnstyledButton
        className={classes['disclosure']}
        aria-expanded={open}
        aria-controls={id}
        onClick={() => setOpen(!open)}
      >
        <Icon name={open ? 'chevron' : 'right'} size={16} />
        {label}
      </UnstyledButton>
      <div id={id} hidden={!open}>
        {open && (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
          <section className={classes['suites']} aria-label={label} tabIndex={0}>
            <table>
              <thead>
                <tr>
                  <th scope="col">{t('ssl.suite')}</th>
                  <th scope="col">{t('ssl.suiteFrom')}</th>
                  <th scope="col">{t('ssl.suiteExchange')}</th>
                  <th scope="col">{t('ssl.suiteAuthentication')}</th>
                  <th scope="col">{t('ssl.suiteEncryption')}</th>
                  <th scope="col">{t('ssl.suiteMac')}</th>
                </tr>
              </thead>
              <tbody>
                {suites.map((suite) => (
                  <tr key={suite.id}>
                    <td>
                      <code>{suite.name}</code>
                    </td>
                    <td>{suite.protocol}</td>
                    <td>{suite.keyExchange}</td>
                    <td>{suite.authentication}</td>
                    <td>{suite.encryption}</td>
                    <td>{suite.mac}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </section>
        )}
      </div>
    </div>
  );
}
