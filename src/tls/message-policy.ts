// The TLS policy of a delivery with what the message itself says about it (RFC 8689): REQUIRETLS, a bounce of such a message, or
// `TLS-Required: No`.
import {
  type BarePolicy,
  controlledPolicy,
  destinationPolicy,
  modern,
  type PolicyInput,
  referenceNames,
  type TlsPolicy,
  verifiedPolicy,
  withVersions,
} from './policy.ts';

/** The policy towards one host. */
export function tlsPolicy(input: PolicyInput): TlsPolicy {
  const { domain, dane, daneUntil = Number.POSITIVE_INFINITY, sts, message, tells = false } = input;
  const policy = withVersions(barePolicy(input));
  // Who switches TLS off has nothing to tell; nor has who did not even ask what the domain publishes.
  const asked = message !== 'optional' && (dane !== null || sts !== null);
  const told = tells && policy.starttls && asked;
  return { ...policy, facts: told ? { domain, dane, sts } : null, until: daneUntil };
}

function barePolicy(input: PolicyInput): BarePolicy {
  switch (input.message) {
    case null:
      return destinationPolicy(input);
    case 'requiretls':
      return requireTlsPolicy(input);
    case 'requiretls-bounce':
      return bouncePolicy(input);
    case 'optional':
      return optionalPolicy(input);
  }
}

/** RFC 8689 4.2.1: a host whose name can be relied on, a certificate that proves it, and REQUIRETLS behind STARTTLS. */
function requireTlsPolicy(input: PolicyInput): BarePolicy {
  const { controls, host, secureHost, versions } = input;
  // Either proof of the certificate will do, unless the administrator named one.
  const chosen = controls.level === 'required-verify' || controls.level === 'dane-only';
  const base = destinationPolicy(chosen ? input : { ...input, controls: { ...controls, level: 'dane' } });
  const asked = { ...base, wanted: 'requiretls', requireTls: 'demanded' } as const;
  if (base.refusal !== null || base.check === 'dane') return asked;
  const names = reliableNames(input);
  const current = modern(versions);
  const policy: BarePolicy = {
    ...asked,
    ...verifiedPolicy(host, current, names),
    trust: base.trust === 'none' && secureHost ? 'dnssec' : base.trust,
    why: 'REQUIRETLS of the message',
  };
  if (names.length === 0) return { ...policy, ...unreliable(input) };
  if (current.length > 0) return policy;
  return { ...policy, refusal: 'REQUIRETLS needs TLS 1.2 or 1.3, which tls.outbound.versions leaves out' };
}

/** Names that nobody can have slipped in: those of the configuration, and the host's where it can be relied on (RFC 8689 2). */
function reliableNames(input: PolicyInput): readonly string[] {
  const { controls, host, domain, sts, secureHost } = input;
  const enforced = sts?.kind === 'policy' && sts.policy.mode === 'enforce';
  // The domain itself, where it has no MX or is its own host, is what the message was addressed to.
  const reliable = secureHost || enforced || host?.toLowerCase() === domain;
  const names = controls.names.filter((name) => name !== 'host' || reliable);
  return referenceNames({ ...input, controls: { ...controls, names } });
}

/** Why there is no reliable name: for good, unless the policy that could give one cannot be had just now. */
function unreliable({ host, domain, sts }: PolicyInput): Pick<TlsPolicy, 'refusal' | 'refusalStatus'> {
  if (host === null) {
    return { refusal: 'REQUIRETLS, but the host has no name that a certificate could be for', refusalStatus: '5.7.10' };
  }
  const failure = sts?.kind === 'none' ? sts.failure : null;
  const policy =
    failure === null
      ? 'it has no MTA-STS policy in mode enforce'
      : `its MTA-STS policy cannot be had: ${failure.detail}`;
  return {
    refusal: `REQUIRETLS, but nothing proves that ${host} is a mail host of ${domain}: its MX answer is not signed (DNSSEC), and ${policy}`,
    refusalStatus: failure === null ? '5.7.10' : '4.7.5',
  };
}

/** RFC 8689 5: a bounce of such a message is protected like it where that can be, and goes out all the same. */
function bouncePolicy(input: PolicyInput): BarePolicy {
  const base = destinationPolicy(input);
  if (!base.starttls || base.refusal !== null) return base;
  const names = reliableNames(input);
  if (base.level === 'authenticated') {
    const proven = base.trust !== 'none' || names.length === base.names.length;
    return proven ? { ...base, requireTls: 'preferred' } : base;
  }
  return names.length === 0 ? base : { ...base, check: 'pkix', names, requireTls: 'preferred' };
}

/** RFC 8689 3, 4.2.2: as if the recipient's domain had published nothing; what the administrator demands stays. */
function optionalPolicy(input: PolicyInput): BarePolicy {
  const { controls } = input;
  const base = controlledPolicy(
    controls.level === 'dane' ? { ...input, controls: { ...controls, level: 'preferred' } } : input,
  );
  if (base.level !== 'none' || !base.starttls) return base;
  return {
    ...base,
    wanted: 'optional',
    onFailure: { ...base.onFailure, handshake: 'clear' },
    why: 'TLS-Required: No in the message',
  };
}
