// The cipher string of TLS v1.0-v1.2, and what it really stands for: OpenSSL is asked while one types.
import { Alert, Stack, Text, Textarea } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useId } from 'react';
import type { Expand, Expanded } from '../../../../../src/admin/api/schemas/tls.ts';
import type { TlsVersion } from '../../../../../src/tls/versions.ts';
import { request } from '../../../api/client.ts';
import { useLanguage } from '../../../i18n/language.tsx';
import { Icon } from '../../../parts/icon.tsx';
import { Failure } from '../../../parts/states.tsx';
import classes from './ssl.module.css';
import { SuiteList } from './suite-list.tsx';

export interface CipherFieldProps {
  readonly service: NonNullable<Expand['service']>;
  readonly versions: readonly TlsVersion[];
  readonly value: string;
  /** What the gateway said when it was submitted. */
  readonly error: string | undefined;
  readonly onChange: (value: string) => void;
}

const longest = 4096;

function useExpansion(service: CipherFieldProps['service'], ciphers: string, versions: readonly TlsVersion[]) {
  const body: Expand = { ciphers, versions: [...versions], service };
  return useQuery({
    queryKey: ['expand', body],
    queryFn: ({ signal }) => request<Expanded>('POST', '/tls/expand', { body, signal }),
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY,
  });
}

export function CipherField({ service, versions, value, error, onChange }: CipherFieldProps) {
  const { t } = useLanguage();
  const resultId = useId();
  const [settled] = useDebouncedValue(value, 250);
  const expansion = useExpansion(service, settled, versions);
  const { data } = expansion;
  const onlyFixed = versions.every((version) => version === 'TLSv1.3');
  return (
    <Stack gap="xs">
      <Textarea
        label={t('ssl.ciphers')}
        description={onlyFixed ? t('ssl.ciphersUnused') : t('ssl.ciphersHelp')}
        value={value}
        maxLength={longest}
        autosize
        minRows={2}
        maxRows={12}
        spellCheck={false}
        autoCapitalize="none"
        error={error}
        aria-describedby={resultId}
        aria-invalid={data?.usable === false}
        classNames={{ input: classes['cipherInput'] ?? '' }}
        onChange={(event) => onChange(event.currentTarget.value)}
      />
      <div
        id={resultId}
        aria-live="polite"
        className={classes['expansion']}
        data-changing={expansion.isPlaceholderData}
      >
        {data === undefined ? (
          expansion.isError && <Failure error={expansion.error} onRetry={() => void expansion.refetch()} />
        ) : (
          <Expansion typed={settled} expanded={data} />
        )}
      </div>
    </Stack>
  );
}

function Expansion({ typed, expanded }: { readonly typed: string; readonly expanded: Expanded }) {
  const { t } = useLanguage();
  const count = expanded.suites.length;
  return (
    <Stack gap="xs">
      {expanded.unknown.length > 0 && (
        <Alert color="red" icon={<Icon name="error" />} title={t('ssl.unknown', { count: expanded.unknown.length })}>
          <Marked typed={typed} expanded={expanded} />
          <ul className={classes['problems']} lang="en">
            {expanded.unknown.map(({ start, detail, remedy }) => (
              <li key={start}>
                {detail}; {remedy}
              </li>
            ))}
          </ul>
        </Alert>
      )}
      {expanded.problem !== null && (
        <Alert color="red" icon={<Icon name="error" />} title={t('problem.code.bad-ciphers')}>
          <Text size="sm" lang="en">
            {expanded.problem.detail}; {expanded.problem.remedy}
          </Text>
        </Alert>
      )}
      {expanded.warnings.map((warning) => (
        <Alert key={warning} color="yellow" icon={<Icon name="warning" />} lang="en">
          {warning}
        </Alert>
      ))}
      {expanded.problem === null && <SuiteList suites={expanded.suites} label={t('ssl.suites', { count })} />}
    </Stack>
  );
}

/** The string again, with the words that cannot be used marked. */
function Marked({ typed, expanded }: { readonly typed: string; readonly expanded: Expanded }) {
  const parts: { readonly start: number; readonly text: string; readonly bad: boolean }[] = [];
  let at = 0;
  for (const { start, token } of expanded.unknown.toSorted((a, b) => a.start - b.start)) {
    if (start < at || !typed.startsWith(token, start)) continue;
    if (start > at) parts.push({ start: at, text: typed.slice(at, start), bad: false });
    parts.push({ start, text: token, bad: true });
    at = start + token.length;
  }
  if (at < typed.length) parts.push({ start: at, text: typed.slice(at), bad: false });
  return (
    <code className={classes['marked']}>
      {parts.map(({ start, text, bad }) => (bad ? <mark key={start}>{text}</mark> : <span key={start}>{text}</span>))}
    </code>
  );
}
