// One syslog collector: sends lines in order while it is there, keeps them on disk while it is not.
import type { Snapshot } from '../config/snapshot.ts';
import { messageOf } from '../errors.ts';
import type { ClientTls } from '../tls/contexts.ts';
import { Backlog, type BacklogBatch } from './backlog.ts';
import { type EventSink, systemNotice, systemWarning } from './events.ts';
import { type Link, type LinkFailure, openLink } from './link.ts';

export type CollectorSettings = Snapshot['syslog'][number];

export interface CollectorOptions {
  /** Of its own; made when needed. */
  readonly directory: string;
  readonly log: EventSink;
  /** First pause before connecting again, in ms; doubles up to `longestPause`. */
  readonly firstPause: number;
  readonly longestPause: number;
}

/** What a connection is made with; another value takes the place of the present connection. */
export interface CollectorTarget {
  readonly settings: CollectorSettings;
  readonly tls: ClientTls | null;
  readonly connectTimeout: number;
  readonly handshakeTimeout: number;
}

export interface CollectorStatus {
  readonly name: string;
  readonly state: 'connected' | 'connecting' | 'away';
  /** Bytes on disk. */
  readonly waiting: number;
  readonly reason: string | null;
}

const flushAfter = 100;
/** Bytes handed over at a time: what a broken connection repeats at most. */
const batchSize = 64 * 1024;
const datagramBatchSize = 32 * 1024;
/** Characters kept in memory before the disk is used. */
const memorySize = 256 * 1024;
/** The same while a batch of lines that are in memory only is under way; beyond, the connection counts as stalled. */
const memoryLimit = 2 * 1024 * 1024;
/** A batch that is not taken within this time: the collector does not read. */
const stallTimeout = 30_000;
/** How long `stop` waits for what is under way. */
const stopTimeout = 1500;
/** How often a collector that stays away, or lines lost, are reported. */
const reportEvery = 10 * 60_000;
/** How long a collector is known to need the legacy context. */
const legacyFor = 24 * 3_600_000;

/**
 * | state      | link       | lines go                                              |
 * | ---------- | ---------- | ----------------------------------------------------- |
 * | connecting | being made | to the backlog (disk), every 100 ms                   |
 * | connected  | there      | from the backlog while it has any, then from memory   |
 * | away       | none       | to the backlog; a timer makes the next link           |
 *
 * At most one batch is under way. Where its connection breaks it goes back to the front of the queue.
 */
export class Collector {
  readonly #options: CollectorOptions;
  #target: CollectorTarget;
  readonly #backlog: Backlog;
  #state: CollectorStatus['state'] = 'away';
  #link: Link | null = null;
  #fresh: string[] = [];
  #freshSize = 0;
  #underWay: { readonly lines: readonly string[]; readonly batch: BacklogBatch | null; readonly since: number } | null =
    null;
  #timer: NodeJS.Timeout | null = null;
  #retry: NodeJS.Timeout | null = null;
  #failures = 0;
  #reason: string | null = null;
  #reportedAt = 0;
  #reportedReason = '';
  #lost = 0;
  #lostReportedAt = 0;
  #legacyUntil = 0;
  #stopped = false;
  #onIdle: (() => void) | null = null;

  /** Connects at once. Throws where an earlier backlog cannot be read. */
  constructor(target: CollectorTarget, options: CollectorOptions) {
    this.#target = target;
    this.#options = options;
    this.#backlog = new Backlog({ directory: options.directory, limit: target.settings.buffer });
    this.#connect();
  }

  get settings(): CollectorSettings {
    return this.#target.settings;
  }

