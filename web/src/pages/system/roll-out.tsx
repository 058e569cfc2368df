// System > Roll-out: a change of TLS that only a share of the peers has, as it stands from second to second.
import { Alert, Button, Group, Stack, Text } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import type { RollOut, RollOutView } from '../../../../src/admin/api/schemas/rollout.ts';
import { request } from '../../api/client.ts';
import { configurationChanged, configurationKey } from '../../api/queries.ts';
import { useRights } from '../../api/session.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { Chart } from '../../parts/chart.tsx';
import { Facts } from '../../parts/facts.tsx';
import { Icon } from '../../parts/icon.tsx';
import { Card, Page } from '../../parts/page.tsx';
import { Await, Empty, Failure } from '../../parts/states.tsx';
import { useToast } from '../../parts/toast.tsx';

const colours = { running: 'blue', completed: 'green', 'taken-back': 'red' } as const;
const icons = { running: 'info', completed: 'check', 'taken-back': 'warning' } as const;

export function RollOutPage() {
  const { t } = useLanguage();
  const rollOut = useQuery({
    queryKey: [configurationKey, 'rollOut'],
    queryFn: ({ signal }) => request<RollOut>('GET', '/configuration/rollout', { signal }),
    refetchInterval: ({ state }) => (state.data?.rollOut?.state === 'running' ? 1000 : 15_000),
  });
  return (
    <Page title={t('rollOut.title')} description={t('rollOut.description')}>
      <Await query={rollOut} lines={6}>
        {({ rollOut: view }) =>
          view === null ? (
            <Card>
              <Empty icon="info" title={t('rollOut.none')}>
                {t('rollOut.noneText')}
              </Empty>
            </Card>
          ) : (
            <View view={view} />
          )
        }
      </Await>
    </Page>
  );
}

function View({ view }: { readonly view: RollOutView }) {
  const { t, format } = useLanguage();
  const { revision, state, share, until, ended, reason, bound, unforeseen, foretold, failing } = view;
  const side = ({ peers, failing: some, succeeded, failed }: RollOutView['inside']) =>
    t('rollOut.side', { peers, failing: some, handshakes: succeeded + failed, failed });
  return (
    <>
      <Alert color={colours[state]} icon={<Icon name={icons[state]} />} role="status" mb="md">
        {state === 'running'
          ? t('rollOut.state.running', { revision, share, time: format.time(until) })
          : t(`rollOut.state.${state}`, { revision, time: format.time(ended ?? until) })}
        {reason !== null && (
          <Text size="sm" lang="en">
            {reason}
          </Text>
        )}
      </Alert>
      {state === 'running' && <Ends />}
      <Card title={t('rollOut.chart')}>
        <Failing view={view} />
        <Facts
          facts={[
            [t('rollOut.inside'), side(view.inside)],
            [t('rollOut.outside'), side(view.outside)],
            [t('rollOut.foretold'), format.number(foretold)],
            [t('rollOut.unforeseen'), t('rollOut.unforeseenValue', { unforeseen, bound })],
          ]}
        />
      </Card>
      {failing.length > 0 && (
        <Card title={t('rollOut.who')}>
          <Stack gap="xs">
            {failing.map(({ service, address, name, inside, fate, count, explanation, detail }) => (
              <div key={`${service} ${address}`}>
                <Text size="sm" fw={600}>
                  {name === '' ? address : `${name} (${address})`}
                </Text>
                <Text size="sm">
                  {inside ? t('rollOut.inside') : t('rollOut.outside')}, {t('rollOut.times', { count })},{' '}
                  {t(`rollOut.fate.${fate}`)}
                </Text>
                <Text size="sm" lang="en" style={{ overflowWrap: 'anywhere' }}>
                  {explanation ?? detail}
                </Text>
              </div>
            ))}
          </Stack>
        </Card>
      )}
    </>
  );
}

function Failing({ view: { points, bound } }: { readonly view: RollOutView }) {
  const { t, format } = useLanguage();
  const of = (pick: (point: RollOutView['points'][number]) => number) => points.map(pick);
  return (
    <Chart
      title={t('rollOut.chart')}
      times={points.map(({ time }) => Date.parse(time) / 1000)}
      format={(value) => format.number(Math.round(value))}
      lines={[
        { label: t('rollOut.failing'), colour: 1, values: of(({ failing }) => failing) },
        { label: t('rollOut.foretold'), colour: 2, values: of(({ foretold }) => foretold) },
        { label: t('rollOut.excess'), colour: 3, values: of(({ excess }) => excess) },
        { label: t('rollOut.limit'), colour: 4, values: of(() => bound) },
        { label: t('rollOut.others'), colour: 6, values: of(({ outsideFailing }) => outsideFailing) },
      ]}
    />
  );
}

function Ends() {
  const { t } = useLanguage();
  const rights = useRights();
  const toast = useToast();
  const end = useMutation({
    mutationFn: (method: 'POST' | 'DELETE') => request(method, '/configuration/rollout'),
    onSuccess: (_, method) => toast(method === 'POST' ? t('rollOut.wentToAll') : t('rollOut.takenBack')),
    onSettled: () => configurationChanged(),
  });
  if (!rights.configuration) return null;
  return (
    <Stack gap="xs" mb="md">
      {end.isError && <Failure error={end.error} />}
      <Group gap="xs">
        <Button loading={end.isPending} onClick={() => end.mutate('POST')}>
          {t('rollOut.all')}
        </Button>
        <Button variant="default" loading={end.isPending} onClick={() => end.mutate('DELETE')}>
          {t('rollOut.back')}
        </Button>
      </Group>
    </Stack>
  );
}
