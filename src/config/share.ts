// Which peers belong to the share of a roll-out: the same on each connection, in each thread, after each restart.
import { createHmac } from 'node:crypto';
import { networkOf } from '../network.ts';

export interface ShareSettings {
  /** Per cent of the networks. */
  readonly share: number;
  /** Of this roll-out alone, in hex: nobody can choose an address that is in the share, and the next one meets others. */
  readonly secret: string;
}

/** Networks whose answer is remembered; one takes 3 µs to work out. */
const remembered = 20_000;

export class Share {
  readonly #secret: Buffer;
  readonly #limit: number;
  readonly #known = new Map<string, boolean>();

  constructor({ share, secret }: ShareSettings) {
    this.#secret = Buffer.from(secret, 'hex');
    this.#limit = (share / 100) * 2 ** 32;
  }

  /** `address`: without a zone, an IPv4 address not in the form of IPv6. */
  holds(address: string): boolean {
    const network = networkOf(address);
    let inside = this.#known.get(network);
    if (inside === undefined) {
      inside = createHmac('sha256', this.#secret).update(network).digest().readUInt32BE(0) < this.#limit;
      if (this.#known.size >= remembered) this.#known.clear();
      this.#known.set(network, inside);
    }
    return inside;
  }
}
