// The one writer of ledger.db: statements, and what a transaction of it holds.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Incoming, Outgoing } from './connections.ts';
import { type Message, states } from './messages.ts';
import { refusedIn, writeStory } from './story.ts';
import { createSearchTable, segmentOf, wordsOf } from './terms.ts';

/** Texts remembered with their numbers. */
const mostProfiles = 20_000;
/** Of a row in the file; what is added beyond is left out. */
const longestStory = 65_536;

const insertMessage = `INSERT OR IGNORE INTO message
  (mid, time, icid, state, deferrals, delivered, failed, size, sender, recipients, subject, message_id, incoming, story)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

// The outcome as in messages.ts; SQLite sees the counts from before in SET.
const number = (state: (typeof states)[number]) => states.indexOf(state);
const updateMessage = `UPDATE message SET
  deferrals = deferrals + $deferrals, delivered = delivered + $delivered, failed = failed + $failed,
  story = CASE WHEN $story = '' OR length(story) > ${longestStory} THEN story ELSE story || ',' || $story END,
  state = CASE WHEN NOT $finished OR state > 0 THEN state
    WHEN failed + $failed = 0 THEN CASE WHEN delivered + $delivered = 0 THEN ${number('deleted')} ELSE ${number('delivered')} END
    WHEN delivered + $delivered > 0 THEN ${number('partial')}
    WHEN sender = '' THEN ${number('dropped')} ELSE ${number('bounced')} END
  WHERE mid = $mid`;

export interface AuditEntry {
  readonly time: number;
  readonly user: string;
  readonly role: string;
  readonly address: string;
  readonly face: string;
  readonly action: string;
  readonly detail: string;
}

/** Recipients are kept one a line; no address has a line feed in it. */
export const recipientSeparator = '\n';

export class HistoryWriter {
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;
  readonly #profile: StatementSync;
  readonly #audit: StatementSync;
  /** Of the newest segments. */
  readonly #search = new Map<number, StatementSync>();
  readonly #profiles = new Map<string, number>();
  /** Numbers given out and not written yet. */
  #newProfiles: [id: number, text: string][] = [];
  #nextProfile: number;
  #day = 0;

  /** `firstProfile`: at least; connections remember numbers of the database before. */
  constructor(database: DatabaseSync, firstProfile: number) {
    this.#database = database;
    this.#insert = database.prepare(insertMessage);
    this.#update = database.prepare(updateMessage);
    this.#profile = database.prepare('INSERT OR REPLACE INTO profile (id, day, text) VALUES (?, ?, ?)');
    this.#audit = database.prepare(
      'INSERT INTO audit (time, user, role, address, face, action, detail) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    const last = Number(database.prepare('SELECT max(id) AS last FROM profile').get()?.['last'] ?? 0);
    this.#nextProfile = Math.max(last + 1, firstProfile);
  }

  get nextProfile(): number {
    return this.#nextProfile;
  }

  /** A new day: texts get new numbers, so that old ones can go with the messages of their day. */
  startDay(day: number): void {
    if (day === this.#day) return;
    this.#day = day;
    this.#profiles.clear();
  }

  incomingProfile(connection: Incoming): number {
    if (connection.profile === 0) {
      const { interface: name, localAddress, address, reverseName, verified, listener } = connection;
      const { helo, group, action, match, protocol, cipher, keyGroup } = connection;
      connection.profile = this.#intern(
        JSON.stringify([
          listener,
          name,
          localAddress,
          address,
          reverseName,
          verified,
          helo,
          group,
          action,
          match,
          protocol,
          cipher,
          keyGroup,
        ]),
      );
    }
    return connection.profile;
  }

  outgoingProfile(connection: Outgoing): number {
    if (connection.profile === 0) {
      const { interface: name, address, port, host, destination, protocol, cipher, certificate } = connection;
      const { wanted, verdict, detail } = connection;
      connection.profile = this.#intern(
        JSON.stringify([
          destination,
          host,
          address,
          port,
          name,
          protocol,
          cipher,
          certificate,
          wanted,
          verdict,
          detail,
        ]),
      );
    }
    return connection.profile;
  }

  message(message: Message): void {
    if (message.stored) this.#add(message);
    else this.#put(message);
  }

  audit({ time, user, role, address, face, action, detail }: AuditEntry): void {
    this.#audit.run(time, user, role, address, face, action, detail);
  }

  profiles(): void {
    for (const [id, text] of this.#newProfiles) this.#profile.run(id, this.#day, text);
  }

  written(): void {
    this.#newProfiles = [];
  }

  /** The transaction came to nothing. */
  undone(): void {
    this.#search.clear();
  }

  #put(message: Message): void {
    const { mid, time, icid, deferrals, delivered, failed, size, sender, recipients, subject, messageId, incoming } =
      message;
    const profile = incoming === null ? 0 : this.incomingProfile(incoming);
    const story = writeStory(message.story, time);
    const list = recipients.length === 1 ? (recipients[0] ?? '') : recipients.join(recipientSeparator);
    const state = states.indexOf(message.state ?? 'queued');
    this.#insert.run(
      mid,
      time,
      icid,
      state,
      deferrals,
      delivered,
      failed,
      size,
      sender,
      list,
      subject,
      messageId,
      profile,
      story,
    );
    const words = wordsOf({
      icid,
      sender,
      recipients: message.refused === 0 ? recipients : [...recipients, ...refusedIn(message.story)],
      subject,
      messageId,
      peer: incoming?.address ?? null,
      listener: incoming?.listener ?? null,
    });
    this.#searchOf(segmentOf(mid)).run(mid, words);
  }

  #add({ mid, deferrals, delivered, failed, finished, story }: Message): void {
    this.#update.run({
      $mid: mid,
      $deferrals: deferrals,
      $delivered: delivered,
      $failed: failed,
      $finished: finished ? 1 : 0,
      $story: writeStory(story, 0),
    });
  }

  #searchOf(segment: number): StatementSync {
    let statement = this.#search.get(segment);
    if (statement === undefined) {
      this.#database.exec(createSearchTable(segment));
      statement = this.#database.prepare(`INSERT INTO search_${segment} (rowid, words) VALUES (?, ?)`);
      if (this.#search.size >= 4) this.#search.clear();
      this.#search.set(segment, statement);
    }
    return statement;
  }

  #intern(text: string): number {
    const known = this.#profiles.get(text);
    if (known !== undefined) return known;
    if (this.#profiles.size >= mostProfiles) this.#profiles.clear();
    const id = this.#nextProfile++;
    this.#profiles.set(text, id);
    this.#newProfiles.push([id, text]);
    // While nothing can be written.
    if (this.#newProfiles.length > 2 * mostProfiles) this.#newProfiles = [];
    return id;
  }
}
