// Users: who may log on, and as what.
import { Badge, Button, Group, Modal } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import type { User, Users as UserPage } from '../../../../src/admin/api/schemas/session.ts';
import { request } from '../../api/client.ts';
import { queryClient } from '../../api/queries.ts';
import { useRights, useSession } from '../../api/session.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { useConfirm } from '../../parts/confirm.tsx';
import { type Column, DataTable, usePages } from '../../parts/data-table.tsx';
import { Icon } from '../../parts/icon.tsx';
import { Card, Page } from '../../parts/page.tsx';
import { Empty, Failure } from '../../parts/states.tsx';
import { useToast } from '../../parts/toast.tsx';
import { UserForm } from './user-form.tsx';

export function Users() {
  const { t, format } = useLanguage();
  const rights = useRights();
  const session = useSession();
  const confirm = useConfirm();
  const toast = useToast();
  const [form, setForm] = useState<{ readonly user: User | null } | null>(null);
  const pages = usePages<User>({
    queryKey: ['users'],
    fetchPage: (cursor, signal) => request<UserPage>('GET', '/users', { query: { cursor, limit: 50 }, signal }),
  });
  const remove = useMutation({
    mutationFn: async ({ name }: User) => {
      const question = {
        title: t('users.deleteTitle', { name }),
        text: t('users.deleteText'),
        action: t('common.delete'),
      };
      if (!(await confirm({ ...question, danger: true }))) return;
      await request('DELETE', `/users/${encodeURIComponent(name)}`);
      await queryClient.invalidateQueries({ queryKey: ['users'] });
      toast(t('users.deleted', { name }));
    },
  });
  const columns: readonly Column<User>[] = [
    {
      key: 'name',
      title: t('session.user'),
      render: ({ name, disabled }) => (
        <Group gap="xs">
          {name}
          {disabled && (
            <Badge color="gray" size="sm">
              {t('users.disabled')}
            </Badge>
          )}
        </Group>
      ),
    },
    { key: 'role', title: t('users.role'), render: ({ role }) => t(`frame.role.${role}`) },
    { key: 'totp', title: t('users.totp'), render: ({ totp }) => (totp ? t('common.yes') : t('common.no')) },
    {
      key: 'logon',
      title: t('users.lastLogon'),
      render: ({ lastLogon, lastAddress }) =>
        lastLogon === null ? t('common.never') : `${format.time(lastLogon)} ${lastAddress ?? ''}`,
    },
    { key: 'sessions', title: t('users.sessions'), align: 'right', render: ({ sessions }) => format.number(sessions) },
  ];
  const actions: Column<User> = {
    key: 'actions',
    title: t('common.actions'),
    render: (user) => (
      <Group gap="xs" wrap="nowrap">
        <Button
          size="compact-xs"
          variant="default"
          aria-label={t('users.editTitle', { name: user.name })}
          onClick={() => setForm({ user })}
        >
          {t('common.edit')}
        </Button>
        {user.name !== session.user && (
          <Button
            size="compact-xs"
            variant="default"
            aria-label={t('users.deleteTitle', { name: user.name })}
            onClick={() => remove.mutate(user)}
          >
            {t('common.delete')}
          </Button>
        )}
      </Group>
    ),
  };
  return (
    <Page
      title={t('users.title')}
      description={t('users.description')}
      actions={
        rights.users && (
          <Button leftSection={<Icon name="plus" />} onClick={() => setForm({ user: null })}>
            {t('users.add')}
          </Button>
        )
      }
    >
      {remove.isError && <Failure error={remove.error} />}
      <Card flush>
        <DataTable
          label={t('users.title')}
          columns={rights.users ? [...columns, actions] : columns}
          rowKey={({ name }) => name}
          pages={pages}
          empty={<Empty icon="user" title={t('users.empty')} />}
        />
      </Card>
      <Modal
        opened={form !== null}
        onClose={() => setForm(null)}
        title={form?.user === null || form === null ? t('users.add') : t('users.editTitle', { name: form.user.name })}
        closeButtonProps={{ 'aria-label': t('common.close') }}
      >
        {form !== null && <UserForm user={form.user} onClose={() => setForm(null)} />}
      </Modal>
    </Page>
  );
}
