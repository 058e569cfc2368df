// The ledger thread's core: takes what the other threads recorded and keeps it as mail log, system log, JSON log and syslog.
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import packageJson from '../../package.json' with { type: 'json' };
import type { Snapshot } from '../config/snapshot.ts';
import { PosternError } from '../errors.ts';
import { utcOffset } from './clock.ts';
import type { CollectorStatus } from './collector.ts';
import { type EventDefinition, type EventSink, mailWarning, systemWarning, type Value } from './events.ts';
import { LogFile } from './file.ts';
import { type FormattedBatch, LineFormatter, type LineListener } from './format.ts';
import { History } from './history/history.ts';
import type { GroupSource } from './observations/groups.ts';
import type { HistoryQueries, HistoryStatus, SecurityCount } from './protocol.ts';
import type { LogName } from './rotation.ts';
import { serialNumber } from './serial.ts';
import type { EventBatch } from './sink.ts';
import { type PreparedSyslog, prepareSyslog, Syslog } from './syslog.ts';

export interface LedgerOptions {
  /** `data/logs`. Made where it does not exist. */
  readonly directory: string;
  readonly snapshot: Snapshot;
  /** Buffers of the collectors; default `syslog` beside the log directory. */
  readonly syslogDirectory?: string;
  /** Default `ledger.db` beside the log directory. */
  readonly historyFile?: string;
  /** Absent: no groups are derived. */
  readonly groups?: GroupSource;
  /** What `Begin Logfile` says after `Version:` and `SN:`. */
  readonly version?: string;
  readonly serial?: string;
}

export interface LedgerStatus {
  readonly events: number;
  readonly logs: readonly {
    readonly name: string;
    readonly size: number;
    /** Lines given up since the last write that failed. */
    readonly lost: number;
    readonly failure: string | null;
  }[];
  readonly collectors: readonly CollectorStatus[];
  readonly history: HistoryStatus;
  readonly security: readonly SecurityCount[];
}

/** A snapshot compiled for the ledger; nothing has changed yet. */
export interface PreparedLedger {
  /** Puts it into force; does not fail. */
  activate(): void;
  abandon(): void;
}

const tickEvery = 30_000;

/** Throws `io` where a log file cannot be opened. After that nothing that happens to a file or a collector ends it. */
export class Ledger {
  readonly #options: LedgerOptions;
  readonly #formatter: LineFormatter;
  readonly #files = new Map<LogName, LogFile>();
  readonly #ports = new Set<MessagePort>();
  readonly #own: [EventDefinition, readonly Value[]][] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #syslog: Syslog;
  readonly #history: History;
  readonly #listener: LineListener = (log, level, time, text) => this.#syslog.line(log, level, time, text);
  #events = 0;
  #stopping: Promise<void> | null = null;

  constructor(options: LedgerOptions) {
    this.#options = options;
    const { snapshot } = options;
    this.#formatter = new LineFormatter(snapshot.privacy, snapshot.logs.json);
    this.#files.set('mail', this.#open('mail', snapshot));
    this.#files.set('system', this.#open('system', snapshot));
    if (snapshot.logs.json) this.#files.set('json', this.#open('json', snapshot));
    const { syslogDirectory = join(dirname(options.directory), 'syslog') } = options;
    this.#syslog = new Syslog({ directory: syslogDirectory, log: this.log }, prepareSyslog(snapshot));
    const { historyFile = join(dirname(options.directory), 'ledger.db') } = options;
    const groups = options.groups === undefined ? {} : { groups: options.groups };
    this.#history = new History({ file: historyFile, snapshot, log: this.log, ...groups });
    this.#timer = setInterval(() => this.#tick(), tickEvery);
    this.#timer.unref();
  }

