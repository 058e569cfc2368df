// tlsverify and daneverify: connections like those of a delivery, up to the second EHLO and without mail; everything on the way
// is told.
import type { Snapshot } from '../config/snapshot.ts';
import type { MailResolver } from '../dns/resolver.ts';
import { messageOf } from '../errors.ts';
import { type ClientTls, compileClientTls } from '../tls/contexts.ts';
import { describeTlsa } from '../tls/dane.ts';
import type { StsSource } from '../tls/mta-sts.ts';
import type { TlsPolicy } from '../tls/policy.ts';
import { tlsVersions } from '../tls/versions.ts';
import { DestinationTls } from './host-policy.ts';
import type { OutboundTls } from './outbound-tls.ts';
import { runProbe } from './probe.ts';
import { destinationOf, type RouteHost, resolveRoute } from './route.ts';

export interface VerifyOptions {
  readonly snapshot: Snapshot;
  readonly resolver: MailResolver;
  /** Absent: MTA-STS is not looked at. */
  readonly sts?: StsSource;
  readonly tls: OutboundTls;
  /** DANE is demanded, whatever the configuration says. */
  readonly dane: boolean;
  /** Every host, every address, every version, and why. */
  readonly detail: boolean;
  readonly signal: AbortSignal;
}

export interface Verdict {
  readonly domain: string;
  readonly ok: boolean;
  readonly lines: readonly string[];
}

/** Domains at a time. */
const together = 20;

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
      const verdict = await verifyDomain(domain, options);
      verdicts.push(verdict);
      tell(verdict, verdicts.length);
    }
  };
  await Promise.all(Array.from({ length: Math.min(together, domains.length) }, work));
  return verdicts;
}

/** One domain. Never rejects. */
async function verifyDomain(domain: string, options: VerifyOptions): Promise<Verdict> {
  const lines: string[] = [];
  const { snapshot, resolver, dane, detail } = options;
  const what = dane ? 'DANE verification' : 'TLS connection';
  const end = (reason: string | null): Verdict => {
    lines.push(reason === null ? `${what} succeeded ${domain}.` : `${what} failed ${domain}: ${reason}.`);
    return { domain, ok: reason === null, lines: lines.map(onOneLine) };
  };
  try {
    const key = destinationOf(domain, snapshot);
    const route = await resolveRoute(key, snapshot, resolver);
    if (route.kind === 'failed') return end(route.failure.text);
    const destination = new DestinationTls(key, snapshot, dane ? 'dane-only' : null);
    let reason: string | null = 'no host could be reached';
    const seen = new Set<string>();
    for (const target of route.hosts) {
      if (options.signal.aborted) return end('broken off');
      const policy = await destination.policy(target, route.nextHops, options);
      if (!seen.has(target.host) && (detail || dane)) lines.push(...hostLines(target, policy));
      const skipped = policy.refusal !== null && !detail;
      if (policy.refusal !== null && !seen.has(target.host)) {
        reason = policy.refusal;
        lines.push(`Host ${target.host} would not be used now: ${policy.refusal}.`);
      }
      seen.add(target.host);
      if (skipped) continue;
      const found = await verifyAddress(target, policy, destination.client(policy, options.tls), options, lines);
      if (policy.refusal !== null) continue;
      reason = found;
      if (found === null && !detail) return end(null);
      if (found === null) {
        // The rest is told, but what decides is the first host that a delivery would use.
        reason = null;
        await restOf(route.hosts, target, destination, route.nextHops, options, lines, seen);
        break;
      }
    }
    return end(reason);
  } catch (error) {
    return end(messageOf(error));
  }
}

async function restOf(
  hosts: readonly RouteHost[],
  used: RouteHost,
  destination: DestinationTls,
  nextHops: readonly string[],
  options: VerifyOptions,
  lines: string[],
  seen: Set<string>,
): Promise<void> {
  for (const target of hosts.slice(hosts.indexOf(used) + 1)) {
    if (options.signal.aborted) return;
    const policy = await destination.policy(target, nextHops, options);
    if (!seen.has(target.host)) lines.push(...hostLines(target, policy));
    seen.add(target.host);
    await verifyAddress(target, policy, destination.client(policy, options.tls), options, lines);
  }
}

function hostLines(target: RouteHost, policy: TlsPolicy): string[] {
  return [
    `Host ${target.host}: ${target.secure ? 'its name is signed (DNSSEC) or configured' : 'its name is not signed'}.`,
    ...policy.tlsa.map((record) => `TLSA record at ${policy.sni ?? ''}: ${describeTlsa(record)}.`),
    `Policy: ${policy.wanted}, at least ${policy.level === 'none' ? 'clear text' : policy.level}; ${policy.why}.`,
    ...(policy.names.length === 0 ? [] : [`Names: ${policy.names.join(', ')}.`]),
  ];
}

/** Strangers wrote some of it. */
function onOneLine(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').slice(0, 1000);
}

/** Null: a delivery would go through. */
async function verifyAddress(
  target: RouteHost,
  policy: TlsPolicy,
  tls: ClientTls,
  options: VerifyOptions,
  lines: string[],
): Promise<string | null> {
  const { snapshot, detail } = options;
  lines.push(`Connecting to ${target.address} on port ${target.port}.`);
  const probe = await runProbe(target, policy, tls, snapshot);
  if (probe.local === null) {
    const reason = probe.failure ?? 'no connection';
    lines.push(`Connection to ${target.address} failed: ${reason}.`);
    return reason;
  }
  lines.push(`Connected to ${target.address} from interface ${probe.local}.`, 'Checking TLS connection.');
  if (probe.seen === null) {
    const reason = probe.failure ?? 'no TLS';
    lines.push(`TLS connection to ${target.address} failed: ${reason}.`);
    if (probe.explanation !== null) lines.push(probe.explanation);
    if (detail) lines.push(...(await versionLines(target, policy, snapshot)));
    return policy.onFailure.starttls === 'clear' && !probe.shaken
      ? `${reason}; mail would go out in clear text`
      : reason;
  }
  const { protocol, cipher, group, verdict, certificate, chain } = probe.seen;
  lines.push(`TLS connection established: protocol ${protocol}, cipher ${cipher}.`);
  const matched = verdict.got !== 'encrypted';
  lines.push(
    matched ? 'Certificate verification successful' : `Certificate verification failed: ${verdict.detail}`,
    ...(detail && verdict.detail !== '' && matched ? [`Matched: ${verdict.detail}.`] : []),
  );
  if (detail) {
    lines.push(`Group: ${group}.`, `Certificate: ${certificate}.`, `Chain: ${chain.join(' < ')}.`);
    lines.push(...(await versionLines(target, policy, snapshot)));
  }
  return policy.level === 'authenticated' && !matched ? verdict.detail : (probe.failure ?? null);
}

/** Each version by itself, on a connection of its own. */
async function versionLines(target: RouteHost, policy: TlsPolicy, snapshot: Snapshot): Promise<string[]> {
  const lines: string[] = [];
  for (const version of tlsVersions) {
    let text: string;
    try {
      const tls = compileClientTls({ versions: [version], ciphers: snapshot.tls.outbound.ciphers });
      const { seen, failure } = await runProbe(target, policy, tls, snapshot);
      text = seen === null ? `no (${failure ?? 'no TLS'})` : `yes, ${seen.cipher}`;
    } catch (error) {
      text = `not tried: ${messageOf(error)}`;
    }
    lines.push(`${version}: ${text}.`);
  }
  return lines;
}
