// What `destinations` and `senders` say about a destination, and the key by which destinations are told apart.
import type { Snapshot } from '../config/snapshot.ts';
import type { Envelope } from '../smtp/envelope.ts';
import type { Demand, DestinationLevel, MessageTls, TlsControls } from '../tls/policy.ts';

type Entry = Snapshot['destinations'][number];

/** Everything that the entries for one destination say together: the narrower one wins, key by key. */
export type DestinationControls = Omit<Entry, 'domain'>;

/**
 * A key is a base (a domain, a recipient's address, or `route:` and its targets) and, each behind a blank, what the sender
 * demands and what the message says of itself.
 */
export interface DestinationKey {
  readonly base: string;
  readonly demand: Demand | null;
  readonly message: MessageTls | null;
}

const demands: readonly string[] = ['required', 'required-verify', 'dane-only'] satisfies Demand[];
const messages: readonly string[] = ['requiretls', 'requiretls-bounce', 'optional'] satisfies MessageTls[];

interface Tables {
  readonly destinations: ReadonlyMap<string, Entry>;
  readonly senders: ReadonlyMap<string, Demand>;
  /** `destinations` has addresses, or there are rules about senders: the domain alone does not make the key. */
  readonly perMessage: boolean;
  readonly merged: Map<string, DestinationControls>;
}

const tables = new WeakMap<Snapshot, Tables>();
const mostMerged = 10_000;
const nothing: DestinationControls = {};

function tablesOf(snapshot: Snapshot): Tables {
  let known = tables.get(snapshot);
  if (known === undefined) {
    const destinations = new Map(snapshot.destinations.map((entry) => [entry.domain.toLowerCase(), entry]));
    known = {
      destinations,
      senders: new Map(snapshot.senders.map(({ sender, tls }) => [sender.toLowerCase(), tls])),
      perMessage:
        snapshot.senders.length > 0 ||
        snapshot.tlsReports.receive.length > 0 ||
        snapshot.destinations.some((entry) => entry.domain.includes('@')),
      merged: new Map(),
    };
    tables.set(snapshot, known);
  }
  return known;
}

/** The sender or the whole recipient address has a say in where a message belongs. */
export function dependsOnMessage(snapshot: Snapshot): boolean {
  return tablesOf(snapshot).perMessage;
}

/** There is an entry for the domain itself or for a domain above it. */
export function hasOwnEntry(domain: string, snapshot: Snapshot): boolean {
  const { destinations } = tablesOf(snapshot);
  return destinations.has(domain) || suffixEntry(domain, destinations) !== undefined;
}

/** There is an entry for this address (lower case). */
export function hasAddressEntry(address: string, snapshot: Snapshot): boolean {
  return tablesOf(snapshot).destinations.has(address);
}

/** What the sender's own entry, or that of its domain, demands. */
export function demandOf(sender: string, snapshot: Snapshot): Demand | null {
  const { senders } = tablesOf(snapshot);
  if (senders.size === 0) return null;
  const address = sender.toLowerCase();
  return senders.get(address) ?? senders.get(address.slice(address.lastIndexOf('@'))) ?? null;
}

/** What a message says of itself, as far as it is heeded. */
export function messageTlsOf({ sender, tls }: Pick<Envelope, 'sender' | 'tls'>, snapshot: Snapshot): MessageTls | null {
  if (tls === undefined) return null;
  // Mail taken with REQUIRETLS keeps it, whatever is offered by now (RFC 8689 4.1).
  if (tls === 'required') return sender === '' ? 'requiretls-bounce' : 'requiretls';
  return snapshot.requireTls.tlsRequiredNo ? 'optional' : null;
}

export function parseKey(key: string): DestinationKey {
  let base = key;
  const last = (words: readonly string[]): string | null => {
    const blank = base.lastIndexOf(' ');
    const word = blank < 0 ? '' : base.slice(blank + 1);
    if (!words.includes(word)) return null;
    base = base.slice(0, blank);
    return word;
  };
  const message = last(messages) as MessageTls | null;
  const demand = last(demands) as Demand | null;
  return { base, demand, message };
}

export function formatKey({ base, demand, message }: DestinationKey): string {
  const demanding = demand === null ? base : `${base} ${demand}`;
  return message === null ? demanding : `${demanding} ${message}`;
}

/** For a destination's key, a domain or an address. */
export function controlsOf(key: string, snapshot: Snapshot): DestinationControls {
  const { destinations, merged } = tablesOf(snapshot);
  if (destinations.size === 0) return nothing;
  const { base } = parseKey(key);
  let controls = merged.get(base);
  if (controls === undefined) {
    if (merged.size >= mostMerged) merged.clear();
    const domain = base.slice(base.lastIndexOf('@') + 1);
    const route = base.startsWith('route:');
    const chain = [
      destinations.get('*'),
      route ? undefined : suffixEntry(domain, destinations),
      route ? undefined : destinations.get(domain),
      domain === base ? undefined : destinations.get(base),
    ];
    controls = chain.reduce<DestinationControls>(
      (wide, entry) => (entry === undefined ? wide : narrow(wide, entry)),
      nothing,
    );
    merged.set(base, controls);
  }
  return controls;
}

function narrow(wide: DestinationControls, { domain: _, ...entry }: Entry): DestinationControls {
  // Own authorities stand alone unless the entry that names them says otherwise.
  return { ...wide, ...(entry.ca === undefined ? {} : { systemCa: false }), ...entry };
}

/** The longest `.suffix`. */
function suffixEntry(domain: string, destinations: ReadonlyMap<string, Entry>): Entry | undefined {
  for (let dot = domain.indexOf('.', 1); dot >= 0; dot = domain.indexOf('.', dot + 1)) {
    const entry = destinations.get(domain.slice(dot));
    if (entry !== undefined) return entry;
  }
  return undefined;
}

export function tlsControls(controls: DestinationControls): TlsControls {
  const level: DestinationLevel = controls.tls ?? 'preferred';
  return { level, names: controls.names ?? ['host'] };
}

/**
 * Every entry verifies some name of the domain itself: domains of one route must not share connections then. `message`: it
 * verifies whatever the level is.
 */
export function verifiesDomain(snapshot: Snapshot, message: MessageTls | null): boolean {
  const all = tablesOf(snapshot).destinations.get('*');
  if (all?.names?.includes('domain') !== true) return false;
  if (message !== null && message !== 'optional') return true;
  return snapshot.senders.length > 0 || all.tls === 'preferred-verify' || all.tls === 'required-verify';
}
