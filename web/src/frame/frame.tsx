// The frame around every page: the bar above it, the navigation beside it (on a phone: behind a button).
import { ActionIcon, Drawer } from '@mantine/core';
import { type ReactNode, useEffect, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { useConfigurationState } from '../api/configuration-state.tsx';
import { useLanguage } from '../i18n/language.tsx';
import { Icon } from '../parts/icon.tsx';
import { Brand } from './brand.tsx';
import { CommitButton } from './commit-button.tsx';
import { ConfirmationBar } from './confirmation-bar.tsx';
import classes from './frame.module.css';
import { Navigation } from './navigation.tsx';
import { ColourSwitch, LanguageSwitch } from './switches.tsx';
import { UserMenu } from './user-menu.tsx';

export function Frame({ children }: { readonly children: ReactNode }) {
  const { t } = useLanguage();
  const [path] = useLocation();
  const [menuOpen, setMenuOpen] = useState(false);
  const { stream } = useConfigurationState();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the menu closes whenever another page is shown
  useEffect(() => setMenuOpen(false), [path]);
  return (
    <>
      <a href="#content" className={classes['skip']}>
        {t('frame.skip')}
      </a>
      <header className={classes['header']}>
        <ActionIcon
          className={classes['burger']}
          variant="subtle"
          color="gray"
          size="lg"
          aria-label={t('frame.menu')}
          aria-expanded={menuOpen}
          onClick={() => setMenuOpen(true)}
        >
          <Icon name="menu" size={22} />
        </ActionIcon>
        <Link href="/" className={classes['brand']} aria-label={t('frame.title')}>
          <Brand />
        </Link>
        <div className={classes['tools']}>
          <CommitButton />
          <LanguageSwitch />
          <ColourSwitch />
          <UserMenu />
        </div>
      </header>
      <nav className={classes['side']} aria-label={t('frame.navigation')}>
        <Navigation />
      </nav>
      <Drawer
        opened={menuOpen}
        onClose={() => setMenuOpen(false)}
        size="18rem"
        title={<Brand />}
        closeButtonProps={{ 'aria-label': t('frame.closeMenu') }}
      >
        <nav aria-label={t('frame.navigation')}>
          <Navigation />
        </nav>
      </Drawer>
      <main id="content" className={classes['main']} tabIndex={-1}>
        {children}
      </main>
      <ConfirmationBar />
      <div className={classes['offline']} role="status" data-shown={stream === 'broken'}>
        {stream === 'broken' && t('frame.offline')}
      </div>
    </>
  );
}
