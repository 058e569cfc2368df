// Ends one thread of a running gateway, as a bug in it would, through Node's inspector.
import type { RunningGateway } from './harness.ts';

/** Environment of a gateway whose threads are to be ended. */
export const inspected = { NODE_OPTIONS: '--inspect=127.0.0.1:0' };

interface Attached {
  readonly sessionId: string;
  readonly workerInfo: { readonly title: string };
}

/** `name`: `mail-0`, `spool-0`, `ledger-0`. Resolves once the thread was told to exit. */
export async function endThread(gateway: RunningGateway, name: string): Promise<void> {
  const url = gateway
    .output()
    .match(/ws:\/\/\S+/g)
    ?.at(-1);
  if (url === undefined) throw new Error(`no inspector: ${gateway.output()}`);
  const socket = new WebSocket(url);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error(`thread ${name} was not found; ${titles.join(', ')}`)), 10_000);
  const titles: string[] = [];
  let id = 0;
  let told = false;
  const send = (method: string, params: object) => socket.send(JSON.stringify({ id: ++id, method, params }));
  socket.onerror = () => reject(new Error('the inspector does not answer'));
  socket.onopen = () => send('NodeWorker.enable', { waitForDebuggerOnStart: false });
  socket.onmessage = ({ data }) => {
    const { method, params } = JSON.parse(String(data)) as { method?: string; params?: Attached };
    if (method === 'NodeWorker.detachedFromWorker') resolve();
    if (method !== 'NodeWorker.attachedToWorker' || params === undefined) return;
    titles.push(params.workerInfo.title);
    // Only once: the thread that takes its place has the same name.
    if (told || !params.workerInfo.title.includes(name)) return;
    told = true;
    const evaluate = { id: 1, method: 'Runtime.evaluate', params: { expression: 'process.exit(3)' } };
    send('NodeWorker.sendMessageToWorker', { sessionId: params.sessionId, message: JSON.stringify(evaluate) });
  };
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    socket.close();
  }
}
