// Our reports to other domains: which are due, where they go, what becomes of them. All that must outlive a restart is in
// ledger.db, and for mail in the queue, which takes each report once.
import { createHash, randomBytes } from 'node:crypto';
import type { SecureContext } from 'node:tls';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Snapshot } from '../config/snapshot.ts';
import { dayLength } from '../config/units.ts';
import type { MailResolver } from '../dns/resolver.ts';
import { textsOf } from '../dns/text.ts';
import { messageOf, PosternError } from '../errors.ts';
import { type EventSink, mailNotice, mailWarning } from '../ledger/events.ts';
import type { ReportRow } from '../ledger/tls-reports/outgoing.ts';
import { policyContext } from '../mta-sts/https.ts';
import type { Submission } from '../spool/protocol.ts';
import type { SendingHistory } from './history.ts';
import { reportMessage } from './message.ts';
import { postReport } from './post.ts';
import { type Endpoint, parseReportRecord, recordName } from './record.ts';
import { dayName, domainOf, type ReportFacts, reportFile, reportId, reportJson } from './report.ts';

export interface SenderOptions {
  readonly history: SendingHistory;
  /** Into the queue; null: it was there before. */
  readonly submit: (submission: Submission) => Promise<number | null>;
  /** The message with its signature; throws where none can be made. */
  readonly sign: (message: Buffer, domain: string, snapshot: Snapshot) => Promise<Uint8Array>;
  readonly resolver: (snapshot: Snapshot) => MailResolver;
  readonly snapshot: () => Snapshot;
  readonly log: EventSink;
  /** ms since the epoch. */
  readonly now?: () => number;
}

/** What the reports of one run share. */
interface Run {
  readonly snapshot: Snapshot;
  readonly resolver: MailResolver;
  readonly context: SecureContext;
  readonly organization: string;
  readonly contact: string;
}

const compress = promisify(gzip);
const lookEvery = 60_000;
/** Events of the last second of a day need a moment to be counted. */
const settleTime = 10 * 60_000;
/** Days that are looked after: a gateway that was off for a day still tells. */
const days = 2;
const planEvery = 3600_000;
const atOnce = 8;
const batch = 64;
const mostOfDay = 5000;
const firstWait = 5 * 60_000;
const longestWait = 4 * 3600_000;

