// The stub resolver of a mail worker.
import { isIP } from 'node:net';
import { parseTarget } from '../config/names.ts';
import type { Snapshot } from '../config/snapshot.ts';
import { PosternError } from '../errors.ts';
import type { ReverseName } from '../smtp/host.ts';
import { ExpiringMap } from './cache.ts';
import { askedServers, type DnsServer } from './exchange.ts';
import { type Found, hardError, Lookup } from './lookup.ts';
import { isName, type QuestionType, reverseName } from './message.ts';
import type { MailHost, MailResolver } from './resolver.ts';
import { hasIpv6, isLoopback, parseHosts, parseResolvConf, WatchedFile } from './system.ts';
import { probeValidation, type Validation } from './validation.ts';

export interface Resolver extends MailResolver {
  /** Takes effect with `activate`; never throws, the servers were checked when the snapshot was compiled. */
  prepare(snapshot: Snapshot): { activate(): void };
  /** Whether DNSSEC can be relied on here. Never rejects. */
  validation(): Promise<Validation>;
}

const dnsPort = 53;
const mostHosts = 100;
/** Names of one address that are looked up again. */
const mostNames = 5;
const mostReverse = 20_000;
const longestReverse = 3600 * 1000;
/** A failed reverse lookup is not repeated for so long, ms. */
const failedReverse = 60_000;

const unknownName: ReverseName = { name: null, verified: false };

/** `files`: other paths than /etc/resolv.conf and /etc/hosts. */
export function createResolver(
  snapshot: Snapshot,
  files: { readonly resolvConf?: string; readonly hosts?: string } = {},
): Resolver {
  return new StubResolver(snapshot, files);
}

class StubResolver implements Resolver {
  #dns: Snapshot['dns'];
  #timeouts: Snapshot['timeouts'];
  #servers: readonly DnsServer[];
  readonly #resolvConf: WatchedFile<DnsServer[]>;
  readonly #hosts: WatchedFile<ReturnType<typeof parseHosts>>;
  readonly #lookup: Lookup;
  readonly #reverse = new ExpiringMap<ReverseName>(mostReverse);
  readonly #reversing = new Map<string, Promise<ReverseName>>();

