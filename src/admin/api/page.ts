// The forms of lists and times in answers. Cursors are opaque to the client, checked like anything else from outside.
import type { Waiting } from '../../config/confirmation.ts';
import { PosternError } from '../../errors.ts';
import type { HistoryStatus, Overview as StoredOverview } from '../../ledger/protocol.ts';
import type { WaitingRevisions } from './schemas/configuration.ts';
import type { Overview } from './schemas/reports.ts';

/** A cursor that is a number (a MID, a revision). */
export function numberCursor(cursor: string): number {
  const number = Number(cursor);
  if (/^[0-9]{1,16}$/.test(cursor) && Number.isSafeInteger(number)) return number;
  throw badCursor();
}

function badCursor(): PosternError {
  return new PosternError('bad-request', 'the cursor is not one of this list', {
    remedy: 'Begin again without a cursor, or use `next` of the page before as it is.',
    issues: [{ pointer: '/query/cursor', detail: 'is not a cursor of this list' }],
  });
}

/** ms since the epoch as every time of the API is written. */
export function iso(time: number): string {
  return new Date(time).toISOString();
}

/** The present, as the report and the event of that name tell it. */
export function describeOverview({ time, counts, incoming, outgoing, history }: StoredOverview): Overview {
  return {
    time: iso(time),
    counts,
    incoming,
    outgoing,
    history: describeHistory(history),
  };
}

export function describeHistory({ oldest, ...kept }: HistoryStatus): Overview['history'] {
  return { ...kept, oldest: oldest === null ? null : iso(oldest) };
}

/** Revisions that must be confirmed. */
export function describeWaiting(waiting: Waiting | null): WaitingRevisions | null {
  if (waiting === null) return null;
  const { revisions, user, since, until } = waiting;
  return { revisions: [...revisions], by: user, since: iso(since), until: iso(until) };
}
