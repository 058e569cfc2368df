// Revisions that wait for a confirmation: without one in time what they changed is taken back. Kept in a file of its own, written
// before the revision is, so that no crash leaves a revision in force that has forgotten it.
import { join } from 'node:path';
import { isPlainObject } from './plain-object.ts';
import { RecordFile } from './record-file.ts';

/** What waits. */
export interface Waiting {
  /** Ascending: a commit that waits takes over from the ones before it that still waited. */
  readonly revisions: readonly number[];
  /** Who committed the last of them. */
  readonly user: string;
  /** ms since the epoch. */
  readonly since: number;
  /** ms since the epoch: then what they changed is taken back. */
  readonly until: number;
}

/** `present`: the revision in force; what was written for one that never came is forgotten. Damage is told in `warnings`. */
export async function openConfirmation(
  directory: string,
  present: number,
  warnings: string[],
): Promise<RecordFile<Waiting>> {
  const file = join(directory, 'confirmation.json');
  const record = await RecordFile.open(file, isWaiting, warnings, 'no revision waits for a confirmation');
  const waiting = record.value;
  const revisions = waiting?.revisions.filter((number) => number <= present) ?? [];
  if (waiting !== null && revisions.length < waiting.revisions.length) {
    await record.put(revisions.length === 0 ? null : { ...waiting, revisions });
  }
  return record;
}

function isWaiting(value: unknown): value is Waiting {
  return (
    isPlainObject(value) &&
    Array.isArray(value['revisions']) &&
    value['revisions'].every((number) => Number.isSafeInteger(number)) &&
    typeof value['user'] === 'string' &&
    typeof value['since'] === 'number' &&
    typeof value['until'] === 'number'
  );
}