export class ReportSender {
  readonly #options: SenderOptions;
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;
  readonly #planned = new Map<number, number>();
  #running: Promise<unknown> = Promise.resolve();
  #busy = false;
  #stopped = false;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#timer = setInterval(() => void this.tick(), lookEvery);
    this.#timer.unref();
  }

  /** Plans what is new and sends what is due. Never rejects. */
  async tick(): Promise<void> {
    if (this.#busy || this.#stopped || !this.#options.snapshot().tlsReports.send) return;
    this.#busy = true;
    try {
      await this.#turn(() => this.#sendDue());
    } catch (error) {
      if (!this.#stopped) {
        this.#options.log.record(mailWarning, `TLS reports cannot be sent now: ${messageOf(error)}`);
      }
    } finally {
      this.#busy = false;
    }
  }

  /** Sends what of the day has not been sent, now; returns what became of each. Throws `bad-usage` for a day that is not over. */
  async send(day: number, domain: string | null): Promise<readonly ReportRow[]> {
    if (day % dayLength !== 0 || day + dayLength > this.#now()) {
      throw new PosternError('bad-usage', `${dayName(day)} is not over`, {
        remedy: 'a report is about a whole day (UTC): name one before today',
      });
    }
    return await this.#turn(async () => {
      const run = this.#run();
      const { history } = this.#options;
      await this.#plan(day, () => this.#now());
      const rows = await history.tlsReports(day, mostOfDay);
      const wanted = rows.filter((row) => domain === null || row.domain === domain);
      const due = wanted.filter((row) => row.state === 'due');
      await this.#sendAll(due, run);
      const keys = new Set(due.map((row) => row.domain));
      return (await history.tlsReports(day, mostOfDay)).filter((row) => keys.has(row.domain));
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#running.catch(() => undefined); // told by whoever waits for it
  }

  /** One after the other: a command and the clock must not send the same. */
  #turn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#running.then(work, work);
    this.#running = next;
    return next;
  }

  async #sendDue(): Promise<void> {
    const { history, snapshot } = this.#options;
    const { spread } = snapshot().tlsReports;
    const { hostname } = snapshot();
    const now = this.#now();
    const today = now - (now % dayLength);
    for (let day = today - days * dayLength; day < today; day += dayLength) {
      if (now < day + dayLength + settleTime || now < (this.#planned.get(day) ?? 0)) continue;
      await this.#plan(day, (domain) => day + dayLength + settleTime + delay(`${hostname} ${domain} ${day}`, spread));
      this.#planned.set(day, now + planEvery);
    }
    for (const day of this.#planned.keys()) if (day < today - days * dayLength) this.#planned.delete(day);
    for (;;) {
      const due = await history.dueTlsReports(this.#now(), batch);
      if (due.length === 0 || this.#stopped) return;
      await this.#sendAll(due, this.#run());
    }
  }

  async #plan(day: number, next: (domain: string) => number): Promise<void> {
    const { history } = this.#options;
    const targets = await history.unplannedTlsReports(day);
    if (targets.length > 0) {
      const planned = targets.map((domain) => ({ domain, next: next(domain) }));
      await history.planTlsReports(day, planned);
    }
  }

  #run(): Run {
    const snapshot = this.#options.snapshot();
    const { organization, contact } = snapshot.tlsReports;
    if (organization === undefined || contact === undefined) {
      throw new PosternError('bad-configuration', 'who reports is not configured', {
        remedy: 'set tlsReports.organization and tlsReports.contact',
      });
    }
    const context = policyContext(snapshot.mtaSts.ca);
    return { snapshot, resolver: this.#options.resolver(snapshot), context, organization, contact };
  }

  async #sendAll(rows: readonly ReportRow[], run: Run): Promise<void> {
    const left = [...rows];
    const work = async () => {
      for (let row = left.shift(); row !== undefined && !this.#stopped; row = left.shift()) await this.#send(row, run);
    };
    await Promise.all(Array.from({ length: atOnce }, work));
  }

  async #send(row: ReportRow, run: Run): Promise<void> {
    const { log, history } = this.#options;
    const what = `TLS report about ${dayName(row.day)} to ${row.domain}`;
    const came = await this.#hand(row, run);
    if (came.kind === 'none') {
      await history.settleTlsReport({ ...row, state: 'none', detail: came.why });
      return;
    }
    const now = this.#now();
    const first = row.first === 0 ? now : row.first;
    const attempts = row.attempts + 1;
    if (came.kind === 'sent') {
      await history.settleTlsReport({ ...row, state: 'sent', first, attempts, detail: came.where });
      log.record(mailNotice, `${what} went to ${came.where}`);
      return;
    }
    const next = now + Math.min(longestWait, firstWait * 2 ** row.attempts);
    const over = next > first + run.snapshot.tlsReports.retryFor;
    const state = over ? 'failed' : 'due';
    await history.settleTlsReport({ ...row, state, first, attempts, next, detail: came.why });
    if (over) log.record(mailWarning, `${what} is given up: ${came.why}`);
    else log.record(mailNotice, `${what} waits until ${new Date(next).toISOString()}: ${came.why}`);
  }

  async #hand(row: ReportRow, run: Run): Promise<Outcome> {
    try {
      const policies = await this.#options.history.tlsReportDay(row.day, row.domain);
      if (policies.length === 0) return { kind: 'none', why: 'there is nothing to report' };
      const texts = textsOf(await run.resolver.ask(recordName(row.domain), 'TXT'));
      const record = parseReportRecord(texts);
      if (record.kind === 'none') return record;
      const { organization, contact, snapshot } = run;
      const { hostname } = snapshot;
      const facts: ReportFacts = { organization, contact, hostname, domain: row.domain, day: row.day, policies };
      const content = await compress(reportJson(facts));
      const went: string[] = [];
      const failed: string[] = [];
      // RFC 8460 3: to each of them; the report is delivered when one has taken it.
      for (const endpoint of record.endpoints) {
        const why = await this.#give(endpoint, facts, content, run);
        if (why === null) went.push(endpoint.uri);
        else failed.push(`${endpoint.uri}: ${why}`);
      }
      if (went.length === 0) return { kind: 'failed', why: failed.join('; ') };
      return { kind: 'sent', where: [went.join(', '), ...failed.map((one) => `not to ${one}`)].join('; ') };
    } catch (error) {
      return { kind: 'failed', why: messageOf(error) };
    }
  }

  /** Null: it was taken. */
  async #give(endpoint: Endpoint, facts: ReportFacts, content: Uint8Array, run: Run): Promise<string | null> {
    const { resolver, context, snapshot } = run;
    if (endpoint.kind === 'https') {
      return await postReport(endpoint.url, content, { resolver, context, timeout: snapshot.timeouts.tlsReport });
    }
    try {
      const unique = randomBytes(12).toString('hex');
      const mail = reportMessage({ facts, to: endpoint.address, content, now: this.#now(), unique });
      await this.#options.submit({
        key: `tlsrpt ${reportId(facts)} ${endpoint.address}`,
        sender: facts.contact,
        recipient: endpoint.address,
        body: await this.#options.sign(mail, domainOf(facts.contact), snapshot),
        title: `TLS report ${reportFile(facts)}`,
        id: `<${unique}.tlsrpt@${facts.hostname}>`,
      });
      return null;
    } catch (error) {
      return messageOf(error);
    }
  }
}

type Outcome =
  | { readonly kind: 'sent'; readonly where: string }
  | { readonly kind: 'none'; readonly why: string }
  | { readonly kind: 'failed'; readonly why: string };

/** RFC 8460 4.1: not all at once; the same after a restart. */
function delay(text: string, most: number): number {
  return most === 0 ? 0 : createHash('sha256').update(text).digest().readUInt32BE() % most;
}
