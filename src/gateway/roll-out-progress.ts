// What a roll-out has shown so far: who was there, who fails, and whether that is more than was foretold.

import { isPlainObject } from '../config/plain-object.ts';
import type { RollOut } from '../config/rollout.ts';
import type { RollOutPeer } from '../ledger/protocol.ts';
import { networkOf } from '../network.ts';
import type { PeerFate } from './roll-out-judge.ts';

export interface FailingPeer {
  readonly service: RollOutPeer['service'];
  readonly listener: string;
  readonly address: string;
  readonly name: string;
  readonly inside: boolean;
  readonly fate: PeerFate;
  /** Of the last failure: what the log says, and in plain words. */
  readonly detail: string;
  readonly explanation: string | null;
  readonly count: number;
  /** Failures since the last success. */
  readonly run: number;
  readonly first: number;
  readonly last: number;
}

type PeerName = Pick<FailingPeer, 'service' | 'listener' | 'address'>;

/** Peers are networks here (/24, /64): what the share is made of. */
export interface SideCounts {
  readonly peers: number;
  readonly failing: number;
  readonly succeeded: number;
  readonly failed: number;
}

/** For the chart: how it stood then. Peers. */
export interface RollOutPoint {
  readonly time: number;
  readonly inside: number;
  readonly failing: number;
  readonly foretold: number;
  /** As `Judgement.excess`. */
  readonly excess: number;
  readonly outside: number;
  readonly outsideFailing: number;
}

export interface Judgement {
  /** Peers in the share that fail and that nobody foretold. */
  readonly unforeseen: number;
  /** So many of them would fail anyway, by what happens to the others. */
  readonly expected: number;
  /** What is left: the fault of the new settings. */
  readonly excess: number;
}

export interface RollOutState {
  readonly revision: number;
  readonly state: 'running' | 'completed' | 'taken-back';
  /** ms since the epoch. */
  readonly ended: number | null;
  /** Who ended it; null: nobody, it did by itself. */
  readonly endedBy: string | null;
  /** Why it was taken back, a sentence without its full stop. */
  readonly reason: string | null;
}

interface Saved extends RollOutState {
  readonly rollOut: Omit<RollOut, 'secret' | 'foretold'>;
  readonly foretold: number;
  readonly services: readonly string[];
  readonly counts: { readonly inside: Numbers; readonly outside: Numbers };
  readonly networks: { readonly inside: readonly string[]; readonly outside: readonly string[] };
  readonly failing: readonly FailingPeer[];
  readonly points: readonly RollOutPoint[];
  readonly lost: number;
}

interface Numbers {
  readonly succeeded: number;
  readonly failed: number;
}

/** Of each side; those beyond are not counted as peers. */
const mostNetworks = 20_000;
/** Of each side, and of one network. */
const mostFailing = 1000;
const mostOfNetwork = 4;
const points = 240;
const leastInterval = 1000;

export class RollOutProgress {
  readonly about: Saved['rollOut'];
  /** Foretold peers in the share. */
  readonly foretold: number;
  readonly services: readonly string[];
  state: RollOutState;
  readonly #counts: { inside: { succeeded: number; failed: number }; outside: { succeeded: number; failed: number } };
  readonly #networks: { readonly inside: Set<string>; readonly outside: Set<string> };
  /** By service, listener and address. */
  readonly #failing: Map<string, FailingPeer>;
  /** Rows of `#failing` by side, and by network. */
  readonly #rows = new Map<string, number>();
  readonly #points: RollOutPoint[];
  lost: number;

  private constructor(saved: Saved) {
    const { rollOut, foretold, services, counts, networks, failing, points: shown, lost } = saved;
    const { revision, state, ended, endedBy, reason } = saved;
    this.about = rollOut;
    this.foretold = foretold;
    this.services = services;
    this.state = { revision, state, ended, endedBy, reason };
    this.#counts = { inside: { ...counts.inside }, outside: { ...counts.outside } };
    this.#networks = { inside: new Set(networks.inside), outside: new Set(networks.outside) };
    this.#failing = new Map(failing.map((peer) => [peerKey(peer), peer]));
    for (const peer of failing) this.#countRow(networkOf(peer.address), peer.inside);
    this.#points = [...shown];
    this.lost = lost;
  }

  static begin(
    { secret: _, foretold: __, ...rollOut }: RollOut,
    services: readonly string[],
    foretold: number,
  ): RollOutProgress {
    const none = { succeeded: 0, failed: 0 };
    return new RollOutProgress({
      revision: rollOut.revision,
      state: 'running',
      ended: null,
      endedBy: null,
      reason: null,
      rollOut,
      foretold,
      services,
      counts: { inside: none, outside: none },
      networks: { inside: [], outside: [] },
      failing: [],
      points: [],
      lost: 0,
    });
  }

  /** Null: it is no such value. */
  static restore(value: unknown): RollOutProgress | null {
    return isSaved(value) ? new RollOutProgress(value) : null;
  }

