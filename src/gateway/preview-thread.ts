// The preview thread: replays for minutes if need be, at a low priority, so that mail does not notice.
import { constants } from 'node:os';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf, PosternError } from '../errors.ts';
import { PreviewEngine } from '../preview/engine.ts';
import { lowerPriority } from '../preview/priority.ts';
import type { PreviewAnswer, PreviewQuestion, PreviewThreadData } from '../preview/protocol.ts';
import { describeRevisions } from '../preview/revisions.ts';

// Nice 10: a tenth of what a mail thread gets that wants the same processor. At 19, a seventieth, a commit under full load waited
// 8 s for a preview of a handful of hellos (measured).
lowerPriority(constants.priority.PRIORITY_BELOW_NORMAL);
const { dataDirectory } = workerData as PreviewThreadData;
const port = parentPort;
if (port === null) throw new PosternError('bad-usage', 'not started as a thread of the gateway');
const say = (answer: PreviewAnswer) => port.postMessage(answer);
const engine = new PreviewEngine(join(dataDirectory, 'ledger.db'));
const running = new Map<number, AbortController>();
/** One at a time: two would only take longer each. */
let turn: Promise<void> = Promise.resolve();

port.on('message', (question: PreviewQuestion) => {
  if (question.type === 'abort') {
    running.get(question.id)?.abort();
    return;
  }
  const ended = new AbortController();
  running.set(question.id, ended);
  turn = turn.then(() => answer(question, ended.signal));
});

async function answer(
  { id, request }: Extract<PreviewQuestion, { type: 'preview' }>,
  signal: AbortSignal,
): Promise<void> {
  try {
    signal.throwIfAborted();
    const report = await engine.run(request, {
      signal,
      onProgress: (figures) => say({ type: 'progress', id, report: figures }),
      describeRevisions: (numbers) => describeRevisions(dataDirectory, numbers),
    });
    say({ type: 'done', id, report });
  } catch (error) {
    const known = error instanceof PosternError ? error : null;
    const code = known?.code ?? (signal.aborted ? 'timeout' : 'io');
    const remedy = known?.remedy;
    say({ type: 'failed', id, code, message: messageOf(error), ...(remedy === undefined ? {} : { remedy }) });
  } finally {
    running.delete(id);
  }
}
