// TLS sessions of outgoing connections, so that the next one to the same host need not begin anew (RFC 8446 2.2, RFC 5077).
//
// A session resumes as what it was made as: OpenSSL says "verified" of it under other authorities too (measured). So it is kept
// with everything that had a say in it, and only where no certificate decides anything.
import { createHash } from 'node:crypto';
import { ExpiringMap } from '../dns/cache.ts';
import type { ClientTls } from '../tls/contexts.ts';
import type { TlsPolicy } from '../tls/policy.ts';
import type { RouteHost } from './route.ts';

/** ms; servers mean 1 to 2 hours, and OpenSSL offers none that is older than its server said. */
const life = 3600 * 1000;
/** For each host and policy: two is what a server sends at a time. */
const mostOfOne = 4;
/** Bytes; tickets may have 64 KiB, real ones have 1 to 3 KiB with the certificate. */
const longest = 8192;

interface Kept {
  readonly session: Buffer;
  /** RFC 8446 C.4: a ticket of 1.3 is used once. */
  readonly once: boolean;
}

/** What one connection may offer, and where what it gets goes. */
export interface Resumption {
  /** Null: there is none yet. */
  readonly session: Buffer | null;
  keep(session: Buffer, protocol: string): void;
  /** The host did not take it, or something else failed: the next connection begins anew. */
  forget(): void;
}

export class TlsSessions {
  #kept: ExpiringMap<readonly Kept[]>;
  #most: number;
  readonly #clients = new WeakMap<ClientTls, number>();
  #nextClient = 0;

  /** `most`: hosts whose sessions are kept; 0: none. */
  constructor(most: number) {
    this.#most = most;
    this.#kept = new ExpiringMap(most);
  }

  /** Forgets all. */
  reset(most: number): void {
    this.#most = most;
    this.#kept = new ExpiringMap(most);
  }

  /**
   * Null: connections under this policy do not resume. `tls`: the contexts, authorities and own certificate among them. Without
   * `resume` none is offered, but what comes is kept.
   */
  of(target: RouteHost, policy: TlsPolicy, tls: ClientTls, legacy: boolean, resume: boolean): Resumption | null {
    if (this.#most === 0 || !mayResume(policy)) return null;
    const key = `${target.address} ${target.port} ${this.#clientOf(tls)} ${legacy} ${policyStamp(policy)}`;
    const session = resume ? this.#take(key) : null;
    // What comes over connections from before a commit, or behind a failure, is not kept.
    const kept = this.#kept;
    let over = false;
    return {
      session,
      keep: (next, protocol) => {
        if (!over && kept === this.#kept) this.#keep(key, { session: next, once: protocol === 'TLSv1.3' });
      },
      forget: () => {
        over = true;
        kept.delete(key);
      },
    };
  }

  #take(key: string): Buffer | null {
    const now = performance.now();
    const kept = this.#kept.get(key, now);
    const newest = kept?.at(-1);
    if (kept === undefined || newest === undefined) return null;
    if (newest.once) this.#kept.set(key, kept.slice(0, -1), now + life);
    return newest.session;
  }

  #keep(key: string, kept: Kept): void {
    if (kept.session.length > longest) return;
    const now = performance.now();
    const others = kept.once ? (this.#kept.get(key, now) ?? []).filter(({ once }) => once) : [];
    this.#kept.set(key, [...others.slice(1 - mostOfOne), kept], now + life);
  }

  #clientOf(tls: ClientTls): number {
    let number = this.#clients.get(tls);
    if (number === undefined) {
      number = this.#nextClient++;
      this.#clients.set(tls, number);
    }
    return number;
  }
}

/** Where a certificate or TLSA records decide, or may at the next connection, each connection shows what it has. */
function mayResume({ wanted, check, trust, sts, requireTls }: TlsPolicy): boolean {
  if (requireTls !== null) return false;
  return check === 'none' && trust === 'none' && sts === null && (wanted === 'preferred' || wanted === 'required');
}

const stamps = new WeakMap<TlsPolicy, string>();

/** Equal stamps: equal policies, their names, anchors and records included, whatever their words are. */
function policyStamp(policy: TlsPolicy): string {
  let stamp = stamps.get(policy);
  if (stamp === undefined) {
    const { wanted, trust, level, check, versions, sni, names, tlsa, onFailure } = policy;
    const records = tlsa.map(({ data, ...record }) => [record, Buffer.from(data).toString('base64')]);
    stamp = createHash('sha256')
      .update(JSON.stringify([wanted, trust, level, check, versions, sni, names, records, onFailure]))
      .digest('base64');
    stamps.set(policy, stamp);
  }
  return stamp;
}
