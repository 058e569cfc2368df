import { Alert, Button, Checkbox, Group, NumberInput, Stack, Text, Textarea } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { Commit, Committed } from '../../../../src/admin/api/schemas/configuration.ts';
import { request } from '../../api/client.ts';
import { hasCode } from '../../api/problem.ts';
import { configurationChanged } from '../../api/queries.ts';
import { useRights } from '../../api/session.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { useConfirm } from '../../parts/confirm.tsx';
import { Icon } from '../../parts/icon.tsx';
import { Card } from '../../parts/page.tsx';
import { usePreview } from '../../parts/preview/use-preview.ts';
import { Failure } from '../../parts/states.tsx';
import { useToast } from '../../parts/toast.tsx';
import { RollOutFields, type RollOutWish, wishOf } from './roll-out-fields.tsx';

const longestComment = 1000;

export interface CommitFormProps {
  /** Conflicts come first. */
  readonly disabled: boolean;
  readonly onCommitted: (committed: Committed) => void;
}

export function CommitForm({ disabled, onCommitted }: CommitFormProps) {
  const { t } = useLanguage();
  const rights = useRights();
  const confirm = useConfirm();
  const toast = useToast();
  const [comment, setComment] = useState('');
  const [saveForRollback, setSaveForRollback] = useState(true);
  const [minutes, setMinutes] = useState<string | number>('');
  const [rollOut, setRollOut] = useState<RollOutWish>({ share: '', minutes: 1440, bound: 0 });
  const commit = useMutation({
    mutationFn: (force: boolean) => {
      const confirmWithin = typeof minutes === 'number' ? { confirmWithin: minutes } : {};
      const body: Commit = { comment: comment.trim(), saveForRollback, force, ...confirmWithin, ...wishOf(rollOut) };
      return request<Committed>('POST', '/configuration/commit', { body });
    },
    onSuccess: onCommitted,
    onSettled: () => configurationChanged(),
  });
  const preview = usePreview(null);
  const abandon = useMutation({
    mutationFn: async () => {
      const question = { title: t('commit.abandonTitle'), text: t('commit.abandonText'), action: t('commit.abandon') };
      if (!(await confirm({ ...question, danger: true }))) return;
      await request('DELETE', '/configuration/candidate');
      await configurationChanged();
      toast(t('commit.abandoned'));
    },
  });
  /** Where somebody breaks it is asked once more; where no preview can be made it is a help, not a lock. */
  const submit = async () => {
    const breaks = preview.data?.breaks ?? 0;
    if (breaks > 0) {
      const text = t('preview.breaks', { count: breaks, days: preview.data?.days ?? 0 });
      const question = { title: t('preview.askTitle'), text, action: t('commit.force'), danger: true };
      if (!(await confirm(question))) return;
    }
    commit.mutate(false);
  };
  const lockOut = hasCode(commit.error, 'lock-out') ? commit.error : null;
  if (!rights.configuration) return <Text c="dimmed">{t('common.readOnly')}</Text>;
  return (
    <Card>
      <form
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          void submit();
        }}
      >
        <Stack>
          {commit.isError && lockOut === null && <Failure error={commit.error} />}
          {abandon.isError && <Failure error={abandon.error} />}
          <Textarea
            label={t('commit.comment')}
            description={t('commit.commentHelp')}
            value={comment}
            maxLength={longestComment}
            autosize
            minRows={2}
            maxRows={6}
            onChange={(event) => setComment(event.currentTarget.value)}
          />
          <Checkbox
            label={t('commit.saveForRollback')}
            checked={saveForRollback}
            onChange={(event) => setSaveForRollback(event.currentTarget.checked)}
          />
          <NumberInput
            label={t('commit.confirmWithin')}
            description={t('commit.confirmWithinHelp')}
            value={minutes}
            min={0}
            max={1440}
            maw="22rem"
            onChange={setMinutes}
          />
          <RollOutFields wish={rollOut} onChange={setRollOut} />
          {lockOut !== null && (
            <Alert color="red" icon={<Icon name="lock" />} title={t('problem.code.lock-out')} role="alert">
              <Stack gap="xs">
                <div lang="en">
                  {lockOut.problem?.detail} {lockOut.problem?.remedy}
                </div>
                <Group>
                  <Button color="red.9" loading={commit.isPending} onClick={() => commit.mutate(true)}>
                    {t('commit.force')}
                  </Button>
                </Group>
              </Stack>
            </Alert>
          )}
          <Group gap="xs">
            <Button type="submit" disabled={disabled} loading={commit.isPending}>
              {t('frame.commitChanges')}
            </Button>
            <Button variant="default" onClick={() => abandon.mutate()}>
              {t('commit.abandon')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Card>
  );
}
