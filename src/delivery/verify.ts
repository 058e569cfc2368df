// tlsverify and daneverify: connections like those of a delivery, up to the second EHLO and without mail; everything on the way
// is told.
import { oneLine } from '../config/quote.ts';
import type { Snapshot } from '../config/snapshot.ts';
import type { MailResolver } from '../dns/resolver.ts';
import { messageOf } from '../errors.ts';
import { compileClientTls } from '../tls/contexts.ts';
import type { StsSource } from '../tls/mta-sts.ts';
import type { TlsPolicy } from '../tls/policy.ts';
import { type TlsVersion, tlsVersions } from '../tls/versions.ts';
import { type ProbeSettings, runProbe } from './probe.ts';
import { destinationOf, type RouteHost, resolveRoute } from './route.ts';
import { DestinationSides, type TlsSides } from './sides.ts';
import { verdictLines } from './verify-lines.ts';

export interface VerifyOptions {
  readonly snapshot: Snapshot;
  readonly resolver: MailResolver;
  /** Absent: MTA-STS is not looked at. */
  readonly sts?: StsSource;
  readonly tls: TlsSides;
  /** DANE is demanded, whatever the configuration says. */
  readonly dane: boolean;
  /** Every host, every address, every version, and why. */
  readonly detail: boolean;
  readonly signal: AbortSignal;
}

/** What a domain came to. */
export interface Findings {
  readonly domain: string;
  readonly ok: boolean;
  /** Why not; empty: it is ok. */
  readonly reason: string;
  /** In the order in which a delivery tries them. */
  readonly hosts: readonly VerifiedHost[];
}

export interface Verdict extends Findings {
  /** The same in words. */
  readonly lines: readonly string[];
}

export interface VerifiedHost {
  readonly host: string;
  /** Its name came from a signed answer, or is configured. */
  readonly signed: boolean;
  readonly policy: TlsPolicy;
  readonly addresses: readonly VerifiedAddress[];
}

export interface VerifiedAddress {
  readonly address: string;
  readonly port: number;
  /** Our end; null: there was no connection. */
  readonly local: string | null;
  /** Null: no handshake was completed. */
  readonly tls: VerifiedTls | null;
  /** Why the connection or its TLS did not come about, and what the TLS engine says of it; empty: it did. */
  readonly failure: string;
  readonly explanation: string;
  /** A delivery would use it, or stop here: what it says is what counts. */
  readonly decides: boolean;
  /** Each version by itself; empty where they were not asked for or nobody answered. */
  readonly versions: readonly TriedVersion[];
}

export interface VerifiedTls {
  readonly protocol: string;
  readonly cipher: string;
  readonly group: string;
  /** It is for the host, or for what the policy wants. */
  readonly verified: boolean;
  /** The name or record that matched, or why none did. */
  readonly detail: string;
  readonly certificate: string;
  /** Of the certificate, as `DNS:mx.example.org`. */
  readonly names: string;
  /** Subjects, the host's own certificate first. */
  readonly chain: readonly string[];
}

export interface TriedVersion {
  readonly version: TlsVersion;
  /** Empty: no. */
  readonly cipher: string;
  /** Why not. */
  readonly reason: string;
}

/** All of them, side by side; each is told as soon as it is done. `told`: how many are. */
export async function verifyDomains(
  domains: readonly string[],
  options: VerifyOptions,
  tell: (verdict: Verdict, told: number) => void,
): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  const left = [...domains];
  const work = async (): Promise<void> => {
    for (let domain = left.shift(); domain !== undefined && !options.signal.aborted; domain = left.shift()) {
      const found = await new Verification(domain, options).run();
      const verdict = { ...found, lines: verdictLines(found, options) };
      verdicts.push(verdict);
      tell(verdict, verdicts.length);
    }
  };
  const together = Math.min(options.snapshot.limits.verificationConnections, domains.length);
  await Promise.all(Array.from({ length: together }, work));
  return verdicts;
}

/** One domain. */
class Verification {
  readonly #domain: string;
  readonly #options: VerifyOptions;
  readonly #hosts = new Map<
    string,
    { host: string; signed: boolean; policy: TlsPolicy; addresses: VerifiedAddress[] }
  >();

  constructor(domain: string, options: VerifyOptions) {
    this.#domain = domain;
    this.#options = options;
  }

