// A certificate with its key, as PEM texts or a PKCS#12 file.
import {
  Button,
  Checkbox,
  FileInput,
  Group,
  Modal,
  PasswordInput,
  SegmentedControl,
  Stack,
  Textarea,
  TextInput,
} from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { Uploaded, Upload as UploadInput } from '../../../../src/admin/api/schemas/certificates.ts';
import { request } from '../../api/client.ts';
import { problemsBelow } from '../../api/problem.ts';
import { configurationChanged } from '../../api/queries.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { Failure } from '../../parts/states.tsx';
import { useToast } from '../../parts/toast.tsx';

export interface UploadProps {
  readonly opened: boolean;
  /** Of the certificate that is replaced, or of the request that is answered; '': a new one. */
  readonly name: string;
  readonly onClose: () => void;
}

export function Upload({ opened, name, onClose }: UploadProps) {
  const { t } = useLanguage();
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t('certificates.upload')}
      size="lg"
      closeOnClickOutside={false}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <UploadForm key={name} preset={name} onClose={onClose} />
    </Modal>
  );
}

function UploadForm({ preset, onClose }: { readonly preset: string; readonly onClose: () => void }) {
  const { t } = useLanguage();
  const toast = useToast();
  const [form, setForm] = useState<'pem' | 'pkcs12'>('pem');
  const [name, setName] = useState(preset);
  const [certificate, setCertificate] = useState('');
  const [key, setKey] = useState('');
  const [file, setFile] = useState<File | null>(null);
  const [passphrase, setPassphrase] = useState('');
  const [replace, setReplace] = useState(preset !== '');
  const upload = useMutation({
    mutationFn: async () => {
      const protectedBy = passphrase === '' ? {} : { passphrase };
      const body: UploadInput = {
        name: name.trim(),
        replace,
        ...(form === 'pem'
          ? { pem: { certificate, ...(key.trim() === '' ? {} : { key }), ...protectedBy } }
          : { pkcs12: { data: file === null ? '' : await base64(file), ...protectedBy } }),
      };
      await request<Uploaded>('POST', '/certificates', { body });
      await configurationChanged();
      onClose();
      toast(t('certificates.uploaded', { name: body.name }));
    },
  });
  const problem = (pointer: string) => problemsBelow(upload.error, pointer);
  const placed = ['/name', '/pem/certificate', '/pem/key', '/pem/passphrase', '/pkcs12'].some(
    (one) => problem(one) !== undefined,
  );
  const read = async (chosen: File | null, set: (text: string) => void) => {
    if (chosen !== null) set(await chosen.text());
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    upload.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        {upload.isError && !placed && <Failure error={upload.error} />}
        <TextInput
          label={t('common.name')}
          description={t('certificates.nameHelp')}
          required
          data-autofocus
          maxLength={63}
          value={name}
          error={problem('/name')}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <SegmentedControl
          aria-label={t('certificates.form')}
          value={form}
          onChange={(value) => setForm(value as 'pem' | 'pkcs12')}
          data={[
            { value: 'pem', label: 'PEM' },
            { value: 'pkcs12', label: 'PKCS#12' },
          ]}
        />
        {form === 'pem' ? (
          <>
            <Textarea
              label={t('certificates.pem')}
              description={t('certificates.pemHelp')}
              required
              rows={6}
              spellCheck={false}
              value={certificate}
              error={problem('/pem/certificate')}
              onChange={(event) => setCertificate(event.currentTarget.value)}
            />
            <FileInput
              size="xs"
              aria-label={t('certificates.pemFile')}
              placeholder={t('certificates.pemFile')}
              onChange={(chosen) => void read(chosen, setCertificate)}
            />
            <Textarea
              label={t('certificates.privateKey')}
              description={t('certificates.keyHelp')}
              rows={5}
              spellCheck={false}
              autoComplete="off"
              value={key}
              error={problem('/pem/key')}
              onChange={(event) => setKey(event.currentTarget.value)}
            />
            <FileInput
              size="xs"
              aria-label={t('certificates.keyFile')}
              placeholder={t('certificates.keyFile')}
              onChange={(chosen) => void read(chosen, setKey)}
            />
          </>
        ) : (
          <FileInput
            label={t('certificates.pkcs12')}
            description={t('certificates.pkcs12Help')}
            required
            accept=".p12,.pfx,application/x-pkcs12"
            value={file}
            error={problem('/pkcs12/data')}
            onChange={setFile}
          />
        )}
        <PasswordInput
          label={t('certificates.passphrase')}
          description={t('certificates.passphraseHelp')}
          autoComplete="off"
          value={passphrase}
          error={problem(`/${form}/passphrase`)}
          onChange={(event) => setPassphrase(event.currentTarget.value)}
        />
        <Checkbox
          label={t('certificates.replaceSame')}
          checked={replace}
          onChange={(event) => setReplace(event.currentTarget.checked)}
        />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
          <Button type="submit" loading={upload.isPending}>
            {t('common.submit')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

async function base64(file: File): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
