// TLS sessions of outgoing connections, so that the next one to the same host need not begin anew (RFC 8446 2.2, RFC 5077).
//
// A session resumes as what it was made as: OpenSSL says "verified" of it under other authorities too (measured). So it is kept
// with everything that had a say in it, TLSA records and MTA-STS policy included. Where a certificate counts it is kept only once that
// was found to be in order, with the verdict, and no longer than what the verdict rests on.
import { createHash } from 'node:crypto';
import { ExpiringMap } from '../dns/cache.ts';
import type { ClientTls } from '../tls/contexts.ts';
import type { PeerVerdict } from '../tls/peer-check.ts';
import type { TlsPolicy } from '../tls/policy.ts';
import type { RouteHost } from './route.ts';

/** ms; servers mean 1 to 2 hours, and OpenSSL offers none that is older than its server said. */
const life = 3600 * 1000;
/** For each host and policy: two is what a server sends at a time. */
const mostOfOne = 4;
/** Bytes; tickets may have 64 KiB, real ones have 1 to 3 KiB with the certificate. */
const longest = 8192;

/** What the server's certificate was found to be worth. */
export interface Proof {
  readonly verdict: PeerVerdict;
  /** Records or certificates that it rests on end then; ms of the monotonic clock. */
  readonly until: number;
}

interface Ticket {
  readonly session: Buffer;
  /** RFC 8446 C.4: a ticket of 1.3 is used once. */
  readonly once: boolean;
}

type Kept = Ticket & { readonly proof: Proof };

/** What one connection may offer, and where what it gets goes. */
export interface Resumption {
  /** Null: there is none yet. */
  readonly session: Buffer | null;
  /** Of `session`: holds again if it goes on. */
  readonly proof: Proof | null;
  /** Of this connection; nothing that comes is kept before, and where a certificate counts and is not in order nothing at all. */
  prove(proof: Proof): void;
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
    const taken = resume ? this.#take(key) : null;
    // What comes over connections from before a commit, or behind a failure, is not kept.
    const kept = this.#kept;
    const early: Ticket[] = [];
    let proof: Proof | null = null;
    let over = false;
    const forget = () => {
      over = true;
      early.length = 0;
      kept.delete(key);
    };
    return {
      session: taken?.session ?? null,
      proof: taken?.proof ?? null,
      prove: (found) => {
        if (!mayKeep(policy, found.verdict)) {
          forget();
          return;
        }
        proof = policy.check === 'none' ? found : { ...found, until: Math.min(found.until, performance.now() + life) };
        for (const ticket of early.splice(0)) if (kept === this.#kept) this.#keep(key, { ...ticket, proof });
      },
      keep: (session, protocol) => {
        if (over || kept !== this.#kept) return;
        const ticket = { session, once: protocol === 'TLSv1.3' };
        if (proof !== null) this.#keep(key, { ...ticket, proof });
        else if (early.length < mostOfOne) early.push(ticket);
      },
      forget,
    };
  }

  #take(key: string): Kept | null {
    const now = performance.now();
    const kept = (this.#kept.get(key, now) ?? []).filter(({ proof }) => proof.until > now);
    const newest = kept.at(-1);
    if (newest === undefined) return null;
    if (newest.once) this.#kept.set(key, kept.slice(0, -1), now + life);
    return newest;
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

/** A message that asks for REQUIRETLS has it proven on a connection of its own. */
function mayResume({ requireTls }: TlsPolicy): boolean {
  return requireTls === null;
}

/** A certificate that was only put up with is looked at, and reported, each time. */
function mayKeep({ check }: TlsPolicy, { ok, got, problem }: PeerVerdict): boolean {
  return check === 'none' || (ok && got !== 'encrypted' && problem === null);
}

const stamps = new WeakMap<TlsPolicy, string>();

/** Equal stamps: equal policies, their names, anchors and records included, whatever their words are. */
function policyStamp(policy: TlsPolicy): string {
  let stamp = stamps.get(policy);
  if (stamp === undefined) {
    const { wanted, trust, level, starttls, check, versions, sni, names, tlsa, onFailure, sts } = policy;
    const records = tlsa.map(({ data, ...record }) => [record, Buffer.from(data).toString('base64')]);
    stamp = createHash('sha256')
      .update(JSON.stringify([wanted, trust, level, starttls, check, versions, sni, names, records, onFailure, sts]))
      .digest('base64');
    stamps.set(policy, stamp);
  }
  return stamp;
}
