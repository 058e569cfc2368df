// Reports of others, from wherever they come: read, checked, kept. One at a time: whoever floods us waits for himself.
import { createHash } from 'node:crypto';
import type { Snapshot } from '../config/snapshot.ts';
import type { MailResolver } from '../dns/resolver.ts';
import { PosternError } from '../errors.ts';
import { type EventSink, mailNotice, mailWarning } from '../ledger/events.ts';
import { reportInBytes, reportInMail } from './extract.ts';
import type { KeptReport, ReceivingHistory } from './history.ts';
import { parseReport, type ToldReport, UnreadableReport } from './parse.ts';
import { dayName } from './report.ts';
import { type Signature, verifySignature } from './signature.ts';

export interface ReceiverOptions {
  readonly history: ReceivingHistory;
  readonly resolver: (snapshot: Snapshot) => MailResolver;
  readonly snapshot: () => Snapshot;
  readonly log: EventSink;
  /** ms since the epoch. */
  readonly now?: () => number;
}

/** A report as it came. */
export type Delivered =
  | { readonly via: 'mail'; readonly message: Uint8Array; readonly sender: string; readonly mid: number }
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

  /** Throws a temporary PosternError where it must be tried again: too many wait, or the history cannot be written. */
  async take(delivered: Delivered): Promise<Taken> {
    if (this.#waiting >= mostWaiting) {
      throw new PosternError('rate-limited', 'too many TLS reports wait', { temporary: true });
    }
    this.#waiting++;
    const turn = this.#last.then(() => this.#take(delivered));
    this.#last = turn.catch(() => undefined); // its own caller hears of it
    try {
      return await turn;
    } finally {
      this.#waiting--;
    }
  }

  async #take(delivered: Delivered): Promise<Taken> {
    const { history, log } = this.#options;
    const from = delivered.via === 'mail' ? `MID ${delivered.mid}, from <${delivered.sender}>` : delivered.client;
    try {
      const kept = await this.#read(delivered);
      const fresh = await history.keepTlsReport(kept);
      const { organization, reportId, start } = kept.report;
      const text = `TLS report ${reportId} of ${organization} about ${dayName(start)} (${from}; ${kept.signature})`;
      log.record(mailNotice, fresh ? `${text} is kept` : `${text} is known already`);
      return { kind: fresh ? 'kept' : 'known' };
    } catch (error) {
      if (!(error instanceof UnreadableReport)) throw error;
      const problem = error.message;
      log.record(mailWarning, `What came as a TLS report (${from}) cannot be read: ${problem}`);
      const sender = delivered.via === 'mail' ? delivered.sender : delivered.client;
      await history.noteBadTlsReport({ time: this.#now(), via: delivered.via, sender, problem });
      return { kind: 'unreadable', problem };
    }
  }

  async #read(delivered: Delivered): Promise<KeptReport> {
    const snapshot = this.#options.snapshot();
    const now = this.#now();
    const mail = delivered.via === 'mail';
    const json = mail
      ? await reportInMail(delivered.message, snapshot.limits)
      : await reportInBytes(delivered.body, snapshot.limits);
    const report = withId(parseReport(json, now), json);
    const signature: Signature = mail
      ? await verifySignature(delivered.message, report.contact, this.#options.resolver(snapshot))
      : { signer: '', text: 'by HTTPS, without a signature' };
    // RFC 8460 3: what comes by mail without one is to be ignored.
    const counted = !mail || signature.signer !== '' || !snapshot.tlsReports.signed;
    return {
      time: now,
      via: delivered.via,
      sender: mail ? delivered.sender : delivered.client,
      signer: signature.signer,
      signature: signature.text,
      counted,
      report,
    };
  }
}

/** Without an identifier it is known by what it says. */
function withId(report: ToldReport, json: Buffer): ToldReport {
  if (report.reportId !== '') return report;
  return { ...report, reportId: createHash('sha256').update(json).digest('hex').slice(0, 32) };
}