  /** For the ledger's own thread; others have `createEventSink`. */
  readonly log: EventSink = {
    record: (event, ...values) => {
      // Later: a file that warns is in the middle of something.
      if (this.#own.length === 0) setImmediate(() => this.#recordOwn());
      this.#own.push([event as unknown as EventDefinition, values]);
    },
  };

  /** Takes the batches of one thread's sink from now on. */
  attach(port: MessagePort): void {
    this.#ports.add(port);
    port.on('message', (batch: EventBatch) => this.#write(batch));
    port.on('close', () => this.#ports.delete(port));
  }

  /** Throws where the JSON log cannot be opened (`io`) or a collector's authority is no certificate (`bad-certificate`). */
  prepare(snapshot: Snapshot): PreparedLedger {
    const syslog = prepareSyslog(snapshot);
    const json = snapshot.logs.json && !this.#files.has('json') ? this.#open('json', snapshot) : null;
    return {
      activate: () => this.#activate(snapshot, json, syslog),
      abandon: () => void json?.stop(),
    };
  }

  /** `prepare` and `activate` in one. */
  apply(snapshot: Snapshot): void {
    this.prepare(snapshot).activate();
  }

  #activate(snapshot: Snapshot, opened: LogFile | null, syslog: PreparedSyslog): void {
    const json = this.#files.get('json');
    if (opened !== null && json === undefined) this.#files.set('json', opened);
    else void opened?.stop();
    if (!snapshot.logs.json && json !== undefined) {
      this.#files.delete('json');
      void json.stop();
    }
    for (const file of this.#files.values()) file.apply(snapshot.logs);
    this.#formatter.apply(snapshot.privacy, snapshot.logs.json);
    this.#syslog.activate(syslog);
    this.#history.apply(snapshot);
  }

  /** SIGHUP: opens the files again, which something else may have renamed. */
  reopen(): void {
    for (const file of this.#files.values()) file.reopen();
  }

  status(): LedgerStatus {
    const logs = [...this.#files].map(([name, { size, lost, failure }]) => ({ name, size, lost, failure }));
    return {
      events: this.#events,
      logs,
      collectors: this.#syslog.status(),
      history: this.#history.status(),
      security: this.#history.security,
    };
  }

  /** Answers what is asked of the history. An unknown name throws `not-found`. */
  query(name: string, args: readonly unknown[]): unknown {
    const query = this.#history.queries[name as keyof HistoryQueries] as
      | ((...args: readonly unknown[]) => unknown)
      | undefined;
    if (query === undefined || !Object.hasOwn(this.#history.queries, name)) {
      throw new PosternError('not-found', `the ledger has no query "${name}"`);
    }
    return query(...args);
  }

  /** Takes what still waits in the channels, writes it and ends the files. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    clearInterval(this.#timer);
    for (const port of this.#ports) {
      for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
        this.#write(next.message as EventBatch);
      }
      port.close();
    }
    this.#recordOwn();
    this.#history.stop();
    await this.#syslog.stop();
    // What ending the collectors had to say.
    this.#recordOwn();
    const files = [...this.#files];
    await Promise.all(files.map(([, file]) => file.stop()));
    for (const [name, file] of files) {
      if (file.lost > 0) console.error(`${file.lost} lines of the ${name} log could not be written: ${file.failure}`);
    }
  }

  #write(batch: EventBatch): void {
    const out: FormattedBatch = { mail: '', mailLines: 0, json: '', system: '', systemLines: 0 };
    if (!this.#formatter.format(batch, out, this.#syslog.idle ? null : this.#listener)) {
      this.log.record(systemWarning, 'The event log lost part of a message between two threads');
    }
    this.#events += out.mailLines + out.systemLines;
    if (out.mail !== '') {
      this.#files.get('mail')?.append(out.mail, out.mailLines);
      this.#files.get('json')?.append(out.json, out.mailLines);
    }
    if (out.system !== '') this.#files.get('system')?.append(out.system, out.systemLines);
    this.#history.take(batch);
  }

  #recordOwn(): void {
    for (const [event, values] of this.#own.splice(0)) this.#write([Date.now(), event.code, ...values]);
  }

  #open(log: LogName, { logs }: Snapshot): LogFile {
    const { directory, version = packageJson.version, serial = serialNumber(hostname()) } = this.#options;
    const framed = log !== 'json';
    const frame = (time: number, text: string) => this.#formatter.frame(time, 'Info', text);
    return new LogFile({
      directory,
      log,
      rotateSize: logs.rotateSize,
      keep: logs.keep,
      begin: (time) =>
        framed
          ? frame(time, 'Begin Logfile') +
            frame(time, `Version: ${version} SN: ${serial}`) +
            frame(time, `Time offset from UTC: ${utcOffset(time)} seconds`)
          : '',
      end: (time) => (framed ? frame(time, 'End Logfile') : ''),
      warn: (text) => {
        this.log.record(systemWarning, text);
        if (log === 'mail') this.log.record(mailWarning, text);
      },
    });
  }

  #tick(): void {
    const now = Date.now();
    for (const file of this.#files.values()) file.tick(now);
  }
}
