// What happened to a message, as it is kept: a list of short entries `[kind, time, ...]`, made by messages.ts. The time is in ms
// since the message began or, added later, since the epoch.
import type { StoryEvent } from '../protocol.ts';

/**
 * | kind | values                                       | kind | values                     |
 * |------|----------------------------------------------|------|----------------------------|
 * | `r`  | recipient refused: address, reason           | `B`  | double bounce: rid, text   |
 * | `s`  | received                                     | `o`  | bounce of: mid             |
 * | `q`  | queued                                       | `g`  | bounce made: mid           |
 * | `t`  | says about TLS itself: demand                |      |                            |
 * | `x`  | aborted: reason                              | `m`  | administered: action, user |
 * | `a`  | attempt: dcid, profile, rids                 | `f`  | finished                   |
 * | `d`  | delivered: dcid, rids, response              |      |                            |
 * | `l`, `b` | delayed, bounced: dcid, rids, status, text, code, reply, and the profile of a connection that came to no attempt | | |
 */
export type StoryEntry = [kind: string, time: number, ...values: (string | number)[]];

/** What is smaller is a time since the message began: ten years at the most. */
const leastEpoch = 3.2e11;

/** One connection a message was tried on, and the profile that describes it. */
export interface StoryAttempt {
  readonly dcid: number;
  readonly profile: number;
}

export interface Story {
  readonly events: StoryEvent[];
  readonly attempts: StoryAttempt[];
}

/** The entries without the brackets around them; `began` 0: times stay as they are. Changes their times. */
export function writeStory(entries: readonly StoryEntry[], began: number): string {
  if (began > 0) for (const entry of entries) entry[1] = Math.max(0, entry[1] - began);
  return JSON.stringify(entries).slice(1, -1);
}

/** Addresses that were refused as recipients: a message is found by them too. */
export function refusedIn(entries: readonly StoryEntry[]): string[] {
  return entries.filter(([kind]) => kind === 'r').map((entry) => String(entry[2]));
}

export function parseStory(text: string): StoryEntry[] {
  return JSON.parse(`[${text}]`) as StoryEntry[];
}

/** `text`: the entries without the brackets around them. */
export function readStory(text: string, began: number, size: number): Story {
  const events: StoryEvent[] = [{ time: began, kind: 'started' }];
  const attempts: StoryAttempt[] = [];
  for (const [kind, at, ...values] of parseStory(text)) {
    const time = at < leastEpoch ? began + at : at;
    const [first = '', second = '', third = '', fourth = '', fifth = '', sixth = '', seventh = 0] = values;
    switch (kind) {
      case 'r':
        events.push({ time, kind: 'refused', address: String(first), reason: String(second) });
        break;
      case 's':
        events.push({ time, kind: 'received', size });
        break;
      case 'q':
        events.push({ time, kind: 'queued' });
        break;
      case 't':
        events.push({ time, kind: 'tls', demand: String(first) });
        break;
      case 'x':
        events.push({ time, kind: 'aborted', reason: String(first) });
        break;
      case 'a':
        attempts.push({ dcid: Number(first), profile: Number(second) });
        events.push({ time, kind: 'attempt', dcid: Number(first), rids: ridsOf(third) });
        break;
      case 'd':
        events.push({
          time,
          kind: 'delivered',
          dcid: Number(first),
          rids: ridsOf(second),
          response: String(third),
        });
        break;
      case 'l':
      case 'b':
        attempts.push({ dcid: Number(first), profile: Number(seventh) });
        events.push({
          time,
          kind: kind === 'l' ? 'delayed' : 'bounced',
          dcid: Number(first),
          rids: ridsOf(second),
          status: String(third),
          text: String(fourth),
          code: String(fifth),
          reply: String(sixth),
        });
        break;
      case 'B':
        events.push({ time, kind: 'doubleBounce', rid: Number(first), text: String(second) });
        break;
      case 'o':
        events.push({ time, kind: 'bounceOf', mid: Number(first) });
        break;
      case 'g':
        events.push({ time, kind: 'bounce', mid: Number(first) });
        break;
      case 'm':
        events.push({ time, kind: 'administered', action: String(first), user: String(second) });
        break;
      case 'f':
        events.push({ time, kind: 'finished' });
        break;
      default:
        break; // written by a newer program
    }
  }
  return { events: events.sort((a, b) => a.time - b.time), attempts };
}

function ridsOf(value: string | number): number[] {
  return String(value)
    .split(',')
    .map((rid) => Number(rid));
}
