// Control's view of one thread.
import { type MessagePort, Worker } from 'node:worker_threads';
import type { Snapshot } from '../config/snapshot.ts';
import { PosternError } from '../errors.ts';
import type { ControlMessage, ThreadData, ThreadMessage } from './protocol.ts';

const entries = {
  mail: new URL('./mail-thread.ts', import.meta.url),
  spool: new URL('./spool-thread.ts', import.meta.url),
  ledger: new URL('./ledger-thread.ts', import.meta.url),
} as const;

/**
 * Three semi-spaces of 8 MB. With V8's own 16 MB the dead buffers of big messages wait longer to be collected: 10,000 of 1 MB
 * took 50 MB more (bench/memory.ts); with 4 MB small messages cost 10 % more CPU.
 */
const maxYoungGenerationSizeMb = 24;

type Die = (reason: string, remedy?: string) => void;

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
  readonly timer: NodeJS.Timeout;
}

/** Starts a thread and speaks `gateway/protocol.ts` with it. A thread that ends or fails without being told calls `onDeath`. */
export class ThreadHandle {
  readonly role: ThreadData['role'];
  readonly index: number;
  /** Revision that the thread runs under. */
  revision: number;
  readonly startedAt = Date.now();
  readonly #worker: Worker;
  readonly #waiting = new Map<string, Waiting>();
  #queries = 0;
  #ending = false;
  #dead = false;

  constructor(
    data: ThreadData,
    ports: readonly MessagePort[],
    onDeath: (thread: ThreadHandle, reason: string) => void,
  ) {
    this.role = data.role;
    this.index = data.index;
    this.revision = data.snapshot.revision;
    this.#worker = new Worker(entries[data.role], {
      workerData: data,
      transferList: [...ports],
      name: `${data.role}-${data.index}`,
      resourceLimits: { maxYoungGenerationSizeMb },
    });
    const die: Die = (reason, remedy) => {
      if (this.#dead) return;
      this.#dead = true;
      for (const waiting of this.#waiting.values()) {
        clearTimeout(waiting.timer);
        const options = remedy === undefined ? {} : { remedy };
        waiting.reject(new PosternError('not-running', `${this.name} ended: ${reason}`, options));
      }
      this.#waiting.clear();
      if (!this.#ending) onDeath(this, reason);
    };
    this.#worker.on('message', (message: ThreadMessage) => this.#receive(message, die));
    this.#worker.on('error', (error) => die(error instanceof Error ? (error.stack ?? error.message) : String(error)));
    this.#worker.on('exit', (code) => die(`exit status ${code}`));
  }

  get name(): string {
    return this.role === 'mail' ? `mail worker ${this.index}` : `${this.role} thread`;
  }

  /** Resolves when the thread has started under its first snapshot. */
  ready(timeout: number): Promise<void> {
    return this.#wait('ready', timeout) as Promise<void>;
  }

  /** Rejects with the thread's own reason, or after `timeout` ms. */
  prepare(snapshot: Snapshot, timeout: number): Promise<void> {
    this.#send({ type: 'prepare', snapshot });
    return this.#wait(`prepared ${snapshot.revision}`, timeout) as Promise<void>;
  }

  async activate(revision: number, timeout: number): Promise<void> {
    this.#send({ type: 'activate', revision });
    await this.#wait(`activated ${revision}`, timeout);
    this.revision = revision;
  }

  abandon(revision: number): void {
    this.#send({ type: 'abandon', revision });
  }

  attach(name: string, port: MessagePort): void {
    this.#worker.postMessage({ type: 'attach', name, port } satisfies ControlMessage, [port]);
  }

  reopenLogs(): void {
    this.#send({ type: 'reopenLogs' });
  }

  query(name: string, args: readonly unknown[], timeout = 30_000): Promise<unknown> {
    const id = ++this.#queries;
    this.#send({ type: 'query', id, name, args });
    return this.#wait(`answer ${id}`, timeout);
  }

  /** CPU seconds and heap of the thread, for `status`. */
  async usage(): Promise<{ readonly cpu: number; readonly heap: number }> {
    if (this.#dead) return { cpu: 0, heap: 0 };
    const [cpu, heap] = await Promise.all([this.#worker.cpuUsage(), this.#worker.getHeapStatistics()]);
    return { cpu: (cpu.user + cpu.system) / 1e6, heap: heap.used_heap_size };
  }

  /** Asks the thread to end; ends it after `deadline` ms. */
  async stop(deadline: number): Promise<void> {
    if (this.#dead) return;
    this.#ending = true;
    this.#send({ type: 'stop', deadline });
    await this.#wait('stopped', deadline).catch(() => undefined); // a thread that does not answer is ended below
    await this.#worker.terminate();
  }

  /** Ends it at once (it did not answer). */
  async kill(): Promise<void> {
    this.#ending = true;
    await this.#worker.terminate();
  }

  #send(message: ControlMessage): void {
    if (!this.#dead) this.#worker.postMessage(message);
  }

  #wait(key: string, timeout: number): Promise<unknown> {
    if (this.#dead) return Promise.reject(new PosternError('not-running', `${this.name} is not running`));
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const timer = setTimeout(() => {
      this.#waiting.delete(key);
      reject(
        new PosternError('timeout', `${this.name} did not answer "${key}" within ${timeout} ms`, { temporary: true }),
      );
    }, timeout);
    this.#waiting.set(key, { resolve, reject, timer });
    return promise;
  }

  #receive(message: ThreadMessage, die: Die): void {
    if (message.type === 'failed') {
      die(message.error, message.remedy);
      return;
    }
    const key = keyOf(message);
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) return; // it came after its deadline
    this.#waiting.delete(key);
    clearTimeout(waiting.timer);
    if ('error' in message && message.error !== undefined) {
      const { error, code, remedy } = message;
      // What `prepare` did not foresee is a configuration that the thread cannot run under, whatever it is.
      const known = code ?? (message.type === 'prepared' ? 'bad-configuration' : 'io');
      waiting.reject(new PosternError(known, error, remedy === undefined ? {} : { remedy }));
    } else {
      waiting.resolve(message.type === 'answer' ? message.result : undefined);
    }
  }
}

function keyOf(message: Exclude<ThreadMessage, { type: 'failed' }>): string {
  switch (message.type) {
    case 'prepared':
    case 'activated':
      return `${message.type} ${message.revision}`;
    case 'answer':
      return `answer ${message.id}`;
    default:
      return message.type;
  }
}
