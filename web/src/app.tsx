// What is around everything: theme, language, data, and the question whether somebody is logged on.
import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
import { useLocation } from 'wouter';
import { ConfigurationStateProvider } from './api/configuration-state.tsx';
import { queryClient } from './api/queries.ts';
import { SessionContext, useSessionQuery } from './api/session.ts';
import { Frame } from './frame/frame.tsx';
import { PageBoundary } from './frame/page-boundary.tsx';
import { Pages } from './frame/pages.tsx';
import { LanguageProvider, type Loaded } from './i18n/language.tsx';
import { ConfirmProvider } from './parts/confirm.tsx';
import { Failure } from './parts/states.tsx';
import { ToastProvider } from './parts/toast.tsx';
import { styleNonce } from './style-nonce.ts';
import { cssVariables, theme } from './theme.ts';

const Logon = lazy(() => import('./pages/session/logon.tsx').then(({ Logon }) => ({ default: Logon })));
const Setup = lazy(() => import('./pages/session/setup.tsx').then(({ Setup }) => ({ default: Setup })));

export function App({ language }: { readonly language: Loaded }) {
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariables}
      defaultColorScheme="auto"
      getStyleNonce={styleNonce}
    >
      <LanguageProvider initial={language}>
        <QueryClientProvider client={queryClient}>
          <ToastProvider>
            <ConfirmProvider>
              <PageBoundary>
                <Suspense fallback={null}>
                  <Gate />
                </Suspense>
              </PageBoundary>
            </ConfirmProvider>
          </ToastProvider>
        </QueryClientProvider>
      </LanguageProvider>
    </MantineProvider>
  );
}

function Gate() {
  const [path] = useLocation();
  const session = useSessionQuery();
  if (path === '/setup') return <Setup />;
  if (session.data === undefined) {
    return session.isError ? <Failure error={session.error} onRetry={() => void session.refetch()} /> : null;
  }
  if (session.data === null) return <Logon />;
  return (
    <SessionContext value={session.data}>
      <ConfigurationStateProvider>
        <Frame>
          <Pages />
        </Frame>
      </ConfigurationStateProvider>
    </SessionContext>
  );
}
