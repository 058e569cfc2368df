import type { ReverseName } from '../smtp/host.ts';
import type { Found } from './lookup.ts';
import type { QuestionType } from './message.ts';

/** One answer about where mail for a domain goes. */
export interface MailHost {
  readonly name: string;
  readonly preference: number;
}

/** Names to addresses. All methods reject with PosternError `dns`: `temporary` for SERVFAIL and timeouts. */
export interface MailResolver {
  /**
   * MX of a domain (RFC 5321 5.1, RFC 7505): hosts by ascending preference, equal ones shuffled; the domain itself where
   * there is no MX but an address. Follows CNAMEs. `secure`: the AD bit of a trusted resolver for the answer about MX, its
   * absence included. `name`: the domain at the end of its CNAMEs.
   */
  mailHosts(domain: string): Promise<{
    readonly hosts: readonly MailHost[];
    readonly nullMx: boolean;
    readonly secure: boolean;
    readonly name: string;
  }>;
  /** A and AAAA, IPv6 first where both exist and IPv6 works here. */
  addresses(name: string): Promise<{ readonly addresses: readonly string[]; readonly secure: boolean }>;
  /** The records of one type at a name; CNAMEs are followed. */
  ask(name: string, type: QuestionType): Promise<Found>;
  /** A server whose AD bit is believed is there: without one there is no DANE. */
  readonly trusted: boolean;
  /** PTR and back (forward-confirmed). Never rejects. */
  reverse(address: string): ReverseName | Promise<ReverseName>;
}
