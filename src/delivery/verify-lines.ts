// What tlsverify and daneverify found, in the lines of the reference, and the whole truth around them.
import { oneLine } from '../config/quote.ts';
import { describeTlsa } from '../tls/dane.ts';
import type { TlsPolicy } from '../tls/policy.ts';
import type { Findings, VerifiedAddress, VerifiedHost, VerifyOptions } from './verify.ts';

type Asked = Pick<VerifyOptions, 'dane' | 'detail'>;

export function verdictLines({ domain, reason, hosts }: Findings, asked: Asked): readonly string[] {
  const what = asked.dane ? 'DANE verification' : 'TLS connection';
  return [
    ...hosts.flatMap((host) => hostLines(host, asked)),
    reason === '' ? `${what} succeeded ${domain}.` : `${what} failed ${domain}: ${reason}.`,
  ].map((line) => oneLine(line, 1000));
}

function hostLines({ host, signed, policy, addresses }: VerifiedHost, { dane, detail }: Asked): string[] {
  const whole = [
    `Host ${host}: ${signed ? 'its name is signed (DNSSEC) or configured' : 'its name is not signed'}.`,
    ...policy.tlsa.map((record) => `TLSA record at ${policy.sni ?? ''}: ${describeTlsa(record)}.`),
    `Policy: ${policyText(policy)}.`,
    ...(policy.names.length === 0 ? [] : [`Names: ${policy.names.join(', ')}.`]),
  ];
  return [
    ...(detail || dane ? whole : []),
    ...(policy.refusal === null ? [] : [`Host ${host} would not be used now: ${policy.refusal}.`]),
    ...addresses.flatMap((one) => addressLines(one, detail)),
  ];
}

function addressLines(found: VerifiedAddress, detail: boolean): string[] {
  const { address, port, local, tls, failure, explanation, versions } = found;
  const lines = [`Connecting to ${address} on port ${port}.`];
  if (local === null) return [...lines, `Connection to ${address} failed: ${failure}.`];
  lines.push(`Connected to ${address} from interface ${local}.`, 'Checking TLS connection.');
  if (tls === null) {
    lines.push(`TLS connection to ${address} failed: ${failure}.`);
    if (explanation !== '') lines.push(explanation);
  } else {
    lines.push(`TLS connection established: protocol ${tls.protocol}, cipher ${tls.cipher}.`);
    lines.push(tls.verified ? 'Certificate verification successful' : `Certificate verification failed: ${tls.detail}`);
    if (detail) {
      if (tls.verified && tls.detail !== '') lines.push(`Matched: ${tls.detail}.`);
      lines.push(`Group: ${tls.group}.`, `Certificate: ${tls.certificate}.`);
      lines.push(`Names in the certificate: ${tls.names === '' ? 'none' : tls.names}.`);
      lines.push(`Chain: ${tls.chain.join(' < ')}.`);
    }
  }
  return [
    ...lines,
    ...versions.map(
      ({ version, cipher, reason }) => `${version}: ${cipher === '' ? `no (${reason})` : `yes, ${cipher}`}.`,
    ),
  ];
}

/** A policy as an administrator reads it. */
export function policyText({ wanted, level, why }: TlsPolicy): string {
  return `${wanted}, at least ${level === 'none' ? 'clear text' : level}; ${why}`;
}
