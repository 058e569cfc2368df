// The key exchange group of incoming handshakes. Node's server does not tell it, so it is derived: the hello is replayed under the
// settings that the client met. It counts only where version and suite come out as they really were, and is marked as derived.
import type { DatabaseSync } from 'node:sqlite';
import type { Snapshot } from '../../config/snapshot.ts';
import { suiteByName } from '../../tls/suites.ts';
import { versionNumber } from '../history/tls-counts.ts';
import type { IdentifiedHello, Observer } from './observer.ts';

// derived_group   Of a hello with the version and suite that it got; it goes with its hello.
export const derivedGroupTable = `
  CREATE TABLE IF NOT EXISTS derived_group (hello INTEGER NOT NULL, version INTEGER NOT NULL, suite INTEGER NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (hello, version, suite)) WITHOUT ROWID;
`;

export interface GroupQuestion {
  readonly service: 'inbound' | 'gui';
  readonly listener: string;
  readonly address: string;
  /** Its number and its neutral form. */
  readonly hello: number;
  readonly bytes: Uint8Array;
}

/** Numbers of the wire; null: the answer has no group, or no version and suite either. */
export interface DerivedAnswer {
  readonly version: number | null;
  readonly suite: number | null;
  readonly group: number | null;
}

export interface GroupSource {
  /** In force from now on. */
  apply(snapshot: Snapshot): void;
  /** `tell` is called once, now or later; never where there is too much to do. */
  derive(question: GroupQuestion, tell: (answer: DerivedAnswer) => void): void;
  stop(): void;
}

/** Names are OpenSSL's. */
export interface CompletedHandshake {
  readonly service: 'inbound' | 'gui';
  readonly listener: string;
  readonly address: string;
  readonly hello: IdentifiedHello;
  readonly protocol: string;
  readonly cipher: string;
  readonly resumed: boolean;
}

const mostKnown = 100_000;

export class DerivedGroups {
  readonly #source: GroupSource | null;
  readonly #observer: Observer;
  /** Databases opened so far: numbers of hellos mean nothing in another one. */
  #opened = 0;
  /** Written in this life of the thread. */
  readonly #known = new Map<string, number>();
  #fresh: (readonly [hello: number, version: number, suite: number, group: number])[] = [];

  /** `source`: null where nothing is derived. */
  constructor(source: GroupSource | null, observer: Observer) {
    this.#source = source;
    this.#observer = observer;
  }

  apply(snapshot: Snapshot): void {
    this.#source?.apply(snapshot);
  }

  /** `tell` is called once the group is known, now or later; never where it stays unknown. */
  find(seen: CompletedHandshake, time: number, tell: (group: number) => void = () => undefined): void {
    const { service, listener, address, protocol, cipher } = seen;
    // What a session of TLS 1.2 was resumed with has no exchange of keys.
    if (this.#source === null || (seen.resumed && protocol !== 'TLSv1.3')) return;
    if (seen.hello === null || seen.hello === 'unreadable') return;
    const { bytes } = seen.hello;
    const hello = this.#observer.helloNumber(seen.hello, address, time);
    if (hello <= 0) return;
    const opened = this.#opened;
    const version = 0x0301 + versionNumber(protocol);
    const suite = suiteByName(cipher)?.id ?? 0;
    this.#source.derive({ service, listener, address, hello, bytes }, (answer) => {
      if (answer.group === null || answer.version !== version || answer.suite !== suite) return;
      tell(answer.group);
      if (opened !== this.#opened) return;
      const key = `${hello} ${version} ${suite}`;
      if (this.#known.get(key) !== answer.group) {
        if (this.#known.size >= mostKnown) this.#known.clear();
        this.#known.set(key, answer.group);
        this.#fresh.push([hello, version, suite, answer.group]);
      }
    });
  }

  write(database: DatabaseSync): void {
    if (this.#fresh.length === 0) return;
    const keep = database.prepare('INSERT OR REPLACE INTO derived_group VALUES (?, ?, ?, ?)');
    for (const row of this.#fresh) keep.run(...row);
  }

  written(): void {
    this.#fresh = [];
  }

  /** There is another database, or none. */
  forget(): void {
    this.#opened++;
    this.#known.clear();
    this.#fresh = [];
  }

  stop(): void {
    this.#source?.stop();
  }
}
