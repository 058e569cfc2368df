// Message tracking: searches and stories, read from ledger.db.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { PosternError } from '../../errors.ts';
import type {
  IncomingLeg,
  MessageState,
  MessageStory,
  OutgoingLeg,
  Page,
  PageRequest,
  TrackedMessage,
  TrackingFilter,
} from '../protocol.ts';
import { states } from './messages.ts';
import { searchSegments } from './retention.ts';
import { parseStory, readStory, refusedIn, type StoryAttempt } from './story.ts';
import { matchOf, type Searchable, segmentOf } from './terms.ts';
import { recipientSeparator } from './writer.ts';

/** A search gives back what it has after this, ms. */
const patience = 100;
const shownRecipients = 10;
/** Times rise with MIDs, but for so many of them: several threads give them out. */
const disorder = 500;
/** Rows of a rare state are looked at one by one; beyond so many the words of the search come first. */
const few = 1000;
const delivered = states.indexOf('delivered');
const largestMid = Number.MAX_SAFE_INTEGER;

interface Bounds {
  /** MIDs from, and before. */
  low: number;
  high: number;
}

export class Tracking {
  readonly #database: DatabaseSync;
  readonly #message: StatementSync;
  readonly #profile: StatementSync;
  readonly #time: StatementSync;
  readonly #ends: StatementSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#message = database.prepare('SELECT * FROM message WHERE mid = ?');
    this.#profile = database.prepare('SELECT text FROM profile WHERE id = ?');
    this.#time = database.prepare('SELECT time FROM message WHERE mid >= ? ORDER BY mid LIMIT 1');
    // Both in one SELECT would read the whole table (measured: 0.5 s for a million).
    this.#ends = database.prepare(
      'SELECT (SELECT min(mid) FROM message) AS low, (SELECT max(mid) FROM message) AS high',
    );
  }

  search(filter: TrackingFilter, page: PageRequest): Page<TrackedMessage> {
    const bounds = this.#bounds(filter, page);
    const mids: number[] = [];
    const limit = page.limit;
    const { from = 0, to = Number.POSITIVE_INFINITY } = filter;
    const state = filter.state === undefined ? -1 : states.indexOf(filter.state);
    const deadline = performance.now() + patience;
    let examined = 0;
    let next: number | null = null;
    for (const row of this.#candidates(filter, bounds)) {
      const mid = Number(row['mid']);
      const time = Number(row['time']);
      if (time >= from && time < to && (state < 0 || row['state'] === state)) {
        if (mids.length === limit) {
          next = mids.at(-1) ?? null;
          break;
        }
        mids.push(mid);
      }
      if (++examined % 256 === 0 && performance.now() > deadline) {
        next = mid;
        break;
      }
    }
    return { items: mids.flatMap((mid) => this.#row(mid) ?? []), next: next === null ? null : String(next) };
  }

  story(mid: number): MessageStory | null {
    const row = this.#message.get(mid);
    if (row === undefined) return null;
    const text = String(row['story']);
    const { events, attempts } = readStory(text, Number(row['time']), Number(row['size']));
    return {
      message: this.#tracked(row),
      recipients: recipientsOf(row),
      incoming: this.#incoming(Number(row['incoming']), Number(row['icid'])),
      outgoing: this.#legs(attempts),
      events,
      cut: text.length > 16_384,
    };
  }

  /** What the full-text tables have of a message; null: it is not kept. */
  searchable(mid: number): Searchable | null {
    const row = this.#message.get(mid);
    if (row === undefined) return null;
    const { icid, sender, subject, messageId, peer, listener } = this.#tracked(row);
    const recipients = [...recipientsOf(row), ...refusedIn(parseStory(String(row['story'])))];
    return { icid, sender, recipients, subject, messageId, peer, listener };
  }

  /** MID, time and state of whatever the filter may mean, newest first. */
  *#candidates(filter: TrackingFilter, { low, high }: Bounds): Generator<Record<string, unknown>> {
    if (low >= high) return;
    const database = this.#database;
    const columns = 'message.mid, message.time, message.state';
    if (filter.mid !== undefined) {
      yield* database.prepare(`SELECT ${columns} FROM message WHERE mid = ?`).iterate(filter.mid);
      return;
    }
    const match = matchOf(filter);
    const number = filter.state === undefined ? delivered : states.indexOf(filter.state);
    // The index holds what is not delivered.
    const where = number === delivered ? '' : ` AND state = ${number} AND state <> ${delivered}`;
    const plain = `SELECT ${columns} FROM message WHERE mid >= ? AND mid < ?${where} ORDER BY mid DESC`;
    if (match === null) {
      yield* database.prepare(plain).iterate(low, high);
      return;
    }
    if (where !== '' && database.prepare(`${plain} LIMIT ${few}`).all(low, high).length < few) {
      // SQLite 3.53 takes no notice of `rowid = ?` beside MATCH (measured); of a range it does.
      const checks = new Map<number, StatementSync>();
      for (const row of database.prepare(plain).iterate(low, high)) {
        const mid = Number(row['mid']);
        const table = `search_${segmentOf(mid)}`;
        const check =
          checks.get(segmentOf(mid)) ??
          database.prepare(`SELECT 1 FROM ${table} WHERE ${table} MATCH ?1 AND rowid >= ?2 AND rowid <= ?2`);
        checks.set(segmentOf(mid), check);
        if (check.get(match, mid) !== undefined) yield row;
      }
      return;
    }
    for (const segment of searchSegments(database)) {
      if (segment < segmentOf(low) || segment > segmentOf(high)) continue;
      const table = `search_${segment}`;
      const sql = `SELECT ${columns} FROM ${table} JOIN message ON message.mid = ${table}.rowid
        WHERE ${table} MATCH ? AND ${table}.rowid >= ? AND ${table}.rowid < ? ORDER BY ${table}.rowid DESC`;
      yield* database.prepare(sql).iterate(match, low, high);
    }
  }

  #bounds({ from, to, mid }: TrackingFilter, { cursor }: PageRequest): Bounds {
    const bounds = { low: 0, high: largestMid };
    if (cursor !== undefined) bounds.high = cursorNumber(cursor);
    if (mid !== undefined) return bounds;
    if (from !== undefined) bounds.low = this.#firstSince(from) - disorder;
    if (to !== undefined) bounds.high = Math.min(bounds.high, this.#firstSince(to) + disorder);
    return bounds;
  }

  /** The lowest MID from this time on: MIDs rise with time. */
  #firstSince(time: number): number {
    const ends = this.#ends.get();
    let low = Number(ends?.['low'] ?? 0);
    let high = Number(ends?.['high'] ?? 0) + 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const row = this.#time.get(middle);
      if (row === undefined || Number(row['time']) >= time) high = middle;
      else low = middle + 1;
    }
    return low >= Number(ends?.['high'] ?? 0) + 1 ? largestMid : low;
  }

  #row(mid: number): TrackedMessage | null {
    const row = this.#message.get(mid);
    return row === undefined ? null : this.#tracked(row);
  }

  #tracked(row: Readonly<Record<string, unknown>>): TrackedMessage {
    const recipients = recipientsOf(row);
    const icid = Number(row['icid']);
    const incoming = this.#incoming(Number(row['incoming']), icid);
    return {
      mid: Number(row['mid']),
      time: Number(row['time']),
      state: states[Number(row['state'])] ?? ('queued' satisfies MessageState),
      deferrals: Number(row['deferrals']),
      sender: String(row['sender']),
      recipients: recipients.slice(0, shownRecipients),
      recipientCount: recipients.length,
      subject: textOrNull(row['subject']),
      messageId: textOrNull(row['message_id']),
      size: Number(row['size']),
      icid,
      listener: incoming?.listener ?? null,
      peer: incoming?.address ?? null,
      peerName: incoming?.verified === true ? incoming.reverseName : null,
      tls: incoming?.tls?.protocol ?? null,
    };
  }

  #profileOf(id: number): unknown[] | null {
    const row = id === 0 ? undefined : this.#profile.get(id);
    return row === undefined ? null : (JSON.parse(String(row['text'])) as unknown[]);
  }

  #incoming(profile: number, icid: number): IncomingLeg | null {
    const found = this.#profileOf(profile);
    if (found === null) return null;
    const [listener, name, local, address, reverse, verified, helo, group, action, match, protocol, cipher, derived] =
      found;
    return {
      icid,
      listener: String(listener),
      interface: String(name),
      localAddress: String(local),
      address: String(address),
      reverseName: textOrNull(reverse),
      verified: verified === true,
      helo: textOrNull(helo),
      senderGroup: String(group),
      action: String(action),
      match: String(match),
      tls:
        typeof protocol === 'string' ? { protocol, cipher: String(cipher), derivedGroup: textOrNull(derived) } : null,
    };
  }

  #legs(attempts: readonly StoryAttempt[]): OutgoingLeg[] {
    const legs = new Map<number, OutgoingLeg>();
    for (const { dcid, profile } of attempts) {
      const found = legs.has(dcid) ? null : this.#profileOf(profile);
      if (found === null) continue;
      const [destination, host, address, port, name, protocol, cipher, certificate, wanted, got, detail] = found;
      legs.set(dcid, {
        dcid,
        destination: String(destination),
        host: String(host),
        address: String(address),
        port: Number(port),
        interface: String(name),
        tls:
          typeof protocol === 'string'
            ? { protocol, cipher: String(cipher), certificate: textOrNull(certificate) }
            : null,
        security:
          typeof wanted === 'string' && wanted !== '' ? { wanted, got: String(got), detail: String(detail) } : null,
      });
    }
    return [...legs.values()];
  }
}

export function cursorNumber(cursor: string): number {
  if (/^(0|[1-9]\d{0,15})$/.test(cursor)) return Number(cursor);
  throw new PosternError('bad-usage', `"${cursor.slice(0, 40)}" is no cursor of this list`, {
    remedy: 'give the `next` of the page before, or none for the first page',
  });
}

function recipientsOf(row: Readonly<Record<string, unknown>>): string[] {
  const text = String(row['recipients']);
  return text === '' ? [] : text.split(recipientSeparator);
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
