// What the gateway does now: numbers, charts and the versions of TLS in use, fed by the event stream.
import { Alert, SegmentedControl, SimpleGrid, Skeleton, Text } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import type { OverviewEvent } from '../../../../src/admin/api/schemas/events.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { Chart, type Line } from '../../parts/chart.tsx';
import { Icon } from '../../parts/icon.tsx';
import { Card, Page } from '../../parts/page.tsx';
import { Failure } from '../../parts/states.tsx';
import { type CountName, liveSpan, useLiveOverview } from './live-overview.ts';
import { bucketTimes, rates } from './measurements.ts';
import { OpenConnections } from './open-connections.tsx';
import classes from './overview.module.css';
import { type Span, spans, useOverviewSeries } from './overview-series.ts';
import { Threads } from './threads.tsx';

export function Overview() {
  const { t, format } = useLanguage();
  const [span, setSpan] = useState<Span>('live');
  const series = useOverviewSeries(span);
  const live = useLiveOverview(series.add);
  const { now, samples } = live;
  const times =
    span === 'live'
      ? samples.map(({ time }) => time / 1000)
      : series.buckets === null
        ? []
        : bucketTimes(series.buckets);
  const values = (name: CountName) =>
    span === 'live'
      ? rates(samples, name).map((rate) => (rate === null ? null : rate * 60))
      : (series.buckets?.values[name] ?? []);
  const line = (label: string, colour: Line['colour'], name: CountName): Line => ({
    label,
    colour,
    values: values(name),
  });
  const liveWindow = { span: liveSpan / 1000 };
  const shown = span === 'live' ? liveWindow : {};
  const rounded = (value: number) => format.number(Math.round(value));
  const gauges = samples.map(({ time }) => time / 1000);
  const unit = t(
    span === 'live' ? 'overview.perMinute' : series.step === 'hour' ? 'overview.inHours' : 'overview.inMinutes',
  );
  return (
    <Page
      title={t('overview.title')}
      description={t('overview.description')}
      actions={
        <SegmentedControl
          aria-label={t('overview.span')}
          size="xs"
          value={span}
          onChange={(value) => setSpan(value as Span)}
          data={spans.map((value) => ({ value, label: t(`overview.span.${value}`) }))}
        />
      }
    >
      {now?.queue.full === true && (
        <Alert color="red" icon={<Icon name="error" />} title={t('overview.full')}>
          {t('overview.fullText')}
        </Alert>
      )}
      {now?.history.state === 'paused' && (
        <Alert color="yellow" icon={<Icon name="warning" />} title={t('overview.paused')}>
          <span lang="en">{now.history.reason}</span>
        </Alert>
      )}
      {series.error !== null && <Failure error={series.error} onRetry={series.refetch} />}
      <Tiles now={now} />
      <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="md">
        <Card title={t('overview.mail')} actions={<Unit>{unit}</Unit>}>
          <Chart
            title={t('overview.mail')}
            times={times}
            format={rounded}
            {...shown}
            lines={[line(t('overview.accepted'), 1, 'accepted'), line(t('overview.delivered'), 2, 'delivered')]}
          />
        </Card>
        <Card title={t('overview.queue')} actions={<Unit>{t('overview.span.live')}</Unit>}>
          <Chart
            title={t('overview.queue')}
            times={gauges}
            format={rounded}
            {...liveWindow}
            lines={[
              { label: t('overview.queued'), colour: 1, values: samples.map((sample) => sample.values.queued) },
              { label: t('overview.held'), colour: 3, values: samples.map((sample) => sample.values.held) },
            ]}
          />
        </Card>
        <Card title={t('overview.trouble')} actions={<Unit>{unit}</Unit>}>
          <Chart
            title={t('overview.trouble')}
            times={times}
            format={rounded}
            {...shown}
            lines={[
              line(t('overview.refused'), 6, 'refused'),
              line(t('overview.deferred'), 2, 'deferred'),
              line(t('overview.bounced'), 4, 'bounced'),
            ]}
          />
        </Card>
        <Card title={t('overview.versions')} actions={<Unit>{unit}</Unit>}>
          <Chart
            title={t('overview.versions')}
            times={times}
            format={rounded}
            {...shown}
            lines={versionLines(values, t('overview.tlsFailed'))}
          />
        </Card>
        <OpenConnections now={now} />
        <Threads now={now} />
      </SimpleGrid>
    </Page>
  );
}

