// A history of observations for tests and benches: real ClientHellos of this OpenSSL under many settings, peers, days.
import { createHash } from 'node:crypto';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { Duplex } from 'node:stream';
import { connect, type SecureContextOptions } from 'node:tls';
import { rehearsalTables } from '../../src/ledger/observations/rehearsals.ts';
import {
  type ObservedService,
  type OutcomeKind,
  observationTables,
  observedServices,
  outcomeKinds,
} from '../../src/ledger/observations/tables.ts';
import { neutralHello } from '../../src/tls/neutral.ts';

export const dayLength = 86_400_000;

class Tap extends Duplex {
  readonly written: Buffer[] = [];

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(chunk);
    done();
  }
}

/** The first flight that a client of these options sends (measured: it is written before `connect` returns). */
export function clientFlight(options: SecureContextOptions & { readonly servername?: string }): Buffer {
  const tap = new Tap();
  const socket = connect({ socket: tap, rejectUnauthorized: false, ...options });
  socket.on('error', () => {});
  socket.destroy();
  return Buffer.concat(tap.written);
}

export interface Seen {
  readonly service?: ObservedService;
  readonly listener?: string;
  readonly hello?: number;
  readonly outcome: number;
  readonly day: number;
  readonly connections?: number;
  readonly messages?: number;
}

/** Writes the tables of observations as the ledger does. */
export class Population {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(file: string) {
    this.#database = new DatabaseSync(file);
    this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536');
    this.#database.exec(observationTables + rehearsalTables);
  }

  transaction(work: () => void): void {
    this.#database.exec('BEGIN');
    work();
    this.#database.exec('COMMIT');
  }

  hello(flight: Uint8Array, day: number): number {
    const bytes = neutralHello(flight);
    if (bytes === null) throw new Error('no neutral form');
    const digest = createHash('sha256').update(bytes).digest().subarray(0, 16);
    const known = this.#prepare('SELECT id FROM hello WHERE digest = ?').get(digest);
    if (known !== undefined) return Number(known['id']);
    const added = this.#prepare('INSERT INTO hello (digest, bytes, day) VALUES (?, ?, ?)');
    return Number(added.run(digest, bytes, day).lastInsertRowid);
  }

  peer(
    service: ObservedService,
    address: string,
    names: { name?: string; helo?: string; domain?: string } = {},
  ): number {
    const { name = '', helo = '', domain = '' } = names;
    const key = service === 'outbound' ? `${domain} ${name}` : address;
    return Number(
      this.#prepare('INSERT INTO peer (service, key, address, name, helo, domain) VALUES (?, ?, ?, ?, ?, ?)').run(
        observedServices.indexOf(service),
        key,
        address,
        name,
        helo,
        domain,
      ).lastInsertRowid,
    );
  }

  outcome(
    kind: OutcomeKind,
    values: {
      version?: number;
      suite?: number;
      alert?: number;
      offered?: number;
      revision?: number;
      detail?: string;
    } = {},
  ): number {
    const { version = 0, suite = 0, alert = null, offered = 0, revision = 0, detail = '' } = values;
    return Number(
      this.#prepare(
        'INSERT INTO outcome (kind, version, suite, alert, offered, resumed, revision, detail) VALUES (?, ?, ?, ?, ?, 0, ?, ?)',
      ).run(outcomeKinds.indexOf(kind), version, suite, alert, offered, revision, detail).lastInsertRowid,
    );
  }

  seen(peer: number, seen: Seen): void {
    const { service = 'inbound', listener = 'inbound', hello = 0, outcome, day, connections = 1, messages = 1 } = seen;
    this.#prepare(
      'INSERT INTO observation (peer, listener, hello, outcome, day, connections, messages, last) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    ).run(peer, listener, hello, outcome, day, connections, messages, day + 3_600_000);
    this.#prepare(
      `INSERT INTO hello_use (service, listener, hello, day, connections, messages) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET connections = connections + excluded.connections, messages = messages + excluded.messages`,
    ).run(observedServices.indexOf(service), listener, hello, day, connections, messages);
  }

  #prepare(sql: string): StatementSync {
    const statement = this.#statements.get(sql) ?? this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  close(): void {
    this.#database.close();
  }
}
