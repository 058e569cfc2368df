// What a page shows while it waits, when there is nothing, and when something went wrong.
import { Alert, Button, Group, Skeleton, Stack, Text } from '@mantine/core';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { ApiError } from '../api/problem.ts';
import { type PlainKey, useLanguage } from '../i18n/language.tsx';
import { Icon, type IconName } from './icon.tsx';
import classes from './states.module.css';

/** Grey lines in the place of what will come; as high as it is likely to be, so that nothing jumps. */
export function Loading({ lines = 6 }: { readonly lines?: number }) {
  const { t } = useLanguage();
  return (
    <Stack gap="sm" aria-busy="true" role="status">
      <span className={classes['hidden']}>{t('common.loading')}</span>
      {Array.from({ length: lines }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the lines are all alike
        <Skeleton key={index} height={20} width={index === lines - 1 ? '60%' : '100%'} />
      ))}
    </Stack>
  );
}

/** There is nothing, why, and what one may do about it. */
export function Empty({
  icon = 'info',
  title,
  children,
}: {
  readonly icon?: IconName;
  readonly title: string;
  readonly children?: ReactNode;
}) {
  return (
    <Stack align="center" gap="xs" py="xl" className={classes['empty']}>
      <Icon name={icon} size={32} />
      <Text fw={600}>{title}</Text>
      {children !== undefined && (
        <Text component="div" c="dimmed" ta="center" maw="32rem">
          {children}
        </Text>
      )}
    </Stack>
  );
}

const titles: Readonly<Record<string, PlainKey>> = {
  'bad-request': 'problem.code.bad-request',
  'bad-configuration': 'problem.code.bad-configuration',
  'bad-ciphers': 'problem.code.bad-ciphers',
  'bad-certificate': 'problem.code.bad-certificate',
  'bad-usage': 'problem.code.bad-request',
  unauthorized: 'problem.code.unauthorized',
  forbidden: 'problem.code.forbidden',
  csrf: 'problem.code.csrf',
  'not-found': 'problem.code.not-found',
  'in-use': 'problem.code.in-use',
  conflict: 'problem.code.conflict',
  'precondition-failed': 'problem.code.precondition-failed',
  'rate-limited': 'problem.code.rate-limited',
  'lock-out': 'problem.code.lock-out',
  timeout: 'problem.code.timeout',
  'disk-full': 'problem.code.disk-full',
};

/** What went wrong, where, and what would be right: the gateway's own words, in its language. */
export function Failure({ error, onRetry }: { readonly error: unknown; readonly onRetry?: (() => void) | undefined }) {
  const { t } = useLanguage();
  const problem = error instanceof ApiError ? error.problem : null;
  const code = error instanceof ApiError ? error.code : 'unexpected';
  const title = t(titles[code] ?? 'problem.title');
  return (
    <Alert color="red" title={title} icon={<Icon name="error" />} role="alert" className={classes['failure']}>
      <Stack gap="xs">
        {problem === null ? (
          <>
            <div>
              {code === 'network'
                ? t('problem.network')
                : t('problem.unexpected', { status: error instanceof ApiError ? error.status : 0 })}
            </div>
            <div>{code === 'network' ? t('problem.networkRemedy') : t('problem.unexpectedRemedy')}</div>
          </>
        ) : (
          <div lang="en">
            <div>{problem.detail}</div>
            {problem.remedy !== undefined && <div>{problem.remedy}</div>}
            {problem.errors !== undefined && problem.errors.length > 0 && (
              <ul className={classes['places']}>
                {problem.errors.map((entry) => (
                  <li key={`${entry.pointer} ${entry.detail}`}>
                    <code>{entry.pointer}</code> {entry.detail} {entry.remedy}
                  </li>
                ))}
              </ul>
            )}
          </div>
        )}
        {onRetry !== undefined && (
          <Group>
            <Button variant="default" size="xs" onClick={onRetry}>
              {t('common.retry')}
            </Button>
          </Group>
        )}
      </Stack>
    </Alert>
  );
}

/** Waits for a query, then draws what came; what came once stays while a newer answer is under way. */
export function Await<Data>({
  query,
  lines,
  children,
}: {
  readonly query: UseQueryResult<Data>;
  readonly lines?: number;
  readonly children: (data: Data) => ReactNode;
}) {
  if (query.data !== undefined) return children(query.data);
  if (query.isError) return <Failure error={query.error} onRetry={() => void query.refetch()} />;
  return <Loading {...(lines === undefined ? {} : { lines })} />;
}
