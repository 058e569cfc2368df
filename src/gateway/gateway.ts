// The gateway as one program: data directory, configuration, threads, shell. What the main thread does, and its life cycle.
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { MessageChannel } from 'node:worker_threads';
import type { People, SetupLink } from '../admin/auth/people.ts';
import { ShellServer } from '../admin/shell/server.ts';
import type { Snapshot } from '../config/snapshot.ts';
import { ConfigStore } from '../config/store.ts';
import { createResolver } from '../dns/stub.ts';
import { messageOf } from '../errors.ts';
import { type EventSink, systemCritical, systemNotice, systemWarning } from '../ledger/events.ts';
import { createEventSink, type LedgerSink } from '../ledger/sink.ts';
import { answerOn } from '../mta-sts/channel.ts';
import { PolicyHosting } from '../mta-sts/hosting.ts';
import { StsPolicies } from '../mta-sts/policies.ts';
import { takeReportsOn } from '../tls-reports/channel.ts';
import type { ReportReceiver } from '../tls-reports/receiver.ts';
import { versionLine } from '../version.ts';
import { probeNewAddresses } from './binding.ts';
import { takeBackAtStart } from './confirmations.ts';
import { ControlHost } from './control-host.ts';
import { lockDirectory } from './lock.ts';
import { PreviewThread } from './preview.ts';
import { ThreadPool } from './thread-pool.ts';
import { WebPart } from './web-part.ts';

export interface GatewayOptions {
  readonly dataDirectory: string;
  /** YAML of a new data directory; one that has a configuration keeps it. */
  readonly initial?: string;
  /** What `initial` is called in messages: the name of its file. */
  readonly source?: string;
  /** Mail workers; default: one a core. */
  readonly workers?: number;
  /** A thread cannot be kept alive: the program must end. */
  readonly onFatal?: (reason: string) => void;
}

/** Requests of the web UI and API that are in flight when the program ends, ms. */
const webGrace = 2_000;
const builtUi = fileURLToPath(new URL('../../web/dist', import.meta.url));

/** How often certificate, recipient and authority files are looked at for changes, in ms. */
const fileWatchInterval = 10_000;

export class Gateway {
  readonly #store: ConfigStore;
  readonly #pool: ThreadPool;
  readonly #log: LedgerSink;
  readonly #undo: readonly (() => Promise<void> | void)[];
  readonly #watching = new AbortController();
  #web: WebPart | null = null;
  #reports: ReportReceiver | null = null;
  #people: People | null = null;
  #stopped: Promise<void> | null = null;

