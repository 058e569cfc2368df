// "Are you sure?" as a promise: `if (await confirm({...})) ...`.
import { Button, Group, Modal, Stack } from '@mantine/core';
import { createContext, type ReactNode, use, useCallback, useState } from 'react';
import { useLanguage } from '../i18n/language.tsx';

export interface Confirmation {
  readonly title: string;
  readonly text: ReactNode;
  /** What the button that goes on says. */
  readonly action: string;
  /** What is done cannot be undone. */
  readonly danger?: boolean;
}

type Confirm = (confirmation: Confirmation) => Promise<boolean>;
type Asked = Confirmation & { readonly answer: (yes: boolean) => void };

const Context = createContext<Confirm>(() => Promise.resolve(false));

export function ConfirmProvider({ children }: { readonly children: ReactNode }) {
  const { t } = useLanguage();
  const [asked, setAsked] = useState<Asked | null>(null);
  const [opened, setOpened] = useState(false);
  const confirm = useCallback<Confirm>(
    (confirmation) =>
      new Promise((resolve) => {
        setAsked({ ...confirmation, answer: resolve });
        setOpened(true);
      }),
    [],
  );
  const answer = (yes: boolean) => {
    asked?.answer(yes);
    setOpened(false);
  };
  return (
    <Context value={confirm}>
      {children}
      <Modal
        opened={opened}
        onClose={() => answer(false)}
        title={asked?.title}
        closeButtonProps={{ 'aria-label': t('common.close') }}
      >
        <Stack>
          <div>{asked?.text}</div>
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={() => answer(false)} data-autofocus>
              {t('common.cancel')}
            </Button>
            <Button {...(asked?.danger === true ? { color: 'red.9' } : {})} onClick={() => answer(true)}>
              {asked?.action}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </Context>
  );
}

export function useConfirm(): Confirm {
  return use(Context);
}
