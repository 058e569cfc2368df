// A mail worker thread that stores messages and then does nothing any more.
import { parentPort, workerData } from 'node:worker_threads';
import { SpoolClient } from '../../src/spool/client.ts';
import { nextId, openIds } from '../../src/spool/ids.ts';
import { envelopeTo, request } from './harness.ts';

const { port, ids, count } = workerData;
const client = new SpoolClient(port, { jobs: () => undefined, destinations: () => undefined, full: () => undefined });
const counters = openIds(ids);
let stored = 0;
for (let i = 0; i < count; i++) {
  const mid = nextId(counters, 'mid');
  client.store(request(mid, envelopeTo('bob@example.com')), (error) => {
    if (error === null && mid % 2 === 0) client.finished(mid);
    if (++stored === count) setImmediate(() => setImmediate(() => parentPort?.postMessage('stored')));
  });
}
