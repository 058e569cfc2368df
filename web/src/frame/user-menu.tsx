import { ActionIcon, Menu } from '@mantine/core';
import { Link } from 'wouter';
import { logOff, useSession } from '../api/session.ts';
import { useLanguage } from '../i18n/language.tsx';
import { Icon } from '../parts/icon.tsx';

export function UserMenu() {
  const { t } = useLanguage();
  const { user, role } = useSession();
  return (
    <Menu position="bottom-end" withinPortal width="14rem">
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={`${t('frame.account')}: ${user}`}>
          <Icon name="user" />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {user} · {t(`frame.role.${role}`)}
        </Menu.Label>
        <Menu.Item component={Link} href="/account">
          {t('frame.account')}
        </Menu.Item>
        <Menu.Item onClick={() => void logOff()}>{t('frame.logOff')}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
