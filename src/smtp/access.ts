// Sender groups (who may connect, and what for) as a table that answers in a few steps whatever its size.
import net from 'node:net';
import type { Snapshot } from '../config/snapshot.ts';
import { PosternError } from '../errors.ts';
import { ipv6Words, networkOf } from '../network.ts';
import type { ReverseName } from './host.ts';

export type Action = Snapshot['senderGroups'][number]['action'];

export interface Access {
  readonly group: string;
  readonly action: Action;
  /** The entry that matched, as written in the configuration. */
  readonly match: string;
}

/** Who a client is to the limits: its IPv4 address, or the /64 of its IPv6 address. */
export function clientKey(address: string): string {
  return net.isIPv6(address) ? networkOf(address) : address;
}

/** `::ffff:192.0.2.1` is IPv4; a zone is not part of the address. */
export function plainAddress(address: string): string {
  const zone = address.indexOf('%');
  const plain = zone < 0 ? address : address.slice(0, zone);
  return plain.startsWith('::ffff:') && plain.includes('.') ? plain.slice(7) : plain;
}

/** Entry number by key; of two with one key the first counts. */
type Entries = Map<string, number>;

const everything = 'ALL';

/** The sender groups of a snapshot. Throws `bad-configuration` for an entry that is none of the allowed forms. */
export class AccessTable {
  readonly #entries: Access[] = [];
  /** Prefix length → masked address → entry. */
  readonly #ipv4 = new Map<number, Entries>();
  readonly #ipv6 = new Map<number, Entries>();
  readonly #names: Entries = new Map();
  readonly #suffixes: Entries = new Map();
  #all = Infinity;

  constructor(snapshot: Pick<Snapshot, 'senderGroups' | 'relay'>) {
    for (const { name, match, action } of snapshot.senderGroups) {
      for (const entry of match) {
        for (const text of entry === 'relay' ? snapshot.relay : [entry])
          this.#add({ group: name, action, match: text });
      }
    }
  }

  /** The first group that matches; null where none does (a table has `ALL` at its end). A name counts only if it is verified. */
  find(address: string, reverse: ReverseName): Access | null {
    let best = this.#all;
    const ipv4 = net.isIPv4(address);
    const bits = addressBits(address);
    if (bits !== null) {
      for (const [prefix, entries] of ipv4 ? this.#ipv4 : this.#ipv6) {
        best = Math.min(best, entries.get(bits.slice(0, prefix)) ?? Infinity);
      }
    }
    if (reverse.verified && reverse.name !== null && this.#names.size + this.#suffixes.size > 0) {
      const name = hostName(reverse.name);
      best = Math.min(best, this.#names.get(name) ?? Infinity);
      for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
        best = Math.min(best, this.#suffixes.get(name.slice(dot)) ?? Infinity);
      }
    }
    return this.#entries[best] ?? null;
  }

  #add(access: Access): void {
    const number = this.#entries.push(access) - 1;
    const { match } = access;
    if (match === everything) {
      this.#all = Math.min(this.#all, number);
      return;
    }
    const range = parseRange(match);
    if (range !== null) {
      const table = range.ipv4 ? this.#ipv4 : this.#ipv6;
      let entries = table.get(range.prefix);
      if (entries === undefined) {
        entries = new Map();
        table.set(range.prefix, entries);
      }
      const key = range.bits.slice(0, range.prefix);
      if (!entries.has(key)) entries.set(key, number);
      return;
    }
    const name = hostName(match);
    if (!/^\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(name) || /^[0-9.]+$/.test(name)) {
      throw new PosternError('bad-configuration', `sender group ${access.group}: "${match}" matches nothing`, {
        remedy:
          'write relay, ALL, an address, a range such as 192.0.2.0/24 or 2001:db8::/32, a host name, or .example.com',
      });
    }
    const entries = name.startsWith('.') ? this.#suffixes : this.#names;
    if (!entries.has(name)) entries.set(name, number);
  }
}

/** Values by address ranges; the narrowest range that holds an address counts. */
export class RangeTable<T> {
  /** Longest prefix first. */
  readonly #ranges: { readonly range: Range; readonly value: T }[] = [];

  /** Throws `bad-configuration` for what is no range. */
  add(text: string, value: T): void {
    const range = parseRange(text);
    if (range === null) throw new PosternError('bad-configuration', `"${text}" is no address or range`);
    this.#ranges.push({ range, value });
    this.#ranges.sort((a, b) => b.range.prefix - a.range.prefix);
  }

  get empty(): boolean {
    return this.#ranges.length === 0;
  }

  find(address: string): T | null {
    if (this.#ranges.length === 0) return null;
    const ipv4 = net.isIPv4(address);
    const bits = addressBits(address);
    if (bits === null) return null;
    for (const { range, value } of this.#ranges) {
      if (range.ipv4 === ipv4 && bits.startsWith(range.bits.slice(0, range.prefix))) return value;
    }
    return null;
  }
}

function hostName(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

interface Range {
  readonly ipv4: boolean;
  readonly bits: string;
  readonly prefix: number;
}

/** `address` or `address/prefix`; null where it is neither. Bits behind the prefix do not count. */
function parseRange(text: string): Range | null {
  const slash = text.indexOf('/');
  const address = plainAddress(slash < 0 ? text : text.slice(0, slash));
  const bits = addressBits(address);
  if (bits === null) return null;
  const ipv4 = net.isIPv4(address);
  if (slash < 0) return { ipv4, bits, prefix: bits.length };
  const digits = text.slice(slash + 1);
  // A mapped range counts its prefix in IPv6.
  const prefix = /^[0-9]{1,3}$/.test(digits) ? Number(digits) - (ipv4 && text.includes(':') ? 96 : 0) : -1;
  return prefix >= 0 && prefix <= bits.length ? { ipv4, bits, prefix } : null;
}

/** The address as 32 or 128 characters of 0 and 1. */
function addressBits(address: string): string | null {
  if (net.isIPv4(address)) {
    let bits = '';
    for (const part of address.split('.')) bits += Number(part).toString(2).padStart(8, '0');
    return bits;
  }
  const words = ipv6Words(address);
  return words === null ? null : words.map((word) => word.toString(2).padStart(16, '0')).join('');
}
