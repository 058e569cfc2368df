// The inside of every thread: how it takes part in a commit, answers control and ends.
import { parentPort, workerData } from 'node:worker_threads';
import type { Snapshot } from '../config/snapshot.ts';
import { messageOf, PosternError } from '../errors.ts';
import { saveCodeCache } from './code-cache.ts';
import type { ControlMessage, Refusal, ThreadData, ThreadMessage } from './protocol.ts';

/** What a thread does; control drives it. */
export interface ThreadBody {
  /**
   * Compiles a snapshot beside the one in force, changing nothing yet; throws where the thread cannot run under it.
   * Returns what puts it into force (must not fail) and what undoes the preparation.
   */
  prepare(snapshot: Snapshot): Promise<PreparedSnapshot>;
  /** Answers a question of control; an unknown name throws. */
  query(name: string, args: readonly unknown[]): unknown;
  attach?(name: string, port: import('node:worker_threads').MessagePort): void;
  reopenLogs?(): void;
  /** Ends within `deadline` ms. */
  stop(deadline: number): Promise<void>;
}

export interface PreparedSnapshot {
  activate(): void;
  abandon(): void;
}

/** The data that this thread was started with. */
export function threadData(): ThreadData {
  return workerData as ThreadData;
}

/** Runs the thread until control says stop. */
export async function runThread(start: (data: ThreadData) => Promise<ThreadBody>): Promise<void> {
  const port = parentPort;
  if (port === null) throw new PosternError('bad-usage', 'not started as a thread of the gateway');
  const say = (message: ThreadMessage) => port.postMessage(message);
  const prepared = new Map<number, PreparedSnapshot>();
  const early: ControlMessage[] = [];
  let body: ThreadBody | null = null;

  const handle = async (message: ControlMessage, thread: ThreadBody): Promise<void> => {
    switch (message.type) {
      case 'prepare': {
        const { revision } = message.snapshot;
        try {
          prepared.set(revision, await thread.prepare(message.snapshot));
          say({ type: 'prepared', revision });
        } catch (error) {
          say({ type: 'prepared', revision, ...refusal(error) });
        }
        return;
      }
      case 'activate':
        prepared.get(message.revision)?.activate();
        prepared.delete(message.revision);
        say({ type: 'activated', revision: message.revision });
        return;
      case 'abandon':
        prepared.get(message.revision)?.abandon();
        prepared.delete(message.revision);
        return;
      case 'attach':
        thread.attach?.(message.name, message.port);
        return;
      case 'query':
        try {
          const result = await thread.query(message.name, message.args);
          say({ type: 'answer', id: message.id, result });
        } catch (error) {
          say({ type: 'answer', id: message.id, ...refusal(error) });
        }
        return;
      case 'reopenLogs':
        thread.reopenLogs?.();
        return;
      case 'stop':
        await thread.stop(message.deadline);
        say({ type: 'stopped' });
        port.close();
    }
  };
  const run = (message: ControlMessage, thread: ThreadBody) => {
    handle(message, thread).catch((error) => say({ type: 'failed', error: messageOf(error) }));
  };
  port.on('message', (message: ControlMessage) => {
    if (body === null) early.push(message);
    else run(message, body);
  });
  try {
    body = await start(threadData());
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    // Said in its own words: across threads an error that nobody catches is a stack without its remedy.
    const { message, remedy } = error;
    say({ type: 'failed', error: message, ...(remedy === undefined ? {} : { remedy }) });
    process.exit(1);
  }
  say({ type: 'ready' });
  for (const message of early) run(message, body);
  saveCodeCache();
}

/** An error as it crosses threads. */
function refusal(error: unknown): Refusal {
  if (!(error instanceof PosternError)) return { error: messageOf(error) };
  const { message, code, remedy } = error;
  return { error: message, code, ...(remedy === undefined ? {} : { remedy }) };
}
