// Messages on their way: what is known of each until it is written as one row. Most are settled within a second and written once;
// a message that takes longer is written as it is, and what happens to it later is added to its row.
import type { Incoming, Outgoing } from './connections.ts';
import type { Counts } from './counts.ts';
import type { StoryEntry } from './story.ts';

/** The column `state`. */
export const states = [
  'queued',
  'delivered',
  'partial',
  'bounced',
  'aborted',
  'rejected',
  'deleted',
  'dropped',
] as const;
export type StateName = (typeof states)[number];

/** Of one message in memory; beyond it the story is cut. */
const mostStory = 16_384;
const mostRecipients = 1000;
/** Messages that wait to be written, and such as are being received; beyond it the oldest are given up. */
const mostWaiting = 50_000;
const mostReceiving = 50_000;
/** A message still under way is written after this, ms. */
const patience = 5000;
/** Events of one message come from several threads, up to so many ms out of order. */
const disorder = 100;

export interface Message {
  readonly mid: number;
  readonly time: number;
  readonly icid: number;
  readonly incoming: Incoming | null;
  /** Its row was written before: this holds what is to be added. */
  readonly stored: boolean;
  sender: string;
  readonly recipients: string[];
  subject: string | null;
  messageId: string | null;
  size: number;
  refused: number;
  delivered: number;
  failed: number;
  deferrals: number;
  /** Null: being received, or no change (stored). */
  state: StateName | null;
  finished: boolean;
  settled: boolean;
  /** When it may be written. */
  ready: number;
  readonly story: StoryEntry[];
  storySize: number;
  /** Of the last delivery. */
  dcid: number;
}

/** A recipient that a message did not get to. */
interface RecipientFailed {
  /** 0: no connection was made. */
  readonly dcid: number;
  /** Where it ended before an attempt: what it was like is kept with the failure. */
  readonly connection: Outgoing | undefined;
  readonly rid: number;
  /** Status, text, code and reply. */
  readonly told: readonly string[];
}

export class Messages {
  readonly #counts: Counts;
  /** Number of the text that describes the connection. */
  readonly #profileOf: (connection: Outgoing) => number;
  readonly #known = new Map<number, Message>();
  /** Settled ones, in the order in which they may be written. */
  #settled: Message[] = [];
  /** Accepted and not settled, oldest first. */
  #pending: Message[] = [];
  lost = 0;

  constructor(counts: Counts, profileOf: (connection: Outgoing) => number) {
    this.#counts = counts;
    this.#profileOf = profileOf;
  }

