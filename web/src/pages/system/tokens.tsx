// API tokens: what there is, a new one (shown once), withdrawal.
import { ActionIcon, Button, Checkbox, Group, Modal, NumberInput, Stack, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { MadeToken, NewToken, Token, Tokens as TokenPage } from '../../../../src/admin/api/schemas/session.ts';
import { request } from '../../api/client.ts';
import { queryClient } from '../../api/queries.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { useConfirm } from '../../parts/confirm.tsx';
import { CopyText } from '../../parts/copy-text.tsx';
import { type Column, DataTable, usePages } from '../../parts/data-table.tsx';
import { Icon } from '../../parts/icon.tsx';
import { Card, Page } from '../../parts/page.tsx';
import { Empty, Failure } from '../../parts/states.tsx';
import { useToast } from '../../parts/toast.tsx';

type Scope = Token['scopes'][number];
const scopes: readonly Scope[] = ['read', 'queue', 'configuration', 'users'];

export function Tokens() {
  const { t, format } = useLanguage();
  const confirm = useConfirm();
  const toast = useToast();
  const [adding, setAdding] = useState(false);
  const pages = usePages<Token>({
    queryKey: ['tokens'],
    fetchPage: (cursor, signal) => request<TokenPage>('GET', '/tokens', { query: { cursor, limit: 50 }, signal }),
  });
  const remove = useMutation({
    mutationFn: async (token: Token) => {
      const text = t('tokens.deleteText', { label: token.label });
      if (!(await confirm({ title: t('tokens.deleteTitle'), text, action: t('tokens.delete'), danger: true }))) return;
      await request('DELETE', `/tokens/${encodeURIComponent(token.id)}`);
      await queryClient.invalidateQueries({ queryKey: ['tokens'] });
      toast(t('tokens.deleted'));
    },
  });
  const when = (time: string | null) => (time === null ? t('common.never') : format.time(time));
  const columns: readonly Column<Token>[] = [
    { key: 'label', title: t('tokens.purpose'), render: ({ label }) => label },
    { key: 'user', title: t('tokens.user'), render: ({ user }) => user },
    {
      key: 'scopes',
      title: t('tokens.scopes'),
      render: (token) => token.scopes.map((scope) => t(`tokens.scope.${scope}`)).join(', '),
    },
    { key: 'created', title: t('tokens.created'), tight: true, render: ({ created }) => format.time(created) },
    { key: 'expires', title: t('tokens.expires'), tight: true, render: ({ expires }) => when(expires) },
    { key: 'used', title: t('tokens.lastUsed'), tight: true, render: ({ lastUsed }) => when(lastUsed) },
    {
      key: 'actions',
      title: t('common.actions'),
      render: (token) => (
        <ActionIcon
          variant="subtle"
          color="red"
          aria-label={`${t('tokens.delete')}: ${token.label}`}
          onClick={() => remove.mutate(token)}
        >
          <Icon name="trash" />
        </ActionIcon>
      ),
    },
  ];
  return (
    <Page
      title={t('tokens.title')}
      description={t('tokens.description')}
      actions={
        <Button leftSection={<Icon name="plus" />} onClick={() => setAdding(true)}>
          {t('tokens.add')}
        </Button>
      }
    >
      {remove.isError && <Failure error={remove.error} />}
      <Card flush>
        <DataTable
          label={t('tokens.title')}
          columns={columns}
          rowKey={(token) => token.id}
          pages={pages}
          empty={
            <Empty icon="lock" title={t('tokens.empty')}>
              {t('tokens.emptyText')}
            </Empty>
          }
        />
      </Card>
      <Modal
        opened={adding}
        onClose={() => setAdding(false)}
        title={t('tokens.add')}
        closeButtonProps={{ 'aria-label': t('common.close') }}
      >
        <TokenForm onClose={() => setAdding(false)} />
      </Modal>
    </Page>
  );
}

function TokenForm({ onClose }: { readonly onClose: () => void }) {
  const { t } = useLanguage();
  const [label, setLabel] = useState('');
  const [chosen, setChosen] = useState<Scope[]>(['read']);
  const [days, setDays] = useState<number | string>(90);
  const make = useMutation({
    mutationFn: async () => {
      const body: NewToken = { label: label.trim(), scopes: chosen, days: Number(days) };
      const made = await request<MadeToken>('POST', '/tokens', { body });
      await queryClient.invalidateQueries({ queryKey: ['tokens'] });
      return made;
    },
  });
  if (make.data !== undefined) {
    return (
      <Stack>
        <div>
          {t('tokens.madeText')} <code>Authorization: Bearer …</code>
        </div>
        <CopyText label={t('tokens.made')} text={make.data.secret} />
        <Group justify="flex-end">
          <Button onClick={onClose}>{t('common.close')}</Button>
        </Group>
      </Stack>
    );
  }
  const submit = (event: FormEvent) => {
    event.preventDefault();
    make.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        {make.isError && <Failure error={make.error} />}
        <TextInput
          label={t('tokens.label')}
          required
          maxLength={100}
          value={label}
          data-autofocus
          onChange={(event) => setLabel(event.currentTarget.value)}
        />
        <Checkbox.Group
          label={t('tokens.scopes')}
          value={chosen}
          onChange={(values) => setChosen(scopes.filter((scope) => values.includes(scope)))}
        >
          <Stack gap="xs" mt="xs">
            {scopes.map((scope) => (
              <Checkbox key={scope} value={scope} label={t(`tokens.scope.${scope}`)} />
            ))}
          </Stack>
        </Checkbox.Group>
        <NumberInput label={t('tokens.days')} min={1} max={3650} required value={days} onChange={setDays} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
          <Button type="submit" loading={make.isPending} disabled={chosen.length === 0}>
            {t('tokens.add')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
