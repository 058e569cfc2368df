// What the machine knows of names: /etc/resolv.conf, /etc/hosts, its IPv6.
import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { DnsServer } from './exchange.ts';

const dnsPort = 53;

/** resolv.conf(5): the servers; without one, this machine. `options trust-ad`: their AD bit is believed. */
export function parseResolvConf(text: string): DnsServer[] {
  const addresses: string[] = [];
  let trustAd = false;
  for (const line of text.split('\n')) {
    const [keyword = '', ...values] = line.trim().split(/\s+/);
    const [value = ''] = values;
    if (keyword === 'nameserver' && isIP(value) !== 0) addresses.push(value);
    if (keyword === 'options' && values.includes('trust-ad')) trustAd = true;
  }
  if (addresses.length === 0) addresses.push('127.0.0.1');
  return addresses.slice(0, 8).map((address) => ({ address, port: dnsPort, trusted: trustAd || isLoopback(address) }));
}

export interface Hosts {
  /** Lower-case name → addresses. */
  readonly byName: ReadonlyMap<string, readonly string[]>;
  /** Address → its first name. */
  readonly byAddress: ReadonlyMap<string, string>;
}

/** hosts(5). */
export function parseHosts(text: string): Hosts {
  const byName = new Map<string, string[]>();
  const byAddress = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [address = '', ...names] = (line.split('#')[0] ?? '').trim().split(/\s+/);
    if (isIP(address) === 0) continue;
    const [first] = names;
    if (first !== undefined && !byAddress.has(address)) byAddress.set(address, first.toLowerCase());
    for (const name of names) {
      const known = byName.get(name.toLowerCase());
      if (known === undefined) byName.set(name.toLowerCase(), [address]);
      else if (!known.includes(address)) known.push(address);
    }
  }
  return { byName, byAddress };
}

/** 127.0.0.0/8, ::1, also as IPv4 in IPv6 form. */
export function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\.\d+\.\d+\.\d+$/i.test(address);
}

/** A file's text as `parse` reads it, read again when it changed; looked at every few seconds at most. */
export class WatchedFile<T> {
  readonly #path: string;
  readonly #parse: (text: string) => T;
  #value: T;
  #modified = -1;
  #looked = Number.NEGATIVE_INFINITY;

  constructor(path: string, parse: (text: string) => T) {
    this.#path = path;
    this.#parse = parse;
    this.#value = parse('');
  }

  get value(): T {
    const now = performance.now();
    if (now - this.#looked > 5000) {
      this.#looked = now;
      this.#read();
    }
    return this.#value;
  }

  #read(): void {
    try {
      const modified = statSync(this.#path).mtimeMs;
      if (modified === this.#modified) return;
      this.#value = this.#parse(readFileSync(this.#path, 'utf8'));
      this.#modified = modified;
    } catch {
      // Missing or unreadable: what an empty file says (resolv.conf(5)), until it is there.
      this.#value = this.#parse('');
      this.#modified = -1;
    }
  }
}

let ipv6Known = false;
let ipv6Looked = Number.NEGATIVE_INFINITY;

/** This machine has an IPv6 address that reaches further than its own link. */
export function hasIpv6(): boolean {
  const now = performance.now();
  if (now - ipv6Looked > 60_000) {
    ipv6Looked = now;
    ipv6Known = Object.values(networkInterfaces()).some((addresses) =>
      addresses?.some((one) => one.family === 'IPv6' && !one.internal && !one.address.startsWith('fe80:')),
    );
  }
  return ipv6Known;
}
