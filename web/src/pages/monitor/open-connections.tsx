// The versions of TLS in use at this moment: open connections of both directions, as bars with their numbers.
import { Skeleton, Text } from '@mantine/core';
import type { OverviewEvent } from '../../../../src/admin/api/schemas/events.ts';
import { useLanguage } from '../../i18n/language.tsx';
import { Card } from '../../parts/page.tsx';
import classes from './overview.module.css';

const kinds = ['tls13', 'tls12', 'tls11', 'tls10', 'clear'] as const;
type Kind = (typeof kinds)[number];

const names: Readonly<Record<Exclude<Kind, 'clear'>, string>> = {
  tls13: 'TLS v1.3',
  tls12: 'TLS v1.2',
  tls11: 'TLS v1.1',
  tls10: 'TLS v1.0',
};

export function OpenConnections({ now }: { readonly now: OverviewEvent | null }) {
  const { t, format } = useLanguage();
  const name = (kind: Kind) => (kind === 'clear' ? t('overview.clear') : names[kind]);
  const most = now === null ? 1 : Math.max(1, ...kinds.flatMap((kind) => [now.incoming[kind], now.outgoing[kind]]));
  return (
    <Card title={t('overview.inUse')}>
      <table className={classes['bars']}>
        <caption className={classes['caption']}>{t('overview.inUseText')}</caption>
        <thead>
          <tr>
            <th scope="col">{t('overview.version')}</th>
            <th scope="col">{t('overview.incoming')}</th>
            <th scope="col">{t('overview.outgoing')}</th>
          </tr>
        </thead>
        <tbody>
          {kinds.map((kind) => (
            <tr key={kind}>
              <th scope="row">{name(kind)}</th>
              {(['incoming', 'outgoing'] as const).map((direction) => (
                <td key={direction}>
                  {now === null ? (
                    <Skeleton height={20} />
                  ) : (
                    <Bar
                      value={now[direction][kind]}
                      most={most}
                      text={format.number(now[direction][kind])}
                      kind={kind}
                    />
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <Text size="xs" c="dimmed" mt="sm">
        {t('overview.inUseText')}
      </Text>
    </Card>
  );
}

interface BarProps {
  readonly value: number;
  readonly most: number;
  readonly text: string;
  readonly kind: Kind;
}

function Bar({ value, most, text, kind }: BarProps) {
  return (
    <div className={classes['bar']}>
      <svg
        aria-hidden="true"
        className={classes['track']}
        data-kind={kind}
        preserveAspectRatio="none"
        viewBox="0 0 100 10"
      >
        <rect width={(value / most) * 100} height="10" />
      </svg>
      <span>{text}</span>
    </div>
  );
}
