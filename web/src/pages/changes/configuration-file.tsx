// Configuration File: the configuration as YAML, out and in.
import { Alert, Button, FileButton, Group, Stack, Text, Textarea } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { useLocation } from 'wouter';
import type { Imported } from '../../../../src/admin/api/schemas/configuration.ts';
import { address, request } from '../../api/client.ts';
import { useConfigurationState } from '../../api/configuration-state.tsx';
import { configurationChanged } from '../../api/queries.ts';
import { useRights } from '../../api/session.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { Icon } from '../../parts/icon.tsx';
import { Card, Page } from '../../parts/page.tsx';
import { Failure } from '../../parts/states.tsx';
import classes from './configuration-file.module.css';

/** Bytes of a document; the gateway's own bound. */
const largest = 8 * 1024 * 1024;

export function ConfigurationFile() {
  const { t } = useLanguage();
  const rights = useRights();
  return (
    <Page title={t('file.title')} description={t('file.description')}>
      <Export />
      {rights.configuration && <Import />}
    </Page>
  );
}

function Export() {
  const { t } = useLanguage();
  const { told } = useConfigurationState();
  const pending = (told?.pending ?? 0) > 0;
  return (
    <Card title={t('file.export')}>
      <Stack>
        <Text size="sm">{t('file.exportText')}</Text>
        <Group gap="xs">
          <Button
            component="a"
            href={address('/configuration/export')}
            download={`postern-${told?.revision ?? 0}.yaml`}
            leftSection={<Icon name="download" size={16} />}
          >
            {t('file.exportCommitted')}
          </Button>
          {pending && (
            <Button
              component="a"
              href={address('/configuration/export', { pending: true })}
              download="postern-pending.yaml"
              variant="default"
              leftSection={<Icon name="download" size={16} />}
            >
              {t('file.exportPending')}
            </Button>
          )}
        </Group>
      </Stack>
    </Card>
  );
}

function Import() {
  const { t } = useLanguage();
  const [, navigate] = useLocation();
  const [text, setText] = useState('');
  const [tooLarge, setTooLarge] = useState(false);
  const load = useMutation({
    mutationFn: async () => {
      const imported = await request<Imported>('POST', '/configuration/import', {
        body: text,
        contentType: 'application/yaml',
      });
      await configurationChanged();
      if (imported.upgrade.length === 0) navigate('/commit');
      return imported;
    },
  });
  const choose = async (file: File | null) => {
    if (file === null) return;
    setTooLarge(file.size > largest);
    if (file.size <= largest) setText(await file.text());
  };
  return (
    <Card title={t('file.import')}>
      <Stack>
        <Text size="sm">{t('file.importText')}</Text>
        {load.isError && <Failure error={load.error} />}
        {tooLarge && (
          <Alert color="red" icon={<Icon name="error" />}>
            {t('file.tooLarge')}
          </Alert>
        )}
        {load.data !== undefined && load.data.upgrade.length > 0 && (
          <Alert color="yellow" icon={<Icon name="info" />} title={t('file.upgraded')}>
            <ul lang="en">
              {load.data.upgrade.map((sentence) => (
                <li key={sentence}>{sentence}</li>
              ))}
            </ul>
            <Button variant="default" size="xs" onClick={() => navigate('/commit')}>
              {t('commit.title')}
            </Button>
          </Alert>
        )}
        <Textarea
          label={t('file.document')}
          value={text}
          rows={12}
          spellCheck={false}
          classNames={{ input: classes['document'] ?? '' }}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <Group gap="xs">
          <FileButton accept=".yaml,.yml,application/yaml,text/yaml" onChange={(file) => void choose(file)}>
            {(props) => (
              <Button {...props} variant="default" leftSection={<Icon name="upload" size={16} />}>
                {t('file.choose')}
              </Button>
            )}
          </FileButton>
          <Button disabled={text.trim() === ''} loading={load.isPending} onClick={() => load.mutate()}>
            {t('file.load')}
          </Button>
        </Group>
      </Stack>
    </Card>
  );
}
