// Reports of others, from wherever they come: read, checked, kept. Signatures side by side, for DNS may be slow; then one at a
// time: whoever floods us waits for himself.
import { createHash } from 'node:crypto';
import type { Snapshot } from '../config/snapshot.ts';
import type { MailResolver } from '../dns/resolver.ts';
import { PosternError } from '../errors.ts';
import { type EventSink, mailNotice, mailWarning } from '../ledger/events.ts';
import type { ReceivedReport } from '../ledger/tls-reports/received.ts';
import { reportInBytes, reportInMail } from './extract.ts';
import type { KeptReport, ReceivingHistory } from './history.ts';
import { parseReport, UnreadableReport } from './parse.ts';
import { dayName } from './report.ts';
import { type Checked, checkSignatures, type Signature, signatureOf } from './signature.ts';

export interface ReceiverOptions {
  readonly history: ReceivingHistory;
  readonly resolver: (snapshot: Snapshot) => MailResolver;
  readonly snapshot: () => Snapshot;
  readonly log: EventSink;
  /** ms since the epoch. */
  readonly now?: () => number;
}

/** `received`: when this gateway took it, ms since the epoch. */
export interface MailOrigin {
  readonly sender: string;
  readonly mid: number;
  readonly received: number;
}

/** A report as it came. */
export type Delivered =
  | ({ readonly via: 'mail'; readonly message: Uint8Array } & MailOrigin)
  | { readonly via: 'https'; readonly body: Buffer; readonly client: string };

/** `problem`: why it cannot be read; it is noted and not kept. */
export type Taken = { readonly kind: 'kept' | 'known' } | { readonly kind: 'unreadable'; readonly problem: string };

const mostWaiting = 64;

export class ReportReceiver {
  readonly #options: ReceiverOptions;
  readonly #now: () => number;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /**
   * Throws a temporary PosternError where it must be tried again: too many wait, the history cannot be written, or DNS does not answer
   * about the key of the sender's signature.
   */
  async take(delivered: Delivered): Promise<Taken> {
    if (this.#waiting >= mostWaiting) {
      throw new PosternError('rate-limited', 'too many TLS reports wait', { temporary: true });
    }
    this.#waiting++;
    try {
      const checked = await this.#check(delivered);
      const turn = this.#last.then(() => this.#take(delivered, checked));
      this.#last = turn.catch(() => undefined); // its own caller hears of it
      return await turn;
    } finally {
      this.#waiting--;
    }
  }

  /** Where addresses are not kept, their domain is. */
  #from(delivered: Delivered): string {
    if (delivered.via === 'https') return delivered.client;
    const { sender } = delivered;
    return this.#options.snapshot().privacy.logAddresses ? sender : sender.slice(sender.lastIndexOf('@') + 1);
  }

  /** Null: by HTTPS there are no signatures. */
  async #check(delivered: Delivered): Promise<Checked | null> {
    if (delivered.via === 'https') return null;
    return await checkSignatures(delivered.message, this.#options.resolver(this.#options.snapshot()));
  }

  async #take(delivered: Delivered, checked: Checked | null): Promise<Taken> {
    const { history, log } = this.#options;
    const from = delivered.via === 'mail' ? `MID ${delivered.mid}, from <${delivered.sender}>` : delivered.client;
    try {
      const kept = await this.#read(delivered, checked);
      const fresh = await history.keepTlsReport(kept);
      const { organization, reportId, start } = kept.report;
      const text = `TLS report ${reportId} of ${organization} about ${dayName(start)} (${from}; ${kept.signature})`;
      log.record(mailNotice, fresh ? `${text} is kept` : `${text} is known already`);
      return { kind: fresh ? 'kept' : 'known' };
    } catch (error) {
      if (!(error instanceof UnreadableReport)) throw error;
      const problem = error.message;
      log.record(mailWarning, `What came as a TLS report (${from}) cannot be read: ${problem}`);
      const sender = this.#from(delivered);
      await history.noteBadTlsReport({ time: this.#now(), via: delivered.via, sender, problem });
      return { kind: 'unreadable', problem };
    }
  }

  async #read(delivered: Delivered, checked: Checked | null): Promise<KeptReport> {
    const snapshot = this.#options.snapshot();
    const now = this.#now();
    const mail = delivered.via === 'mail';
    const json = mail
      ? await reportInMail(delivered.message, snapshot.limits)
      : await reportInBytes(delivered.body, snapshot.limits);
    const report = withId(parseReport(json, now), json);
    const signature: Signature =
      checked === null
        ? { signer: '', text: 'by HTTPS, without a signature', later: false }
        : signatureOf(checked, report.contact);
    if (mail && signature.later && now - delivered.received < patience(snapshot)) {
      throw new PosternError('dns', `whether it is signed cannot be told now: ${signature.text}`, { temporary: true });
    }
    // RFC 8460 3: what comes by mail without one is to be ignored.
    const counted = !mail || signature.signer !== '' || !snapshot.tlsReports.signed;
    return {
      time: now,
      via: delivered.via,
      sender: this.#from(delivered),
      signer: signature.signer,
      signature: signature.text,
      counted,
      report,
    };
  }
}

/** How long a mail waits for the key of its signature, ms; what would be given up before is kept as it is. */
function patience({ tlsReports, retry }: Snapshot): number {
  return tlsReports.signed ? Math.min(tlsReports.retryFor, retry.lifetime / 2) : 0;
}

/** Without an identifier it is known by what it says. */
function withId(report: ReceivedReport, json: Buffer): ReceivedReport {
  if (report.reportId !== '') return report;
  return { ...report, reportId: createHash('sha256').update(json).digest('hex').slice(0, 32) };
}
