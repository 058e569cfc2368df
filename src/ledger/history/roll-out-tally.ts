// While a change of TLS is rolled out: the handshakes of both sides, counted by peer until control asks for them (once a second).
import { Share } from '../../config/share.ts';
import type { Snapshot } from '../../config/snapshot.ts';
import type { ObservedService } from '../observations/tables.ts';
import type { RollOutPeer } from '../protocol.ts';

export interface Handshake {
  readonly service: ObservedService;
  readonly listener: string;
  readonly address: string;
  /** Verified reverse name; outbound: the host. '' where unknown. */
  readonly name: string;
  /** First flight, a character a byte; '' where there is none. */
  readonly flight: string;
  /** Null: it came about. */
  readonly failure: string | null;
  readonly explanation: string | null;
}

type Counted = { -readonly [K in keyof RollOutPeer]: RollOutPeer[K] };

/** Peers between two questions; beyond it handshakes are counted as lost. */
const mostPeers = 10_000;
const longestText = 1000;
/** Of the flights that are kept between two questions: strangers may send 16 KiB each. */
const mostFlights = 8 * 1024 * 1024;

export class RollOutTally {
  #share: Share | null = null;
  #rollOut: Snapshot['rollOut'] = null;
  #peers = new Map<string, Counted>();
  #lost = 0;
  #flights = 0;

  apply({ rollOut }: Pick<Snapshot, 'rollOut'>): void {
    if (rollOut?.secret !== this.#rollOut?.secret) {
      this.#peers = new Map();
      this.#lost = 0;
      this.#flights = 0;
      this.#share = rollOut === null ? null : new Share(rollOut);
    }
    this.#rollOut = rollOut;
  }

  add({ service, listener, address, name, flight, failure, explanation }: Handshake, time: number): void {
    if (this.#share === null || this.#rollOut?.services.includes(service) !== true) return;
    const key = `${service} ${listener} ${address}`;
    let peer = this.#peers.get(key);
    if (peer === undefined) {
      if (this.#peers.size >= mostPeers) {
        this.#lost++;
        return;
      }
      const inside = this.#share.holds(address);
      peer = { service, listener, address, name, inside, succeeded: 0, failed: 0, run: 0, last: time, failure: null };
      this.#peers.set(key, peer);
    }
    peer.last = time;
    if (name !== '') peer.name = name.slice(0, 255);
    if (failure === null) {
      peer.succeeded++;
      peer.run = 0;
      return;
    }
    if (this.#flights + flight.length > mostFlights) {
      this.#lost++;
      return;
    }
    this.#flights += flight.length - (peer.failure?.flight.length ?? 0);
    peer.failed++;
    peer.run++;
    peer.failure = {
      detail: failure.slice(0, longestText),
      explanation: explanation?.slice(0, longestText) ?? null,
      flight,
      time,
    };
  }

  /** What came since the last question. */
  take(): { readonly peers: readonly RollOutPeer[]; readonly lost: number } {
    const taken = { peers: [...this.#peers.values()], lost: this.#lost };
    this.#peers = new Map();
    this.#lost = 0;
    this.#flights = 0;
    return taken;
  }
}