  status(): CollectorStatus {
    return { name: this.settings.name, state: this.#state, waiting: this.#backlog.size, reason: this.#reason };
  }

  /** A complete syslog message without its framing; no line feed in it. */
  add(line: string): void {
    this.#fresh.push(line);
    this.#freshSize += line.length;
    if (this.#freshSize >= memorySize && this.#underWay === null) this.flush();
    else if (this.#freshSize >= memoryLimit) this.#memoryFull();
    else this.#timer ??= setTimeout(() => this.flush(), flushAfter);
  }

  /** Sends or stores what was added. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#underWay !== null) {
      if (Date.now() - this.#underWay.since > stallTimeout) this.#break('the collector takes no data');
      else if (this.#underWay.batch !== null) this.#store();
      if (this.#underWay !== null) this.#timer = setTimeout(() => this.flush(), flushAfter);
      return;
    }
    if (this.#state === 'connected') this.#next();
    else this.#store();
  }

  /** New settings hold for new connections; where they change how to connect, the present one is replaced. */
  apply(target: CollectorTarget): void {
    const old = this.#target;
    this.#target = target;
    this.#backlog.limit = target.settings.buffer;
    if (isSameConnection(old, target)) return;
    this.#legacyUntil = 0;
    this.#failures = 0;
    this.#reportedReason = '';
    this.#disconnect();
    this.#connect();
  }

  /** Waits a moment for what is under way; the rest is on disk when it resolves. Never rejects. */
  async stop(): Promise<void> {
    if (this.#state === 'connected') {
      const idle = new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, stopTimeout);
        this.#onIdle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.flush();
      if (this.#underWay === null) this.#onIdle?.();
      await idle;
    }
    this.#stopped = true;
    this.#disconnect();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#backlog.close();
  }

  /** For a collector that is configured no more: hands over what it can at once, drops the rest and returns its number. */
  remove(): number {
    if (this.#state === 'connected') this.flush();
    this.#stopped = true;
    this.#link?.close();
    this.#link = null;
    this.#underWay = null;
    if (this.#retry !== null) clearTimeout(this.#retry);
    if (this.#timer !== null) clearTimeout(this.#timer);
    const count = this.#backlog.countLines() + this.#fresh.length;
    this.#backlog.remove();
    return count;
  }

  #connect(): void {
    if (this.#stopped) return;
    this.#retry = null;
    this.#state = 'connecting';
    const { settings, tls, connectTimeout, handshakeTimeout } = this.#target;
    const legacy = tls?.legacy != null && Date.now() < this.#legacyUntil;
    const link = openLink(
      { ...settings, tls, legacy, connectTimeout, handshakeTimeout, probe: this.#failures > 0 },
      {
        up: (description) => {
          if (this.#link === link) this.#up(description, legacy);
        },
        down: (failure) => {
          if (this.#link === link) this.#down(failure, legacy);
        },
      },
    );
    this.#link = link;
  }

  #up(description: string, legacy: boolean): void {
    this.#state = 'connected';
    this.#reason = null;
    if (this.#reportedReason !== '' || legacy) {
      const how = description === '' ? '' : ` (${description})`;
      const waiting = this.#backlog.countLines();
      this.#notice(`connected${how}${waiting > 0 ? `; ${waiting} lines waited` : ''}`);
    }
    this.flush();
  }

  #down(failure: LinkFailure, legacy: boolean): void {
    this.#link = null;
    this.#disconnect();
    this.#reason = failure.reason;
    if (failure.retryLegacy === true && !legacy && this.#target.tls?.legacy != null) {
      // The collector answered in a version below 1.2 and the settings allow it: once more, on a new connection.
      this.#legacyUntil = Date.now() + legacyFor;
      this.#connect();
      return;
    }
    this.#legacyUntil = legacy ? 0 : this.#legacyUntil;
    this.#report(failure);
    const { firstPause, longestPause } = this.#options;
    const pause = Math.min(longestPause, firstPause * 2 ** Math.min(this.#failures, 20));
    this.#failures++;
    this.#retry = setTimeout(() => this.#connect(), pause * (0.8 + Math.random() * 0.4));
    this.#retry.unref();
  }

  /** Ends the link, if there is one; what was under way and what is in memory go to the backlog, in their order. */
  #disconnect(): void {
    this.#link?.close();
    this.#link = null;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    this.#state = 'away';
    const underWay = this.#underWay;
    this.#underWay = null;
    // A batch of the backlog is still there; one of memory was sent because the backlog was empty.
    if (underWay !== null && underWay.batch === null) this.#push(underWay.lines);
    this.#store();
    this.#onIdle?.();
  }

  #break(reason: string): void {
    const link = this.#link;
    this.#link = null;
    link?.close();
    this.#down({ reason }, false);
  }

  #memoryFull(): void {
    if (this.#underWay?.batch === null) this.#break('the collector takes no data');
    else this.#store();
  }

  #store(): void {
    if (this.#fresh.length === 0) return;
    const lines = this.#fresh;
    this.#fresh = [];
    this.#freshSize = 0;
    this.#push(lines);
  }

  #push(lines: readonly string[]): void {
    const failed = this.#backlog.failure;
    this.#backlog.push(lines);
    const { failure } = this.#backlog;
    if (failure !== null && failed === null) this.#warn(`lines cannot be buffered on disk: ${failure}`);
    this.#lost += this.#backlog.takeLost();
    const now = Date.now();
    if (this.#lost === 0 || now - this.#lostReportedAt < reportEvery) return;
    this.#lostReportedAt = now;
    this.#reportLost();
  }

  #reportLost(): void {
    if (this.#lost === 0) return;
    this.#warn(`${this.#lost} of the oldest lines were lost: the buffer of ${this.settings.buffer} bytes is full`);
    this.#lost = 0;
  }

  /** Sends the next batch: of the backlog first, which is older. */
  #next(): void {
    const link = this.#link;
    if (link === null || this.#underWay !== null) return;
    if (this.#freshSize > memorySize) this.#store();
    const size = this.settings.protocol === 'udp' ? datagramBatchSize : batchSize;
    const batch = this.#backlog.empty ? null : this.#backlog.peek(size);
    const lines = batch?.lines ?? this.#takeFresh(size);
    if (lines.length === 0) {
      this.#reportLost();
      this.#onIdle?.();
      return;
    }
    const underWay = { lines, batch, since: Date.now() };
    this.#underWay = underWay;
    link.send(lines, () => {
      if (this.#underWay !== underWay) return;
      this.#underWay = null;
      this.#failures = 0;
      this.#reportedReason = '';
      if (batch !== null) this.#forget(batch);
      this.#next();
    });
  }

  #forget(batch: BacklogBatch): void {
    try {
      this.#backlog.forget(batch);
    } catch (error) {
      this.#warn(`the buffer on disk: ${messageOf(error)}`);
    }
  }

  #takeFresh(size: number): readonly string[] {
    let taken = 0;
    let count = 0;
    while (count < this.#fresh.length && taken < size) taken += this.#fresh[count++]?.length ?? 0;
    this.#freshSize -= taken;
    return this.#fresh.splice(0, count);
  }

  /** Once when it goes away, then where the reason changes or some minutes have passed. */
  #report({ reason, explanation }: LinkFailure): void {
    const now = Date.now();
    if (reason === this.#reportedReason && now - this.#reportedAt < reportEvery) return;
    this.#reportedReason = reason;
    this.#reportedAt = now;
    const { host, port, protocol } = this.settings;
    this.#warn(
      `${protocol}://${host}:${port}: ${reason}; lines are buffered on disk${explanation ? `. ${explanation}` : ''}`,
    );
  }

  #warn(text: string): void {
    this.#options.log.record(systemWarning, `Syslog collector ${this.settings.name}: ${text}`);
  }

  #notice(text: string): void {
    this.#options.log.record(systemNotice, `Syslog collector ${this.settings.name}: ${text}`);
  }
}

function isSameConnection(a: CollectorTarget, b: CollectorTarget): boolean {
  const of = ({ settings: { host, port, protocol, verify, ca }, tls }: CollectorTarget) =>
    JSON.stringify([host, port, protocol, ...(protocol === 'tls' ? [verify, ca, tls?.settings] : [])]);
  return of(a) === of(b);
}
