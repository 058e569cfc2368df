// System Administration > SSL Configuration.
import { Button, Group } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { TlsView } from '../../../../../src/admin/api/schemas/tls.ts';
import { request } from '../../../api/client.ts';
import { configurationKey } from '../../../api/queries.ts';
import { useRights } from '../../../api/session.ts';
import { useLanguage } from '../../../i18n/language.tsx';
import { Icon } from '../../../parts/icon.tsx';
import { Page } from '../../../parts/page.tsx';
import { Await } from '../../../parts/states.tsx';
import { AdviceCard } from './advice.tsx';
import { EditSettings } from './edit-settings.tsx';
import { OtherClientsView } from './other-clients.tsx';
import { ServiceView } from './service-view.tsx';

export function SslConfiguration() {
  const { t } = useLanguage();
  const rights = useRights();
  const [editing, setEditing] = useState(false);
  const tls = useQuery({
    queryKey: [configurationKey, 'tls'],
    queryFn: ({ signal }) => request<TlsView>('GET', '/tls', { signal }),
  });
  const mayEdit = rights.configuration && tls.data !== undefined && !editing;
  return (
    <Page
      title={t('ssl.title')}
      description={editing ? t('ssl.editDescription') : t('ssl.description')}
      actions={
        mayEdit && (
          <Button leftSection={<Icon name="edit" size={16} />} onClick={() => setEditing(true)}>
            {t('ssl.edit')}
          </Button>
        )
      }
    >
      <Await query={tls} lines={16}>
        {(view) =>
          editing ? (
            <EditSettings view={view} onDone={() => setEditing(false)} />
          ) : (
            <>
              {view.services.map((service) => (
                <ServiceView key={service.service} view={service} />
              ))}
              <OtherClientsView view={view.otherClients} />
              <AdviceCard mayTake={rights.configuration} />
              {mayEdit && (
                <Group>
                  <Button leftSection={<Icon name="edit" size={16} />} onClick={() => setEditing(true)}>
                    {t('ssl.edit')}
                  </Button>
                </Group>
              )}
            </>
          )
        }
      </Await>
    </Page>
  );
}
