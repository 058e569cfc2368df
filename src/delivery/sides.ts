// While a change of TLS is rolled out, hosts in the share meet its settings and the others the former ones: both, side by side.
import { formerSnapshot } from '../config/former.ts';
import { Share } from '../config/share.ts';
import type { Snapshot } from '../config/snapshot.ts';
import type { TlsControls } from '../tls/policy.ts';
import { DestinationTls, type PolicySources } from './host-policy.ts';
import { OutboundTls } from './outbound-tls.ts';

interface Former {
  readonly share: Share;
  readonly tls: OutboundTls;
}

/** The contexts of outgoing connections, by the address that is dialled. */
export class TlsSides {
  readonly #usual: OutboundTls;
  #former: Former | null;
  #stamp: string;

  constructor(snapshot: Snapshot) {
    this.#usual = new OutboundTls(snapshot.tls.outbound);
    this.#former = formerOf(snapshot);
    this.#stamp = stampOf(snapshot);
  }

  update(snapshot: Snapshot): void {
    const stamp = stampOf(snapshot);
    this.#usual.update(snapshot.tls.outbound);
    if (stamp !== this.#stamp) this.#former = formerOf(snapshot);
    else if (snapshot.rollOut !== null) this.#former?.tls.update(snapshot.rollOut.former.tls.outbound);
    this.#stamp = stamp;
  }

  /** Outside the share of a roll-out. */
  isFormer(address: string): boolean {
    return this.#former !== null && !this.#former.share.holds(address);
  }

  of(address: string): OutboundTls {
    return this.#former === null || this.#former.share.holds(address) ? this.#usual : this.#former.tls;
  }

  /** Equal stamps: the same settings for the same hosts. */
  get stamp(): string {
    return `${this.#usual.stamp} ${this.#former === null ? '' : `${this.#stamp} ${this.#former.tls.stamp}`}`;
  }
}

/** The roll-out, where hosts have anything to do with it. */
function outgoing({ rollOut }: Snapshot): Snapshot['rollOut'] {
  return rollOut?.services.includes('outbound') === true ? rollOut : null;
}

function formerOf(snapshot: Snapshot): Former | null {
  const rollOut = outgoing(snapshot);
  if (rollOut === null) return null;
  return { share: new Share(rollOut), tls: new OutboundTls(rollOut.former.tls.outbound) };
}

/** Of the roll-out itself. */
function stampOf(snapshot: Snapshot): string {
  const rollOut = outgoing(snapshot);
  return rollOut === null ? '' : `${rollOut.secret} ${rollOut.share}`;
}

/** What one destination demands of a host, by the address that is dialled. */
export class DestinationSides {
  /** Equal stamps: the same controls, authorities and certificates. */
  readonly stamp: string;
  readonly #usual: DestinationTls;
  readonly #former: DestinationTls | null;

  /** `level`: in place of the configured one. */
  constructor(key: string, snapshot: Snapshot, level: TlsControls['level'] | null = null) {
    this.#usual = new DestinationTls(key, snapshot, level);
    const former = outgoing(snapshot) === null ? null : formerSnapshot(snapshot);
    this.#former = former === null ? null : new DestinationTls(key, former, level);
    this.stamp = this.#former === null ? this.#usual.stamp : `${this.#usual.stamp} | ${this.#former.stamp}`;
  }

  /** Asks beforehand what `policy` will ask, beside other questions. */
  prepare(sources: PolicySources): void {
    this.#usual.prepare(sources);
    this.#former?.prepare(sources);
  }

  of(address: string, sides: TlsSides): DestinationTls {
    return this.#former !== null && sides.isFormer(address) ? this.#former : this.#usual;
  }
}
