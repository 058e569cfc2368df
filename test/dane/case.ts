// What DNS says, what the server does, and what must come of it: one case of the table.
import type { Envelope } from '../../src/smtp/envelope.ts';
import type { StsPolicy } from '../../src/tls/mta-sts.ts';
import type { PolicyAnswer } from '../mta-sts/policy-host.ts';
import type { Issued } from './certificates.ts';
import type { Network } from './network.ts';

/** Servers of the test, by their last label before `dane.test`: each has an address and a certificate. */
export const servers = [
  'ee',
  'expired',
  'ta',
  'noroot',
  'old',
  'strip',
  'refuse',
  'postfix',
  'stale',
  'common',
  'tastale',
  /** Offers REQUIRETLS. */
  'req',
  /** Nobody listens there. */
  'nobody',
] as const;
export type ServerName = (typeof servers)[number];

export interface Certificates {
  /** Self-signed, for another name. */
  readonly ee: Issued;
  /** Self-signed, for another name, over. */
  readonly expired: Issued;
  readonly root: Issued;
  /** Signed by the root. */
  readonly middle: Issued;
  /** Signed by that, for the hosts of `ta`, `noroot` and `req`. */
  readonly leaf: Issued;
  /** Of no server. */
  readonly stranger: Issued;
  /** For the policy hosts, but over; for another name. */
  readonly policyExpired: Issued;
  readonly policyOther: Issued;
}

export interface Setting extends Certificates {
  readonly address: (server: ServerName) => string;
  readonly policyAddress: string;
}

export interface Rule {
  /** Enhanced status code; of what is delivered none. */
  readonly status?: string;
  readonly alert: boolean;
  /** `policy result`, of every session that the domain is told of (RFC 8460), in order. */
  readonly report: readonly string[];
  /** REQUIRETLS goes with MAIL. */
  readonly passedOn?: boolean;
}

export interface Case {
  readonly id: string;
  readonly what: string;
  /** Default: `ee`. */
  readonly server?: ServerName;
  /** Default: `dane`. */
  readonly level?: string;
  /** In the log; default: the level. */
  readonly wanted?: string;
  /** Further keys of the entry of the destination. */
  readonly entry?: Readonly<Record<string, unknown>>;
  /** TLSA records of the host `<id>.<server>.dane.test`. */
  readonly tlsa?: readonly string[];
  /** Instead of MX, A and TLSA of the host. */
  readonly signed?: readonly string[];
  readonly plain?: readonly string[];
  readonly forged?: readonly (readonly [string, string])[];
  /** Default: `<id>.dane.test`. */
  readonly domain?: string;
  /** What the policy host of the domain answers. */
  readonly policy?: PolicyAnswer;
  /** Instead of one good MTA-STS record. */
  readonly records?: readonly string[];
  /** A policy that was fetched so many seconds ago, and is in the store. */
  readonly kept?: { readonly policy: StsPolicy; readonly age: number };
  /**
   * `none`, `encrypted`, `verified`, `dane`: delivered like that. Not delivered: `failed`: TLS is why; `dns`: no answer; `down`: no
   * connection; `bounced`: there is no such host; `returned`: it comes back as the message demands TLS. The rest of the truth (log,
   * alert, report) stands in outcomes.txt.
   */
  readonly got: 'none' | 'encrypted' | 'verified' | 'dane' | 'failed' | 'dns' | 'down' | 'bounced' | 'returned';
  /** What the message says of itself; of a bounce `required` too, with the null sender. */
  readonly message?: Pick<Envelope, 'tls'> & Partial<Pick<Envelope, 'sender'>>;
  /** What RFC 8689 makes of it where `got` alone does not say it. */
  readonly rule?: Rule;
  /** What posttls-finger says where it differs, and why that is in order; null: the level, MTA-STS or what the message says
   * is not Postfix's. */
  readonly finger?: { readonly verdict: FingerVerdict; readonly why: string } | null;
}

/** `none`: it got no answer from DNS, or no connection. */
export type FingerVerdict = 'verified' | 'encrypted' | 'clear' | 'refused' | 'none';

export const domainOf = ({ id, domain }: Case): string => domain ?? `${id}.dane.test`;

/** The address of a server in the network of the test. */
export const addressIn =
  (network: Network) =>
  (server: ServerName): string =>
    network.at(1 + servers.indexOf(server));
