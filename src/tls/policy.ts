// What TLS a delivery to one host must have, from everything that has a say in it: one value, made once per destination and
// host, never changed. Two questions apart: which host is it (trust), and how good is the connection (level).
import { type DaneVerdict, shortList, type TlsaRecord } from './dane.ts';
import { matchesMx, type StsPolicy, type StsVerdict } from './mta-sts.ts';
import type { TlsVersion } from './versions.ts';

export const destinationLevels = [
  'none',
  'preferred',
  'preferred-verify',
  'required',
  'required-verify',
  'dane',
  'dane-only',
] as const;

/** `destinations[].tls`. */
export type DestinationLevel = (typeof destinationLevels)[number];

/** What mail of one sender demands of its way, whatever the destination's level is. */
export type Demand = 'required' | 'required-verify' | 'dane-only';

/**
 * What a message itself says about its way (RFC 8689): `requiretls`; the same of a bounce, which goes out also where nobody
 * offers REQUIRETLS (5); `optional`: `TLS-Required: No`.
 */
export type MessageTls = 'requiretls' | 'requiretls-bounce' | 'optional';

/** What the configuration says about one destination. */
export interface TlsControls {
  readonly level: DestinationLevel;
  /** Names of which the certificate must have one: `host`, `domain`, a name, or `.name` for all below it. */
  readonly names: readonly string[];
}

export interface PolicyInput {
  readonly controls: TlsControls;
  readonly demand: Demand | null;
  /** Null: nothing. */
  readonly message: MessageTls | null;
  /** The recipient's domain; empty for a route that many share. */
  readonly domain: string;
  /** The domain that DNS was asked for and where its CNAMEs lead; empty where the host was configured. */
  readonly nextHops: readonly string[];
  /** Name of the host; null for one that has only an address. */
  readonly host: string | null;
  /** The name came from a signed answer about MX, or from the configuration. */
  readonly secureHost: boolean;
  /** Null: nobody asked, because the level does not need it. */
  readonly dane: DaneVerdict | null;
  /** Of `dane`: when the first of the answers ends that it rests on; ms of the monotonic clock. */
  readonly daneUntil?: number;
  /** Of the recipient's domain; null: nobody asked, because hosts or level are configured. */
  readonly sts: StsVerdict | null;
  /** Of `tls.outbound`. */
  readonly versions: readonly TlsVersion[];
  /** The hosts come from the domain's own MX: it may be told what came of the sessions with them (RFC 8460). */
  readonly tells?: boolean;
}

/** What was found about a domain and a host, whatever was made of it. */
export type PolicyFacts = Pick<PolicyInput, 'domain' | 'dane' | 'sts'>;

export interface TlsPolicy {
  /**
   * The level in force, for the log: that of the destination, or what is stricter: the sender's demand, the domain's MTA-STS,
   * the message's REQUIRETLS. `optional`: the message does not insist, and nobody else does.
   */
  readonly wanted: DestinationLevel | 'mta-sts' | 'requiretls' | 'optional';
  /** How the host is known to be the right one. */
  readonly trust: 'none' | 'mta-sts' | 'dnssec';
  /** The least that the connection must have. */
  readonly level: 'none' | 'encrypted' | 'authenticated';
  /** STARTTLS is used where it is offered. */
  readonly starttls: boolean;
  /** What the certificate is compared with. */
  readonly check: 'none' | 'pkix' | 'dane';
  readonly versions: readonly TlsVersion[];
  /** Name in the ClientHello; null: none. */
  readonly sni: string | null;
  /** Reference identifiers: names, or `.name` for all below. Empty: any name will do. */
  readonly names: readonly string[];
  /** Of `check: 'dane'`. */
  readonly tlsa: readonly TlsaRecord[];
  readonly onFailure: {
    /** STARTTLS is not offered or refused. */
    readonly starttls: 'clear' | 'host';
    /** The handshake failed. `wait`: no other host either; `clear`: the same host, without TLS. */
    readonly handshake: 'wait' | 'host' | 'clear';
    readonly certificate: 'accept' | 'host';
  };
  /** The host must not be dialled at all now, and why. */
  readonly refusal: string | null;
  /** Of `refusal`, as an enhanced status code; one of class 5 does not change by waiting. */
  readonly refusalStatus: string;
  /** REQUIRETLS goes with MAIL: `demanded`, or nothing is sent; `preferred`: where it can. */
  readonly requireTls: 'demanded' | 'preferred' | null;
  /** The domain's MTA-STS policy, in mode `testing` too. */
  readonly sts: AppliedSts | null;
  /** For the report to the domain; null: it gets none. */
  readonly facts: PolicyFacts | null;
  /** What DNS said for it holds until then; ms of the monotonic clock, infinite where DNS has no say. */
  readonly until: number;
  /** Why it is this policy, in plain words. */
  readonly why: string;
}

