// Tables whose rows are single values: recipient domains, relay clients. Many can be added at once, one a line.
import { Button, Group, Stack, Textarea, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { request } from '../../api/client.ts';
import { ApiError } from '../../api/problem.ts';
import { configurationChanged } from '../../api/queries.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { Failure } from '../../parts/states.tsx';
import { useToast } from '../../parts/toast.tsx';
import { ConfigTable } from './config-table.tsx';
import classes from './network.module.css';

export interface ValueTableProps {
  readonly table: 'accept' | 'relay';
  readonly title: string;
  readonly description: string;
  readonly column: string;
  readonly add: string;
  readonly help: string;
  readonly empty: readonly [title: string, text: string];
}

export function ValueTable({ table, title, description, column, add, help, empty }: ValueTableProps) {
  return (
    <ConfigTable
      table={table}
      title={title}
      description={description}
      add={add}
      empty={empty}
      blank=""
      columns={[{ key: 'value', title: column, render: ({ value }) => value }]}
      fields={{
        keys: [''],
        draw: ({ value, set, problem }) => (
          <TextInput
            label={column}
            description={help}
            required
            data-autofocus
            value={value}
            error={problem('')}
            onChange={(event) => set(event.currentTarget.value.trim())}
          />
        ),
      }}
      addMany={(close) => <AddMany table={table} label={column} help={help} onClose={close} />}
    />
  );
}

interface AddManyProps {
  readonly table: 'accept' | 'relay';
  readonly label: string;
  readonly help: string;
  readonly onClose: () => void;
}

function AddMany({ table, label, help, onClose }: AddManyProps) {
  const { t } = useLanguage();
  const toast = useToast();
  const [text, setText] = useState('');
  const values = text.split(/[\s,;]+/).filter((value) => value !== '');
  const add = useMutation({
    mutationFn: async () => {
      await request('POST', `/configuration/candidate/tables/${table}`, { body: { values } });
      await configurationChanged();
      onClose();
      toast(t('table.added', { count: values.length }));
    },
  });
  const wrong = wrongValues(add.error, add.isError ? values : []);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (values.length > 0) add.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        {add.isError && wrong.length === 0 && <Failure error={add.error} />}
        <Textarea
          label={label}
          description={`${help} ${t('table.onePerLine')}`}
          required
          data-autofocus
          autosize
          minRows={4}
          maxRows={14}
          spellCheck={false}
          value={text}
          error={
            wrong.length === 0 ? undefined : (
              <span className={classes['wrong']} lang="en">
                {wrong.map((problem) => (
                  <span key={problem}>{problem}</span>
                ))}
              </span>
            )
          }
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
          <Button type="submit" loading={add.isPending} disabled={values.length === 0}>
            {values.length > 1 ? t('table.addMany', { count: values.length }) : t('common.add')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** What is wrong, with the value that it is about. */
function wrongValues(error: unknown, values: readonly string[]): readonly string[] {
  if (!(error instanceof ApiError)) return [];
  const found = (error.problem?.errors ?? []).map(({ pointer, detail, remedy }) => {
    const index = Number(/^\/values\/([0-9]+)$/.exec(pointer)?.[1]);
    const said = [detail, remedy].filter(Boolean).join('; ');
    const value = values[index];
    return value === undefined || said.includes(value) ? said : `${value}: ${said}`;
  });
  return [...new Set(found)];
}
