import type { ReverseName } from '../smtp/host.ts';

/** One answer about where mail for a domain goes. */
export interface MailHost {
  readonly name: string;
  readonly preference: number;
}

/** Names to addresses. All methods reject with PosternError `dns`: `temporary` for SERVFAIL and timeouts. */
export interface MailResolver {
  /**
   * MX of a domain (RFC 5321 5.1, RFC 7505): hosts by ascending preference, equal ones shuffled; the domain itself where
   * there is no MX but an address. Follows CNAMEs. `secure`: the AD bit of a trusted resolver.
   */
  mailHosts(
    domain: string,
  ): Promise<{ readonly hosts: readonly MailHost[]; readonly nullMx: boolean; readonly secure: boolean }>;
  /** A and AAAA, IPv6 first where both exist and IPv6 works here. */
  addresses(name: string): Promise<{ readonly addresses: readonly string[]; readonly secure: boolean }>;
  /** PTR and back (forward-confirmed). Never rejects. */
  reverse(address: string): ReverseName | Promise<ReverseName>;
}