export type BarePolicy = Omit<TlsPolicy, 'facts' | 'until'>;

export interface AppliedSts {
  /** The recipient's. */
  readonly domain: string;
  readonly policy: StsPolicy & { readonly mode: 'enforce' | 'testing' };
  /** The policy names the host. */
  readonly named: boolean;
}

/** The host may be dialled, and nothing is asked beyond TLS itself. */
const free = { refusal: null, refusalStatus: '4.7.5', requireTls: null } as const;
const strict = { starttls: 'host', handshake: 'host', certificate: 'host' } as const;
const encrypting = { starttls: 'host', handshake: 'wait', certificate: 'accept' } as const;
const opportunistic = { starttls: 'clear', handshake: 'wait', certificate: 'accept' } as const;

/** How much each level guarantees; a demand raises what is below it. */
const rank: Readonly<Record<DestinationLevel, number>> = {
  none: 0,
  preferred: 1,
  'preferred-verify': 1,
  dane: 1,
  required: 2,
  'required-verify': 3,
  'dane-only': 4,
};

/** Whether what DNS says about TLSA decides anything at this level. */
export function needsDane(level: DestinationLevel, demand: Demand | null, message: MessageTls | null): boolean {
  if (level === 'dane-only' || demand === 'dane-only') return true;
  // REQUIRETLS takes either proof of a certificate, unless the administrator named one.
  if (message === 'requiretls') return level !== 'required-verify';
  return level === 'dane' && message !== 'optional';
}

/** What must be reached at least: the level, or what the sender demands beyond it. */
export function stricter(level: DestinationLevel, demand: Demand | null): DestinationLevel {
  return demand === null || rank[level] >= rank[demand] ? level : demand;
}

/** Whether the domain's MTA-STS policy decides anything at this level: only who switches TLS off does not want it. */
export function needsSts(level: DestinationLevel, demand: Demand | null, message: MessageTls | null): boolean {
  if (message === 'optional') return false;
  return message === 'requiretls' || stricter(level, demand) !== 'none';
}

/** The policy for a message that says nothing about TLS itself. */
export function destinationPolicy(input: PolicyInput): BarePolicy {
  return withSts(input, controlledPolicy(input));
}

/** What every policy that verifies by authorities has in common. */
export function verifiedPolicy(sni: string | null, versions: readonly TlsVersion[], names: readonly string[]) {
  return {
    level: 'authenticated',
    starttls: true,
    check: 'pkix',
    versions,
    sni,
    names,
    tlsa: [],
    onFailure: strict,
  } as const;
}

/** A host that no version is left for must not be dialled. */
export function withVersions(policy: BarePolicy): BarePolicy {
  if (policy.versions.length > 0 || policy.refusal !== null || !policy.starttls) return policy;
  return { ...policy, refusal: `${policy.why}: TLS 1.2 or 1.3 is needed, which tls.outbound.versions leaves out` };
}

/** What the domain's MTA-STS policy adds. It never takes anything away from what else is wanted (RFC 8461 2). */
function withSts({ sts, host, versions }: PolicyInput, base: BarePolicy): BarePolicy {
  if (sts === null || sts.kind === 'none' || base.wanted === 'none') return base;
  const { domain, policy } = sts;
  const named = host !== null && matchesMx(host, policy.mx);
  const applied: AppliedSts = { domain, policy, named };
  const names = host === null ? [] : [host];
  if (policy.mode === 'testing') {
    // RFC 8461 5: looked at and reported, without consequences.
    return base.check === 'none' && base.refusal === null
      ? { ...base, check: 'pkix', names, sts: applied }
      : { ...base, sts: applied };
  }
  if (base.refusal !== null) return { ...base, sts: applied };
  const refused = named
    ? null
    : `the MTA-STS policy of ${domain} does not name ${host ?? 'a host without a name'} (mx: ${shortList(policy.mx, String)})`;
  // DANE and the administrator's own names are as good as the policy or better; it still says which hosts (RFC 8461 2).
  if (base.level === 'authenticated') {
    return {
      ...base,
      trust: base.trust === 'none' ? 'mta-sts' : base.trust,
      refusal: refused,
      refusalStatus: refused === null ? base.refusalStatus : '4.7.0',
      sts: applied,
    };
  }
  return {
    ...free,
    ...verifiedPolicy(host, modern(versions), names),
    wanted: 'mta-sts',
    trust: 'mta-sts',
    // A host that is not named is a question of permission, not of cryptography (RFC 3463 3.8).
    refusalStatus: refused === null ? '4.7.5' : '4.7.0',
    refusal: refused,
    sts: applied,
    why: `the MTA-STS policy of ${domain} (enforce)`,
  };
}

