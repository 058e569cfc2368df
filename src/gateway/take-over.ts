// What changes without a commit: files that the configuration names are replaced, exceptions end.
import type { ConfigApply, ConfigStore, ReloadReason } from '../config/store.ts';
import { type EventSink, systemNotice } from '../ledger/events.ts';
import type { Reminders } from './reminders.ts';

export interface TakeOver {
  readonly store: ConfigStore;
  readonly apply: ConfigApply;
  readonly reminders: Reminders;
  readonly log: EventSink;
}

/** Takes over what has changed, and has the reminders look. Throws where the new files are wrong. */
export async function takeOver({ store, apply, reminders, log }: TakeOver): Promise<void> {
  let reasons: readonly ReloadReason[] = [];
  try {
    reasons = await store.reload(apply);
    if (reasons.includes('files')) {
      log.record(systemNotice, 'changed files (certificates, recipients, authorities) were taken over');
    }
  } finally {
    // Wrong files are no reason to forget what ends.
    await reminders.look(store.committed(), Date.now(), reasons.length > 0);
  }
}
