// Short messages about what was done, at the lower edge, read out by screen readers. They go by themselves.
import { Notification } from '@mantine/core';
import { createContext, type ReactNode, use, useCallback, useMemo, useRef, useState } from 'react';
import { useLanguage } from '../i18n/language.tsx';
import { Icon } from './icon.tsx';
import classes from './toast.module.css';

interface Toast {
  readonly id: number;
  readonly text: string;
  readonly kind: 'success' | 'warning';
}

type Show = (text: string, kind?: Toast['kind']) => void;

const Context = createContext<Show>(() => {});
const shownFor = 6000;
const most = 3;

export function ToastProvider({ children }: { readonly children: ReactNode }) {
  const { t } = useLanguage();
  const [toasts, setToasts] = useState<readonly Toast[]>([]);
  const next = useRef(0);
  const remove = useCallback((id: number) => setToasts((all) => all.filter((toast) => toast.id !== id)), []);
  const show = useCallback<Show>(
    (text, kind = 'success') => {
      const id = next.current++;
      setToasts((all) => [...all, { id, text, kind }].slice(-most));
      setTimeout(() => remove(id), shownFor);
    },
    [remove],
  );
  return (
    <Context value={useMemo(() => show, [show])}>
      {children}
      <div className={classes['toasts']} aria-live="polite" role="status">
        {toasts.map(({ id, text, kind }) => (
          <Notification
            key={id}
            color={kind === 'success' ? 'green.9' : 'yellow.9'}
            icon={<Icon name={kind === 'success' ? 'check' : 'warning'} />}
            withBorder
            onClose={() => remove(id)}
            closeButtonProps={{ 'aria-label': t('common.close') }}
          >
            {text}
          </Notification>
        ))}
      </div>
    </Context>
  );
}

/** `toast('Saved.')` */
export function useToast(): Show {
  return use(Context);
}