  save(): Saved {
    const { inside, outside } = this.#networks;
    return {
      ...this.state,
      rollOut: this.about,
      foretold: this.foretold,
      services: this.services,
      counts: this.#counts,
      networks: { inside: [...inside], outside: [...outside] },
      failing: [...this.#failing.values()],
      points: this.#points,
      lost: this.lost,
    };
  }

  /** Most failures first. */
  get failing(): readonly FailingPeer[] {
    return [...this.#failing.values()].sort((a, b) => rank(a) - rank(b) || b.count - a.count);
  }

  get points(): readonly RollOutPoint[] {
    return this.#points;
  }

  side(which: 'inside' | 'outside'): SideCounts {
    const peers = this.#networks[which].size;
    const failing = networksOf(this.#of(which === 'inside').filter(isFailing)).size;
    return { peers, failing, ...this.#counts[which] };
  }

  find(peer: PeerName): FailingPeer | null {
    return this.#failing.get(peerKey(peer)) ?? null;
  }

  /** Counts it. How the peer stands now; null: it has not failed, or is one too many. */
  add(peer: RollOutPeer): FailingPeer | null {
    const side = peer.inside ? 'inside' : 'outside';
    this.#counts[side].succeeded += peer.succeeded;
    this.#counts[side].failed += peer.failed;
    const network = networkOf(peer.address);
    const networks = this.#networks[side];
    if (networks.size < mostNetworks) networks.add(network);
    const key = peerKey(peer);
    const known = this.#failing.get(key);
    const { failure } = peer;
    if (failure === null) {
      if (known !== undefined) this.#failing.set(key, { ...known, run: 0 });
      return null;
    }
    const run = peer.succeeded > 0 || known === undefined ? peer.run : known.run + peer.run;
    const { detail, explanation, time } = failure;
    if (known === undefined && !this.#hasRoom(network, peer.inside)) return null;
    const { service, listener, address, name, inside } = peer;
    const failing: FailingPeer = {
      service,
      listener,
      address,
      name,
      inside,
      fate: known?.fate ?? 'pending',
      detail,
      explanation,
      count: (known?.count ?? 0) + peer.failed,
      run,
      first: known?.first ?? time,
      last: time,
    };
    this.#failing.set(key, failing);
    if (known === undefined) this.#countRow(network, inside);
    return failing;
  }

  /** A proven fault stays one, whatever else comes from the same address. True: it is news. */
  judged(peer: PeerName, fate: PeerFate): boolean {
    const known = this.#failing.get(peerKey(peer));
    if (known === undefined || known.fate === fate || known.fate === 'refused') return false;
    this.#failing.set(peerKey(peer), { ...known, fate });
    return true;
  }

  /**
   * Peers count, not handshakes: one that tries fifty times is one piece of evidence, and the share was drawn by peers. What the
   * replay proved counts as it is. Of those that broke off themselves so many are set off as the rate of the others explains.
   */
  judge(): Judgement {
    const inside = this.#of(true);
    const refused = networksOf(inside.filter(({ fate }) => fate === 'refused'));
    const brokenOff = networksOf(inside.filter((peer) => isBrokenOff(peer) && !refused.has(networkOf(peer.address))));
    const others = networksOf(this.#of(false).filter(isBrokenOff)).size;
    const { inside: here, outside: there } = this.#networks;
    const expected = there.size === 0 ? 0 : (others * here.size) / there.size;
    return {
      unforeseen: refused.size + brokenOff.size,
      expected,
      excess: refused.size + Math.max(0, brokenOff.size - expected),
    };
  }

  /** Those that the judgement is about. */
  get unforeseen(): readonly FailingPeer[] {
    return this.failing.filter((peer) => peer.inside && (peer.fate === 'refused' || isBrokenOff(peer)));
  }

  /** How it stands, for the chart; true: there is a new point. */
  mark(now: number): boolean {
    const { since, until } = this.about;
    const interval = Math.max(leastInterval, (until - since) / points);
    const last = this.#points.at(-1);
    if (last !== undefined && now - last.time < interval && this.state.state === 'running') return false;
    const [inside, outside] = [this.side('inside'), this.side('outside')];
    const foretold = networksOf(this.#of(true).filter(({ fate, run }) => fate === 'foretold' && run > 0)).size;
    this.#points.push({
      time: now,
      inside: inside.peers,
      failing: inside.failing,
      foretold,
      excess: this.judge().excess,
      outside: outside.peers,
      outsideFailing: outside.failing,
    });
    return true;
  }

  #of(inside: boolean): readonly FailingPeer[] {
    return [...this.#failing.values()].filter((peer) => peer.inside === inside);
  }

  #hasRoom(network: string, inside: boolean): boolean {
    return (this.#rows.get(String(inside)) ?? 0) < mostFailing && (this.#rows.get(network) ?? 0) < mostOfNetwork;
  }

  #countRow(network: string, inside: boolean): void {
    for (const key of [String(inside), network]) this.#rows.set(key, (this.#rows.get(key) ?? 0) + 1);
  }
}

export function peerKey({ service, listener, address }: PeerName): string {
  return `${service} ${listener} ${address}`;
}

function isFailing({ fate, run }: FailingPeer): boolean {
  return fate === 'refused' || (run > 0 && fate !== 'no-hello' && fate !== 'pending');
}

/** One that came back is none any more. */
function isBrokenOff({ fate, run }: FailingPeer): boolean {
  return fate === 'broken-off' && run > 0;
}

const fates: readonly PeerFate[] = ['refused', 'broken-off', 'pending', 'foretold', 'before', 'no-hello'];

function rank({ fate, inside }: FailingPeer): number {
  return fates.indexOf(fate) + (inside ? 0 : fates.length);
}

function networksOf(peers: readonly FailingPeer[]): ReadonlySet<string> {
  return new Set(peers.map(({ address }) => networkOf(address)));
}

function isSaved(value: unknown): value is Saved {
  return (
    isPlainObject(value) &&
    Number.isSafeInteger(value['revision']) &&
    isPlainObject(value['rollOut']) &&
    isPlainObject(value['counts']) &&
    isPlainObject(value['networks']) &&
    Array.isArray(value['failing']) &&
    Array.isArray(value['points']) &&
    Array.isArray(value['services'])
  );
}
