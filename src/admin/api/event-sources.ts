// What event streams tell: the counters of the gateway once a second, new lines of the logs, the state of the configuration.
// Each is found out once, however many listen, and not at all while nobody does.
import { tailLog } from '../../ledger/follow.ts';
import { hasWords, logPage, wordsOf } from '../../ledger/page.ts';
import type { AdminHost } from '../host.ts';
import type { EventStream } from '../web/event-stream.ts';
import { describeOverview } from './page.ts';
import { describeStatus } from './routes/status.ts';
import type { ConfigurationEvent, LogEvent, OverviewEvent, Topic } from './schemas/events.ts';

type LogName = LogEvent['log'];

const second = 1000;
/** New lines are sent together this often, ms; to one client no more than so many. */
const logInterval = 250;
const mostLines = 250;
/** Lines that come between two sendings; what is more is left out for everybody. */
const mostWaiting = 20_000;

export interface Subscription {
  readonly topics: readonly Topic[];
  readonly user: string;
  /** Of log lines. */
  readonly filter: string;
  /** Last lines of the logs to begin with. */
  readonly lines: number;
}

export class EventSources {
  readonly #host: AdminHost;
  readonly #overview: OverviewFeed;
  readonly #logs: Readonly<Record<LogName, LogFeed>>;

  constructor(host: AdminHost) {
    this.#host = host;
    this.#overview = new OverviewFeed(host);
    this.#logs = { mail: new LogFeed(host, 'mail'), system: new LogFeed(host, 'system') };
  }

  /** Until the stream is closed. */
  subscribe(stream: EventStream, { topics, user, filter, lines }: Subscription): void {
    if (topics.includes('configuration')) this.#watchConfiguration(stream, user);
    if (topics.includes('overview')) this.#overview.add(stream);
    if (topics.includes('mail-log')) this.#logs.mail.add(stream, filter, lines);
    if (topics.includes('system-log')) this.#logs.system.add(stream, filter, lines);
  }

  #watchConfiguration(stream: EventStream, user: string): void {
    let told = '';
    const tell = () => {
      const event = this.#configuration(user);
      const text = JSON.stringify(event);
      if (text !== told && stream.send('configuration', event)) told = text;
    };
    tell();
    const stop = this.#host.config.watch(tell);
    stream.closed.addEventListener('abort', stop, { once: true });
  }

  #configuration(user: string): ConfigurationEvent {
    const { config } = this.#host;
    const committed = config.committed();
    const waiting = config.waiting();
    return {
      revision: committed.number,
      by: committed.user,
      pending: config.pending(user).length,
      conflicts: config.conflicts(user).length,
      others: config.users().filter((other) => other !== user),
      confirmBy: waiting === null ? null : new Date(waiting.until).toISOString(),
    };
  }
}

/** Once a second, while somebody listens. */
class OverviewFeed {
  readonly #host: AdminHost;
  readonly #streams = new Set<EventStream>();
  #running = false;

  constructor(host: AdminHost) {
    this.#host = host;
  }

  add(stream: EventStream): void {
    this.#streams.add(stream);
    stream.closed.addEventListener('abort', () => this.#streams.delete(stream), { once: true });
    if (this.#running) return;
    this.#running = true;
    this.#next();
  }

  #next(): void {
    if (this.#streams.size === 0) {
      this.#running = false;
      return;
    }
    const begun = Date.now();
    // `tell` never rejects.
    void this.#tell().then(() => {
      const timer = setTimeout(() => this.#next(), Math.max(0, begun + second - Date.now()));
      timer.unref();
    });
  }

  async #tell(): Promise<void> {
    let event: OverviewEvent;
    try {
      const [overview, status] = await Promise.all([this.#host.history.overview(), this.#host.status()]);
      const { started, state, problems, revision, threads, connections, queue, disk, memory } = describeStatus(
        status,
        Date.now(),
      );
      const present = { started, state, problems, revision, threads, connections, queue, disk, memory };
      event = { ...describeOverview(overview), ...present };
    } catch {
      return; // a thread that is being restarted; the next second tells
    }
    for (const stream of this.#streams) stream.send('overview', event);
  }
}

interface LogListener {
  readonly words: readonly string[];
  /** Lines that came before those of the beginning were sent; null: they have been. */
  held: string[] | null;
}

/** How many lines at the end of the one stand at the beginning of the other. */
function overlap(before: readonly string[], after: readonly string[]): number {
  for (let count = Math.min(before.length, after.length); count > 0; count--) {
    const start = before.length - count;
    if (after.slice(0, count).every((line, index) => line === before[start + index])) return count;
  }
  return 0;
}

/** The end of a log, while somebody listens. */
class LogFeed {
  readonly #host: AdminHost;
  readonly #log: LogName;
  readonly #streams = new Map<EventStream, LogListener>();
  #waiting: string[] = [];
  #left = 0;
  #stop: AbortController | null = null;

  constructor(host: AdminHost, log: LogName) {
    this.#host = host;
    this.#log = log;
  }

  add(stream: EventStream, filter: string, lines: number): void {
    const listener: LogListener = { words: wordsOf(filter), held: lines > 0 ? [] : null };
    this.#streams.set(stream, listener);
    if (lines > 0) this.#begin(stream, listener, { lines, filter }).catch(() => this.#remove(stream));
    stream.closed.addEventListener('abort', () => this.#remove(stream), { once: true });
    if (this.#stop !== null) return;
    const stop = new AbortController();
    this.#stop = stop;
    this.#follow(stop).catch(() => {
      // The directory of the logs cannot be read: whoever listens hears nothing, and may ask again.
      if (this.#stop === stop) this.#end();
    });
    const timer = setInterval(() => this.#send(), logInterval);
    timer.unref();
    stop.signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  }

  /** What was there before; what came while it was read follows it, none of it twice. */
  async #begin(stream: EventStream, listener: LogListener, wish: { lines: number; filter: string }): Promise<void> {
    const page = await logPage(this.#host.logDirectory, this.#log, wish);
    this.#send();
    const { held } = listener;
    listener.held = null;
    const lines = [...page.lines, ...(held ?? []).slice(overlap(page.lines, held ?? []))];
    if (lines.length > 0) stream.send('log', { log: this.#log, lines, skipped: 0 } satisfies LogEvent);
  }

  #remove(stream: EventStream): void {
    this.#streams.delete(stream);
    if (this.#streams.size === 0) this.#end();
  }

  #end(): void {
    this.#stop?.abort();
    this.#stop = null;
    this.#waiting = [];
    this.#left = 0;
  }

  async #follow({ signal }: AbortController): Promise<void> {
    for await (const line of tailLog(this.#host.logDirectory, this.#log, { lines: 0 }, signal)) {
      if (signal.aborted) return;
      if (this.#waiting.length < mostWaiting) this.#waiting.push(line);
      else this.#left++;
    }
  }

  #send(): void {
    if (this.#waiting.length === 0 && this.#left === 0) return;
    const [lines, left] = [this.#waiting, this.#left];
    this.#waiting = [];
    this.#left = 0;
    for (const [stream, { words, held }] of this.#streams) {
      const found = words.length === 0 ? lines : lines.filter((line) => hasWords(line, words));
      if (held !== null) {
        held.push(...found.slice(0, mostWaiting - held.length));
        continue;
      }
      const skipped = Math.max(0, found.length - mostLines) + left;
      if (found.length === 0 && skipped === 0) continue;
      const event: LogEvent = { log: this.#log, lines: found.slice(-mostLines), skipped };
      stream.send('log', event);
    }
  }
}
