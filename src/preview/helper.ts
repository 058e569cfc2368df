// A second thread for replays, so that a preview of thousands of hellos uses a processor that has nothing better to do. At the
// lowest priority: beside a full load it does next to nothing, and whoever asked it does the work alone.
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Verdict } from '../tls/replay.ts';
import type { HelperAnswer, HelperData, HelperQuestion } from './helper-thread.ts';
import type { TlsSide } from './targets.ts';

interface Waiting {
  readonly id: number;
  resolve(verdicts: readonly (readonly Verdict[])[] | null): void;
}

export class ReplayHelper {
  readonly #worker: Worker;
  #waiting: Waiting[] = [];
  #next = 0;

  private constructor(file: string) {
    const workerData: HelperData = { file };
    this.#worker = new Worker(new URL('./helper-thread.ts', import.meta.url), { workerData, name: 'replay' });
    this.#worker.unref();
    this.#worker.on('message', ({ id, verdicts }: HelperAnswer) => {
      const found = this.#waiting.find((waiting) => waiting.id === id);
      this.#waiting = this.#waiting.filter((waiting) => waiting !== found);
      found?.resolve(verdicts);
    });
    this.#worker.on('error', () => this.#end());
    this.#worker.on('exit', () => this.#end());
  }

  /** `file`: ledger.db. Null: there is no second processor. */
  static start(file: string): ReplayHelper | null {
    return availableParallelism() > 1 ? new ReplayHelper(file) : null;
  }

  /** Verdicts of each hello under each of the sides. Null: it could not; it never rejects. */
  ask(sides: readonly TlsSide[], hellos: readonly number[]): Promise<readonly (readonly Verdict[])[] | null> {
    const { promise, resolve } = Promise.withResolvers<readonly (readonly Verdict[])[] | null>();
    const id = ++this.#next;
    this.#waiting.push({ id, resolve });
    const plain = sides.map(({ settings, certificate, alpn }) => ({ settings, certificate, alpn }));
    this.#worker.postMessage({ id, sides: plain, hellos } satisfies HelperQuestion);
    return promise;
  }

  close(): void {
    this.#worker.terminate().catch(() => undefined); // it is going away in any case
  }

  #end(): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve(null);
  }
}