  /**
   * Starts everything: locks the directory, opens the configuration, tests the addresses, starts the threads, opens the
   * shell. Rejects with PosternError where any of it fails; nothing is left running then.
   */
  static async start(options: GatewayOptions): Promise<Gateway> {
    const { dataDirectory } = options;
    const undo: (() => Promise<void> | void)[] = [];
    try {
      const lock = lockDirectory(dataDirectory);
      undo.push(() => lock.release());
      const { initial, source = 'gateway.yaml' } = options;
      const store = await ConfigStore.open(dataDirectory, initial === undefined ? {} : { initial, source });
      const takenBack = await takeBackAtStart(store);
      const snapshot = await store.snapshot();
      await probeNewAddresses(snapshot, null);

      let gateway: Gateway | null = null;
      // What is to be said before there is a log.
      const early: (() => void)[] = [];
      const policies = new StsPolicies({
        dataDirectory,
        snapshot,
        resolver: createResolver(snapshot),
        log: {
          record: (event, ...values) => {
            if (gateway === null) early.push(() => gateway?.log.record(event, ...values));
            else gateway.log.record(event, ...values);
          },
        },
      });
      undo.push(() => policies.stop());
      const pool = new ThreadPool({
        dataDirectory,
        workers: options.workers ?? availableParallelism(),
        committed: () => store.current(),
        stsPort: () => {
          const { port1, port2 } = new MessageChannel();
          answerOn(port1, policies);
          return port2;
        },
        reportsPort: () => {
          const { port1, port2 } = new MessageChannel();
          takeReportsOn(port1, () => gateway?.reports ?? null);
          return port2;
        },
        warn: (text) => gateway?.warn(text),
        onNewLedger: () => gateway?.reconnectLog(),
        fatal: (reason) => gateway?.fail(reason, options.onFatal),
      });
      undo.push(() => pool.stop(snapshot.timeouts.shutdown));
      await pool.start();
      gateway = new Gateway(store, pool, undo);
      for (const say of early) say();
      takenBack?.(gateway.#log);
      return await gateway.#open(dataDirectory, policies, undo);
    } catch (error) {
      await unwind(undo);
      throw error;
    }
  }

  private constructor(store: ConfigStore, pool: ThreadPool, undo: readonly (() => Promise<void> | void)[]) {
    this.#store = store;
    this.#pool = pool;
    this.#undo = undo;
    this.#log = createEventSink(pool.ledgerPort('control'));
  }

  /** The snapshot in force. */
  get snapshot(): Snapshot {
    return this.#store.current();
  }

  get log(): EventSink {
    return this.#log;
  }

  /** Who reads reports of others; null while it starts. */
  get reports(): ReportReceiver | null {
    return this.#reports;
  }

  /** For the first administrator of the web UI; null where there are users. */
  newSetupLink(): SetupLink | null {
    return this.#people?.newSetupLink() ?? null;
  }

  warn(text: string): void {
    this.#log.record(systemWarning, text);
  }

  /** The ledger thread was started anew. */
  reconnectLog(): void {
    this.#log.reconnect(this.#pool.ledgerPort('control'));
  }

  fail(reason: string, onFatal: ((reason: string) => void) | undefined): void {
    this.#log.record(systemCritical, reason);
    this.#log.flush();
    onFatal?.(reason);
  }

  reopenLogs(): void {
    this.#pool.reopenLogs();
  }

  /** Ends within `timeouts.shutdown`; may be called again. */
  stop(): Promise<void> {
    this.#stopped ??= this.#end();
    return this.#stopped;
  }

  async #open(dataDirectory: string, policies: StsPolicies, undo: (() => Promise<void> | void)[]): Promise<Gateway> {
    const hosting = new PolicyHosting(this.#log);
    undo.push(() => hosting.stop());
    await hosting.prepare(this.snapshot);
    hosting.activate();
    const preview = new PreviewThread(dataDirectory);
    undo.push(() => preview.stop());
    const host = new ControlHost({
      dataDirectory,
      store: this.#store,
      pool: this.#pool,
      log: this.#log,
      preview,
      policies,
      parts: () => (this.#web === null ? [policies] : [policies, hosting, this.#web]),
    });
    undo.push(() => host.stop());
    this.#people = host.people;
    this.#reports = host.reportReceiver;
    undo.push(() => host.people.close());
    const web = new WebPart({ host, assets: builtUi });
    undo.push(() => web.stop(webGrace));
    await web.prepare(this.snapshot);
    web.activate();
    this.#web = web;
    const shell = await ShellServer.listen(dataDirectory, host);
    undo.push(() => shell.close());
    for (const warning of this.#store.warnings) this.warn(warning);
    this.#log.record(systemNotice, `${versionLine} started with revision ${this.snapshot.revision}`);
    this.#watch(host).catch((error) => this.warn(`files are no longer watched: ${messageOf(error)}`));
    return this;
  }

  /** Certificates are renewed by replacing their files; no restart and no commit is needed. */
  async #watch(host: ControlHost): Promise<void> {
    const { signal } = this.#watching;
    let warned = '';
    while (!signal.aborted) {
      try {
        await host.reload();
        warned = '';
      } catch (error) {
        // Every look finds the same wrong file; the log is told once.
        const warning = `changed files were not taken over: ${messageOf(error)}`;
        if (warning !== warned) this.warn(warning);
        warned = warning;
      }
      await sleep(fileWatchInterval, undefined, { signal, ref: false }).catch(() => undefined); // the end of the program
    }
  }

  async #end(): Promise<void> {
    this.#watching.abort();
    this.#log.record(systemNotice, 'stopping');
    this.#log.flush();
    // While the mail workers end; both have the whole time.
    const web = this.#web?.stop(webGrace);
    await unwind(this.#undo);
    await web;
  }
}

/** Undoes in reverse order; each step gets its turn whatever became of the others. */
async function unwind(steps: readonly (() => Promise<void> | void)[]): Promise<void> {
  for (const step of steps.toReversed()) {
    try {
      await step();
    } catch {
      // what could not be ended ends with the process; the first failure is what the caller hears
    }
  }
}
