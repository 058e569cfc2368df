// All threads of the gateway: started in order, given their channels, restarted when they die, ended together.
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Snapshot } from '../config/snapshot.ts';
import { Counters, countersSize } from '../counters.ts';
import { messageOf, PosternError } from '../errors.ts';
import { idCount } from '../spool/protocol.ts';
import type { ThreadData } from './protocol.ts';
import { ThreadHandle } from './thread-handle.ts';

const startTimeout = 60_000;
/** Compiling a snapshot; a thread that takes longer makes the commit fail (docs/architecture.md). */
const prepareTimeout = 5_000;
const activateTimeout = 5_000;
const restartsPerMinute = 5;

export interface ThreadPoolOptions {
  readonly dataDirectory: string;
  readonly workers: number;
  /** The committed snapshot, for a thread that is started anew. */
  readonly committed: () => Snapshot;
  /** A new channel to those who know MTA-STS policies, for a worker. */
  readonly stsPort: () => MessagePort;
  /** A new channel to who reads TLS reports, for a worker. */
  readonly reportsPort: () => MessagePort;
  /** Something an administrator should read. */
  readonly warn: (text: string) => void;
  /** The ledger was started anew: control's own events need a new port (`ledgerPort`). */
  readonly onNewLedger: () => void;
  /** The gateway cannot go on: the program ends and its supervisor starts it again. */
  readonly fatal: (reason: string) => void;
}

export class ThreadPool {
  readonly #options: ThreadPoolOptions;
  readonly #ids = new SharedArrayBuffer(idCount * BigInt64Array.BYTES_PER_ELEMENT);
  readonly #countersMemory: SharedArrayBuffer;
  readonly #counters: Counters;
  readonly #mail: ThreadHandle[] = [];
  #spool: ThreadHandle | null = null;
  #ledger: ThreadHandle | null = null;
  #stopping = false;
  #deaths: number[] = [];

  constructor(options: ThreadPoolOptions) {
    this.#options = options;
    this.#countersMemory = new SharedArrayBuffer(countersSize(options.workers));
    this.#counters = new Counters(this.#countersMemory, options.workers, 0);
  }

  get mail(): readonly ThreadHandle[] {
    return this.#mail;
  }

  get spool(): ThreadHandle {
    if (this.#spool === null)
      throw new PosternError('not-running', 'the spool thread is not running', { temporary: true });
    return this.#spool;
  }

  get ledger(): ThreadHandle {
    if (this.#ledger === null)
      throw new PosternError('not-running', 'the ledger thread is not running', { temporary: true });
    return this.#ledger;
  }

  get all(): readonly ThreadHandle[] {
    return [this.#ledger, this.#spool, ...this.#mail].filter((thread) => thread !== null);
  }

  /** A port on which the caller may post event batches to the ledger. */
  ledgerPort(name: string): MessagePort {
    const { port1, port2 } = new MessageChannel();
    this.ledger.attach(name, port2);
    return port1;
  }

  /** Ledger first, then spool, then the mail workers: nobody speaks into the void. */
  async start(): Promise<void> {
    await this.#startLedger();
    await this.#startSpool();
    await Promise.all(Array.from({ length: this.#options.workers }, (_, index) => this.#startMail(index)));
  }

  /** Two phases: all threads compile, then `store` makes it the truth, then all threads use it. */
  async prepare(snapshot: Snapshot): Promise<void> {
    await Promise.all(this.all.map((thread) => thread.prepare(snapshot, prepareTimeout)));
  }

  abandon(revision: number): void {
    for (const thread of this.all) thread.abandon(revision);
  }

  /** A thread that stays silent is ended and started anew from the stored revision. */
  async activate(revision: number): Promise<void> {
    const activations = this.all.map(async (thread) => {
      try {
        await thread.activate(revision, activateTimeout);
      } catch (error) {
        this.#options.warn(
          `${thread.name} did not take revision ${revision} (${messageOf(error)}); it is started anew`,
        );
        await thread.kill();
        await this.#replace(thread);
      }
    });
    await Promise.all(activations);
  }

  reopenLogs(): void {
    this.#ledger?.reopenLogs();
  }

  /** Mail workers first (they still store and record), then the spool, then the ledger. */
  async stop(deadline: number): Promise<void> {
    this.#stopping = true;
    const end = Date.now() + deadline;
    const left = () => Math.max(500, end - Date.now());
    // The spool and the ledger need little time, but they need some.
    await Promise.all(this.#mail.map((thread) => thread.stop(Math.max(500, left() - 1500))));
    await this.#spool?.stop(left());
    await this.#ledger?.stop(left());
  }

  #data(role: ThreadData['role'], index: number): ThreadData {
    return {
      role,
      index,
      workers: this.#options.workers,
      dataDirectory: this.#options.dataDirectory,
      snapshot: this.#options.committed(),
      ids: this.#ids,
      counters: this.#countersMemory,
    };
  }

  async #startLedger(): Promise<void> {
    const ledger = new ThreadHandle(this.#data('ledger', 0), [], this.#onDeath);
    this.#ledger = ledger;
    await ledger.ready(startTimeout);
  }

  async #startSpool(): Promise<void> {
    const port = this.ledgerPort('spool');
    const spool = new ThreadHandle({ ...this.#data('spool', 0), ledger: port }, [port], this.#onDeath);
    this.#spool = spool;
    await spool.ready(startTimeout);
  }

  async #startMail(index: number): Promise<void> {
    const name = `mail-${index}`;
    const ledger = this.ledgerPort(name);
    const spool = this.#spoolPort(name);
    const sts = this.#options.stsPort();
    const reports = this.#options.reportsPort();
    const ports = [ledger, spool, sts, reports];
    const data = { ...this.#data('mail', index), ledger, spool, sts, reports };
    const thread = new ThreadHandle(data, ports, this.#onDeath);
    this.#mail[index] = thread;
    await thread.ready(startTimeout);
  }

  #spoolPort(name: string): MessagePort {
    const { port1, port2 } = new MessageChannel();
    this.spool.attach(name, port2);
    return port1;
  }

  readonly #onDeath = (thread: ThreadHandle, reason: string): void => {
    if (this.#stopping) return;
    const now = Date.now();
    this.#deaths = [...this.#deaths.filter((at) => now - at < 60_000), now];
    if (this.#deaths.length > restartsPerMinute || thread.startedAt + 1000 > now) {
      this.#options.fatal(`${thread.name} ended: ${reason}`);
      return;
    }
    this.#options.warn(`${thread.name} ended and is started anew: ${reason}`);
    this.#replace(thread).catch((error) =>
      this.#options.fatal(`${thread.name} cannot be started: ${messageOf(error)}`),
    );
  };

  async #replace(thread: ThreadHandle): Promise<void> {
    if (thread.role === 'mail') {
      this.#counters.forget(thread.index);
      await this.#startMail(thread.index);
    } else if (thread.role === 'spool') {
      await this.#startSpool();
      for (const worker of this.#mail) worker.attach('spool', this.#spoolPort(`mail-${worker.index}`));
    } else {
      await this.#startLedger();
      this.spool.attach('ledger', this.ledgerPort('spool'));
      for (const worker of this.#mail) worker.attach('ledger', this.ledgerPort(`mail-${worker.index}`));
      this.#options.onNewLedger();
    }
  }
}
