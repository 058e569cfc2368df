// Whose fault a failed handshake is while a change of TLS is rolled out. The former settings are the control: the same ClientHello is
// put before them once more.
import type { RollOut } from '../config/rollout.ts';
import type { FormerSettings } from '../config/snapshot.ts';
import type { RollOutPeer } from '../ledger/protocol.ts';
import { networkOf } from '../network.ts';
import { Compiler, type Side, type Target } from '../preview/targets.ts';
import { replayHello } from '../tls/replay.ts';

/**
 * Of a peer that fails. `refused`: the new settings refuse a hello that the former ones serve: proven. `broken-off`: we would serve
 * it under both, and it ends the handshake itself; outbound, a host that fails: what the others do tells whether that is new. The
 * rest is nobody's surprise: `foretold`; `before`: it fails under the former settings too, or failed in this way in the week before;
 * `no-hello`: settings had no part in it; `pending`: a connection that was lost once or twice, or a host that is tried once more.
 */
export type PeerFate = 'refused' | 'broken-off' | 'foretold' | 'before' | 'no-hello' | 'pending';

/** What a lost connection looks like: networks lose some. */
const silent = /^\[Errno |connection closed|disconnected|not finished within|timed out/i;
/** So many in a row, without a success, are no accident. */
const mostSilent = 3;
/** A host that takes no TLS version from 1.2 on is asked once more with the old ones; ms. */
const secondTry = 3000;

export class RollOutJudge {
  readonly #targets: readonly Target[];
  readonly #incoming: ReadonlySet<string>;
  readonly #outgoing: ReadonlySet<string>;
  readonly #known: ReadonlySet<string>;

  /** `known`: failures of the week before, see `failureKey`. */
  constructor(
    { foretold }: RollOut,
    { former, next }: { readonly former: FormerSettings; readonly next: FormerSettings },
    known: ReadonlySet<string>,
  ) {
    this.#targets = new Compiler().targets(former, next);
    this.#incoming = new Set(foretold.incoming);
    this.#outgoing = new Set(foretold.outgoing);
    this.#known = known;
  }

  /** `run`: failures since its last success. `now`: ms since the epoch. */
  async judge(peer: RollOutPeer, run: number, now: number): Promise<PeerFate> {
    const { service, address, name, failure } = peer;
    if (failure === null) return 'pending';
    if (this.#isForetold(peer)) return 'foretold';
    if (this.#known.has(failureKey(service, address, failure.detail))) return 'before';
    const lost = silent.test(failure.detail);
    if (service === 'outbound') {
      if (lost ? run < mostSilent : now - failure.time < secondTry) return 'pending';
      return name === '' && lost ? 'pending' : 'broken-off';
    }
    const target = this.#targets.find((one) => one.service === service && one.listener === peer.listener);
    if (failure.flight === '' || target === undefined) return 'no-hello';
    const flight = Buffer.from(failure.flight, 'latin1');
    const [before, after] = sidesOf(target, address);
    if (!(await serves(before, flight))) return 'before';
    if (peer.inside && !(await serves(after, flight))) return 'refused';
    return lost && run < mostSilent ? 'pending' : 'broken-off';
  }

  #isForetold({ service, address, name }: RollOutPeer): boolean {
    if (service === 'outbound') return this.#outgoing.has(name) || this.#outgoing.has(address);
    return this.#incoming.has(address) || this.#incoming.has(networkOf(address));
  }
}

export function failureKey(service: RollOutPeer['service'], address: string, detail: string): string {
  return `${service} ${address} ${detail}`;
}

function sidesOf({ from, to, exceptions }: Target, address: string): readonly [Side, Side] {
  return [exceptions?.from.find(address) ?? from, exceptions?.to.find(address) ?? to];
}

async function serves(side: Side, flight: Uint8Array): Promise<boolean> {
  if (side.kind !== 'tls') return false;
  const { outcome } = await replayHello(flight, side.tls, side.alpn === null ? {} : { alpn: side.alpn });
  return outcome === 'served';
}
