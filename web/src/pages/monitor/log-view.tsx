// The lines themselves: follows the end of the log unless one has scrolled away from it, and stays where one reads when older
// lines come above.
import { memo, type UIEvent, useLayoutEffect, useRef } from 'react';
import { Link } from 'wouter';
import classes from './log.module.css';
import { levelOf, partsOf, type Tail } from './log-lines.ts';

export interface LogLinesProps {
  readonly label: string;
  readonly tail: Tail;
  /** Lines above it. */
  readonly older: readonly string[];
  readonly onFilter: (filter: string) => void;
  readonly onFollowing: (following: boolean) => void;
}

/** As near to the end as this, in pixels, is at the end. */
const near = 24;

export function LogLines({ label, tail, older, onFilter, onFollowing }: LogLinesProps) {
  const box = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const top = useRef(0);
  const before = useRef({ older: older.length, height: 0 });
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    if (older.length !== before.current.older) element.scrollTop += element.scrollHeight - before.current.height;
    else if (following.current) element.scrollTop = element.scrollHeight;
    before.current = { older: older.length, height: element.scrollHeight };
  });
  const scrolled = ({ currentTarget: { scrollTop, scrollHeight, clientHeight } }: UIEvent<HTMLDivElement>) => {
    const atEnd = scrollHeight - scrollTop - clientHeight < near;
    // Only who scrolls up leaves the end; a box that became smaller, or lines that came, do not.
    const left = scrollTop < top.current;
    top.current = scrollTop;
    if (atEnd === following.current || (!atEnd && !left)) return;
    following.current = atEnd;
    onFollowing(atEnd);
  };
  return (
    <div
      ref={box}
      role="log"
      aria-live="off"
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
      tabIndex={0}
      className={classes['lines']}
      onScroll={scrolled}
      lang="en"
    >
      {older.map((line, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: older lines come at the beginning, those that are there keep their numbers
        <Line key={index - older.length} line={line} onFilter={onFilter} />
      ))}
      {tail.lines.map((line, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: each line keeps its number
        <Line key={tail.first + index} line={line} onFilter={onFilter} />
      ))}
    </div>
  );
}

const Line = memo(({ line, onFilter }: { readonly line: string; readonly onFilter: (filter: string) => void }) => {
  return (
    <div className={classes['line']} data-level={levelOf(line)}>
      {partsOf(line).map(({ text, id }, index) => {
        // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a line stay where they are
        if (id === undefined) return <span key={index}>{text}</span>;
        if (id.kind === 'MID') {
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a line stay where they are
            <Link key={index} href={`/monitor/tracking/${id.number}`}>
              {text}
            </Link>
          );
        }
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a line stay where they are
          <button key={index} type="button" className={classes['id']} onClick={() => onFilter(text)}>
            {text}
          </button>
        );
      })}
    </div>
  );
});
