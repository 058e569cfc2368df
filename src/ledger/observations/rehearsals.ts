// What trial handshakes with destinations showed, by the settings that they were made under: a preview's answer where it would
// otherwise not know.
import type { DatabaseSync } from 'node:sqlite';
import { observedServices } from './tables.ts';

// rehearsal   The last one of a destination's host under the same versions (bits, see tables.ts) and ciphers. `ok`: mail would go
//             out. `version` and `suite`: numbers of the wire, 0 where no handshake was completed. `detail`: why not.
export const rehearsalTables = `
  CREATE TABLE IF NOT EXISTS rehearsal (domain TEXT NOT NULL, host TEXT NOT NULL, versions INTEGER NOT NULL, ciphers TEXT NOT NULL,
    time INTEGER NOT NULL, ok INTEGER NOT NULL, version INTEGER NOT NULL, suite INTEGER NOT NULL, detail TEXT NOT NULL,
    PRIMARY KEY (domain, host, versions, ciphers)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS rehearsal_time ON rehearsal (time);
`;

const outbound = observedServices.indexOf('outbound');
/** Rows kept; the oldest go. */
const mostRehearsals = 50_000;

export interface RehearsedHost {
  readonly domain: string;
  readonly host: string;
  readonly versions: number;
  readonly ciphers: string;
  /** ms since the epoch. */
  readonly time: number;
  readonly ok: boolean;
  readonly version: number;
  readonly suite: number;
  readonly detail: string;
}

/** Within a transaction of the caller. */
export function keepRehearsals(database: DatabaseSync, rows: readonly RehearsedHost[]): void {
  const insert = database.prepare('INSERT OR REPLACE INTO rehearsal VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)');
  for (const { domain, host, versions, ciphers, time, ok, version, suite, detail } of rows) {
    insert.run(domain, host, versions, ciphers, time, ok ? 1 : 0, version, suite, detail.slice(0, 500));
  }
  database
    .prepare('DELETE FROM rehearsal WHERE time < (SELECT time FROM rehearsal ORDER BY time DESC LIMIT 1 OFFSET ?)')
    .run(mostRehearsals);
}

/** Those under the same settings and not older; by `domain host`. */
export function readRehearsals(
  database: DatabaseSync,
  { versions, ciphers }: Pick<RehearsedHost, 'versions' | 'ciphers'>,
  since: number,
): ReadonlyMap<string, RehearsedHost> {
  const rows = database
    .prepare('SELECT * FROM rehearsal WHERE time >= ? AND versions = ? AND ciphers = ?')
    .all(since, versions, ciphers);
  return new Map(
    rows.map((row) => {
      const text = (column: string) => String(row[column]);
      const number = (column: string) => Number(row[column]);
      return [
        `${text('domain')} ${text('host')}`,
        {
          domain: text('domain'),
          host: text('host'),
          versions,
          ciphers,
          time: number('time'),
          ok: number('ok') !== 0,
          version: number('version'),
          suite: number('suite'),
          detail: text('detail'),
        },
      ];
    }),
  );
}

/** A destination that mail went to, with what its last completed handshake showed (0: none was completed). */
export interface KnownDestination {
  readonly domain: string;
  readonly connections: number;
  readonly messages: number;
  readonly version: number;
  readonly suite: number;
}

/** Most messages first. Two passes over the outbound peers (CROSS: they come first), however many destinations there are. */
export function knownDestinations(database: DatabaseSync, since: number, most: number): readonly KnownDestination[] {
  const rows = database
    .prepare(
      `SELECT domain, sum(connections) AS connections, sum(messages) AS messages FROM peer
       CROSS JOIN observation ON observation.peer = peer.id
       WHERE service = ${outbound} AND domain <> '' AND day >= ? GROUP BY domain ORDER BY messages DESC, connections DESC, domain LIMIT ?`,
    )
    .all(since, most);
  // Where a query has one max(), SQLite takes the other columns from the row that holds it.
  const last = database
    .prepare(
      `SELECT domain, version, suite, max(last) FROM peer
       CROSS JOIN observation ON observation.peer = peer.id JOIN outcome ON outcome.id = observation.outcome
       WHERE service = ${outbound} AND domain <> '' AND kind = 0 AND day >= ? GROUP BY domain`,
    )
    .all(since);
  const seen = new Map(last.map((row) => [String(row['domain']), row]));
  return rows.map((row) => {
    const domain = String(row['domain']);
    return {
      domain,
      connections: Number(row['connections']),
      messages: Number(row['messages']),
      version: Number(seen.get(domain)?.['version'] ?? 0),
      suite: Number(seen.get(domain)?.['suite'] ?? 0),
    };
  });
}
