// Outgoing connections by domain, by the TLS that was wanted and what it became: gathered in memory, added to their hour and day.
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { SecurityCount } from '../protocol.ts';
import { day, hour } from './counts.ts';
import { otherDomain } from './tls-counts.ts';

export const securityTable = `
  CREATE TABLE security (span INTEGER NOT NULL, start INTEGER NOT NULL, domain TEXT NOT NULL, wanted TEXT NOT NULL, got TEXT NOT NULL,
    connections INTEGER NOT NULL, messages INTEGER NOT NULL, PRIMARY KEY (span, start, domain, wanted, got)) WITHOUT ROWID;
`;

/** Domains of an hour that are told apart. */
const mostDomains = 10_000;

const add = `INSERT INTO security (span, start, domain, wanted, got, connections, messages) VALUES (?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET connections = connections + excluded.connections, messages = messages + excluded.messages`;

interface Entry {
  readonly hour: number;
  readonly domain: string;
  readonly wanted: string;
  readonly got: string;
  connections: number;
  messages: number;
}

export class SecurityCounts {
  #hour = 0;
  #domains = new Set<string>();
  /** Since the last write. */
  readonly #entries = new Map<string, Entry>();
  /** Since the start. Levels are few, and never a stranger's words. */
  readonly #totals = new Map<string, { wanted: string; got: string; connections: number; messages: number }>();

  /** A connection that has ended, or (no messages) a host that was not even dialled. */
  add(
    domain: string,
    { wanted, got, messages }: { readonly wanted: string; readonly got: string; readonly messages: number },
    time: number,
  ): void {
    const start = time - (time % hour);
    if (start > this.#hour) {
      this.#hour = start;
      this.#domains = new Set();
    }
    let name = domain;
    if (this.#domains.size < mostDomains) this.#domains.add(domain);
    else if (!this.#domains.has(domain)) name = otherDomain;
    const key = `${this.#hour} ${wanted} ${got} ${name}`;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      // While nothing can be written.
      if (this.#entries.size > 4 * mostDomains) this.#entries.clear();
      entry = { hour: this.#hour, domain: name, wanted, got, connections: 0, messages: 0 };
      this.#entries.set(key, entry);
    }
    entry.connections++;
    entry.messages += messages;
    const level = `${wanted} ${got}`;
    let total = this.#totals.get(level);
    if (total === undefined) {
      total = { wanted, got, connections: 0, messages: 0 };
      this.#totals.set(level, total);
    }
    total.connections++;
    total.messages += messages;
  }

  /** Since the start of the ledger. */
  totals(): readonly SecurityCount[] {
    return [...this.#totals.values()].map((total) => ({ ...total }));
  }

  write(database: DatabaseSync): void {
    if (this.#entries.size === 0) return;
    const statement = database.prepare(add);
    for (const { hour: start, domain, wanted, got, connections, messages } of this.#entries.values()) {
      statement.run(0, start, domain, wanted, got, connections, messages);
      statement.run(1, start - (start % day), domain, wanted, got, connections, messages);
    }
  }

  written(): void {
    this.#entries.clear();
  }
}

/** `where`: a condition on span, start and domain. Most connections first. */
export function securityRows(database: DatabaseSync, where: string, values: readonly SQLInputValue[]): SecurityCount[] {
  return database
    .prepare(
      `SELECT wanted, got, sum(connections) AS connections, sum(messages) AS messages FROM security WHERE ${where}
       GROUP BY wanted, got ORDER BY 3 DESC, wanted, got LIMIT 200`,
    )
    .all(...values)
    .map((row) => ({
      wanted: String(row['wanted']),
      got: String(row['got']),
      connections: Number(row['connections']),
      messages: Number(row['messages']),
    }));
}