/** Without MTA-STS. */
export function controlledPolicy(input: PolicyInput): BarePolicy {
  const { controls, demand, dane } = input;
  const wanted = stricter(controls.level, demand);
  if (controls.level === 'dane' && wanted !== 'dane-only') {
    // Records count whatever else is demanded; only where they cannot authenticate the host does the other say hold.
    const policy = dane?.kind === 'unusable' && demand === 'required-verify' ? null : danePolicy(input, 'dane', dane);
    if (policy !== null) return policy;
    const rest = demand ?? 'preferred';
    const why = dane?.kind === 'none' || dane?.kind === 'unusable' ? dane.why : 'DNS was not asked';
    return { ...plainPolicy(input, rest), wanted: demand ?? 'dane', why: `no DANE: ${why}` };
  }
  if (wanted === 'dane-only') return daneOnlyPolicy(input, dane);
  return plainPolicy(input, wanted);
}

/** Null: DANE has no say. */
function danePolicy(input: PolicyInput, wanted: 'dane' | 'dane-only', dane: DaneVerdict | null): BarePolicy | null {
  if (dane === null || dane.kind === 'none') return null;
  const common = {
    wanted,
    trust: 'dnssec',
    starttls: true,
    names: [],
    tlsa: [],
    onFailure: strict,
    ...free,
    sts: null,
  } as const;
  if (dane.kind === 'failed') {
    return {
      ...common,
      level: 'authenticated',
      check: 'dane',
      versions: modern(input.versions),
      sni: input.host,
      refusal: dane.why,
      why: `whether the host has TLSA records cannot be told now: ${dane.why}`,
    };
  }
  if (dane.kind === 'unusable') {
    return {
      ...common,
      level: 'encrypted',
      check: 'none',
      versions: input.versions,
      sni: dane.base,
      onFailure: { ...strict, certificate: 'accept' },
      why: `${dane.why}: encryption without authentication`,
    };
  }
  return {
    ...common,
    level: 'authenticated',
    check: 'dane',
    versions: modern(input.versions),
    // RFC 7672 8.1.
    sni: dane.base,
    // RFC 7672 3.2.3: for DANE-TA; DANE-EE asks for no name.
    names: unique([dane.base, ...input.nextHops]),
    tlsa: dane.records,
    why: `TLSA records at ${dane.base}`,
  };
}

function daneOnlyPolicy(input: PolicyInput, dane: DaneVerdict | null): BarePolicy {
  const policy = danePolicy(input, 'dane-only', dane);
  if (policy !== null && policy.check === 'dane') return policy;
  const why = dane === null ? 'DNS was not asked' : dane.kind === 'usable' ? '' : dane.why;
  return {
    wanted: 'dane-only',
    trust: 'none',
    level: 'authenticated',
    starttls: true,
    check: 'dane',
    versions: modern(input.versions),
    sni: input.host,
    names: [],
    tlsa: [],
    onFailure: strict,
    ...free,
    refusal: `dane-only, but ${why}`,
    sts: null,
    why: `DANE is demanded, but ${why}`,
  };
}

function plainPolicy(input: PolicyInput, wanted: DestinationLevel): BarePolicy {
  const verified = wanted === 'required-verify';
  const check = verified || wanted === 'preferred-verify' ? 'pkix' : 'none';
  const demanded = wanted !== input.controls.level;
  return {
    wanted,
    trust: 'none',
    level: verified ? 'authenticated' : wanted === 'required' ? 'encrypted' : 'none',
    starttls: wanted !== 'none',
    check,
    versions: verified ? modern(input.versions) : input.versions,
    sni: input.host,
    names: check === 'pkix' ? referenceNames(input) : [],
    tlsa: [],
    onFailure: verified ? strict : wanted === 'required' ? encrypting : opportunistic,
    ...free,
    sts: null,
    why: demanded ? `${wanted} is demanded for this sender` : `the level of the destination is ${wanted}`,
  };
}

/** TLS 1.2 is the least wherever a certificate decides: older versions sign with MD5 and SHA-1. */
export function modern(versions: readonly TlsVersion[]): readonly TlsVersion[] {
  return versions.filter((version) => version === 'TLSv1.2' || version === 'TLSv1.3');
}

/** What of `names` a certificate of the host may be for. */
export function referenceNames({ controls, domain, host }: PolicyInput): readonly string[] {
  const names = controls.names.flatMap((name) => {
    if (name === 'host') return host === null ? [] : [host];
    if (name !== 'domain') return [name];
    return domain === '' ? [] : [domain, `.${domain}`];
  });
  return unique(names);
}

function unique(names: readonly string[]): readonly string[] {
  return [...new Set(names)];
}
