// Draws the page of the present address.
import { Suspense } from 'react';
import { Redirect, Route, Switch, useLocation } from 'wouter';
import { useLanguage } from '../i18n/language.tsx';
import { Page } from '../parts/page.tsx';
import { Empty, Loading } from '../parts/states.tsx';
import { PageBoundary } from './page-boundary.tsx';
import { routes } from './routes.ts';

export function Pages() {
  const [path] = useLocation();
  return (
    // Another page gets another boundary: what failed on one does not stay on the next.
    <PageBoundary key={path}>
      <Suspense fallback={<Loading />}>
        <Switch>
          {routes.map((route) => (
            <Route key={route.path} path={route.path} component={route.page} />
          ))}
          <Route path="/">
            <Redirect to={routes[0]?.path ?? '/'} replace />
          </Route>
          <Route>
            <NotFound />
          </Route>
        </Switch>
      </Suspense>
    </PageBoundary>
  );
}

function NotFound() {
  const { t } = useLanguage();
  return (
    <Page title={t('problem.notFound')}>
      <Empty icon="search" title={t('problem.notFound')}>
        {t('problem.notFoundText')}
      </Empty>
    </Page>
  );
}
