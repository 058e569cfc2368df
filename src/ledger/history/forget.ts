// Deletes what is kept of one person: a mail address, or the address of a client.

import { isIP } from 'node:net';
import type { DatabaseSync } from 'node:sqlite';
import type { TrackingFilter } from '../protocol.ts';
import { matchOf, segmentOf, wordsOf } from './terms.ts';
import { Tracking } from './tracking.ts';

/** What is meant to be one person, and not everybody. */
export function isForgettable(address: string): boolean {
  return address !== '' && !address.startsWith('@') && !address.endsWith('*');
}

/** The messages of one segment (terms.ts). Within a transaction of the caller. Returns how many rows are gone. */
export function forgetMessages(database: DatabaseSync, address: string, segment: number): number {
  const filters: TrackingFilter[] =
    isIP(address) === 0 ? [{ sender: address }, { recipient: address }] : [{ peer: address }];
  const tracking = new Tracking(database);
  const table = `search_${segment}`;
  // Else the words of a deleted row stay in the file until segments are merged.
  database.exec(`INSERT INTO ${table} (${table}, rank) VALUES ('secure-delete', 1)`);
  const remove = database.prepare(`INSERT INTO ${table} (${table}, rowid, words) VALUES ('delete', ?, ?)`);
  const find = database.prepare(`SELECT rowid FROM ${table} WHERE ${table} MATCH ?`);
  let rows = 0;
  for (const filter of filters) {
    for (const { rowid } of find.all(matchOf(filter) ?? '')) {
      const mid = Number(rowid);
      const words = tracking.searchable(mid);
      if (words === null || segmentOf(mid) !== segment) continue;
      remove.run(mid, wordsOf(words));
      rows += Number(database.prepare('DELETE FROM message WHERE mid = ?').run(mid).changes);
    }
  }
  return rows;
}

/** Failures, observations, rehearsals, what connections were described by. Likewise. */
export function forgetPeer(database: DatabaseSync, address: string): number {
  const run = (sql: string) => Number(database.prepare(sql).run(address).changes);
  let rows = run('DELETE FROM failure WHERE peer = ?') + run('DELETE FROM rehearsal WHERE host = ?');
  if (isIP(address) === 0) return rows;
  run('DELETE FROM observation WHERE peer IN (SELECT id FROM peer WHERE address = ?)');
  rows += run('DELETE FROM peer WHERE address = ?');
  return rows + run("DELETE FROM profile WHERE json_extract(text, '$[3]') = ?");
}
