// A queue of deferred messages, written straight into its tables without syncing: what a long day with destinations away
// leaves. The gateway that starts on it later finds nothing due for hours.
import { spawnSync } from 'node:child_process';
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { databaseName, openDatabase } from '../../src/spool/database.ts';
import { jobClass, Store } from '../../src/spool/store.ts';
import { progress } from './table.ts';

const batch = 10_000;
const hour = 3_600_000;

export interface Backlog {
  readonly count: number;
  /** Messages go to destination0.example, destination1.example and so on in turns. */
  readonly destinations: number;
}

export const destinationAt = (index: number): string => `destination${index}.example`;
export const senderAt = (index: number): string => `sender${index % 1000}@example.org`;
/** The recipient of message `index`, which is MID `index + 1`. */
export const recipientAt = (index: number, { destinations }: Backlog): string =>
  `recipient${index}@${destinationAt(index % destinations)}`;

export function writeBacklog(directory: string, backlog: Backlog): void {
  const { count, destinations } = backlog;
  const database = openDatabase(directory);
  database.exec('PRAGMA synchronous = OFF');
  const store = new Store(database);
  const now = Date.now();
  const body = Buffer.from(`Subject: deferred\r\n\r\n${`${'x'.repeat(76)}\r\n`.repeat(64)}`);
  for (let done = 0; done < count; ) {
    store.begin();
    for (const end = Math.min(count, done + batch); done < end; done++) {
      const [mid, sender, address] = [done + 1, senderAt(done), recipientAt(done, backlog)];
      const envelope = JSON.stringify({ sender, recipients: [{ address }] });
      store.insertMessage({ mid, received: now, envelope, body });
      store.putJob({
        mid,
        destination: destinationAt(done % destinations),
        rids: '[0]',
        attempts: 3,
        next: now + 6 * hour + done,
        since: now,
        class: jobClass.normal,
        size: body.length,
        sender,
        recipients: JSON.stringify([address]),
        reason: '451 4.7.1 greylisted, try again later',
      });
    }
    store.commit();
    if (done % 100_000 === 0) progress(`deferred: ${done} of ${count} messages written`);
  }
  store.writeMarks({ icid: 0, dcid: 0, mid: count });
  store.close();
  // What is left to be written back would slow down what is measured.
  const descriptor = openSync(join(directory, databaseName), 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}

/** Takes the queue's file out of the page cache, as after a boot. False: the system has no such dd. */
export function forgetCache(directory: string): boolean {
  const file = join(directory, databaseName);
  const done = spawnSync('dd', [`if=${file}`, 'iflag=nocache', 'count=0', 'status=none']);
  return done.status === 0;
}
