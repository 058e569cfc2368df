// Peers by name, with what they did before.
import { dayLength } from '../config/units.ts';
import type { ObservationReader, ObservedPeer, Outcome, Use } from '../ledger/observations/reader.ts';
import { alertName } from '../tls/names.ts';
import type { Member } from './census.ts';
import type { NamedPeer } from './report.ts';

const longestName = 100;

export interface PastInput {
  readonly reader: ObservationReader;
  /** All of them, in the order of peers. */
  readonly uses: readonly Use[];
  readonly outcomes: ReadonlyMap<number, Outcome>;
  /** What a hello offers. */
  readonly offers: (hello: number) => string;
  /** `TLS 1.2 and 1.3 (revision 12)`. */
  readonly settings: (revision: number) => string;
  readonly days: number;
  readonly now: number;
}

export function namePeer(member: Member, input: PastInput): NamedPeer {
  const found = input.reader.peer(member.peer);
  const peer: ObservedPeer = found ?? { id: member.peer, address: 'unknown', name: '', helo: '', domain: '' };
  const offers = member.hello === 0 ? 'uses no TLS' : input.offers(member.hello);
  const past = pastOf(member.peer, input);
  const base = {
    address: printable(peer.address),
    name: printable(peer.name),
    helo: printable(peer.helo),
    domain: printable(peer.domain),
    connections: member.connections,
    messages: member.messages,
    last: new Date(member.last).toISOString(),
    offers,
    past,
  };
  const who =
    base.name !== '' && base.name !== base.address
      ? `${base.name} (${base.address})`
      : base.helo !== ''
        ? `${base.address} (calls itself ${base.helo})`
        : base.address;
  const text = `${who}, ${weightText(member)} in ${input.days} days, last ${dayText(member.last, input.now)}: ${[offers, ...past].join('; ')}`;
  return { ...base, text };
}

function weightText({ messages, connections }: Member): string {
  if (messages > 0) return `${number(messages)} ${messages === 1 ? 'message' : 'messages'}`;
  return `${number(connections)} ${connections === 1 ? 'connection' : 'connections'}`;
}

/** `1,240`. */
export function number(value: number): string {
  return value.toLocaleString('en-US');
}

/** `today`, `yesterday`, `on 2026-11-20`. */
export function dayText(time: number, now: number): string {
  const days = Math.floor(now / dayLength) - Math.floor(time / dayLength);
  if (days <= 0) return 'today';
  return days === 1 ? 'yesterday' : `on ${new Date(time).toISOString().slice(0, 10)}`;
}

/** The uses of one peer. */
export function usesOf(peer: number, uses: readonly Use[]): readonly Use[] {
  let low = 0;
  let high = uses.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((uses[middle]?.peer ?? 0) < peer) low = middle + 1;
    else high = middle;
  }
  let end = low;
  while (uses[end]?.peer === peer) end++;
  return uses.slice(low, end);
}

function pastOf(peer: number, { uses, outcomes, settings, now }: PastInput): readonly string[] {
  const lines: string[] = [];
  let clearMessages = 0;
  let clearLast = 0;
  let refusal: { readonly outcome: Outcome; readonly last: number } | null = null;
  for (const use of usesOf(peer, uses)) {
    const outcome = outcomes.get(use.outcome);
    if (outcome === undefined) continue;
    if (outcome.kind === 'clear' && use.messages > 0) {
      clearMessages += use.messages;
      clearLast = Math.max(clearLast, use.last);
    }
    if (outcome.kind === 'failed' && outcome.alert !== null && (refusal === null || use.last > refusal.last)) {
      refusal = { outcome, last: use.last };
    }
  }
  if (clearMessages > 0) {
    lines.push(
      `sent ${number(clearMessages)} ${clearMessages === 1 ? 'message' : 'messages'} in clear text, last ${dayText(clearLast, now)}`,
    );
  }
  if (refusal !== null) {
    const { alert, revision } = refusal.outcome;
    lines.push(
      `may refuse: it refused with "${alertName(alert ?? 0)}" under ${settings(revision)} on ${new Date(refusal.last).toISOString().slice(0, 10)}`,
    );
  }
  return lines;
}

/** Strangers chose these texts; they go to terminals. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, longestName);
}
