// Gathers what was observed, in memory, until it is written: which peer came with which ClientHello, and what came of it. What
// strangers can vary is bounded; beyond the bounds they are counted together.
import { createHash } from 'node:crypto';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { networkOf } from '../../network.ts';
import { neutralHello } from '../../tls/neutral.ts';
import { suiteByName } from '../../tls/suites.ts';
import { day as dayLength } from '../history/counts.ts';
import { versionNumber } from '../history/tls-counts.ts';
import { type ObservedService, type OutcomeKind, observedServices, outcomeKinds, unkeptHello } from './tables.ts';

export interface NeutralForm {
  readonly bytes: Uint8Array;
  /** The first 16 bytes of its SHA-256, in hex. */
  readonly digest: string;
}

/** `unreadable`: one came, and has no neutral form. Null: none came, or it was too large. */
export type IdentifiedHello = NeutralForm | 'unreadable' | null;

/** `flight`: first flight of TLS, a character a byte; '' where there is none or it was too large. */
export function identifyHello(flight: string): IdentifiedHello {
  if (flight === '') return null;
  const bytes = neutralHello(Buffer.from(flight, 'latin1'));
  if (bytes === null) return 'unreadable';
  return { bytes, digest: createHash('sha256').update(bytes).digest('hex').slice(0, 32) };
}

export interface Observation {
  readonly service: ObservedService;
  readonly listener: string;
  /** The client's or the host's. */
  readonly address: string;
  /** Verified reverse name; outbound: the host. '' where unknown. */
  readonly name: string;
  readonly helo: string;
  /** Of the last envelope sender; outbound: the destination. */
  readonly domain: string;
  /** See `identifyHello`. */
  readonly hello: IdentifiedHello;
  /** OpenSSL's names; null: no TLS. */
  readonly protocol: string | null;
  readonly cipher: string | null;
  readonly resumed: boolean;
  /** Outbound: a bit a version, 1 for TLS 1.0 to 8 for 1.3. */
  readonly offered: number;
  /** What the log says of a failure, null: none. */
  readonly failure: string | null;
  /** Outbound: the verdict on the certificate. */
  readonly verdict: string;
  readonly messages: number;
}

/** New distinct hellos and new peers of one /24 or /64 in a day. */
const mostNewHellos = 50;
const mostNewPeers = 256;
const mostNetworks = 50_000;
/** Distinct hellos and peers in all. Hellos have an eighth of ledger.db as well. */
const mostHellos = 50_000;
const mostPeers = 500_000;
const mostOutcomes = 5000;
/** Waiting to be written. */
const mostWaiting = 50_000;
const longestName = 255;
const longestDetail = 300;

interface Peer {
  readonly service: number;
  readonly key: string;
  readonly address: string;
  name: string;
  helo: string;
  domain: string;
}

/** What is new of a /24 or /64 on the present day. */
interface Quota {
  hellos: number;
  peers: number;
  changed: boolean;
}

interface Waiting {
  readonly peer: Peer;
  readonly listener: string;
  readonly hello: number;
  readonly outcome: number;
  readonly day: number;
  connections: number;
  messages: number;
  last: number;
}

export class Observer {
  /** Null: there is no database. */
  #findPeer: StatementSync | null = null;
  /** Digest → id. */
  readonly #hellos = new Map<string, number>();
  #helloBytes = 0;
  #newHellos: { readonly id: number; readonly digest: string; readonly bytes: Uint8Array }[] = [];
  #nextHello = 1;
  readonly #outcomes = new Map<string, number>();
  #newOutcomes: (readonly [id: number, ...values: (number | string | null)[]])[] = [];
  #nextOutcome = 1;
  /** Service and key → id of its row, 0: about to be written. */
  readonly #peers = new Map<string, number>();
  #peerCount = 0;
  #waiting = new Map<string, Waiting>();
  #day = 0;
  /** Of the present day, by network. */
  #quotas = new Map<string, Quota>();
  #mostBytes = 0;
  #revision = 0;
  lost = 0;

