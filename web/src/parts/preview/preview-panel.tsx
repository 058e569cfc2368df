// Who would break, become weaker or better: while one clicks, and before a commit.
import { Alert, Badge, Button, Group as Row, Stack, Text } from '@mantine/core';
import { hasCode } from '../../api/problem.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { Icon } from '../icon.tsx';
import { Card } from '../page.tsx';
import { Failure, Loading } from '../states.tsx';
import { Moves } from './moves.tsx';
import classes from './preview.module.css';
import { type Change, type Group, type Preview, type Target, usePreview } from './use-preview.ts';

const shownNames = 5;
const changes: readonly Change[] = ['breaks', 'weaker', 'starts', 'better', 'unchanged'];
const colours: Readonly<Record<Change, string>> = {
  breaks: 'red',
  weaker: 'yellow',
  starts: 'green',
  better: 'green',
  unchanged: 'gray',
};

export interface PreviewPanelProps {
  /** A merge patch upon the candidate; null: the candidate as it is. */
  readonly patch: unknown;
  /** Takes the smallest change that keeps a group; null: this reader may not. */
  readonly onKeep: ((patch: unknown) => void) | null;
  /** Also who moves where. */
  readonly picture?: boolean;
}

export function PreviewPanel({ patch, onKeep, picture = false }: PreviewPanelProps) {
  const { t } = useLanguage();
  const preview = usePreview(patch);
  const { data } = preview;
  return (
    <Card title={t('preview.title')}>
      {preview.isError && <Failed error={preview.error} onRetry={() => void preview.refetch()} />}
      {preview.isPending && <Loading lines={3} />}
      {data !== undefined && !preview.isError && (
        <div aria-busy={preview.isPlaceholderData}>
          <Verdict preview={data} />
          {data.targets
            .filter(({ changed }) => changed)
            .map((target) => (
              <TargetView
                key={`${target.service} ${target.listener}`}
                target={target}
                onKeep={onKeep}
                picture={picture}
              />
            ))}
          {data.outgoing.changed && <Outgoing outgoing={data.outgoing} />}
        </div>
      )}
    </Card>
  );
}

/** What is wrong with the settings stands beside their fields. */
function Failed({ error, onRetry }: { readonly error: unknown; readonly onRetry: () => void }) {
  const { t } = useLanguage();
  const wrong = hasCode(error, 'bad-configuration', 'bad-ciphers');
  return wrong ? <Text size="sm">{t('preview.wrong')}</Text> : <Failure error={error} onRetry={onRetry} />;
}

function Verdict({ preview: { complete, breaks, days, targets, outgoing } }: { readonly preview: Preview }) {
  const { t } = useLanguage();
  const nothing = !outgoing.changed && targets.every(({ changed }) => !changed);
  if (nothing) return <Text size="sm">{t('preview.nothing')}</Text>;
  if (!complete) return <Text size="sm">{t('preview.working')}</Text>;
  const bad = breaks > 0;
  return (
    <Alert color={bad ? 'red' : 'green'} icon={<Icon name={bad ? 'warning' : 'check'} />} role="status" mb="md">
      {bad ? t('preview.breaks', { count: breaks, days }) : t('preview.nobody', { days })}
    </Alert>
  );
}

interface TargetProps {
  readonly target: Target;
  readonly onKeep: PreviewPanelProps['onKeep'];
  readonly picture: boolean;
}

