// Failed handshakes and connections of a day, by peer and reason, with both log lines.
import type { DatabaseSync } from 'node:sqlite';
import { day } from './counts.ts';

export const failureDirections = ['incoming', 'outgoing', 'web'] as const;
export type FailureDirection = (typeof failureDirections)[number];

export interface Failed {
  readonly direction: FailureDirection;
  readonly peer: string;
  readonly name: string | null;
  readonly detail: string;
  readonly explanation: string | null;
}

interface Entry extends Failed {
  day: number;
  count: number;
  first: number;
  last: number;
}

/** Different ones of a day; what comes beyond is counted under the peer `other`. */
const mostOfDay = 10_000;
const longestText = 1000;

const add = `INSERT INTO failure (day, direction, peer, detail, name, explanation, count, first, last) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET count = count + excluded.count, last = excluded.last, name = excluded.name, explanation = excluded.explanation`;

export class Failures {
  #entries = new Map<string, Entry>();
  #day = 0;
  #known = new Set<string>();

  add(failed: Failed, time: number): void {
    const today = time - (time % day);
    if (today > this.#day) {
      this.#day = today;
      this.#known = new Set();
    }
    let key = `${failed.direction} ${failed.peer} ${failed.detail}`;
    let entry: Failed = failed;
    if (this.#known.size < mostOfDay) this.#known.add(key);
    else if (!this.#known.has(key)) {
      entry = {
        ...failed,
        peer: 'other',
        name: null,
        detail: 'more different failures than are kept',
        explanation: null,
      };
      key = `${failed.direction} other`;
    }
    const present = this.#entries.get(`${this.#day} ${key}`);
    if (present !== undefined) {
      present.count++;
      present.last = time;
      return;
    }
    this.#entries.set(`${this.#day} ${key}`, {
      direction: entry.direction,
      peer: entry.peer,
      name: entry.name,
      detail: entry.detail.slice(0, longestText),
      explanation: entry.explanation?.slice(0, longestText) ?? null,
      day: this.#day,
      count: 1,
      first: time,
      last: time,
    });
    // While nothing can be written.
    if (this.#entries.size > 2 * mostOfDay) this.#entries.clear();
  }

  write(database: DatabaseSync): void {
    if (this.#entries.size === 0) return;
    const statement = database.prepare(add);
    for (const entry of this.#entries.values()) {
      const { direction, peer, name, detail, explanation, count, first, last } = entry;
      const number = failureDirections.indexOf(direction);
      statement.run(entry.day, number, peer, detail, name, explanation, count, first, last);
    }
  }

  written(): void {
    this.#entries.clear();
  }
}
