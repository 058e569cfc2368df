// Failures in the forms of log and queue.
import { bounced, delayed, type EventSink } from '../ledger/events.ts';
import type { Failure, RecipientFailure } from '../smtp/failure.ts';
import type { RecipientOutcome } from '../spool/protocol.ts';
import { statusText } from '../status.ts';
import type { DeliveryTask } from './host.ts';

/** What happened to one recipient, as the spool wants it. `host`: who said so, or empty. */
export function failureOutcome(failure: RecipientFailure, host: string): RecipientOutcome {
  return {
    rid: failure.rid,
    result: failure.permanent ? 'bounced' : 'deferred',
    status: failure.status,
    reply: failure.code === 0 ? failure.text : `${failure.code} ${failure.text}`,
    host,
  };
}

/** The line `Delayed:` or `Bounced:`. `dcid` 0: no connection was made. */
export function logFailure(log: EventSink, dcid: number, task: DeliveryTask, failure: RecipientFailure): void {
  const recipient = task.envelope.recipients[failure.rid]?.address ?? '';
  log.record(
    failure.permanent ? bounced : delayed,
    dcid,
    task.mid,
    task.envelope.sender,
    recipient,
    failure.rid,
    failure.status,
    statusText(failure.status),
    failure.code === 0 ? '000' : String(failure.code),
    failure.text,
  );
}

/** The same failure for all. */
export function failuresOf(rids: readonly number[], failure: Failure): RecipientFailure[] {
  return rids.map((rid) => ({ rid, ...failure }));
}
