// What the gateway proposes, taken with one click.
import { useMutation } from '@tanstack/react-query';
import { request } from '../../api/client.ts';
import { configurationChanged } from '../../api/queries.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { useToast } from '../toast.tsx';

/** Adds a merge patch to the pending changes, and says so. */
export function useTake() {
  const { t } = useLanguage();
  const toast = useToast();
  return useMutation({
    mutationFn: (patch: unknown) => request('PATCH', '/configuration/candidate', { body: patch }),
    onSuccess: () => toast(t('preview.taken')),
    onSettled: () => configurationChanged(),
  });
}