/** Handshakes of both directions, a line a version. */
function versionLines(values: (name: CountName) => readonly (number | null)[], failed: string): Line[] {
  const both = (incoming: CountName, outgoing: CountName) => {
    const out = values(outgoing);
    return values(incoming).map((value, index) => (value === null ? null : value + (out[index] ?? 0)));
  };
  return [
    { label: 'TLS v1.3', colour: 1, values: both('incomingTls13', 'outgoingTls13') },
    { label: 'TLS v1.2', colour: 5, values: both('incomingTls12', 'outgoingTls12') },
    { label: 'TLS v1.1', colour: 2, values: both('incomingTls11', 'outgoingTls11') },
    { label: 'TLS v1.0', colour: 3, values: both('incomingTls10', 'outgoingTls10') },
    { label: failed, colour: 4, values: both('incomingTlsFailed', 'outgoingTlsFailed') },
  ];
}

function Unit({ children }: { readonly children: ReactNode }) {
  return (
    <Text size="xs" c="dimmed">
      {children}
    </Text>
  );
}

function Tiles({ now }: { readonly now: OverviewEvent | null }) {
  const { t, format } = useLanguage();
  const share = (free: number, total: number) =>
    t('overview.ofTotal', { total: format.bytes(total), percent: total === 0 ? 0 : Math.round((free / total) * 100) });
  return (
    <ul className={classes['tiles']} aria-label={t('overview.now')}>
      <Tile
        title={t('overview.state')}
        value={now === null ? null : t(`overview.state.${now.state}`)}
        tone={now?.state === 'impaired' ? 'bad' : 'good'}
        detail={now === null ? '' : t('overview.revision', { revision: now.revision })}
      />
      <Tile
        title={t('overview.inQueue')}
        value={now === null ? null : format.number(now.queue.messages)}
        detail={
          now === null
            ? ''
            : now.queue.oldest === null
              ? t('overview.queueEmpty')
              : t('overview.oldest', { age: format.relative(now.queue.oldest, Date.parse(now.time)) })
        }
      />
      <Tile
        title={t('overview.connections')}
        value={
          now === null
            ? null
            : `${format.number(now.connections.incoming)} / ${format.number(now.connections.outgoing)}`
        }
        detail={t('overview.inOut')}
      />
      <Tile
        title={t('overview.disk')}
        value={now === null ? null : format.bytes(now.disk.free)}
        detail={now === null ? '' : share(now.disk.free, now.disk.total)}
        {...(now?.queue.full === true ? { tone: 'bad' as const } : {})}
      />
      <Tile
        title={t('overview.history')}
        value={now === null ? null : format.bytes(now.history.size)}
        detail={now === null ? '' : t('overview.historyLimit', { limit: format.bytes(now.history.limit) })}
      />
      <Tile
        title={t('overview.memory')}
        value={now === null ? null : format.bytes(now.memory)}
        detail={
          now === null
            ? ''
            : t('overview.since', { time: format.duration(Date.parse(now.time) - Date.parse(now.started)) })
        }
      />
    </ul>
  );
}

interface TileProps {
  readonly title: string;
  /** Null: not known yet. */
  readonly value: string | null;
  readonly detail: string;
  readonly tone?: 'good' | 'bad';
}

function Tile({ title, value, detail, tone }: TileProps) {
  return (
    <li className={classes['tile']} data-tone={tone}>
      <span className={classes['tileTitle']}>{title}</span>
      {value === null ? (
        <Skeleton height={28} width="60%" my={4} />
      ) : (
        <span className={classes['tileValue']}>{value}</span>
      )}
      <span className={classes['tileDetail']}>{detail}</span>
    </li>
  );
}
