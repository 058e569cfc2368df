import { join } from 'node:path';
import { Ledger } from '../ledger/ledger.ts';
import { runThread } from './thread.ts';

await runThread(async (data) => {
  const ledger = new Ledger({ directory: join(data.dataDirectory, 'logs'), snapshot: data.snapshot });
  return {
    prepare: async (snapshot) => ledger.prepare(snapshot),
    query: (name, args) => (name === 'status' ? ledger.status() : ledger.query(name, args)),
    attach: (_name, port) => ledger.attach(port),
    reopenLogs: () => ledger.reopen(),
    stop: () => ledger.stop(),
  };
});
