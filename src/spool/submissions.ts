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
import { queueOwnMail } from './own-mail.ts';
import type { Submission } from './protocol.ts';

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
    if (context.store.remember(submission.key, now, now - remembered)) mid = enqueue(context, submission);
  });
  return mid;
}

/** Inside a transaction. */
function enqueue(context: SpoolContext, { sender, recipient, body, title, id }: Submission): number {
  // Whoever wrote it is told by the log; a notice to itself would only be more mail.
  // RFC 8460 3: a report about TLS that fails must not be held back by just that. It is given up after a day (5.5).
  const envelope: Envelope = { sender, recipients: [{ address: recipient, notify: ['NEVER'] }], tls: 'optional' };
  return queueOwnMail(context, envelope, body, (mid) => {
    const { log } = context;
    log.record(messageStart, mid, 0);
    log.record(messageFrom, mid, 0, sender);
    log.record(messageTo, mid, 0, 0, recipient);
    log.record(messageId, mid, id);
    log.record(subject, mid, title);
    log.record(messageReady, mid, body.length, sender);
    log.record(messageQueued, mid);
  });
}
