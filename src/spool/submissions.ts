// Mail that the gateway itself writes and that must go out once and not twice: each has a key, which is kept in the transaction
// that queues it, and for a while.
import {
  messageFrom,
  messageId,
  messageQueued,
  messageReady,
  messageStart,
  messageTo,
  subject,
} from '../ledger/events.ts';
import type { Envelope } from '../smtp/envelope.ts';
import type { SpoolContext } from './context.ts';
import { nextId } from './ids.ts';
import type { Submission } from './protocol.ts';
import { jobClass } from './store.ts';

/** How long a key is remembered, ms: longer than anybody submits the same again. */
const remembered = 60 * 24 * 3600 * 1000;

/** Its MID; null: the key was submitted before, and nothing is done. Throws where it cannot be written; nothing is queued then. */
export function submit(
  context: SpoolContext,
  transaction: (work: () => void) => void,
  submission: Submission,
): number | null {
  const now = context.now();
  let mid: number | null = null;
  transaction(() => {
    if (context.store.remember(submission.key, now, now - remembered)) mid = enqueue(context, submission, now);
  });
  return mid;
}

/** Inside a transaction. */
function enqueue(context: SpoolContext, { sender, recipient, body, title, id }: Submission, now: number): number {
  const mid = nextId(context.ids, 'mid');
  // Whoever wrote it is told by the log; a notice to itself would only be more mail.
  // RFC 8460 3: a report about TLS that fails must not be held back by just that.
  const envelope: Envelope = { sender, recipients: [{ address: recipient, notify: ['NEVER'] }], tls: 'optional' };
  const destination = context.destinationOf(recipient, envelope);
  context.store.insertMessage({ mid, received: now, envelope: JSON.stringify(envelope), body });
  context.store.putJob({
    mid,
    destination,
    rids: '[0]',
    attempts: 0,
    next: now,
    since: now,
    // Given up as early as a bounce (RFC 8460 5.5: after a day).
    class: jobClass.bounce,
    size: body.length,
    sender,
    recipients: JSON.stringify([recipient]),
    reason: '',
  });
  context.after(() => {
    const { log } = context;
    log.record(messageStart, mid, 0);
    log.record(messageFrom, mid, 0, sender);
    log.record(messageTo, mid, 0, 0, recipient);
    log.record(messageId, mid, id);
    log.record(subject, mid, title);
    log.record(messageReady, mid, body.length, sender);
    log.record(messageQueued, mid);
    context.countMessages(1);
    context.destinations.enqueue(context.destinations.add(destination, false));
  });
  return mid;
}
