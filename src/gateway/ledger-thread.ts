import { join } from 'node:path';
import { Ledger } from '../ledger/ledger.ts';
import { ReplayedGroups } from '../preview/groups.ts';
import { runThread } from './thread.ts';

await runThread(async (data) => {
  const { dataDirectory, snapshot } = data;
  const ledger = new Ledger({ directory: join(dataDirectory, 'logs'), snapshot, groups: new ReplayedGroups(snapshot) });
  return {
    prepare: async (snapshot) => ledger.prepare(snapshot),
    query: (name, args) => (name === 'status' ? ledger.status() : ledger.query(name, args)),
    attach: (_name, port) => ledger.attach(port),
    reopenLogs: () => ledger.reopen(),
    stop: () => ledger.stop(),
  };
});
