// Lines over time. Drawn by uPlot on a canvas; beside it a legend with the values under the pointer (or the newest), and the
// same numbers as a table for whoever does not see the drawing.
import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useLanguage } from '../i18n/language.tsx';
import classes from './chart.module.css';

export interface Line {
  readonly label: string;
  /** Of the palette: 1 to 6. */
  readonly colour: 1 | 2 | 3 | 4 | 5 | 6;
  readonly values: readonly (number | null)[];
}

export interface ChartProps {
  /** What the chart shows, for its caption and for screen readers. */
  readonly title: string;
  /** Seconds since the epoch, ascending; as many as each line has values. */
  readonly times: readonly number[];
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
  /** Seconds up to the newest time; without: from the first time on. */
  readonly span?: number;
}

const height = 190;
/** Points of the table: the newest. */
const tableRows = 15;

/** Steps of the axis: what is counted is whole. */
const wholeSteps = Array.from({ length: 10 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();

const dash: Readonly<Record<Line['colour'], readonly number[]>> = {
  1: [],
  2: [6, 3],
  3: [2, 3],
  4: [10, 3, 2, 3],
  5: [],
  6: [4, 4],
};

export function Chart({ title, times, lines, format, span }: ChartProps) {
  const { t, format: words, language } = useLanguage();
  const [at, setAt] = useState<number | null>(null);
  const [open, setOpen] = useState(false);
  const index = at === null || at >= times.length ? times.length - 1 : at;
  const shown = (line: Line, position: number) => {
    const value = line.values[position];
    return value === null || value === undefined ? '–' : format(value);
  };
  return (
    <figure className={classes['figure']} aria-label={title}>
      <ul className={classes['legend']}>
        {lines.map((line) => (
          <li key={line.label} data-colour={line.colour}>
            <svg width="22" height="8" aria-hidden="true" className={classes['key']}>
              <line x1="0" y1="4" x2="22" y2="4" strokeDasharray={dash[line.colour].join(' ')} />
            </svg>
            {line.label}
            <span className={classes['value']}>{shown(line, index)}</span>
          </li>
        ))}
      </ul>
      <Drawing
        times={times}
        lines={lines}
        format={format}
        language={language}
        onPoint={setAt}
        {...(span === undefined ? {} : { span })}
      />
      <details className={classes['details']} open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>{t('chart.table')}</summary>
        {open && (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
          <section className={classes['scroll']} tabIndex={0} aria-label={title}>
            <table className={classes['table']}>
              <thead>
                <tr>
                  <th scope="col">{t('chart.time')}</th>
                  {lines.map(({ label }) => (
                    <th key={label} scope="col">
                      {label}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {lastOf(times).map((position) => (
                  <tr key={times[position]}>
                    <th scope="row">{words.time((times[position] ?? 0) * 1000)}</th>
                    {lines.map((line) => (
                      <td key={line.label}>{shown(line, position)}</td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </section>
        )}
      </details>
    </figure>
  );
}

/** Positions of the newest points, newest first. */
function lastOf(times: readonly number[]): number[] {
  const first = Math.max(0, times.length - tableRows);
  return times
    .map((_, position) => position)
    .slice(first)
    .reverse();
}

interface DrawingProps extends Omit<ChartProps, 'title'> {
  readonly language: string;
  readonly onPoint: (index: number | null) => void;
}

function Drawing({ times, lines, format, language, onPoint, span: wanted }: DrawingProps) {
  const scheme = useComputedColorScheme('light');
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const data = useRef<uPlot.AlignedData>([[]]);
  const told = useRef({ format, onPoint });
  const colours = lines.map(({ colour }) => colour).join(' ');
  const span = wanted ?? (times.at(-1) ?? 0) - (times[0] ?? 0);
  const detail = span > 2 * 86_400 ? 'day' : span > 900 ? 'minute' : 'second';

  // biome-ignore lint/correctness/useExhaustiveDependencies: another colour scheme is drawn anew
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const colour = (name: string) => getComputedStyle(element).getPropertyValue(name).trim();
    const clock = clockFor(language, detail);
    const axis: uPlot.Axis = {
      stroke: colour('--chart-text'),
      grid: { stroke: colour('--chart-grid'), width: 1 },
      ticks: { show: false },
      font: '12px system-ui, sans-serif',
    };
    const drawn = new uPlot(
      {
        width: element.clientWidth,
        height,
        legend: { show: false },
        cursor: { drag: { x: false, y: false }, points: { size: 7 } },
        scales: {
          x: { range: (_, first, last) => [wanted === undefined ? first : last - wanted, last] },
          y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] },
        },
        axes: [
          { ...axis, space: 70, values: (_, splits) => splits.map((split) => clock.format(split * 1000)) },
          {
            ...axis,
            size: 62,
            incrs: wholeSteps,
            values: (_, splits) => splits.map((split) => told.current.format(split)),
          },
        ],
        series: [
          {},
          ...colours.split(' ').map((number) => ({
            stroke: colour(`--chart-${number}`),
            width: 2,
            dash: [...dash[Number(number) as Line['colour']]],
            points: { show: false },
          })),
        ],
        hooks: { setCursor: [({ cursor }) => told.current.onPoint(cursor.idx ?? null)] },
      },
      data.current,
      element,
    );
    plot.current = drawn;
    const resize = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height }));
    resize.observe(element);
    return () => {
      resize.disconnect();
      drawn.destroy();
      plot.current = null;
    };
  }, [colours, detail, language, scheme, wanted]);

  useEffect(() => {
    told.current = { format, onPoint };
    data.current = [[...times], ...lines.map(({ values }) => [...values])];
    plot.current?.setData(data.current);
  });

  return <div ref={box} className={classes['canvas']} aria-hidden="true" />;
}

function clockFor(language: string, detail: 'day' | 'minute' | 'second'): Intl.DateTimeFormat {
  const tag = language === 'en' ? 'en-GB' : language;
  if (detail === 'day') return new Intl.DateTimeFormat(tag, { day: 'numeric', month: 'short' });
  return new Intl.DateTimeFormat(tag, {
    hour: '2-digit',
    minute: '2-digit',
    ...(detail === 'second' ? { second: '2-digit' } : {}),
  });
}
