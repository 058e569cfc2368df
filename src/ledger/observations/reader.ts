// Observations, read for a preview on a connection of its own: the ledger goes on writing meanwhile (WAL).
import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { type KnownDestination, knownDestinations, type RehearsedHost, readRehearsals } from './rehearsals.ts';
import { type ObservedService, type OutcomeKind, observedServices, outcomeKinds } from './tables.ts';

/** Rows between two breaths: some 10 ms. */
const turn = 500;

/** Sum over the days asked for. `hello`: see tables.ts. `last`: ms since the epoch; `first`: the first day, likewise. */
export interface Use {
  readonly peer: number;
  readonly listener: string;
  readonly hello: number;
  readonly outcome: number;
  readonly connections: number;
  readonly messages: number;
  readonly first: number;
  readonly last: number;
}

export interface HelloUse {
  readonly listener: string;
  readonly hello: number;
  readonly connections: number;
  readonly messages: number;
}

/** Texts are as the other side gave them; '' where nothing is known. See tables.ts. */
export interface ObservedPeer {
  readonly id: number;
  readonly address: string;
  readonly name: string;
  readonly helo: string;
  readonly domain: string;
}

export interface Outcome {
  readonly kind: OutcomeKind;
  readonly version: number;
  readonly suite: number;
  readonly alert: number | null;
  readonly offered: number;
  readonly revision: number;
  readonly detail: string;
}

export class ObservationReader {
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Null: nothing was ever observed. Throws what SQLite says of a file that cannot be read. */
  static open(file: string): ObservationReader | null {
    if (!existsSync(file)) return null;
    const database = new DatabaseSync(file, { readOnly: true });
    try {
      database.exec('PRAGMA busy_timeout = 2000; PRAGMA cache_size = -16384; PRAGMA mmap_size = 268435456');
      const found = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'observation'").get();
      if (found !== undefined) return new ObservationReader(database);
    } catch (error) {
      database.close();
      throw error;
    }
    database.close();
    return null;
  }

  /** A number that is another one whenever the ledger has written something since. */
  version(): number {
    return Number(this.#database.prepare('PRAGMA data_version').get()?.['data_version'] ?? 0);
  }

  /** Most connections first. Small: one row a hello and listener. */
  helloUses(service: ObservedService, since: number): readonly HelloUse[] {
    return this.#rows(
      `SELECT listener, hello, sum(connections), sum(messages) FROM hello_use WHERE service = ? AND day >= ?
       GROUP BY listener, hello ORDER BY 3 DESC`,
      observedServices.indexOf(service),
      since,
    ).map(([listener, hello, connections, messages]) => ({
      listener: String(listener),
      hello: Number(hello),
      connections: Number(connections),
      messages: Number(messages),
    }));
  }

  /** Null: it is not kept any more. */
  hello(id: number): Uint8Array | null {
    const bytes = this.#database.prepare('SELECT bytes FROM hello WHERE id = ?').get(id)?.['bytes'];
    return bytes instanceof Uint8Array ? bytes : null;
  }

  /** In the order of peers: one pass over the table, without sorting. Others get their turn now and then. Rejects once aborted. */
  async uses(since: number, signal?: AbortSignal): Promise<readonly Use[]> {
    const statement = this.#database.prepare(
      `SELECT peer, listener, hello, outcome, sum(connections), sum(messages), min(day), max(last) FROM observation WHERE day >= ?
       GROUP BY peer, listener, hello, outcome`,
    );
    statement.setReturnArrays(true);
    const uses: Use[] = [];
    for (const row of statement.iterate(since)) {
      const [peer, listener, hello, outcome, connections, messages, first, last] = row as unknown as readonly unknown[];
      uses.push({
        peer: Number(peer),
        listener: String(listener),
        hello: Number(hello),
        outcome: Number(outcome),
        connections: Number(connections),
        messages: Number(messages),
        first: Number(first),
        last: Number(last),
      });
      if (uses.length % turn !== 0) continue;
      await setImmediate();
      signal?.throwIfAborted();
    }
    return uses;
  }

  /** The service of each peer. */
  services(): ReadonlyMap<number, ObservedService> {
    return new Map(
      this.#rows('SELECT id, service FROM peer').map(([id, service]) => [
        Number(id),
        observedServices[Number(service)] ?? 'inbound',
      ]),
    );
  }

  peer(id: number): ObservedPeer | null {
    const row = this.#database.prepare('SELECT address, name, helo, domain FROM peer WHERE id = ?').get(id);
    if (row === undefined) return null;
    const text = (column: string) => String(row[column] ?? '');
    return { id, address: text('address'), name: text('name'), helo: text('helo'), domain: text('domain') };
  }

  outcomes(): ReadonlyMap<number, Outcome> {
    return new Map(
      this.#rows('SELECT id, kind, version, suite, alert, offered, revision, detail FROM outcome').map(
        ([id, kind, version, suite, alert, offered, revision, detail]) => [
          Number(id),
          {
            kind: outcomeKinds[Number(kind)] ?? 'failed',
            version: Number(version),
            suite: Number(suite),
            alert: alert === null ? null : Number(alert),
            offered: Number(offered),
            revision: Number(revision),
            detail: String(detail),
          },
        ],
      ),
    );
  }

  /** Destinations that mail went to, most messages first. */
  destinations(since: number, most: number): readonly KnownDestination[] {
    return knownDestinations(this.#database, since, most);
  }

  /** Trial handshakes under the same settings, by `domain host`. */
  rehearsals(settings: Pick<RehearsedHost, 'versions' | 'ciphers'>, since: number): ReadonlyMap<string, RehearsedHost> {
    // Written by an older program: it had none.
    const found = this.#database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'rehearsal'").get();
    return found === undefined ? new Map() : readRehearsals(this.#database, settings, since);
  }

  close(): void {
    this.#database.close();
  }

  #rows(sql: string, ...values: readonly (number | string)[]): readonly (readonly unknown[])[] {
    const statement = this.#database.prepare(sql);
    statement.setReturnArrays(true);
    return statement.all(...values) as unknown as readonly (readonly unknown[])[];
  }
}
