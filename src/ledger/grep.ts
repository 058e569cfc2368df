// `grep` over a log and its closed files.
import { Worker } from 'node:worker_threads';
import { messageOf, PosternError } from '../errors.ts';
import type { LogName } from './rotation.ts';
import type { SearchData, SearchReply } from './search-thread.ts';

export interface GrepOptions {
  /** The pattern is text, not a regular expression. */
  readonly literal?: boolean;
  readonly ignoreCase?: boolean;
  /** Lines that do not match. */
  readonly invert?: boolean;
  /** Closed files too, oldest first; default true. */
  readonly closed?: boolean;
  /** Lines at most. */
  readonly limit?: number;
  /** ms that one line may take before the pattern is given up; default 1000. */
  readonly lineTimeout?: number;
}

const longestPattern = 1000;
const watchInterval = 50;

/**
 * Lines of a log that match, oldest first. Throws `bad-usage` for a pattern that is no regular expression, and for one that
 * takes for ever on some line (the search runs in a thread of its own, which is ended then). Ends quietly when aborted.
 */
export async function* grepLog(
  directory: string,
  log: LogName,
  pattern: string,
  options: GrepOptions = {},
  signal?: AbortSignal,
): AsyncGenerator<string, void, void> {
  const { limit = Number.POSITIVE_INFINITY, lineTimeout = 1000 } = options;
  const progress = new SharedArrayBuffer(8);
  const data: SearchData = {
    directory,
    log,
    pattern: checkPattern(pattern, options),
    invert: options.invert ?? false,
    closed: options.closed ?? true,
    progress,
  };
  if (signal?.aborted || limit <= 0) return;
  const worker = new Worker(new URL('./search-thread.ts', import.meta.url), { workerData: data });
  const replies = new Replies(worker);
  const stop = (): void => replies.end(null);
  signal?.addEventListener('abort', stop);
  const watch = watchProgress(new Int32Array(progress), lineTimeout, () =>
    replies.end(
      new PosternError('bad-usage', `the pattern takes more than ${lineTimeout} ms on one line`, {
        remedy: 'avoid nested repetitions such as (a+)+, or search for plain text',
      }),
    ),
  );
  let count = 0;
  try {
    for (;;) {
      const reply = await replies.next();
      if (reply === null) return;
      for (const line of reply.lines) {
        yield line;
        if (++count >= limit) return;
      }
      if (reply.done) return;
      worker.postMessage('more');
    }
  } finally {
    clearInterval(watch);
    signal?.removeEventListener('abort', stop);
    await worker.terminate();
  }
}

function checkPattern(pattern: string, options: GrepOptions): SearchData['pattern'] {
  if (pattern.length > longestPattern) {
    throw new PosternError('bad-usage', `the pattern has ${pattern.length} characters`, {
      remedy: `use at most ${longestPattern}`,
    });
  }
  const flags = options.ignoreCase ? 'i' : '';
  if (options.literal) return options.ignoreCase ? { source: RegExp.escape(pattern), flags } : pattern;
  try {
    return { source: new RegExp(pattern, flags).source, flags };
  } catch (error) {
    throw new PosternError('bad-usage', messageOf(error), {
      remedy: 'write a regular expression as JavaScript has them, or search for plain text',
      cause: error,
    });
  }
}

/** The worker's messages, its death, and an end from our side, one after the other. */
class Replies {
  #ready: (SearchReply | null | Error)[] = [];
  #waiting: (() => void) | null = null;

  constructor(worker: Worker) {
    worker.on('message', (reply: SearchReply) => this.#add(reply));
    worker.on('error', (error) => this.#add(error instanceof Error ? error : new Error(String(error))));
    worker.on('exit', () => this.#add(null));
  }

  end(error: Error | null): void {
    this.#add(error);
  }

  async next(): Promise<SearchReply | null> {
    while (this.#ready.length === 0) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
    const first = this.#ready.shift() ?? null;
    if (first instanceof PosternError) throw first;
    if (first instanceof Error)
      throw new PosternError('io', `the log cannot be searched: ${first.message}`, { cause: first });
    return first;
  }

  #add(item: SearchReply | null | Error): void {
    this.#ready.push(item);
    this.#waiting?.();
    this.#waiting = null;
  }
}

function watchProgress(progress: Int32Array, lineTimeout: number, stuck: () => void): NodeJS.Timeout {
  let seen = -1;
  let since = Date.now();
  return setInterval(() => {
    const lines = Atomics.load(progress, 1);
    if (Atomics.load(progress, 0) === 0 || lines !== seen) {
      seen = lines;
      since = Date.now();
    } else if (Date.now() - since > lineTimeout) stuck();
  }, watchInterval);
}
