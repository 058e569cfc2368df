// All syslog collectors: makes each line in the form that collectors of this kind of gateway parse (BSD syslog, RFC 3164) and
// hands it to each. `<166>Mar 17 18:24:37 mail_logs: Info: MID 6 ready 100 bytes from <a@example.org>`.
import { X509Certificate } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Snapshot } from '../config/snapshot.ts';
import { messageOf, PosternError } from '../errors.ts';
import { type ClientTls, compileClientTls } from '../tls/contexts.ts';
import { LineClock } from './clock.ts';
import { Collector, type CollectorSettings, type CollectorStatus, type CollectorTarget } from './collector.ts';
import { type EventSink, type Level, systemNotice, systemWarning } from './events.ts';

export interface SyslogOptions {
  /** One directory a collector below it. */
  readonly directory: string;
  readonly log: EventSink;
  /** Pauses before connecting again, in ms; default 1 s, doubling to 60 s. */
  readonly firstPause?: number;
  readonly longestPause?: number;
}

/** The contexts and targets of a snapshot, by the collector's name. */
export type PreparedSyslog = { readonly hostname: string; readonly targets: ReadonlyMap<string, CollectorTarget> };

/** RFC 5424 6.2.1. */
const severities: Readonly<Record<Level, number>> = { Critical: 2, Warning: 4, Info: 6, Debug: 7, Trace: 7 };
/** The subscriptions' names, which are the tags. */
const tags = { mail: 'mail_logs', system: 'system_logs' } as const;
/** Octets of a message; what a receiver should be able to take (RFC 5425 4.3.1). */
const longestMessage = 8192;

/** Compiles what the collectors need. Throws `bad-certificate` and others of the TLS engine, naming the collector. */
export function prepareSyslog(snapshot: Snapshot): PreparedSyslog {
  const targets = new Map<string, CollectorTarget>();
  for (const settings of snapshot.syslog) {
    const { connect: connectTimeout, handshake: handshakeTimeout } = snapshot.timeouts;
    targets.set(settings.name, { settings, tls: compileTls(settings, snapshot), connectTimeout, handshakeTimeout });
  }
  return { hostname: snapshot.hostname, targets };
}

function compileTls(settings: CollectorSettings, snapshot: Snapshot): ClientTls | null {
  if (settings.protocol !== 'tls') return null;
  try {
    if (settings.ca !== undefined) checkAuthorities(settings.ca);
    return compileClientTls(snapshot.tls.otherClients, settings.ca === undefined ? {} : { ca: settings.ca });
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    throw new PosternError(error.code, `syslog collector "${settings.name}": ${error.message}`, {
      cause: error,
      ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
    });
  }
}

/** OpenSSL takes a text without any certificate for an empty list, under which nobody would ever verify. */
function checkAuthorities(pem: string): void {
  const remedy = 'give a PEM file with the certificate of the authority that signs the collector';
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new PosternError('bad-certificate', '"ca" holds no certificate', { remedy });
  for (const block of blocks) {
    try {
      new X509Certificate(block);
    } catch (error) {
      const message = `"ca" holds a certificate that cannot be read: ${messageOf(error)}`;
      throw new PosternError('bad-certificate', message, { remedy, cause: error });
    }
  }
}

export class Syslog {
  readonly #options: SyslogOptions;
  readonly #clock = new LineClock();
  readonly #collectors = new Map<string, Collector>();
  #hostname = '';

  constructor(options: SyslogOptions, prepared: PreparedSyslog) {
    this.#options = options;
    this.#removeStrangers(prepared);
    this.activate(prepared);
  }

  /** No collector: lines need not be made. */
  get idle(): boolean {
    return this.#collectors.size === 0;
  }

  status(): CollectorStatus[] {
    return [...this.#collectors.values()].map((collector) => collector.status());
  }

  /** Never throws: what the disk refuses is warned of. */
  activate({ hostname, targets }: PreparedSyslog): void {
    this.#hostname = hostname;
    for (const [name, collector] of this.#collectors) {
      if (targets.has(name)) continue;
      this.#collectors.delete(name);
      this.#drop(name, collector);
    }
    for (const [name, target] of targets) {
      const present = this.#collectors.get(name);
      if (present === undefined) this.#add(name, target);
      else present.apply(target);
    }
  }

  /** `text`: `Info: MID 6 ...`, already free of line feeds. */
  line(log: 'mail' | 'system', level: Level, time: number, text: string): void {
    const stamp = this.#clock.syslog(time);
    for (const collector of this.#collectors.values()) {
      const { facility, hostname } = collector.settings;
      const priority = facility * 8 + severities[level];
      const host = hostname ? `${this.#hostname} ` : '';
      collector.add(bounded(`<${priority}>${stamp} ${host}${tags[log]}: ${text}`));
    }
  }

  /** Within about two seconds; what could not be sent is on disk then. */
  async stop(): Promise<void> {
    await Promise.all([...this.#collectors.values()].map((collector) => collector.stop()));
  }

  #add(name: string, target: CollectorTarget): void {
    const { directory, log, firstPause = 1000, longestPause = 60_000 } = this.#options;
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      const options = { directory: join(directory, name), log, firstPause, longestPause };
      this.#collectors.set(name, new Collector(target, options));
    } catch (error) {
      log.record(systemWarning, `Syslog collector ${name}: its buffer cannot be read: ${messageOf(error)}`);
    }
  }

  #drop(name: string, collector: Collector): void {
    const { log } = this.#options;
    try {
      const lines = collector.remove();
      const what = lines > 0 ? `; ${lines} lines that waited for it are dropped` : '';
      log.record(systemNotice, `Syslog collector ${name} removed${what}`);
    } catch (error) {
      log.record(systemWarning, `Syslog collector ${name}: its buffer cannot be removed: ${messageOf(error)}`);
    }
  }

  /** Buffers of collectors that went while the gateway was down. */
  #removeStrangers({ targets }: PreparedSyslog): void {
    try {
      for (const name of readdirSync(this.#options.directory)) {
        if (!targets.has(name)) rmSync(join(this.#options.directory, name), { recursive: true, force: true });
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      this.#options.log.record(systemWarning, `Old syslog buffers cannot be removed: ${messageOf(error)}`);
    }
  }
}

/** Cut at a character, so that what arrives is still UTF-8. */
function bounded(message: string): string {
  if (message.length * 3 <= longestMessage || Buffer.byteLength(message, 'utf8') <= longestMessage) return message;
  const bytes = Buffer.from(message, 'utf8');
  let end = longestMessage - 3;
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return `${bytes.toString('utf8', 0, end)}...`;
}
