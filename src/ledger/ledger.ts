// The ledger thread's core: takes what the other threads recorded and keeps it as mail log, system log, JSON log and syslog.
import { hostname } from 'node:os';
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import packageJson from '../../package.json' with { type: 'json' };
import type { Snapshot } from '../config/snapshot.ts';
import { utcOffset } from './clock.ts';
import { type EventDefinition, type EventSink, mailWarning, systemWarning, type Value } from './events.ts';
import { LogFile } from './file.ts';
import { type FormattedBatch, LineFormatter, type LineListener } from './format.ts';
import type { LogName } from './rotation.ts';
import { serialNumber } from './serial.ts';
import type { EventBatch } from './sink.ts';

export interface LedgerOptions {
  /** `data/logs`. Made where it does not exist. */
  readonly directory: string;
  readonly snapshot: Snapshot;
  /** Buffers of the collectors; default `syslog` beside the log directory. */
  readonly syslogDirectory?: string;
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
  #listener: LineListener | null = null;
  #events = 0;
  #stopping: Promise<void> | null = null;

  constructor(options: LedgerOptions) {
    this.#options = options;
    const { snapshot } = options;
    this.#formatter = new LineFormatter(snapshot.privacy, snapshot.logs.json);
    this.#files.set('mail', this.#open('mail', snapshot));
    this.#files.set('system', this.#open('system', snapshot));
    if (snapshot.logs.json) this.#files.set('json', this.#open('json', snapshot));
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

  /** Throws `io` where the JSON log was turned on and cannot be opened; nothing has changed then. */
  apply(snapshot: Snapshot): void {
    const json = this.#files.get('json');
    if (snapshot.logs.json && json === undefined) this.#files.set('json', this.#open('json', snapshot));
    if (!snapshot.logs.json && json !== undefined) {
      this.#files.delete('json');
      void json.stop();
    }
    for (const file of this.#files.values()) file.apply(snapshot.logs);
    this.#formatter.apply(snapshot.privacy, snapshot.logs.json);
  }

  /** SIGHUP: opens the files again, which something else may have renamed. */
  reopen(): void {
    for (const file of this.#files.values()) file.reopen();
  }

  status(): LedgerStatus {
    const logs = [...this.#files].map(([name, { size, lost, failure }]) => ({ name, size, lost, failure }));
    return { events: this.#events, logs };
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
    const files = [...this.#files];
    await Promise.all(files.map(([, file]) => file.stop()));
    for (const [name, file] of files) {
      if (file.lost > 0) console.error(`${file.lost} lines of the ${name} log could not be written: ${file.failure}`);
    }
  }

  #write(batch: EventBatch): void {
    const out: FormattedBatch = { mail: '', mailLines: 0, json: '', system: '', systemLines: 0 };
    if (!this.#formatter.format(batch, out, this.#listener)) {
      this.log.record(systemWarning, 'The event log lost part of a message between two threads');
    }
    this.#events += out.mailLines + out.systemLines;
    if (out.mail !== '') {
      this.#files.get('mail')?.append(out.mail, out.mailLines);
      this.#files.get('json')?.append(out.json, out.mailLines);
    }
    if (out.system !== '') this.#files.get('system')?.append(out.system, out.systemLines);
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
