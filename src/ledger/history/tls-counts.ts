// TLS connections by domain, gathered in memory and added to their hour and their day.
import type { DatabaseSync } from 'node:sqlite';
import type { Direction } from '../protocol.ts';
import { day, hour } from './counts.ts';

export const directions: readonly Direction[] = ['incoming', 'outgoing'];
/** The columns of the table `tls`, in its order. */
export const tlsColumns = [
  'required_ok',
  'required_failed',
  'preferred_ok',
  'preferred_failed',
  'unencrypted',
  'messages',
  'tls10',
  'tls11',
  'tls12',
  'tls13',
] as const;

/** What came of one connection. */
export interface TlsOutcome {
  readonly required: boolean;
  readonly result: 'ok' | 'failed' | 'clear';
  /** OpenSSL's name; null: not encrypted. */
  readonly protocol: string | null;
  readonly messages: number;
}

/** Domains of an hour and direction; what comes beyond is counted under `other`. */
const mostDomains = 10_000;
export const otherDomain = 'other';
export const unknownDomain = 'unknown';

const add = `INSERT INTO tls (span, start, direction, domain, ${tlsColumns.join(', ')})
  VALUES (?, ?, ?, ?, ${tlsColumns.map(() => '?').join(', ')})
  ON CONFLICT DO UPDATE SET ${tlsColumns.map((name) => `${name} = ${name} + excluded.${name}`).join(', ')}`;

interface Entry {
  readonly hour: number;
  readonly side: number;
  readonly domain: string;
  readonly counts: number[];
}

export class TlsCounts {
  #hour = 0;
  /** Since the last write. */
  readonly #entries = new Map<string, Entry>();
  #domains: readonly [Set<string>, Set<string>] = [new Set(), new Set()];

  add(direction: Direction, domain: string, time: number, outcome: TlsOutcome): void {
    if (hourOf(time) > this.#hour) {
      this.#hour = hourOf(time);
      this.#domains = [new Set(), new Set()];
    }
    const side = direction === 'incoming' ? 0 : 1;
    const known = this.#domains[side];
    let name = domain;
    if (known.size < mostDomains) known.add(domain);
    else if (!known.has(domain)) name = otherDomain;
    const key = `${this.#hour} ${side} ${name}`;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      // While nothing can be written.
      if (this.#entries.size > 4 * mostDomains) this.#entries.clear();
      entry = { hour: this.#hour, side, domain: name, counts: tlsColumns.map(() => 0) };
      this.#entries.set(key, entry);
    }
    const { counts } = entry;
    increase(counts, resultColumn(outcome), 1);
    increase(counts, 5, outcome.messages);
    const version = outcome.result === 'ok' ? versionNumber(outcome.protocol) : -1;
    if (version >= 0) increase(counts, 6 + version, 1);
  }

  write(database: DatabaseSync): void {
    if (this.#entries.size === 0) return;
    const statement = database.prepare(add);
    for (const { hour: start, side, domain, counts } of this.#entries.values()) {
      statement.run(0, start, side, domain, ...counts);
      statement.run(1, start - (start % day), side, domain, ...counts);
    }
  }

  written(): void {
    this.#entries.clear();
  }
}

function resultColumn({ required, result }: TlsOutcome): number {
  if (result === 'clear') return 4;
  return (required ? 0 : 2) + (result === 'ok' ? 0 : 1);
}

function increase(counts: number[], at: number, by: number): void {
  counts[at] = (counts[at] ?? 0) + by;
}

function hourOf(time: number): number {
  return time - (time % hour);
}

/** 0 for TLS 1.0 to 3 for 1.3; -1: none of them. `TLSv1` is OpenSSL's name for 1.0. */
export function versionNumber(protocol: string | null): number {
  switch (protocol) {
    case 'TLSv1':
      return 0;
    case 'TLSv1.1':
      return 1;
    case 'TLSv1.2':
      return 2;
    case 'TLSv1.3':
      return 3;
    default:
      return -1;
  }
}
