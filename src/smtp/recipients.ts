// Which recipients are taken: the accepted domains, the relay permission, and the addresses that exist.
import type { Snapshot } from '../config/snapshot.ts';
import { asciiDomain, comparable, unquote } from './address.ts';
import { isOwnAddress } from './own-addresses.ts';

/** `denied`: no relaying (RAT); `unknown`: the address does not exist; `ask`: only the destination can tell. */
export type RecipientDecision = 'accept' | 'denied' | 'unknown' | 'ask';

/** An address with `*` for any run of characters, compared in time linear in the address. */
class Pattern {
  readonly #parts: readonly string[];

  constructor(text: string) {
    this.#parts = text.split('*');
  }

  matches(address: string): boolean {
    const first = this.#parts[0] ?? '';
    if (this.#parts.length === 1) return address === first;
    const last = this.#parts.at(-1) ?? '';
    if (!address.startsWith(first) || !address.endsWith(last)) return false;
    const end = address.length - last.length;
    let at = first.length;
    if (at > end) return false;
    // The leftmost place for each part leaves the most room for the ones behind it.
    for (let i = 1; i < this.#parts.length - 1; i++) {
      const part = this.#parts[i] ?? '';
      const found = address.indexOf(part, at);
      if (found < 0 || found + part.length > end) return false;
      at = found + part.length;
    }
    return true;
  }
}

/** The rules for recipients of a snapshot. Addresses are compared without case: no mail administrator means otherwise. */
export class RecipientTable {
  /** Where mail for `<postmaster>` goes: the first accepted domain, or the gateway's own name. */
  readonly postmaster: string;
  readonly #domains = new Set<string>();
  /** `.example.com` accepts sub-domains. */
  readonly #suffixes = new Set<string>();
  readonly #hostname: string;
  readonly #addresses: ReadonlySet<string>;
  readonly #patterns: readonly Pattern[];
  readonly #limited: boolean;
  readonly #callAhead: boolean;
  readonly #snapshot: Pick<Snapshot, 'tlsReports'>;

  constructor(snapshot: Pick<Snapshot, 'accept' | 'recipients' | 'hostname' | 'tlsReports'>) {
    for (const entry of snapshot.accept) {
      const suffix = entry.startsWith('.');
      const domain = asciiDomain(suffix ? entry.slice(1) : entry);
      if (suffix) this.#suffixes.add(`.${domain}`);
      else this.#domains.add(domain);
    }
    this.#hostname = asciiDomain(snapshot.hostname);
    const [first = this.#hostname] = this.#domains;
    this.postmaster = `postmaster@${first}`;
    const { addresses, patterns, callAhead } = snapshot.recipients;
    this.#addresses = new Set((addresses ?? []).map((address) => comparable(address.trim())));
    this.#patterns = (patterns ?? []).map((pattern) => new Pattern(comparable(pattern.trim())));
    this.#callAhead = callAhead;
    this.#snapshot = snapshot;
    this.#limited = addresses !== undefined || patterns !== undefined;
  }

  /** `domain`: that of the address, in lower case; `relay`: the client may send to any domain. */
  decide(address: string, domain: string, relay: boolean): RecipientDecision {
    if (isOwnAddress(address, this.#snapshot)) return 'accept';
    const ascii = asciiDomain(domain);
    if (!this.#accepts(ascii)) return relay ? 'accept' : 'denied';
    const local = address.slice(0, address.length - domain.length - 1);
    if (isPostmaster(local)) return 'accept';
    // `user%elsewhere@here`: the host behind this one might take it apart and relay it (Postfix: allow_untrusted_routing).
    if (!relay && isRouted(local)) return 'denied';
    if (!this.#limited) return this.#callAhead ? 'ask' : 'accept';
    const name = comparable(address);
    if (this.#addresses.has(name) || this.#addresses.has(`@${ascii}`)) return 'accept';
    if (this.#patterns.some((pattern) => pattern.matches(name))) return 'accept';
    return this.#callAhead ? 'ask' : 'unknown';
  }

  /**
   * RFC 5321 4.5.1: mail for the postmaster of this host is taken. Whether that is what the address says: no domain, this
   * host's name (where it is no accepted domain) or the address it was reached at.
   */
  isOwnPostmaster(address: string, domain: string, localAddress: string): boolean {
    // Almost every address fails at its first letter.
    const first = address.charCodeAt(0) | 0x20;
    if (first !== 0x70 && first !== 0x22) return false;
    if (domain === '') return true;
    if (!isPostmaster(address.slice(0, address.length - domain.length - 1))) return false;
    const ascii = asciiDomain(domain);
    if (ascii === this.#hostname) return !this.#accepts(ascii);
    return ascii === `[${localAddress}]` || ascii === `[ipv6:${localAddress}]`;
  }

  #accepts(ascii: string): boolean {
    if (this.#domains.has(ascii)) return true;
    if (this.#suffixes.size === 0) return false;
    for (let dot = ascii.indexOf('.'); dot >= 0; dot = ascii.indexOf('.', dot + 1)) {
      if (this.#suffixes.has(ascii.slice(dot))) return true;
    }
    return false;
  }
}

function isPostmaster(local: string): boolean {
  return local.length <= 12 && unquote(local).toLowerCase() === 'postmaster';
}

function isRouted(local: string): boolean {
  return local.includes('%') || local.includes('!') || local.includes('@');
}
