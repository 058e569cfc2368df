// The TLS of one destination: its policies by host, made when first needed and kept as long as the snapshot says the same.
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import type { Snapshot } from '../config/snapshot.ts';
import { type DaneFinding, lookUpDane } from '../dns/dane-lookup.ts';
import type { MailResolver } from '../dns/resolver.ts';
import type { TlsLevel } from '../smtp/client-owner.ts';
import type { ClientCredentials, ClientTls } from '../tls/contexts.ts';
import { tlsPolicy } from '../tls/message-policy.ts';
import type { StsSource, StsVerdict } from '../tls/mta-sts.ts';
import { needsDane, needsSts, type TlsControls, type TlsPolicy } from '../tls/policy.ts';
import { controlsOf, type DestinationKey, parseKey, tlsControls } from './controls.ts';
import type { OutboundTls } from './outbound-tls.ts';
import { type RouteHost, routeOf } from './route.ts';

/** Whom to ask about a host. */
export interface PolicySources {
  readonly resolver: MailResolver;
  /** Absent: MTA-STS is not looked at. */
  readonly sts?: StsSource;
}

/** Hosts of one destination whose policies are kept, those with DANE as long as the answers of DNS hold. */
const mostPolicies = 64;

const addressOnly: DaneFinding = {
  verdict: { kind: 'none', why: 'the host has only an address' },
  until: Number.POSITIVE_INFINITY,
};

export class DestinationTls {
  /** Equal stamps: the same controls, authorities and certificate. */
  readonly stamp: string;
  readonly #controls: TlsControls;
  readonly #key: DestinationKey;
  /** Empty for a route that many domains share. */
  readonly #domain: string;
  /** Those of the service, or of an exception. */
  readonly #settings: Snapshot['tls']['outbound'];
  readonly #credentials: ClientCredentials | null;
  /** MTA-STS is about domains whose hosts come from MX: others were told to us by the administrator. */
  readonly #asksSts: boolean;
  readonly #tells: boolean;
  readonly #policies = new Map<string, TlsPolicy>();
  /** What the policies were made with. */
  #sts: StsVerdict | null = null;

  /** `level`: in place of the configured one. */
  constructor(key: string, snapshot: Snapshot, level: TlsControls['level'] | null = null) {
    this.#key = parseKey(key);
    const { base, demand, message } = this.#key;
    const controls = controlsOf(key, snapshot);
    this.#controls = level === null ? tlsControls(controls) : { ...tlsControls(controls), level };
    this.#domain = base.startsWith('route:') ? '' : base.slice(base.lastIndexOf('@') + 1);
    this.#tells = this.#domain !== '' && !this.#domain.startsWith('[') && routeOf(this.#domain, snapshot) === null;
    this.#asksSts =
      this.#tells && (controls.mtaSts ?? snapshot.mtaSts.check) && needsSts(this.#controls.level, demand, message);
    this.#settings = controls.tlsException ?? snapshot.tls.outbound;
    const certificate = snapshot.certificates.find((one) => one.name === controls.certificate);
    this.#credentials =
      controls.ca === undefined && certificate === undefined
        ? null
        : credentialsOf(controls.ca, controls.systemCa === true, certificate);
    const { level: wanted, names } = this.#controls;
    const exception = controls.tlsException === undefined ? '' : JSON.stringify(controls.tlsException);
    const sts = this.#asksSts ? 'mta-sts' : '';
    this.stamp = [
      wanted,
      demand ?? '',
      message ?? '',
      names.join(),
      this.#credentials?.stamp ?? '',
      exception,
      sts,
    ].join(' ');
  }

  /** Asks beforehand what `policy` will ask, beside other questions. */
  prepare({ sts }: PolicySources): void {
    const asked = this.#asksSts ? sts?.lookUp(this.#domain) : undefined;
    if (asked instanceof Promise) asked.catch(() => undefined); // `policy` hears of it
  }

  /** The policy towards one host of the destination. Asks only what the level needs. `nextHops`: see `Route`. */
  policy(target: RouteHost, nextHops: readonly string[], sources: PolicySources): TlsPolicy | Promise<TlsPolicy> {
    const sts = this.#asksSts ? (sources.sts?.lookUp(this.#domain) ?? null) : null;
    if (sts instanceof Promise) return sts.then((verdict) => this.#withSts(target, nextHops, sources, verdict));
    return this.#withSts(target, nextHops, sources, sts);
  }

  #withSts(
    target: RouteHost,
    nextHops: readonly string[],
    { resolver }: PolicySources,
    sts: StsVerdict | null,
  ): TlsPolicy | Promise<TlsPolicy> {
    const { demand, message } = this.#key;
    if (sts !== this.#sts) this.#policies.clear();
    this.#sts = sts;
    const { host: name, port, secure } = target;
    const key = `${secure} ${port} ${name} ${nextHops.join()}`;
    const known = this.#policies.get(key);
    if (known !== undefined && performance.now() < known.until) return known;
    const make = (dane: DaneFinding | null): TlsPolicy => {
      const policy = this.#make(target, nextHops, dane, sts);
      // Another answer of MTA-STS may have come meanwhile.
      if (sts === this.#sts) this.#keep(key, policy);
      return policy;
    };
    if (!needsDane(this.#controls.level, demand, message)) return make(null);
    if (isIP(name) !== 0) return make(addressOnly);
    return lookUpDane({ name, port, secure }, resolver).then(make);
  }

  #keep(key: string, policy: TlsPolicy): void {
    if (this.#policies.size >= mostPolicies && !this.#policies.has(key)) this.#policies.clear();
    this.#policies.set(key, policy);
  }

  client(policy: TlsPolicy, tls: OutboundTls): ClientTls {
    return tls.clientFor(policy.versions, this.#credentials, this.#settings.ciphers);
  }

  #make(target: RouteHost, nextHops: readonly string[], dane: DaneFinding | null, sts: StsVerdict | null): TlsPolicy {
    return tlsPolicy({
      controls: this.#controls,
      demand: this.#key.demand,
      message: this.#key.message,
      domain: this.#domain,
      nextHops,
      host: isIP(target.host) === 0 ? target.host : null,
      secureHost: target.secure,
      dane: dane?.verdict ?? null,
      ...(dane === null ? {} : { daneUntil: dane.until }),
      sts,
      versions: this.#settings.versions,
      tells: this.#tells,
    });
  }
}

/** What the SMTP client does about STARTTLS under a policy. */
export function clientLevel(policy: TlsPolicy): TlsLevel {
  if (!policy.starttls) return 'none';
  if (policy.requireTls === 'demanded') return 'requiretls';
  return policy.onFailure.starttls === 'clear' ? 'preferred' : 'required';
}

function credentialsOf(
  ca: string | undefined,
  systemToo: boolean,
  certificate: Snapshot['certificates'][number] | undefined,
): ClientCredentials {
  const stamp = createHash('sha256')
    .update(JSON.stringify([ca, systemToo, certificate?.pairs.map((pair) => pair.cert)]))
    .digest('base64');
  return {
    stamp,
    ...(ca === undefined ? {} : { ca, systemCa: systemToo }),
    ...(certificate === undefined ? {} : { pairs: certificate.pairs }),
  };
}