  start(mid: number, icid: number, time: number, incoming: Incoming | null): void {
    const present = this.#known.get(mid);
    // `generatedForBounce` comes first.
    if (present !== undefined && !present.stored) return;
    if (this.#known.size >= mostReceiving + mostWaiting) this.#dropOldest();
    const message = blank(mid, icid, time, incoming, false);
    this.#known.set(mid, message);
    if (incoming !== null) {
      incoming.begun++;
      incoming.current = message;
    }
  }

  from(mid: number, sender: string): void {
    const message = this.#known.get(mid);
    if (message === undefined) return;
    message.sender = sender;
    const { incoming } = message;
    if (incoming === null || incoming.senderDomain !== null || sender === '') return;
    incoming.senderDomain = sender.slice(sender.lastIndexOf('@') + 1);
  }

  to(mid: number, recipient: string): void {
    const recipients = this.#known.get(mid)?.recipients;
    if (recipients !== undefined && recipients.length < mostRecipients) recipients.push(recipient);
  }

  refused(mid: number, time: number, recipient: string, reason: string): void {
    this.#counts.add('refused', time);
    const message = this.#known.get(mid);
    if (message === undefined) return;
    message.refused++;
    this.#tell(message, time, 'r', recipient, reason);
  }

  identified(mid: number, id: string): void {
    const message = this.#known.get(mid);
    if (message !== undefined) message.messageId = id.slice(0, 998);
  }

  titled(mid: number, subject: string): void {
    const message = this.#known.get(mid);
    if (message !== undefined) message.subject = subject.slice(0, 998);
  }

  received(mid: number, time: number, size: number): void {
    const message = this.#known.get(mid);
    if (message === undefined) return;
    message.size = size;
    this.#tell(message, time, 's');
  }

  queued(mid: number, time: number): void {
    const message = this.#known.get(mid);
    if (message === undefined) return;
    this.#tell(message, time, 'q');
    message.state = 'queued';
    message.ready = time + patience;
    this.#pending.push(message);
    const { incoming } = message;
    if (incoming === null) return;
    incoming.accepted++;
    incoming.current = null;
    this.#counts.add('accepted', time);
    this.#counts.add('acceptedBytes', time, message.size);
  }

  aborted(mid: number, time: number, reason: string): void {
    this.#counts.add('refused', time);
    const message = this.#known.get(mid);
    if (message === undefined || message.state !== null) return;
    this.#tell(message, time, 'x', reason);
    message.state = message.refused > 0 && message.recipients.length === 0 ? 'rejected' : 'aborted';
    this.#settle(message, time);
  }

  /** The connection ended while it was being received. */
  abandoned(message: Message, time: number): void {
    if (message.state === null) this.aborted(message.mid, time, 'Receiving aborted');
  }

  attempt(mid: number, time: number, connection: Outgoing | undefined, dcid: number, rids: string): void {
    if (connection !== undefined) connection.messages++;
    const profile = connection === undefined ? 0 : this.#profileOf(connection);
    this.#tell(this.#demand(mid, time), time, 'a', dcid, profile, rids);
  }

  done(mid: number, time: number, dcid: number, rids: string): void {
    const message = this.#demand(mid, time);
    message.dcid = dcid;
    const count = countRids(rids);
    message.delivered += count;
    this.#counts.add('delivered', time, count);
    if (message.size > 0) this.#counts.add('deliveredBytes', time, message.size);
  }

  responded(mid: number, time: number, rids: string, response: string): void {
    const message = this.#demand(mid, time);
    this.#tell(message, time, 'd', message.dcid, rids, response.slice(0, 500));
  }

  failed(kind: 'l' | 'b', mid: number, time: number, { dcid, connection, rid, told }: RecipientFailed): void {
    this.#counts.add(kind === 'l' ? 'deferred' : 'bounced', time);
    const message = this.#demand(mid, time);
    if (kind === 'l') message.deferrals++;
    else message.failed++;
    const last = message.story.at(-1);
    const cut = told.map((value) => value.slice(0, 500));
    // The same for many recipients is told once.
    if (
      last !== undefined &&
      last[0] === kind &&
      last[2] === dcid &&
      cut.every((value, at) => value === last[at + 4])
    ) {
      if (String(last[3]).length < 4000) last[3] = `${last[3]}, ${rid}`;
      return;
    }
    const profile = connection === undefined ? [] : [this.#profileOf(connection)];
    this.#tell(message, time, kind, dcid, String(rid), ...cut, ...profile);
  }

  /** What it says about TLS itself. */
  asked(mid: number, time: number, demand: string): void {
    this.#tell(this.#demand(mid, time), time, 't', demand);
  }

  doubleBounce(mid: number, time: number, rid: number, text: string): void {
    this.#tell(this.#demand(mid, time), time, 'B', rid, text.slice(0, 500));
  }

  bounce(mid: number, of: number, time: number): void {
    if (!this.#known.has(mid)) this.#known.set(mid, blank(mid, 0, time, null, false));
    this.#tell(this.#demand(mid, time), time, 'o', of);
    this.#tell(this.#demand(of, time), time, 'g', mid);
  }

  administered(mid: number, time: number, action: string, user: string): void {
    this.#tell(this.#demand(mid, time), time, 'm', action, user);
  }

  finished(mid: number, time: number): void {
    const message = this.#demand(mid, time);
    this.#tell(message, time, 'f');
    message.finished = true;
    if (!message.stored) message.state = outcomeOf(message);
    this.#settle(message, time);
  }

  /**
   * Those that may be written now, at most `most`, in the order of their MIDs (a full-text table wants rising numbers). They are
   * forgotten: what comes later is told to their rows. `all`: those too that may still change.
   */
  take(now: number, most: number, all: boolean): Message[] {
    const taken: Message[] = [];
    const settled = this.#settled;
    let at = 0;
    for (; at < settled.length && taken.length < most; at++) {
      const message = settled[at];
      if (message === undefined || (!all && message.ready > now)) break;
      taken.push(message);
    }
    this.#settled = settled.slice(at);
    const pending = this.#pending;
    for (at = 0; at < pending.length && taken.length < most; at++) {
      const message = pending[at];
      if (message === undefined) break;
      if (message.finished) continue;
      if (!all && message.ready > now) break;
      taken.push(message);
    }
    this.#pending = pending.slice(at);
    for (const message of taken) if (this.#known.get(message.mid) === message) this.#known.delete(message.mid);
    return taken.sort((a, b) => a.mid - b.mid);
  }

  /** Gives up all that wait: the database is too slow. */
  drop(): void {
    for (const message of this.#settled) this.#known.delete(message.mid);
    this.lost += this.#settled.length;
    this.#settled = [];
  }

  /** The message; one that was written before gets a record for what is to be added. */
  #demand(mid: number, time: number): Message {
    const known = this.#known.get(mid);
    if (known !== undefined) return known;
    const message = blank(mid, 0, time, null, true);
    this.#known.set(mid, message);
    this.#settle(message, time);
    return message;
  }

  #tell(message: Message, time: number, kind: string, ...values: (string | number)[]): void {
    if (message.storySize > mostStory) return;
    const entry: StoryEntry = [kind, time, ...values];
    message.story.push(entry);
    let size = 16;
    for (const value of values) if (typeof value === 'string') size += value.length;
    message.storySize += size;
  }

  #settle(message: Message, time: number): void {
    if (message.settled) return;
    message.settled = true;
    message.ready = time + disorder;
    this.#settled.push(message);
    if (this.#settled.length <= mostWaiting) return;
    const dropped = this.#settled.splice(0, mostWaiting / 10);
    for (const each of dropped) this.#known.delete(each.mid);
    this.lost += dropped.length;
  }

  #dropOldest(): void {
    const oldest = this.#known.entries().next();
    if (oldest.done === true) return;
    const [mid, message] = oldest.value;
    this.#known.delete(mid);
    message.finished = true;
    this.lost++;
  }
}

/** Nothing came of any recipient: an administrator deleted it. The same rule stands in writer.ts for rows. */
function outcomeOf({ delivered, failed, sender }: Message): StateName {
  if (failed === 0) return delivered === 0 ? 'deleted' : 'delivered';
  if (delivered > 0) return 'partial';
  return sender === '' ? 'dropped' : 'bounced';
}

function blank(mid: number, icid: number, time: number, incoming: Incoming | null, stored: boolean): Message {
  return {
    mid,
    time,
    icid,
    incoming,
    stored,
    sender: '',
    recipients: [],
    subject: null,
    messageId: null,
    size: 0,
    refused: 0,
    delivered: 0,
    failed: 0,
    deferrals: 0,
    state: null,
    finished: false,
    settled: false,
    ready: 0,
    story: [],
    storySize: 0,
    dcid: 0,
  };
}

function countRids(rids: string): number {
  let count = 1;
  for (let at = rids.indexOf(','); at >= 0; at = rids.indexOf(',', at + 1)) count++;
  return count;
}
