// A page that fails to draw, or to load, takes nothing else down with it.
import { Button, Stack, Text } from '@mantine/core';
import { Component, type ReactNode } from 'react';
import { useLanguage } from '../i18n/language.tsx';
import { Empty } from '../parts/states.tsx';

interface Props {
  readonly children: ReactNode;
}

export class PageBoundary extends Component<Props, { readonly failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render(): ReactNode {
    return this.state.failed ? <Failed /> : this.props.children;
  }
}

function Failed() {
  const { t } = useLanguage();
  return (
    <Empty icon="error" title={t('problem.page')}>
      <Stack align="center">
        <Text>{t('problem.pageRemedy')}</Text>
        <Button variant="default" onClick={() => window.location.reload()}>
          {t('problem.reload')}
        </Button>
      </Stack>
    </Empty>
  );
}
