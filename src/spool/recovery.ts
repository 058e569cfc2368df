// What a start finds: first attempts that nobody makes any more, files without a row, rows without a file.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { systemNotice, systemWarning } from '../ledger/events.ts';
import { bodyDirectory } from './body.ts';
import type { SpoolContext } from './context.ts';
import { Destinations } from './destinations.ts';
import { demote, giveUp } from './settle.ts';
import type { Transaction } from './transaction.ts';

const step = 1000;

/** Makes interrupted first attempts due, counts the queue, clears files. */
export function recover(context: SpoolContext, transaction: Transaction): void {
  const { store, destinations } = context;
  // Counted below, from the index.
  const apart: SpoolContext = { ...context, destinations: new Destinations() };
  for (;;) {
    const interrupted = store.actives(0, step);
    if (interrupted.length === 0) break;
    transaction.run(() => {
      for (const { mid } of interrupted) demote(apart, mid);
    });
  }
  destinations.load(store.counts());
  context.countMessages(store.countMessages());
  checkFiles(context, transaction);
}

/** Body files without a row are removed (a crash came before the row), rows without a file bounce. */
function checkFiles(context: SpoolContext, transaction: Transaction): void {
  const { directory, log, store } = context;
  const orphans = new Set(namesIn(join(directory, bodyDirectory)));
  for (const { mid, file } of store.files()) {
    if (orphans.delete(file.slice(bodyDirectory.length + 1))) continue;
    log.record(systemWarning, `The body file ${file} of MID ${mid} is missing: its recipients bounce`);
    transaction.run(() => {
      for (const { destination } of store.jobsOf(mid)) {
        giveUp(context, mid, destination, '5.3.0', 'The content of the message was lost on the mail system');
      }
    });
  }
  // Workers of this process may be writing already (a restarted spool thread): only what is older than the process.
  const started = Date.now() - process.uptime() * 1000;
  let removed = 0;
  for (const name of orphans) {
    const file = join(bodyDirectory, name);
    const stat = statSync(join(directory, file), { throwIfNoEntry: false });
    if (stat === undefined || stat.mtimeMs >= started) continue;
    context.removeFile(file);
    removed++;
  }
  if (removed > 0) log.record(systemNotice, `${removed} unfinished message bodies of the last run were removed`);
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // no body was ever big
  }
}
