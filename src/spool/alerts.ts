// Alerts, above all about TLS connections that had to be secure and were not: a line in the log, a mail to whom it concerns, and a
// list. Those about connections once a domain and hour, over all workers.
import { randomBytes } from 'node:crypto';
import { messageOf } from '../errors.ts';
import {
  mailWarning,
  messageFrom,
  messageQueued,
  messageReady,
  messageStart,
  messageTo,
  tlsAlert,
} from '../ledger/events.ts';
import type { SpoolContext } from './context.ts';
import { dateTime, field, wrap } from './dsn.ts';
import { queueOwnMail } from './own-mail.ts';
import type { Notice, RaisedAlert, TlsAlert } from './protocol.ts';

const quiet = 3600 * 1000;
const mostDomains = 10_000;
const mostKept = 500;

export class Alerts {
  readonly #context: SpoolContext;
  readonly #transaction: (work: () => void) => void;
  /** Domain → when it was last told; oldest first. */
  readonly #told = new Map<string, number>();
  readonly #raised: RaisedAlert[] = [];

  /** `transaction`: runs the work in one and commits it; throws where that fails. */
  constructor(context: SpoolContext, transaction: (work: () => void) => void) {
    this.#context = context;
    this.#transaction = transaction;
  }

  /** Those since the start, newest first. */
  list(limit: number): RaisedAlert[] {
    return this.#raised.slice(-limit).reverse();
  }

  raise(alert: TlsAlert): void {
    const { log } = this.#context;
    const now = this.#context.now();
    const domain = alert.domain.toLowerCase();
    const last = this.#told.get(domain);
    if (last !== undefined && now - last < quiet) return;
    this.#told.delete(domain);
    if (this.#told.size >= mostDomains) {
      const oldest = this.#told.keys().next();
      if (oldest.done !== true) this.#told.delete(oldest.value);
    }
    this.#told.set(domain, now);
    if (this.#raised.length >= mostKept) this.#raised.shift();
    this.#raised.push({ ...alert, time: now });
    log.record(tlsAlert, alert.domain, alert.host, alert.wanted, alert.reason);
    // Mail about a domain to that domain would only wait beside the other.
    const { to } = this.#context.snapshot().alerts;
    const recipients = to.filter((address) => domainOf(address) !== domain);
    this.#send(`TLS to ${alert.domain} failed`, textOf(alert), recipients);
  }

  /** Something else that administrators must hear of. Whoever calls has put it into the log. */
  notify(notice: Notice): void {
    const now = this.#context.now();
    if (this.#raised.length >= mostKept) this.#raised.shift();
    this.#raised.push({ ...notice, time: now });
    this.#send(notice.title, notice.text, this.#context.snapshot().alerts.to);
  }

  #send(subject: string, text: readonly string[], recipients: readonly string[]): void {
    if (recipients.length === 0) return;
    try {
      this.#transaction(() => this.#enqueue(subject, text, recipients));
    } catch (error) {
      const { log } = this.#context;
      log.record(mailWarning, `the alert "${subject}" could not be queued as mail: ${messageOf(error)}`);
    }
  }

  #enqueue(subject: string, text: readonly string[], recipients: readonly string[]): void {
    const context = this.#context;
    const now = context.now();
    const body = context.sign(this.#compose(subject, text, recipients, now), now);
    // RFC 5321 4.5.5: an alert that cannot be delivered causes no bounce.
    const envelope = { sender: '', recipients: recipients.map((address) => ({ address })) };
    queueOwnMail(context, envelope, body, (mid) => {
      const { log } = context;
      log.record(messageStart, mid, 0);
      log.record(messageFrom, mid, 0, '');
      for (const [rid, address] of recipients.entries()) log.record(messageTo, mid, 0, rid, address);
      log.record(messageReady, mid, body.length, '');
      log.record(messageQueued, mid);
    });
  }

  #compose(subject: string, text: readonly string[], to: readonly string[], now: number): Uint8Array {
    const { hostname } = this.#context.snapshot();
    const unique = randomBytes(12).toString('hex');
    const header = [
      field('Date', dateTime(now), false),
      field('From', `Postern <MAILER-DAEMON@${hostname}>`, false),
      field('To', to.map((address) => `<${address}>`).join(', '), false),
      field('Subject', subject, false),
      field('Message-ID', `<${unique}.alert@${hostname}>`, false),
      // RFC 3834 5: keeps vacation programs quiet.
      field('Auto-Submitted', 'auto-generated', false),
      'MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n',
    ].join('');
    const lines = text.flatMap((line) => wrap(line.replaceAll(/[^ -~]/gu, '?').slice(0, 2000), 76));
    return Buffer.from(`${header}\r\n${lines.join('\r\n')}\r\n`);
  }
}

function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1).toLowerCase();
}

function textOf({ domain, host, wanted, reason }: TlsAlert): string[] {
  return [
    `Mail to ${domain} must go out over TLS (level ${wanted}), and that failed.`,
    '',
    `Host:   ${host}`,
    `Reason: ${reason}`,
    '',
    'What could not be sent to any other host of the domain waits in the queue and is tried again; nothing went out with less.',
    'Either the other side has a fault, or somebody between is in the way. "tlsverify" of the administrator\'s shell shows what its hosts do.',
    'There is at most one such mail a domain and hour.',
  ];
}