  /** Never rejects. */
  async run(): Promise<Findings> {
    let reason: string;
    try {
      reason = await this.#find();
    } catch (error) {
      reason = messageOf(error);
    }
    // Strangers wrote some of it.
    return { domain: this.#domain, ok: reason === '', reason: oneLine(reason, 1000), hosts: [...this.#hosts.values()] };
  }

  /** Why mail would not go out as it should; empty: it would. */
  async #find(): Promise<string> {
    const { snapshot, resolver, tls, dane, detail, signal } = this.#options;
    const key = destinationOf(this.#domain, snapshot);
    const route = await resolveRoute(key, snapshot, resolver);
    if (route.kind === 'failed') return route.failure.text;
    const destination = new DestinationSides(key, snapshot, dane ? 'dane-only' : null);
    let reason = 'no host could be reached';
    let decided = false;
    for (const target of route.hosts) {
      if (signal.aborted) return decided ? reason : 'broken off';
      const policy = await destination.of(target.address, tls).policy(target, route.nextHops, this.#options);
      // A roll-out may tell its addresses apart.
      const key = `${tls.isFormer(target.address)} ${target.host}`;
      const known = this.#hosts.get(key);
      const host = known ?? { host: target.host, signed: target.secure, policy, addresses: [] };
      this.#hosts.set(key, host);
      const { refusal } = policy;
      if (refusal !== null && !decided && known === undefined) reason = refusal;
      // What would not be dialled is dialled only where everything is to be known.
      if (refusal !== null && !detail) continue;
      const found = await this.#try(target, policy, destination, decided || refusal !== null);
      host.addresses.push(found.report);
      if (refusal !== null || decided) continue;
      reason = found.reason;
      decided = found.report.decides;
      if (decided && !detail) break;
    }
    return reason;
  }

  /** `late`: another address has decided, or this one has no say. */
  async #try(
    target: RouteHost,
    policy: TlsPolicy,
    destination: DestinationSides,
    late: boolean,
  ): Promise<{ readonly report: VerifiedAddress; readonly reason: string }> {
    const { snapshot, detail, tls, signal } = this.#options;
    const { address, port } = target;
    const client = destination.of(address, tls).client(policy, tls.of(address));
    const probe = await runProbe({ target, policy, tls: client, snapshot, signal });
    const { local, seen, shaken } = probe;
    const failure = probe.failure ?? (local === null ? 'no connection' : seen === null ? 'no TLS' : '');
    let reason = failure;
    // As a delivery: clear text where that may be, and no other host after a handshake that failed without a policy.
    let decides = failure === '';
    if (seen !== null && policy.level === 'authenticated' && seen.verdict.got === 'encrypted') {
      reason = seen.verdict.detail;
      decides = false;
    } else if (local !== null && seen === null && !shaken && policy.onFailure.starttls === 'clear') {
      reason = `${failure}; mail would go out in clear text`;
      decides = true;
    } else if (seen === null && shaken && policy.onFailure.handshake === 'wait') decides = true;
    const report: VerifiedAddress = {
      address,
      port,
      local,
      tls:
        seen === null
          ? null
          : {
              protocol: seen.protocol,
              cipher: seen.cipher,
              group: seen.group,
              verified: seen.verdict.got !== 'encrypted',
              detail: oneLine(seen.verdict.detail, 1000),
              certificate: oneLine(seen.certificate, 1000),
              names: seen.names,
              chain: seen.chain.map((subject) => oneLine(subject, 200)),
            },
      failure: oneLine(failure, 1000),
      explanation: probe.explanation ?? '',
      decides: decides && !late,
      versions: detail && local !== null ? await versionsOf({ target, policy, snapshot, signal }) : [],
    };
    return { report, reason };
  }
}

/** Each version by itself, on a connection of its own. */
async function versionsOf(probe: Omit<ProbeSettings, 'tls'>): Promise<TriedVersion[]> {
  const tried: TriedVersion[] = [];
  for (const version of tlsVersions) {
    if (probe.signal.aborted) break;
    try {
      const tls = compileClientTls({ versions: [version], ciphers: probe.snapshot.tls.outbound.ciphers });
      const { seen, failure } = await runProbe({ ...probe, tls });
      const reason = seen === null ? oneLine(failure ?? 'no TLS', 300) : '';
      tried.push({ version, cipher: seen?.cipher ?? '', reason });
    } catch (error) {
      tried.push({ version, cipher: '', reason: `not tried: ${messageOf(error)}` });
    }
  }
  return tried;
}
