// Fields to look for something by; the search begins with Enter or its button, not while one still types.
import { Button, Group } from '@mantine/core';
import { type FormEvent, type ReactNode, useEffect, useState } from 'react';
import { useLanguage } from '../i18n/language.tsx';
import { Icon } from './icon.tsx';
import classes from './search-form.module.css';
import type { Search } from './search-parameters.ts';

export interface SearchFormProps<Name extends string> {
  readonly label: string;
  readonly search: Search<Name>;
  /** Draws the fields; `typed` is what stands in them. */
  readonly fields: (typed: Readonly<Record<Name, string>>, type: (name: Name, value: string) => void) => ReactNode;
}

export function SearchForm<Name extends string>({ label, search, fields }: SearchFormProps<Name>) {
  const { t } = useLanguage();
  const [typed, setTyped] = useState(search.values);
  const present = JSON.stringify(search.values);
  useEffect(() => setTyped(JSON.parse(present) as Record<Name, string>), [present]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const trimmed = Object.entries<string>(typed).map(([name, value]) => [name, value.trim()]);
    search.set(Object.fromEntries(trimmed) as Record<Name, string>);
  };
  const clear = () => {
    search.set(Object.fromEntries(Object.keys(typed).map((name) => [name, ''])) as Record<Name, string>);
  };
  return (
    <search aria-label={label}>
      <form onSubmit={submit} className={classes['form']}>
        <div className={classes['fields']}>
          {fields(typed, (name, value) => setTyped((all) => ({ ...all, [name]: value })))}
        </div>
        <Group gap="xs">
          <Button type="submit" leftSection={<Icon name="search" size={16} />}>
            {t('common.search')}
          </Button>
          <Button variant="default" onClick={clear} disabled={search.none}>
            {t('search.clear')}
          </Button>
        </Group>
      </form>
    </search>
  );
}
