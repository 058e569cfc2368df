// The dialog for one row. What the gateway refuses is said at its field; what was typed stays.
import { Button, Group, Modal, Stack } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useState } from 'react';
import type { TableName, TableValue } from '../../../../src/admin/api/schemas/tables.ts';
import { request } from '../../api/client.ts';
import { ApiError, problemsBelow } from '../../api/problem.ts';
import { configurationChanged } from '../../api/queries.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { Failure } from '../../parts/states.tsx';
import { useToast } from '../../parts/toast.tsx';
import type { ConfigTableProps, Row } from './config-table.tsx';

export interface FieldProps<N extends TableName> {
  readonly value: TableValue<N>;
  readonly set: (value: TableValue<N>) => void;
  /** What is wrong with a key of the row ('' for the row itself). */
  readonly problem: (key: string) => string | undefined;
  /** The row is new. */
  readonly isNew: boolean;
}

export interface RowFields<N extends TableName> {
  /** Keys of the row that have a field, so that an error elsewhere is not lost; '' where the row is one value. */
  readonly keys: readonly string[];
  readonly draw: (props: FieldProps<N>) => ReactNode;
}

interface RowDialogProps<N extends TableName> extends ConfigTableProps<N> {
  readonly path: string;
  readonly opened: 'new' | Row<N> | null;
  readonly onClose: () => void;
}

export function RowDialog<N extends TableName>({ opened, onClose, ...props }: RowDialogProps<N>) {
  const { t } = useLanguage();
  // What was opened last, while the dialog fades away.
  const [shown, setShown] = useState<'new' | Row<N>>('new');
  if (opened !== null && opened !== shown) setShown(opened);
  const title = shown === 'new' ? props.add : `${t('common.edit')}: ${shown.id}`;
  return (
    <Modal
      opened={opened !== null}
      onClose={onClose}
      title={title}
      closeOnClickOutside={false}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      {shown === 'new' && props.addMany !== undefined ? (
        props.addMany(onClose)
      ) : (
        <RowForm
          key={shown === 'new' ? '' : shown.id}
          {...props}
          row={shown === 'new' ? null : shown}
          onClose={onClose}
        />
      )}
    </Modal>
  );
}

interface RowFormProps<N extends TableName> extends ConfigTableProps<N> {
  readonly path: string;
  readonly row: Row<N> | null;
  readonly onClose: () => void;
}

function RowForm<N extends TableName>({ path, row, blank, fields, onClose }: RowFormProps<N>) {
  const { t } = useLanguage();
  const toast = useToast();
  const [value, setValue] = useState<TableValue<N>>(row === null ? blank : row.value);
  const save = useMutation({
    mutationFn: async () => {
      if (row === null) await request('POST', path, { body: { values: [value] } });
      else await request('PUT', `${path}/rows`, { body: { id: row.id, value } });
      await configurationChanged();
      onClose();
      toast(t('table.submitted'));
    },
  });
  const base = row === null ? '/values/0' : '/value';
  const pointer = (key: string) => (key === '' ? base : `${base}/${key}`);
  const placed = isPlaced(
    save.error,
    fields.keys.map((key) => pointer(key)),
  );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        {save.isError && !placed && <Failure error={save.error} />}
        {fields.draw({
          value,
          set: setValue,
          problem: (key) => problemsBelow(save.error, pointer(key)),
          isNew: row === null,
        })}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
          <Button type="submit" loading={save.isPending}>
            {t('common.submit')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** Every error stands at a field that is shown. */
function isPlaced(error: unknown, pointers: readonly string[]): boolean {
  if (!(error instanceof ApiError)) return false;
  const errors = error.problem?.errors ?? [];
  return (
    errors.length > 0 &&
    errors.every((one) => pointers.some((pointer) => one.pointer === pointer || one.pointer.startsWith(`${pointer}/`)))
  );
}
