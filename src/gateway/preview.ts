// Control's view of the preview thread: started when somebody asks, ended when nobody has for a while.
import { Worker } from 'node:worker_threads';
import { PosternError } from '../errors.ts';
import type { PreviewRequest } from '../preview/engine.ts';
import type { PreviewAnswer, PreviewQuestion, PreviewThreadData } from '../preview/protocol.ts';
import type { PreviewReport } from '../preview/report.ts';

/** ms; it keeps verdicts and what it read meanwhile. */
const idleTime = 5 * 60_000;
const mostWaiting = 20;

export interface PreviewCall {
  readonly onProgress?: (report: PreviewReport) => void;
  readonly signal?: AbortSignal;
}

interface Waiting {
  readonly call: PreviewCall;
  resolve(report: PreviewReport): void;
  reject(error: Error): void;
}

export class PreviewThread {
  readonly #data: PreviewThreadData;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | null = null;
  #idle: NodeJS.Timeout | null = null;
  #next = 0;

  constructor(dataDirectory: string) {
    this.#data = { dataDirectory };
  }

  /** Rejects with the thread's own reason, or when the call's signal is aborted. */
  async run(request: PreviewRequest, call: PreviewCall = {}): Promise<PreviewReport> {
    const { signal } = call;
    signal?.throwIfAborted();
    if (this.#waiting.size >= mostWaiting) {
      throw new PosternError('rate-limited', `${mostWaiting} previews are being made already`, {
        temporary: true,
        remedy: 'try again in a moment',
      });
    }
    const id = ++this.#next;
    const { promise, resolve, reject } = Promise.withResolvers<PreviewReport>();
    this.#waiting.set(id, { call, resolve, reject });
    const abort = () => this.#say({ type: 'abort', id });
    signal?.addEventListener('abort', abort, { once: true });
    try {
      this.#say({ type: 'preview', id, request });
      return await promise;
    } finally {
      signal?.removeEventListener('abort', abort);
      this.#waiting.delete(id);
      this.#endWhenIdle();
    }
  }

  async stop(): Promise<void> {
    if (this.#idle !== null) clearTimeout(this.#idle);
    await this.#worker?.terminate();
  }

  #say(question: PreviewQuestion): void {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#worker ??= this.#start();
    this.#worker.postMessage(question);
  }

  #start(): Worker {
    const worker = new Worker(new URL('./preview-thread.ts', import.meta.url), {
      workerData: this.#data,
      name: 'preview',
    });
    worker.on('message', (answer: PreviewAnswer) => this.#receive(answer));
    const end = (reason: string) => {
      if (this.#worker === worker) this.#worker = null;
      for (const waiting of this.#waiting.values()) {
        waiting.reject(new PosternError('not-running', `the preview thread ended: ${reason}`, { temporary: true }));
      }
    };
    worker.on('error', (error) => end(error instanceof Error ? error.message : String(error)));
    worker.on('exit', (code) => end(`exit status ${code}`));
    return worker;
  }

  #receive(answer: PreviewAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    if (waiting === undefined) return;
    switch (answer.type) {
      case 'progress':
        waiting.call.onProgress?.(answer.report);
        return;
      case 'done':
        waiting.resolve(answer.report);
        return;
      case 'failed': {
        const { code, message, remedy } = answer;
        waiting.reject(new PosternError(code, message, remedy === undefined ? {} : { remedy }));
      }
    }
  }

  #endWhenIdle(): void {
    if (this.#waiting.size > 0) return;
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      const worker = this.#worker;
      this.#worker = null;
      worker?.terminate().catch(() => undefined); // it is going away in any case
    }, idleTime);
    this.#idle.unref();
  }
}
