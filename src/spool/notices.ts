// Notices to senders (dsn.ts) as messages of the queue, written in the transaction of what they tell.
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import {
  doubleBounce,
  generatedForBounce,
  mailNotice,
  messageFrom,
  messageQueued,
  messageReady,
  messageStart,
  messageTls,
  messageTo,
} from '../ledger/events.ts';
import type { Envelope } from '../smtp/envelope.ts';
import { statusText } from '../status.ts';
import type { SpoolContext } from './context.ts';
import {
  type ComposedNotice,
  composeNotice,
  headerLimit,
  type NoticeKind,
  type NoticeRecipient,
  returnsFull,
  wants,
} from './dsn.ts';
import { queueOwnMail } from './own-mail.ts';
import type { RecipientOutcome } from './protocol.ts';
import type { MessageRow } from './store.ts';

/** The words of the mail log and of notices for a message that grew too old. */
export const expiredText = 'Delivery expired (message too old)';

/** Writes a notice to the sender about those recipients who asked for that kind; there may be none. */
export function notify(
  context: SpoolContext,
  kind: NoticeKind,
  message: MessageRow,
  envelope: Envelope,
  outcomes: readonly RecipientOutcome[],
  retryUntil?: number,
): void {
  const { mid } = message;
  if (envelope.sender === '') {
    // RFC 5321 4.5.5: a bounce of a bounce would go on for ever.
    if (kind !== 'failed') return;
    context.after(() => {
      for (const { rid, status, reply, host } of outcomes)
        context.log.record(doubleBounce, mid, rid, status, textOf(status), quoted(reply, host));
    });
    return;
  }
  const recipients: NoticeRecipient[] = [];
  for (const { rid, status, reply, host } of outcomes) {
    const recipient = envelope.recipients[rid];
    if (recipient !== undefined && wants(recipient, kind)) recipients.push({ recipient, status, reply, host });
  }
  if (recipients.length === 0) return;
  const full = returnsFull(kind, envelope, message.size);
  const composed = composeNotice({
    kind,
    hostname: context.snapshot().hostname,
    about: mid,
    envelope,
    recipients,
    received: message.received,
    now: context.now(),
    ...(retryUntil === undefined ? {} : { retryUntil }),
    content: contentOf(context, message, full ? message.size : headerLimit),
    full,
    unique: randomBytes(12).toString('hex'),
  });
  enqueueNotice(context, kind, mid, composed);
}

function enqueueNotice(context: SpoolContext, kind: NoticeKind, about: number, composed: ComposedNotice): void {
  const now = context.now();
  const body = context.sign(composed.body, now);
  const envelope: Envelope =
    composed.redacted === null
      ? composed.envelope
      : { ...composed.envelope, redacted: Buffer.from(context.sign(composed.redacted, now)).toString() };
  const address = envelope.recipients[0]?.address ?? '';
  queueOwnMail(context, envelope, body, (mid) => {
    const { log } = context;
    if (kind === 'failed') log.record(generatedForBounce, mid, about);
    else log.record(mailNotice, `MID ${mid} was generated for ${kind} notice of MID ${about}`);
    log.record(messageStart, mid, 0);
    log.record(messageFrom, mid, 0, '');
    log.record(messageTo, mid, 0, 0, address);
    if (envelope.tls !== undefined) log.record(messageTls, mid, envelope.tls);
    log.record(messageReady, mid, body.length, '');
    log.record(messageQueued, mid);
  });
}

/** The first `limit` bytes of a message; empty where its file is gone. */
function contentOf(context: SpoolContext, message: MessageRow, limit: number): Uint8Array {
  if (message.file === null) return context.store.message(message.mid)?.body ?? new Uint8Array(0);
  const content = Buffer.alloc(Math.min(limit, message.size));
  try {
    const fd = openSync(join(context.directory, message.file), 'r');
    try {
      return content.subarray(0, readSync(fd, content, 0, content.length, 0));
    } finally {
      closeSync(fd);
    }
  } catch {
    return new Uint8Array(0); // the notice matters more than what it returns
  }
}

/** The words of the mail log for a permanent failure. */
function textOf(status: string): string {
  if (status === '5.4.7') return expiredText;
  return statusText(status);
}

/** `550-'5.1.1 no such user'`, as the reference shows it; our own words have no code. */
function quoted(reply: string, host: string): string {
  const said = host === '' ? null : /^(\d{3})[ -]?(.*)$/s.exec(reply);
  return said === null ? `000-'${reply}'` : `${said[1]}-'${said[2]}'`;
}
