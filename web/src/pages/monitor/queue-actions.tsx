// What is done to messages in the queue: to those that are selected, or to all that the search finds. Many are done in
// pieces, so that one sees how far it is and can stop it.
import { Button, Group, Modal, Progress, Stack, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import type { QueueActed, QueueAction, QueueRow } from '../../../../src/admin/api/schemas/queue.ts';
import { request } from '../../api/client.ts';
import { queryClient } from '../../api/queries.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { useConfirm } from '../../parts/confirm.tsx';
import { Icon, type IconName } from '../../parts/icon.tsx';
import { Failure } from '../../parts/states.tsx';
import { useToast } from '../../parts/toast.tsx';
import classes from './queue.module.css';
import { type Filter, rowKey } from './queue-filter.ts';

type Action = QueueAction['action'];
/** Changed in one request. */
const piece = 1000;

const actions: readonly { readonly action: Action; readonly icon: IconName }[] = [
  { action: 'deliver', icon: 'send' },
  { action: 'hold', icon: 'pause' },
  { action: 'release', icon: 'play' },
  { action: 'delete', icon: 'trash' },
];

/** Messages whose every row is chosen, and single rows of the others. All rows of a message are on one page. */
function byMessage(rows: readonly QueueRow[], chosen: ReadonlySet<string>) {
  const wanted = rows.filter((row) => chosen.has(rowKey(row)));
  const count = (list: readonly QueueRow[], mid: number) => list.filter((row) => row.mid === mid).length;
  const isWhole = ({ mid }: QueueRow) => count(wanted, mid) === count(rows, mid);
  return {
    whole: [...new Set(wanted.filter(isWhole).map(({ mid }) => mid))],
    single: wanted.filter((row) => !isWhole(row)).map(({ mid, destination }) => ({ mid, destination })),
  };
}

export interface QueueActionsProps {
  readonly filter: Filter;
  /** Of the page that is shown. */
  readonly rows: readonly QueueRow[];
  /** There are other pages. */
  readonly more: boolean;
  /** Rows of the queue, where nothing is searched for. */
  readonly queued: number | undefined;
  readonly chosen: ReadonlySet<string>;
  readonly onChosen: (chosen: ReadonlySet<string>) => void;
}

export function QueueActions({ filter, rows, more, queued, chosen, onChosen }: QueueActionsProps) {
  const { t } = useLanguage();
  const confirm = useConfirm();
  const toast = useToast();
  // All that the search finds; it ends when the search or the selection changes.
  const [everything, setEverything] = useState<string | null>(null);
  const [done, setDone] = useState<{ readonly action: Action; readonly count: number } | null>(null);
  const stopped = useRef(false);
  const name = JSON.stringify(filter);
  const onPage = rows.filter((row) => chosen.has(rowKey(row)));
  const wholePage = rows.length > 0 && onPage.length === rows.length;
  const all = everything === name && wholePage;
  const total = all ? queued : onPage.length;
  const act = useMutation({
    mutationFn: async (action: Action) => {
      const count = onPage.length;
      if (all || action === 'delete') {
        const text = all
          ? t(Object.keys(filter).length === 0 ? 'queue.confirmAll' : 'queue.confirmMatching')
          : t('queue.confirmSelected', { count });
        const title = t(`queue.confirm.${action}`);
        const danger = action === 'delete';
        const warning = danger ? ` ${t('queue.confirmDelete')}` : '';
        const asked = { title, text: text + warning, action: t(`queue.action.${action}`), danger };
        if (!(await confirm(asked))) return;
      }
      stopped.current = false;
      setDone({ action, count: 0 });
      try {
        const changed = all ? await inPieces(action) : await selected(action);
        toast(t(`queue.done.${action}`, { count: changed }));
        onChosen(new Set());
        setEverything(null);
      } finally {
        setDone(null);
        await queryClient.invalidateQueries({ queryKey: ['queue'] });
      }
    },
  });
  const send = (body: QueueAction) => request<QueueActed>('POST', '/queue/actions', { body });
  const inPieces = async (action: Action) => {
    const what = Object.keys(filter).length === 0 ? { all: true } : { filter };
    let count = 0;
    for (let after: number | null = 0; after !== null && !stopped.current; ) {
      const answer: QueueActed = await send({ action, ...what, after, limit: piece });
      count += answer.count;
      after = answer.next;
      setDone({ action, count });
    }
    return count;
  };
  const selected = async (action: Action) => {
    const { whole, single } = byMessage(rows, chosen);
    let count = whole.length === 0 ? 0 : (await send({ action, mids: whole })).count;
    for (const what of single) {
      if (stopped.current) break;
      setDone({ action, count });
      count += (await send({ action, filter: what })).count;
    }
    return count;
  };
  const nothing = onPage.length === 0;
  return (
    <section aria-label={t('queue.actions')} className={classes['actions']}>
      <Group gap="xs">
        {actions.map(({ action, icon }) => (
          <Button
            key={action}
            size="xs"
            variant="default"
            leftSection={<Icon name={icon} size={14} />}
            disabled={nothing || act.isPending}
            onClick={() => act.mutate(action)}
          >
            {t(`queue.action.${action}`)}
          </Button>
        ))}
        <Text size="sm" c="dimmed" aria-live="polite">
          {all
            ? t('queue.allSelected')
            : nothing
              ? t('queue.selectFirst')
              : t('queue.selected', { count: onPage.length })}
        </Text>
        {rows.length > 0 && !wholePage && (
          <Button
            size="compact-sm"
            variant="subtle"
            onClick={() => onChosen(new Set([...chosen, ...rows.map(rowKey)]))}
          >
            {t('table.selectAll')}
          </Button>
        )}
        {wholePage && more && !all && (
          <Button size="compact-sm" variant="subtle" onClick={() => setEverything(name)}>
            {t(Object.keys(filter).length === 0 ? 'queue.selectQueue' : 'queue.selectMatching')}
          </Button>
        )}
      </Group>
      {act.isError && <Failure error={act.error} />}
      <Modal
        opened={done !== null}
        onClose={() => {
          stopped.current = true;
        }}
        withCloseButton={false}
        title={done === null ? '' : t(`queue.doing.${done.action}`)}
      >
        <Stack>
          <Progress
            value={total === undefined ? 100 : (100 * (done?.count ?? 0)) / Math.max(1, total)}
            animated={total === undefined}
            aria-label={t('queue.progress')}
          />
          <Text aria-live="polite">
            {total === undefined
              ? t('queue.changed', { count: done?.count ?? 0 })
              : t('queue.changedOf', { count: done?.count ?? 0, total })}
          </Text>
          <Group justify="flex-end">
            <Button
              variant="default"
              onClick={() => {
                stopped.current = true;
              }}
            >
              {t('queue.stop')}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </section>
  );
}