  /** Takes up what is kept; null: nothing can be kept at present. */
  open(database: DatabaseSync | null): void {
    this.#hellos.clear();
    this.#outcomes.clear();
    this.#peers.clear();
    this.#newHellos = [];
    this.#newOutcomes = [];
    this.#waiting.clear();
    this.#quotas = new Map();
    this.#findPeer = database?.prepare('SELECT id FROM peer WHERE service = ? AND key = ?') ?? null;
    if (database === null) return;
    this.#helloBytes = 0;
    for (const row of database
      .prepare('SELECT id, hex(digest) AS digest, length(bytes) AS size FROM hello')
      .iterate()) {
      this.#hellos.set(String(row['digest']).toLowerCase(), Number(row['id']));
      this.#helloBytes += Number(row['size']);
    }
    for (const row of database.prepare('SELECT * FROM outcome').iterate()) {
      const { id, kind, version, suite, alert, offered, resumed, revision, detail } = row;
      this.#outcomes.set(JSON.stringify([kind, version, suite, alert, offered, resumed, revision, detail]), Number(id));
    }
    const last = (table: string) =>
      Number(database.prepare(`SELECT max(id) AS last FROM ${table}`).get()?.['last'] ?? 0);
    this.#nextHello = Math.max(this.#nextHello, last('hello') + 1);
    this.#nextOutcome = Math.max(this.#nextOutcome, last('outcome') + 1);
    this.#peerCount = Number(database.prepare('SELECT count(*) AS count FROM peer').get()?.['count'] ?? 0);
    this.#day = Number(database.prepare('SELECT max(day) AS day FROM quota').get()?.['day'] ?? 0);
    for (const row of database.prepare('SELECT network, hellos, peers FROM quota WHERE day = ?').iterate(this.#day)) {
      const quota = { hellos: Number(row['hellos']), peers: Number(row['peers']), changed: false };
      this.#quotas.set(String(row['network']), quota);
    }
  }

  /** `limit`: of ledger.db; `revision`: in force from now on. */
  apply(limit: number, revision: number): void {
    this.#mostBytes = limit / 8;
    this.#revision = revision;
  }

  add(seen: Observation, time: number): void {
    if (this.#findPeer === null) {
      this.lost++;
      return;
    }
    const day = this.#startDay(time);
    // A handshake that was completed had a hello, which then was too large.
    const none = seen.service === 'outbound' || seen.protocol === null ? 0 : unkeptHello;
    const hello = seen.hello === null ? none : this.helloNumber(seen.hello, seen.address, time);
    const outcome = this.#outcome(seen);
    const peer = this.#peer(seen);
    const key = `${peer.service} ${peer.key} ${seen.listener} ${hello} ${outcome} ${day}`;
    const present = this.#waiting.get(key);
    if (present !== undefined) {
      present.connections++;
      present.messages += seen.messages;
      present.last = time;
      present.peer.name = peer.name;
      present.peer.helo = peer.helo;
      if (peer.domain !== '') present.peer.domain = peer.domain;
    } else if (this.#waiting.size < mostWaiting) {
      const { listener, messages } = seen;
      this.#waiting.set(key, { peer, listener, hello, outcome, day, connections: 1, messages, last: time });
    } else this.lost++;
  }

  write(database: DatabaseSync): void {
    for (const { id, digest, bytes } of this.#newHellos) {
      database
        .prepare('INSERT INTO hello (id, digest, bytes, day) VALUES (?, ?, ?, ?)')
        .run(id, Buffer.from(digest, 'hex'), bytes, this.#day);
    }
    for (const values of this.#newOutcomes) {
      database
        .prepare(
          'INSERT INTO outcome (id, kind, version, suite, alert, offered, resumed, revision, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
        )
        .run(...values);
    }
    this.#writeQuotas(database);
    if (this.#waiting.size === 0) return;
    const upsert =
      'DO UPDATE SET connections = connections + excluded.connections, messages = messages + excluded.messages';
    const add = database.prepare(
      `INSERT INTO observation (peer, listener, hello, outcome, day, connections, messages, last) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT ${upsert}, last = excluded.last`,
    );
    const addUse = database.prepare(
      `INSERT INTO hello_use (service, listener, hello, day, connections, messages) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT ${upsert}`,
    );
    const find = database.prepare('SELECT id FROM peer WHERE service = ? AND key = ?');
    const insert = database.prepare(
      'INSERT INTO peer (service, key, address, name, helo, domain) VALUES (?, ?, ?, ?, ?, ?)',
    );
    const rename = database.prepare(
      "UPDATE peer SET name = ?, helo = CASE WHEN ?2 = '' THEN helo ELSE ?2 END, domain = CASE WHEN ?3 = '' THEN domain ELSE ?3 END WHERE id = ?4",
    );
    const used = new Map<number, number>();
    for (const { peer, listener, hello, outcome, day, connections, messages, last } of this.#waiting.values()) {
      const { service, key, address, name, helo, domain } = peer;
      const known = `${service} ${key}`;
      let id = this.#peers.get(known) || Number(find.get(service, key)?.['id'] ?? 0);
      if (id === 0) {
        id = Number(insert.run(service, key, address, name, helo, domain).lastInsertRowid);
        this.#peerCount++;
      } else rename.run(name, helo, domain, id);
      if (this.#peers.size >= mostWaiting) this.#peers.clear();
      this.#peers.set(known, id);
      add.run(id, listener, hello, outcome, day, connections, messages, last);
      addUse.run(service, listener, hello, day, connections, messages);
      if (hello > 0) used.set(hello, day);
    }
    const touch = database.prepare('UPDATE hello SET day = ? WHERE id = ? AND day < ?');
    for (const [hello, day] of used) touch.run(day, hello, day);
  }

  #writeQuotas(database: DatabaseSync): void {
    database.prepare('DELETE FROM quota WHERE day < ?').run(this.#day);
    const keep = database.prepare('INSERT OR REPLACE INTO quota (network, day, hellos, peers) VALUES (?, ?, ?, ?)');
    for (const [network, { hellos, peers, changed }] of this.#quotas) {
      if (changed) keep.run(network, this.#day, hellos, peers);
    }
  }

  written(): void {
    this.#newHellos = [];
    this.#newOutcomes = [];
    this.#waiting.clear();
    for (const quota of this.#quotas.values()) quota.changed = false;
  }

  /** Numbers of rows mean nothing any more: they were deleted, or never came about. */
  forget(): void {
    this.#peers.clear();
  }

  /** Hellos that nobody sends any more were deleted. */
  removed(ids: ReadonlySet<number>): void {
    for (const [digest, id] of this.#hellos) if (ids.has(id)) this.#hellos.delete(digest);
  }

  /** Of the row that is there, or will be with the next writing; `unkeptHello` beyond the bounds. */
  helloNumber(hello: NonNullable<IdentifiedHello>, address: string, time: number): number {
    if (hello === 'unreadable' || this.#findPeer === null) return unkeptHello;
    this.#startDay(time);
    return this.#hello(hello, address);
  }

  #startDay(time: number): number {
    const day = time - (time % dayLength);
    if (day > this.#day) {
      this.#day = day;
      this.#quotas = new Map();
    }
    return day;
  }

  #hello({ bytes, digest }: NeutralForm, address: string): number {
    const known = this.#hellos.get(digest);
    if (known !== undefined) return known;
    if (this.#hellos.size >= mostHellos || this.#helloBytes + bytes.length > this.#mostBytes) return unkeptHello;
    const quota = this.#quota(address);
    if (quota === null || quota.hellos >= mostNewHellos) return unkeptHello;
    quota.hellos++;
    quota.changed = true;
    const id = this.#nextHello++;
    this.#hellos.set(digest, id);
    this.#helloBytes += bytes.length;
    this.#newHellos.push({ id, digest, bytes });
    return id;
  }

  #quota(address: string): Quota | null {
    const network = networkOf(address);
    let quota = this.#quotas.get(network);
    if (quota === undefined) {
      if (this.#quotas.size >= mostNetworks) return null;
      quota = { hellos: 0, peers: 0, changed: false };
      this.#quotas.set(network, quota);
    }
    return quota;
  }

  #peer(seen: Observation): Peer {
    const service = observedServices.indexOf(seen.service);
    const name = seen.name.slice(0, longestName);
    const domain = seen.domain.slice(0, longestName);
    const helo = seen.helo.slice(0, longestName);
    const key = seen.service === 'outbound' ? `${domain} ${name}` : seen.address;
    const peer = { service, key, address: seen.address, name, helo, domain };
    // Destinations are as many as there is mail for; who connects may have a /64 to itself.
    if (seen.service === 'outbound' || this.#known(service, key)) return peer;
    const quota = this.#quota(seen.address);
    if (quota !== null && quota.peers < mostNewPeers && this.#peerCount < mostPeers) {
      quota.peers++;
      quota.changed = true;
      this.#peers.set(`${service} ${key}`, 0);
      return peer;
    }
    const network = quota === null || this.#peerCount >= mostPeers ? 'other' : networkOf(seen.address);
    return { service, key: network, address: network, name: '', helo: '', domain: '' };
  }

  #known(service: number, key: string): boolean {
    const name = `${service} ${key}`;
    if (this.#peers.has(name)) return true;
    const id = this.#findPeer?.get(service, key)?.['id'];
    if (id === undefined) return false;
    this.#peers.set(name, Number(id));
    return true;
  }

  #outcome({ protocol, cipher, failure, offered, resumed, verdict }: Observation): number {
    const kind: OutcomeKind = failure !== null ? 'failed' : protocol !== null ? 'tls' : 'clear';
    const version = protocol === null ? -1 : versionNumber(protocol);
    const detail = (failure ?? verdict).slice(0, longestDetail);
    const values = [
      outcomeKinds.indexOf(kind),
      version < 0 ? 0 : 0x0301 + version,
      cipher === null ? 0 : (suiteByName(cipher)?.id ?? 0),
      failure === null ? null : alertIn(failure),
      offered,
      resumed ? 1 : 0,
      kind === 'failed' ? this.#revision : 0,
      detail,
    ];
    const key = JSON.stringify(values);
    const known = this.#outcomes.get(key);
    if (known !== undefined) return known;
    if (this.#outcomes.size >= mostOutcomes && detail !== '')
      return this.#outcome(withoutDetail(failure, { protocol, cipher, offered, resumed }));
    const id = this.#nextOutcome++;
    this.#outcomes.set(key, id);
    this.#newOutcomes.push([id, ...values]);
    return id;
  }
}

function withoutDetail(
  failure: string | null,
  rest: Pick<Observation, 'protocol' | 'cipher' | 'offered' | 'resumed'>,
): Observation {
  const names = { service: 'inbound', listener: '', address: '', name: '', helo: '', domain: '', hello: null } as const;
  return { ...names, ...rest, failure: failure === null ? null : '', verdict: '', messages: 0 };
}

/** The alert that the other side sent: OpenSSL's reason is 1000 and its number; null: there was none. */
function alertIn(detail: string): number | null {
  const code = /^\((\d+), 'error:/.exec(detail)?.[1];
  const reason = Number(code ?? 0) & 0x7fffff;
  return reason >= 1000 && reason < 1256 ? reason - 1000 : null;
}
