// A new password, twice. The gateway checks it again; what it asks for is said before one types.
import { PasswordInput } from '@mantine/core';
import { useState } from 'react';
import { useLanguage } from '../i18n/language.tsx';

const shortest = 12;

export interface NewPasswordState {
  readonly value: string;
  readonly again: string;
  readonly shown: boolean;
  readonly setValue: (value: string) => void;
  readonly setAgain: (value: string) => void;
  /** True: it can be sent; else the fields say what is missing. */
  readonly check: () => boolean;
  readonly clear: () => void;
}

export function useNewPassword(): NewPasswordState {
  const [value, setValue] = useState('');
  const [again, setAgain] = useState('');
  const [shown, setShown] = useState(false);
  return {
    value,
    again,
    shown,
    setValue,
    setAgain,
    check: () => {
      setShown(true);
      return [...value].length >= shortest && value === again;
    },
    clear: () => {
      setValue('');
      setAgain('');
      setShown(false);
    },
  };
}

export function NewPassword({ state }: { readonly state: NewPasswordState }) {
  const { t } = useLanguage();
  const { value, again, shown } = state;
  const tooShort = shown && [...value].length < shortest;
  const differs = shown && !tooShort && value !== again;
  const toggle = { 'aria-label': t('session.showPassword') };
  return (
    <>
      <PasswordInput
        label={t('password.new')}
        description={t('password.rule', { count: shortest })}
        autoComplete="new-password"
        required
        value={value}
        error={tooShort ? t('password.short', { count: shortest }) : undefined}
        visibilityToggleButtonProps={toggle}
        onChange={(event) => state.setValue(event.currentTarget.value)}
      />
      <PasswordInput
        label={t('password.again')}
        autoComplete="new-password"
        required
        value={again}
        error={differs ? t('password.differs') : undefined}
        visibilityToggleButtonProps={toggle}
        onChange={(event) => state.setAgain(event.currentTarget.value)}
      />
    </>
  );
}
