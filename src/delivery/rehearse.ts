// A rehearsal: trial handshakes with destinations under settings that are not in force. EHLO, STARTTLS, the handshake, EHLO, QUIT; no
// mail. Never more than one connection to a host.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Snapshot } from '../config/snapshot.ts';
import type { MailResolver } from '../dns/resolver.ts';
import { messageOf } from '../errors.ts';
import type { StsSource } from '../tls/mta-sts.ts';
import { DestinationTls } from './host-policy.ts';
import type { OutboundTls } from './outbound-tls.ts';
import { type ProbeResult, runProbe } from './probe.ts';
import { destinationOf, type RouteHost, resolveRoute } from './route.ts';

export interface RehearseOptions {
  /** What is rehearsed. */
  readonly snapshot: Snapshot;
  readonly resolver: MailResolver;
  /** Absent: MTA-STS is not looked at. */
  readonly sts?: StsSource;
  readonly tls: OutboundTls;
  readonly signal: AbortSignal;
}

/** What became of one destination: of the host that a delivery would use, or of the last one tried. */
export interface RehearsedDestination {
  readonly domain: string;
  readonly host: string;
  readonly address: string;
  /**
   * `secure`: over TLS as the policy wants it; `clear`: mail would go in clear text; `waits`: it would not go;
   * `unreachable`: nobody answered, whatever the settings are.
   */
  readonly outcome: 'secure' | 'clear' | 'waits' | 'unreachable';
  /** Of the handshake; empty where none was completed. */
  readonly protocol: string;
  readonly cipher: string;
  readonly group: string;
  /** `matched` (chain and names, or TLSA), or why not; empty where no handshake was completed. */
  readonly certificate: string;
  /** Why not `secure`, and what the TLS engine says of it. */
  readonly reason: string;
  readonly time: number;
}

/** Domains in the order of their importance; each is told as soon as it is known, with how many are. */
export async function rehearse(
  domains: readonly string[],
  options: RehearseOptions,
  tell: (result: RehearsedDestination, told: number) => void,
): Promise<readonly RehearsedDestination[]> {
  const { signal, snapshot } = options;
  const { rehearsalConnections, rehearsalRate } = snapshot.limits;
  const results: RehearsedDestination[] = [];
  const left = [...domains];
  const hosts = new Hosts(1000 / rehearsalRate);
  const work = async (): Promise<void> => {
    for (let domain = left.shift(); domain !== undefined && !signal.aborted; domain = left.shift()) {
      const result = await rehearseDomain(domain, options, hosts);
      if (signal.aborted) return;
      results.push(result);
      tell(result, results.length);
    }
  };
  await Promise.all(Array.from({ length: Math.min(rehearsalConnections, domains.length) }, work));
  return results;
}

/** Which hosts are being talked to, and when the next connection may be made. */
class Hosts {
  readonly #interval: number;
  readonly #busy = new Map<string, Promise<unknown>>();
  #next = 0;

  /** `interval`: ms between two connections, whatever the host. */
  constructor(interval: number) {
    this.#interval = interval;
  }

  /** One after the other for each address. */
  async run<T>(address: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const before = this.#busy.get(address);
    const mine = (async () => {
      await before?.catch(() => undefined); // whoever began it heard of it
      const now = performance.now();
      const at = Math.max(now, this.#next);
      this.#next = at + this.#interval;
      if (at > now) await sleep(at - now, undefined, { signal }).catch(() => undefined); // broken off: it is looked at below
      signal.throwIfAborted();
      return work();
    })();
    this.#busy.set(address, mine);
    try {
      return await mine;
    } finally {
      if (this.#busy.get(address) === mine) this.#busy.delete(address);
    }
  }
}

/** Never rejects. */
async function rehearseDomain(domain: string, options: RehearseOptions, hosts: Hosts): Promise<RehearsedDestination> {
  const { snapshot, resolver, signal, tls } = options;
  let last = unreachable(domain, null, 'no host could be reached');
  try {
    const key = destinationOf(domain, snapshot);
    const route = await resolveRoute(key, snapshot, resolver);
    if (route.kind === 'failed') return unreachable(domain, null, route.failure.text);
    const destination = new DestinationTls(key, snapshot);
    for (const target of route.hosts) {
      const policy = await destination.policy(target, route.nextHops, options);
      if (policy.refusal !== null) {
        last = waits(domain, target, policy.refusal);
        continue;
      }
      const settings = { target, policy, tls: destination.client(policy, tls), snapshot, signal };
      const probe = await hosts.run(target.address, signal, () => runProbe(settings));
      last = judge(domain, target, policy.level, policy.onFailure.starttls === 'clear', probe);
      // As a delivery: the next host only where this one could not be used.
      if (last.outcome === 'secure' || last.outcome === 'clear') return last;
    }
    return last;
  } catch (error) {
    return unreachable(domain, null, messageOf(error));
  }
}

function judge(
  domain: string,
  target: RouteHost,
  level: 'none' | 'encrypted' | 'authenticated',
  clearAllowed: boolean,
  { local, seen, shaken, failure, explanation }: ProbeResult,
): RehearsedDestination {
  const why = [failure ?? 'no TLS', ...(explanation === null ? [] : [explanation])].join('. ');
  if (seen === null) {
    if (local === null) return unreachable(domain, target, why);
    // STARTTLS that is not offered: clear text, where that may be. A handshake that failed: the mail waits, as in a delivery.
    if (!shaken && clearAllowed) {
      return { ...waits(domain, target, `${failure ?? ''}; mail would go in clear text`), outcome: 'clear' };
    }
    return waits(domain, target, why);
  }
  const { protocol, cipher, group, verdict } = seen;
  const matched = verdict.got !== 'encrypted';
  const certificate = matched ? 'matched' : verdict.detail;
  const wrong = level === 'authenticated' && !matched;
  return {
    ...waits(domain, target, wrong ? `the certificate does not match: ${verdict.detail}` : ''),
    outcome: wrong ? 'waits' : 'secure',
    protocol,
    cipher,
    group,
    certificate,
  };
}

function waits(domain: string, target: RouteHost | null, reason: string): RehearsedDestination {
  return {
    domain,
    host: target?.host ?? '',
    address: target?.address ?? '',
    outcome: 'waits',
    protocol: '',
    cipher: '',
    group: '',
    certificate: '',
    reason,
    time: Date.now(),
  };
}

function unreachable(domain: string, target: RouteHost | null, reason: string): RehearsedDestination {
  return { ...waits(domain, target, reason), outcome: 'unreachable' };
}
