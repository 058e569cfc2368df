// Where mail for a domain goes: routes first, then address literals, then MX (RFC 5321 5.1).
import { isIP, isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';
import type { Snapshot } from '../config/snapshot.ts';
import type { MailHost, MailResolver } from '../dns/resolver.ts';
import { messageOf, PosternError } from '../errors.ts';
import type { Envelope } from '../smtp/envelope.ts';
import { type Failure, ourBounce, ourFailure } from '../smtp/failure.ts';
import { isOwnAddress } from '../smtp/own-addresses.ts';
import type { MessageTls } from '../tls/policy.ts';
import {
  demandOf,
  dependsOnMessage,
  formatKey,
  hasAddressEntry,
  hasOwnEntry,
  messageTlsOf,
  parseKey,
  verifiesDomain,
} from './controls.ts';

/** One address to try. */
export interface RouteHost {
  /** Its name, or the address again where it has none; for SNI, DSNs and logs. */
  readonly host: string;
  readonly address: string;
  readonly port: number;
  /** Its name came from a signed answer about MX, or from the configuration. */
  readonly secure: boolean;
}

export type Route =
  | {
      readonly kind: 'hosts';
      readonly hosts: readonly RouteHost[];
      /** The domain asked for and where its CNAMEs lead; empty where the hosts are configured. */
      readonly nextHops: readonly string[];
    }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** Begins the key of a destination that is a route shared by many domains. */
const routePrefix = 'route:';
const smtpPort = 25;
/** The destination of reports that the gateway reads itself (`tlsReports.receive`); no domain is called so. */
export const ownReports = 'own:tls-reports';
/** An MX set or host with more does not get more attempts (RFC 5321 5.1 asks for at least two). */
const mostHosts = 10;
const mostAddresses = 20;

/** Domain or suffix → targets, made once a snapshot. */
const tables = new WeakMap<Snapshot, Map<string, readonly string[]>>();

function tableOf(snapshot: Snapshot): Map<string, readonly string[]> {
  let table = tables.get(snapshot);
  if (table === undefined) {
    table = new Map(snapshot.routes.map((route) => [route.domain.toLowerCase(), route.to]));
    tables.set(snapshot, table);
  }
  return table;
}

/** The targets of the domain's route: exact, then the longest `.suffix`, then `*`; null: MX. */
export function routeOf(domain: string, snapshot: Snapshot): readonly string[] | null {
  const table = tableOf(snapshot);
  let to = table.get(domain);
  for (let dot = domain.indexOf('.'); to === undefined && dot >= 0; dot = domain.indexOf('.', dot + 1)) {
    to = table.get(domain.slice(dot));
  }
  to ??= table.get('*');
  return to === undefined || to[0] === 'USEDNS' ? null : to;
}

/** Lower case, A-labels, no final dot; address literals as they are. */
export function canonicalDomain(domain: string): string {
  if (domain.startsWith('[')) return domain.toLowerCase();
  let ascii = domain.toLowerCase();
  for (let i = 0; i < ascii.length; i++) {
    if (ascii.charCodeAt(i) < 0x80) continue;
    // An empty answer: it is no domain; as it is, it will be found not to exist.
    ascii = domainToASCII(ascii) || ascii;
    break;
  }
  return ascii.endsWith('.') ? ascii.slice(0, -1) : ascii;
}

/**
 * The key of a domain's destination. Domains that share a route share the key, and so connections and transactions,
 * unless `destinations` has an entry of its own for the domain.
 */
export function destinationOf(domain: string, snapshot: Snapshot): string {
  return baseOf(domain, snapshot, null);
}

function baseOf(domain: string, snapshot: Snapshot, message: MessageTls | null): string {
  const name = canonicalDomain(domain);
  const to = routeOf(name, snapshot);
  if (to === null || hasOwnEntry(name, snapshot) || verifiesDomain(snapshot, message)) return name;
  return routePrefix + to.join(',');
}

/**
 * The key of one recipient's destination; equal to `destinationOf` unless entries name addresses or senders, or the message says
 * something about TLS itself.
 */
export function destinationOfRecipient(
  address: string,
  envelope: Pick<Envelope, 'sender' | 'tls'>,
  snapshot: Snapshot,
): string {
  const at = address.lastIndexOf('@') + 1;
  const message = messageTlsOf(envelope, snapshot);
  const plain = baseOf(address.slice(at), snapshot, message);
  if (!dependsOnMessage(snapshot)) return formatKey({ base: plain, demand: null, message });
  const whole = `${address.slice(0, at).toLowerCase()}${canonicalDomain(address.slice(at))}`;
  if (isOwnAddress(address, snapshot)) return ownReports;
  const base = hasAddressEntry(whole, snapshot) ? whole : plain;
  return formatKey({ base, demand: demandOf(envelope.sender, snapshot), message });
}

/** The domain of a key; null for a route that many share. */
function domainOf(base: string): string | null {
  return base.startsWith(routePrefix) ? null : base.slice(base.lastIndexOf('@') + 1);
}

/** What decides where the key leads, as one string: two snapshots with equal answers lead to the same place. */
export function routeStamp(key: string, snapshot: Snapshot): string {
  const { base } = parseKey(key);
  const domain = domainOf(base);
  return domain === null ? base : (routeOf(domain, snapshot)?.join(',') ?? 'MX');
}

/**
 * The addresses to try, in order. Never rejects. `isOwn` says whether an address and port is one of our own listeners:
 * mail to ourselves would come back, and so on (RFC 5321 5.1, 6.3).
 */
export async function resolveRoute(
  key: string,
  snapshot: Snapshot,
  resolver: MailResolver,
  isOwn: (address: string, port: number) => boolean = () => false,
): Promise<Route> {
  try {
    const { base } = parseKey(key);
    const domain = domainOf(base);
    const targets = domain === null ? base.slice(routePrefix.length).split(',') : routeOf(domain, snapshot);
    if (targets !== null) return await resolveTargets(targets, base, resolver, isOwn);
    const name = domain ?? '';
    if (name.startsWith('[')) return resolveLiteral(name, isOwn);
    return await resolveMx(name, snapshot, resolver, isOwn);
  } catch (error) {
    return failed(dnsFailure(error, '5.1.2'));
  }
}

async function resolveTargets(
  targets: readonly string[],
  key: string,
  resolver: MailResolver,
  isOwn: (address: string, port: number) => boolean,
): Promise<Route> {
  const parsed = targets.map(parseTarget);
  const found = await lookUp(
    parsed.map(({ host }) => host),
    resolver,
  );
  const hosts: RouteHost[] = [];
  let looped = false;
  for (const [index, { host, port }] of parsed.entries()) {
    for (const address of found.addresses[index] ?? []) {
      if (isOwn(address, port)) looped = true;
      else hosts.push({ host, address, port, secure: true });
    }
  }
  if (hosts.length > 0) return { kind: 'hosts', hosts: hosts.slice(0, mostAddresses), nextHops: [] };
  if (looped) return loop(`the route of ${key.startsWith(routePrefix) ? targets.join(', ') : key} leads back to us`);
  // A wrong name in a route is the administrator's mistake, not the sender's: the mail waits.
  const failure = dnsFailure(found.error, '5.4.4');
  return failed({ ...failure, permanent: false, status: `4${failure.status.slice(1)}` });
}

function resolveLiteral(key: string, isOwn: (address: string, port: number) => boolean): Route {
  // RFC 5321 4.1.3: [192.0.2.1], [IPv6:2001:db8::1].
  const text = key.slice(1, -1);
  const address = text.startsWith('ipv6:') ? text.slice(5) : text;
  const valid = text.startsWith('ipv6:') ? isIPv6(address) : isIPv4(address);
  if (!key.endsWith(']') || !valid) return failed(ourBounce('5.1.3', `${key} is not an address literal`));
  if (isOwn(address, smtpPort)) return loop(`${key} is our own address`);
  return { kind: 'hosts', hosts: [{ host: address, address, port: smtpPort, secure: true }], nextHops: [] };
}

async function resolveMx(
  domain: string,
  snapshot: Snapshot,
  resolver: MailResolver,
  isOwn: (address: string, port: number) => boolean,
): Promise<Route> {
  const answer = await resolver.mailHosts(domain);
  // RFC 7505 3.
  if (answer.nullMx) return failed(ourBounce('5.1.10', `${domain} does not accept mail (null MX)`));
  const us = snapshot.hostname.toLowerCase();
  const named = answer.hosts.filter((host) => host.name.toLowerCase() !== us);
  const candidates = below(
    named,
    preferenceOfUs(answer.hosts, (host) => host.name.toLowerCase() === us),
  ).slice(0, mostHosts);
  if (candidates.length === 0) return loop(`we are the best mail host of ${domain}`);
  const found = await lookUp(
    candidates.map((host) => host.name),
    resolver,
  );
  const ours = new Set(candidates.filter((_, index) => found.addresses[index]?.some((one) => isOwn(one, smtpPort))));
  const limit = preferenceOfUs(candidates, (host) => ours.has(host));
  const hosts: RouteHost[] = [];
  for (const [index, host] of candidates.entries()) {
    if (host.preference >= limit) continue;
    for (const address of found.addresses[index] ?? []) {
      hosts.push({ host: host.name, address, port: smtpPort, secure: answer.secure });
    }
  }
  if (hosts.length > 0) {
    // The name behind an alias is one of the domain's names only where the alias is signed.
    const nextHops = answer.secure && answer.name !== domain ? [domain, answer.name] : [domain];
    return { kind: 'hosts', hosts: hosts.slice(0, mostAddresses), nextHops };
  }
  if (ours.size > 0) return loop(`the mail hosts of ${domain} are ourselves`);
  return failed(dnsFailure(found.error, '5.4.4'));
}

/** RFC 5321 5.1: hosts as good as ourselves, or worse, would send the mail back to us. */
function below(hosts: readonly MailHost[], preference: number): MailHost[] {
  return hosts.filter((host) => host.preference < preference);
}

function preferenceOfUs(hosts: readonly MailHost[], isUs: (host: MailHost) => boolean): number {
  return Math.min(Number.POSITIVE_INFINITY, ...hosts.filter(isUs).map((host) => host.preference));
}

/** The addresses of each name; `error`: why there are none, a temporary one before others. */
async function lookUp(
  names: readonly string[],
  resolver: MailResolver,
): Promise<{ readonly addresses: readonly (readonly string[])[]; readonly error: unknown }> {
  let error: unknown = null;
  const addresses = await Promise.all(
    names.map(async (name) => {
      if (isIP(name) !== 0) return [name];
      try {
        return (await resolver.addresses(name)).addresses;
      } catch (thrown) {
        if (error === null || (thrown instanceof PosternError && thrown.temporary)) error = thrown;
        return [];
      }
    }),
  );
  return { addresses, error };
}

/** `host:port` or `[address]:port`, as the configuration is compiled. */
function parseTarget(text: string): { readonly host: string; readonly port: number } {
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, colon);
  return { host: host.startsWith('[') ? host.slice(1, -1) : host, port: Number(text.slice(colon + 1)) };
}

function dnsFailure(error: unknown, hard: string): Failure {
  const permanent = error instanceof PosternError && !error.temporary;
  const text = error === null ? 'no usable address' : messageOf(error);
  return permanent ? ourBounce(hard, text) : ourFailure('4.4.3', text);
}

function loop(text: string): Route {
  return failed(ourBounce('5.4.6', `mail loop: ${text}`));
}

function failed(failure: Failure): Route {
  return { kind: 'failed', failure };
}
