// Whether a connection may send to a recipient: the tables, call-ahead where only the destination knows, and the log.
import * as event from '../ledger/events.ts';
import type { Refusal } from './command.ts';
import type { Recipient } from './envelope.ts';
import type { InboundHost, RecipientAnswer } from './host.ts';
import type { RecipientTable } from './recipients.ts';

/** The connection that asks. */
export interface Sender {
  readonly icid: number;
  /** Of the message whose recipients they are. */
  readonly mid: number;
  /** The client may send to any domain. */
  readonly relay: boolean;
  readonly localAddress: string;
  /** Whether it still waits for the answer to a recipient of this message: it may be gone. */
  awaits(mid: number): boolean;
  answerRecipient(refusal: Refusal | null): void;
}

/** The reply to a RCPT (the recipient as it is taken, or a refusal), or `answerRecipient` follows. Logs what it decides. */
export function acceptRecipient(
  host: InboundHost,
  table: RecipientTable,
  sender: Sender,
  rcpt: { readonly recipient: Recipient; readonly domain: string; readonly rid: number },
): Refusal | Recipient | 'later' {
  const { recipient, domain, rid } = rcpt;
  const { address } = recipient;
  const { mid, icid } = sender;
  if (table.isOwnPostmaster(address, domain, sender.localAddress)) {
    return take(host, sender, { ...recipient, address: table.postmaster }, rid);
  }
  switch (table.decide(address, domain, sender.relay)) {
    case 'accept':
      return take(host, sender, recipient, rid);
    case 'denied':
      host.log.record(event.rejectedByRat, mid, icid, address);
      return '550 5.7.1 Relaying to this address is denied';
    case 'unknown':
      return settle(host, sender, 'unknown', recipient, rid);
    case 'ask': {
      const answer = host.callAhead(address);
      if (!(answer instanceof Promise)) return settle(host, sender, answer, recipient, rid);
      void answer.then((late) => {
        if (!sender.awaits(mid)) return;
        const settled = settle(host, sender, late, recipient, rid);
        sender.answerRecipient(typeof settled === 'string' ? settled : null);
      });
      return 'later';
    }
  }
}

function take(host: InboundHost, sender: Sender, recipient: Recipient, rid: number): Recipient {
  host.log.record(event.messageTo, sender.mid, sender.icid, rid, recipient.address);
  return recipient;
}

function settle(
  host: InboundHost,
  sender: Sender,
  answer: RecipientAnswer,
  recipient: Recipient,
  rid: number,
): Refusal | Recipient {
  if (answer === 'exists') return take(host, sender, recipient, rid);
  if (answer === 'try-later') return '451 4.4.1 The recipient cannot be checked now; try again later';
  host.log.record(event.rejectedUnknown, sender.mid, sender.icid, recipient.address);
  return '550 5.1.1 No such recipient here';
}
