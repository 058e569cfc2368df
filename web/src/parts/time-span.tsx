// The span of time that a report is about: up to now, from so long ago.
import { Select } from '@mantine/core';
import { useLanguage } from '../i18n/language.tsx';

const hours = { hour: 1, day: 24, week: 7 * 24, month: 30 * 24, quarter: 90 * 24 } as const;
export type TimeSpan = keyof typeof hours;
const names = Object.keys(hours) as readonly TimeSpan[];

export function isTimeSpan(text: string): text is TimeSpan {
  return text in hours;
}

/** Begin of the span, whole minutes, so that the same question is asked for a minute. */
export function beginOf(span: TimeSpan, now = Date.now()): string {
  const minute = 60_000;
  return new Date(Math.floor(now / minute) * minute - hours[span] * 60 * minute).toISOString();
}

export function TimeSpanSelect({
  value,
  onChange,
}: {
  readonly value: TimeSpan;
  readonly onChange: (span: TimeSpan) => void;
}) {
  const { t } = useLanguage();
  return (
    <Select
      label={t('span.label')}
      data={names.map((name) => ({ value: name, label: t(`span.${name}`) }))}
      allowDeselect={false}
      value={value}
      onChange={(span) => onChange((span ?? 'day') as TimeSpan)}
    />
  );
}