  constructor(snapshot: Snapshot, files: { readonly resolvConf?: string; readonly hosts?: string }) {
    this.#dns = snapshot.dns;
    this.#timeouts = snapshot.timeouts;
    this.#servers = chosenServers(snapshot);
    this.#resolvConf = new WatchedFile(files.resolvConf ?? '/etc/resolv.conf', parseResolvConf);
    this.#hosts = new WatchedFile(files.hosts ?? '/etc/hosts', parseHosts);
    this.#lookup = new Lookup(
      () => this.#asked,
      () => this.#timeouts.dns,
    );
  }

  get trusted(): boolean {
    return this.#asked.some((server) => server.trusted);
  }

  get #asked(): readonly DnsServer[] {
    return askedServers(this.#servers.length > 0 ? this.#servers : this.#resolvConf.value);
  }

  prepare(snapshot: Snapshot): { activate(): void } {
    const servers = chosenServers(snapshot);
    return {
      activate: () => {
        const { dns } = snapshot;
        if (this.#dns.servers.join() !== dns.servers.join() || this.#dns.trustAd !== dns.trustAd) {
          this.#lookup.clear();
          this.#reverse.clear();
        }
        this.#dns = snapshot.dns;
        this.#timeouts = snapshot.timeouts;
        this.#servers = servers;
      },
    };
  }

  ask(name: string, type: QuestionType): Promise<Found> {
    return this.#lookup.ask(name, type);
  }

  validation(): Promise<Validation> {
    return probeValidation(this.#asked, this.#lookup.signed, this.#timeouts.dns);
  }

  async mailHosts(
    domain: string,
  ): Promise<{ hosts: readonly MailHost[]; nullMx: boolean; secure: boolean; name: string }> {
    const found = await this.#lookup.ask(domain, 'MX');
    if (found.kind === 'nxdomain') {
      // A name of this machine's own list need not be in the DNS.
      if (!this.#isLocal(domain)) throw hardError(domain, 'MX', 'NXDomain');
    }
    const { secure, name } = found;
    const records = found.records.flatMap((record) => (record.type === 'MX' ? [record.data] : []));
    // RFC 7505 3: one MX with the root as its host.
    if (records.length > 0 && records.every((record) => record.exchange === '.' || record.exchange === '')) {
      return { hosts: [], nullMx: true, secure, name };
    }
    const hosts = records
      .map((record) => ({ name: record.exchange.toLowerCase().replace(/\.$/, ''), preference: record.preference ?? 0 }))
      .filter((host) => isName(host.name));
    if (hosts.length > 0) return { hosts: ordered(hosts).slice(0, mostHosts), nullMx: false, secure, name };
    if (records.length > 0) throw hardError(domain, 'MX', 'no valid host name in the answer');
    // RFC 5321 5.1: no MX: the domain itself, if it has an address.
    await this.addresses(domain);
    return { hosts: [{ name: domain, preference: 0 }], nullMx: false, secure, name };
  }

  async addresses(name: string): Promise<{ addresses: readonly string[]; secure: boolean }> {
    if (isIP(name) !== 0) return { addresses: [name], secure: true };
    const lower = name.toLowerCase().replace(/\.$/, '');
    const local = this.#hosts.value.byName.get(lower);
    if (local !== undefined) return { addresses: inOrder(local), secure: true };
    // RFC 6761 6.3.
    if (lower === 'localhost' || lower.endsWith('.localhost')) return { addresses: ['127.0.0.1', '::1'], secure: true };
    const [four, six] = await Promise.allSettled([this.#lookup.ask(lower, 'A'), this.#lookup.ask(lower, 'AAAA')]);
    const addresses: string[] = [];
    let secure = true;
    for (const answer of [six, four]) {
      if (answer.status === 'rejected') continue;
      // What an absent family says does not count: the addresses are what is used.
      if (answer.value.records.length > 0) secure &&= answer.value.secure;
      for (const record of answer.value.records) {
        if ((record.type === 'A' || record.type === 'AAAA') && isIP(record.data) !== 0) addresses.push(record.data);
      }
    }
    if (addresses.length > 0) return { addresses: inOrder(addresses), secure };
    if (four.status === 'rejected') throw four.reason;
    if (six.status === 'rejected') throw six.reason;
    throw hardError(lower, 'A', four.value.kind === 'nxdomain' ? 'NXDomain' : 'NoData');
  }

  reverse(address: string): ReverseName | Promise<ReverseName> {
    const plain = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
    if (isLoopback(plain)) return { name: this.#hosts.value.byAddress.get(plain) ?? 'localhost', verified: true };
    const cached = this.#reverse.get(plain, performance.now());
    if (cached !== undefined) return cached;
    const pending = this.#reversing.get(plain);
    if (pending !== undefined) return pending;
    const answer = this.#within(this.#confirmed(plain)).finally(() => this.#reversing.delete(plain));
    this.#reversing.set(plain, answer);
    return answer;
  }

  /** The time for a client's name is short: without it in time there is none. What comes later is in the cache. */
  async #within(work: Promise<ReverseName>): Promise<ReverseName> {
    const { promise, resolve } = Promise.withResolvers<ReverseName>();
    const timer = setTimeout(() => resolve(unknownName), this.#timeouts.reverseLookup);
    const answer = await Promise.race([work, promise]);
    clearTimeout(timer);
    return answer;
  }

  async #confirmed(address: string): Promise<ReverseName> {
    const keep = (answer: ReverseName, ttl: number): ReverseName => {
      this.#reverse.set(address, answer, performance.now() + Math.min(Math.max(ttl, 1000), longestReverse));
      return answer;
    };
    try {
      const found = await this.#lookup.ask(reverseName(address), 'PTR');
      const names = found.records
        .flatMap((record) => (record.type === 'PTR' ? [record.data.toLowerCase().replace(/\.$/, '')] : []))
        // What stands there is the client's own text: only a host name gets into log and Received line.
        .filter(isName)
        .slice(0, mostNames);
      const [first] = names;
      if (first === undefined) return keep(unknownName, found.ttl > 0 ? found.ttl : failedReverse);
      for (const name of names) {
        if (await this.#hasAddress(name, address)) return keep({ name, verified: true }, found.ttl);
      }
      return keep({ name: first, verified: false }, Math.min(found.ttl, failedReverse));
    } catch {
      // No answer in time or at all: no name. The session goes on without.
      return keep(unknownName, failedReverse);
    }
  }

  async #hasAddress(name: string, address: string): Promise<boolean> {
    try {
      const { addresses } = await this.addresses(name);
      const wanted = reverseName(address);
      return addresses.some((one) => reverseName(one) === wanted);
    } catch (error) {
      if (error instanceof PosternError) return false;
      throw error;
    }
  }

  #isLocal(name: string): boolean {
    return name === 'localhost' || this.#hosts.value.byName.has(name.toLowerCase());
  }
}

/** `dns.servers`; the AD bit of one that is not on this machine counts only where the administrator says so. */
function chosenServers(snapshot: Snapshot): DnsServer[] {
  return snapshot.dns.servers.flatMap((text) => {
    const target = parseTarget(text, dnsPort);
    const trusted = snapshot.dns.trustAd || (target.ok && isLoopback(target.value.host));
    return target.ok && isIP(target.value.host) !== 0
      ? [{ address: target.value.host, port: target.value.port, trusted }]
      : [];
  });
}

/** By preference; equal ones in random order (RFC 5321 5.1). */
function ordered(hosts: readonly MailHost[]): MailHost[] {
  return hosts
    .map((host) => ({ host, random: Math.random() }))
    .toSorted((a, b) => a.host.preference - b.host.preference || a.random - b.random)
    .map(({ host }) => host);
}

/** IPv6 first where it works here, else last. */
function inOrder(addresses: readonly string[]): string[] {
  const six = addresses.filter((address) => address.includes(':'));
  const four = addresses.filter((address) => !address.includes(':'));
  return hasIpv6() ? [...six, ...four] : [...four, ...six];
}