function TargetView({ target, onKeep, picture }: TargetProps) {
  const { t } = useLanguage();
  const { service, listener, observed, totals, hellos, groups, moves, mayRefuse, unjudged } = target;
  const told = groups.filter(({ change }) => change !== 'unchanged');
  return (
    <section className={classes['target']} aria-label={t(`ssl.service.${service}`)}>
      <Stack gap="xs">
        <Row gap="xs">
          <Text fw={600}>
            {t(`ssl.service.${service}`)}
            {listener === '' ? '' : ` (${listener})`}
          </Text>
          {changes.map((change) => {
            const { peers, connections } = totals[change];
            if (connections === 0) return null;
            return (
              <Badge key={change} color={colours[change]}>
                {t(`preview.change.${change}`)}:{' '}
                {peers === 0 ? t('preview.alone', { connections }) : t('preview.count', { peers, connections })}
              </Badge>
            );
          })}
        </Row>
        {observed === null && (
          <Text size="sm" c="dimmed">
            {t('preview.unseen')}
          </Text>
        )}
        {unjudged.connections > 0 && (
          <Text size="sm" c="dimmed">
            {t('preview.unjudged', { connections: unjudged.connections })}
          </Text>
        )}
        {hellos.examined < hellos.known && (
          <Text size="sm" c="dimmed">
            {t('preview.progress', { done: hellos.examined, all: hellos.known })}
          </Text>
        )}
        {told.map((group) => (
          <GroupView key={`${group.change} ${group.reason} ${group.offers}`} group={group} onKeep={onKeep} />
        ))}
        {mayRefuse.length > 0 && (
          <div className={classes['group']} data-change="weaker">
            <Text size="sm" fw={600}>
              {t('preview.mayRefuse')}
            </Text>
            <ul className={classes['names']} lang="en">
              {mayRefuse.slice(0, shownNames).map(({ address, text }) => (
                <li key={address}>{text}</li>
              ))}
            </ul>
          </div>
        )}
        {picture && <Moves moves={moves} />}
      </Stack>
    </section>
  );
}

function GroupView({ group, onKeep }: { readonly group: Group; readonly onKeep: PreviewPanelProps['onKeep'] }) {
  const { t } = useLanguage();
  const { change, peers, connections, messages, explanation, differences, fateText, named, remedy } = group;
  const rest = peers - Math.min(named.length, shownNames);
  return (
    <div className={classes['group']} data-change={change}>
      <Text size="sm" fw={600}>
        {t(`preview.change.${change}`)}: {t('preview.weight', { peers, connections, messages })}
      </Text>
      <div lang="en">
        {explanation !== '' && <Text size="sm">{explanation}</Text>}
        {differences.map(({ aspect, from, to }) => (
          <Text key={aspect} size="sm">
            {aspect}: {from} → {to}
          </Text>
        ))}
        {fateText !== '' && <Text size="sm">{fateText}</Text>}
        <ul className={classes['names']}>
          {named.slice(0, shownNames).map(({ address, text }) => (
            <li key={`${address} ${text}`}>{text}</li>
          ))}
        </ul>
      </div>
      {rest > 0 && named.length > 0 && (
        <Text size="sm" c="dimmed">
          {t('preview.more', { count: rest })}
        </Text>
      )}
      {remedy !== null && onKeep !== null && (
        <Button
          size="compact-sm"
          variant="default"
          classNames={{ root: classes['keep'] ?? '', label: classes['wrapped'] ?? '' }}
          onClick={() => onKeep(remedy.patch)}
        >
          <span>
            {t('preview.keep')}: <span lang="en">{remedy.text}</span>
          </span>
        </Button>
      )}
    </div>
  );
}

function Outgoing({ outgoing: { totals, named } }: { readonly outgoing: Preview['outgoing'] }) {
  const { t } = useLanguage();
  const verdicts = [
    ['breaks', 'red'],
    ['unknown', 'yellow'],
    ['works', 'green'],
  ] as const;
  const seen = verdicts.some(([verdict]) => totals[verdict].connections > 0);
  return (
    <section className={classes['target']} aria-label={t('ssl.service.outbound')}>
      <Row gap="xs" mb="xs">
        <Text fw={600}>{t('ssl.service.outbound')}</Text>
        {verdicts.map(([verdict, colour]) => {
          const { peers, connections } = totals[verdict];
          if (connections === 0) return null;
          return (
            <Badge key={verdict} color={colour}>
              {t(`preview.outgoing.${verdict}`)}: {t('preview.count', { peers, connections })}
            </Badge>
          );
        })}
      </Row>
      {!seen && (
        <Text size="sm" c="dimmed">
          {t('preview.unseen')}
        </Text>
      )}
      {named.length > 0 && (
        <div className={classes['group']} data-change={totals.breaks.connections > 0 ? 'breaks' : 'weaker'}>
          <ul className={classes['names']} lang="en">
            {named.slice(0, 2 * shownNames).map(({ address, domain, text }) => (
              <li key={`${address} ${domain}`}>{text}</li>
            ))}
          </ul>
        </div>
      )}
    </section>
  );
}
