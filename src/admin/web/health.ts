// /healthz and /readyz, for supervisors and load balancers: no logon, and nothing in them that a stranger should not know.
import type { Routes } from './app.ts';

/** Asking all threads costs something, and anybody may ask. */
const readyFor = 1_000;

/** `/healthz`: the program answers. `/readyz`: all threads answer and the spool takes mail. */
export const healthRoutes: Routes = (app, { host }) => {
  let known: { readonly at: number; readonly ready: Promise<boolean> } | null = null;
  const isReady = async () => {
    const { threads, queue } = await host.status();
    return threads.every(({ state }) => state === 'running') && !queue.full;
  };
  app.get('/healthz', { config: { access: 'public' } }, (_request, reply) => reply.send({ status: 'ok' }));
  app.get('/readyz', { config: { access: 'public' } }, async (_request, reply) => {
    const now = Date.now();
    if (known === null || now - known.at > readyFor) known = { at: now, ready: isReady().catch(() => false) };
    const ready = await known.ready;
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not ready' });
  });
};
