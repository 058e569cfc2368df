import { Link, useLocation } from 'wouter';
import { useSession } from '../api/session.ts';
import { useLanguage } from '../i18n/language.tsx';
import { Icon, type IconName } from '../parts/icon.tsx';
import classes from './navigation.module.css';
import { routes, type Section, sections } from './routes.ts';

const icons: Readonly<Record<Section, IconName>> = {
  monitor: 'chart',
  policies: 'policy',
  network: 'network',
  system: 'system',
};

/** The pages that the user's role is offered, by section. */
export function Navigation() {
  const { t } = useLanguage();
  const { role } = useSession();
  const [path] = useLocation();
  return sections.map((section) => {
    const offered = routes.filter((route) => route.section === section && (route.roles?.includes(role) ?? true));
    if (offered.length === 0) return null;
    return (
      <div key={section} className={classes['section']}>
        <h2 className={classes['heading']} id={`nav-${section}`}>
          <Icon name={icons[section]} size={16} />
          {t(`section.${section}`)}
        </h2>
        <ul className={classes['list']} aria-labelledby={`nav-${section}`}>
          {offered.map((route) => (
            <li key={route.path}>
              <Link
                href={route.path}
                className={classes['link']}
                aria-current={path === route.path || path.startsWith(`${route.path}/`) ? 'page' : undefined}
              >
                {t(route.title)}
              </Link>
            </li>
          ))}
        </ul>
      </div>
    );
  });
}
