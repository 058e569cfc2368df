// Edit Settings: the form of all services. Submit puts what was changed into the candidate.
import { Button, Group } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { OtherClients, TlsServiceView, TlsView } from '../../../../../src/admin/api/schemas/tls.ts';
import { request } from '../../../api/client.ts';
import { configurationChanged } from '../../../api/queries.ts';
import { useLanguage } from '../../../i18n/language.tsx';
import { PreviewPanel } from '../../../parts/preview/preview-panel.tsx';
import { Failure } from '../../../parts/states.tsx';
import { useToast } from '../../../parts/toast.tsx';
import { OtherClientsForm } from './other-clients.tsx';
import { ServiceForm, type ServiceSettings } from './service-form.tsx';
import classes from './ssl.module.css';

type ServiceName = TlsServiceView['service'];
type Form = Readonly<Record<ServiceName, ServiceSettings>> & { readonly otherClients: OtherClients };

/** What the gateway refused, by where it belongs. */
class Refused extends Error {
  readonly at: keyof Form;

  constructor(at: keyof Form, cause: unknown) {
    super('refused', { cause });
    this.at = at;
  }
}

function formOf(view: TlsView): Form {
  const settings = (name: ServiceName): ServiceSettings => {
    const service = view.services.find((one) => one.service === name);
    if (service === undefined) throw new Error(`the gateway does not know the service ${name}`);
    return { versions: service.candidate.versions, ciphers: service.candidate.ciphers };
  };
  return {
    gui: settings('gui'),
    inbound: settings('inbound'),
    outbound: settings('outbound'),
    otherClients: view.otherClients.candidate,
  };
}

async function submit(before: Form, form: Form): Promise<void> {
  for (const at of ['gui', 'inbound', 'outbound', 'otherClients'] as const) {
    if (JSON.stringify(form[at]) === JSON.stringify(before[at])) continue;
    try {
      await request('PUT', `/tls/${at}`, { body: form[at] });
    } catch (error) {
      throw new Refused(at, error);
    }
  }
}

/** With the smallest change that keeps a group of peers. */
function kept(form: Form, patch: unknown): Form {
  const changes = (patch as { readonly tls?: Partial<Record<ServiceName, Partial<ServiceSettings>>> }).tls ?? {};
  const merged = (name: ServiceName): ServiceSettings => ({ ...form[name], ...changes[name] });
  return { ...form, gui: merged('gui'), inbound: merged('inbound'), outbound: merged('outbound') };
}

export function EditSettings({ view, onDone }: { readonly view: TlsView; readonly onDone: () => void }) {
  const { t } = useLanguage();
  const toast = useToast();
  // What was there when the form was opened: an answer that comes meanwhile does not change it under one's hands.
  const [before] = useState(() => formOf(view));
  const [form, setForm] = useState(before);
  const save = useMutation({
    mutationFn: () => submit(before, form),
    onSettled: () => configurationChanged(),
    onSuccess: () => {
      toast(t('ssl.submitted'));
      onDone();
    },
  });
  const errorAt = (at: keyof Form) => (save.error instanceof Refused && save.error.at === at ? save.error.cause : null);
  const services = view.services.map(({ service }) => service);
  return (
    <form
      className={classes['form']}
      onSubmit={(event: FormEvent) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      {services.map((service) => (
        <ServiceForm
          key={service}
          service={service}
          value={form[service]}
          fixedSuites={view.fixedSuites}
          error={errorAt(service)}
          onChange={(value) => setForm({ ...form, [service]: value })}
        />
      ))}
      {errorAt('otherClients') !== null && <Failure error={errorAt('otherClients')} />}
      <OtherClientsForm value={form.otherClients} onChange={(otherClients) => setForm({ ...form, otherClients })} />
      <PreviewPanel patch={{ tls: form }} onKeep={(patch) => setForm((now) => kept(now, patch))} />
      <Group gap="xs" className={classes['submit']}>
        <Button type="submit" loading={save.isPending}>
          {t('common.submit')}
        </Button>
        <Button variant="default" onClick={onDone}>
          {t('common.cancel')}
        </Button>
      </Group>
    </form>
  );
}
