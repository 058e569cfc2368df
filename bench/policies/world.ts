// Domains of every kind in one signed zone behind unbound, their MTA-STS policies over HTTPS, their mail host, and a gateway between.
import { join } from 'node:path';
import { type Authority, authority, type Issued, server, tlsaText } from '../../test/dane/certificates.ts';
import type { Network } from '../../test/dane/network.ts';
import { startSignedZone } from '../../test/dane/zone.ts';
import { policy, startPolicyHost } from '../../test/mta-sts/policy-host.ts';
import { type RunningGateway, startGateway } from '../growth/gateway.ts';
import type { Stand } from '../growth/stand.ts';

/** `sts`: MTA-STS in mode enforce; `dane`: a record 3 1 1. */
export const kinds = ['plain', 'sts', 'dane'] as const;
export type Kind = (typeof kinds)[number];
/** Whether their host gives out TLS sessions to go on with. */
export const hosts = ['resuming', 'bare'] as const;
export type Host = (typeof hosts)[number];
/** `kept`: connections are used again; `each`: each message has one of its own. */
export const ways = ['kept', 'each'] as const;
export type Way = (typeof ways)[number];

/** Domains d0, d1, ... below it. */
export const suffixOf = (kind: Kind, host: Host, way: Way): string => `${kind}-${host}-${way}.dane.test`;

/** What must stand in the log of each. */
export const logged: Readonly<Record<Kind, string>> = {
  plain: 'tls=preferred:encrypted',
  sts: 'tls=mta-sts:verified',
  dane: 'tls=dane:dane',
};

export interface World {
  readonly gateway: RunningGateway;
  /** What its mail hosts show, and where they are. */
  readonly shown: Pick<Stand, 'certificate' | 'key'>;
  readonly addresses: Readonly<Record<Host, string>>;
  stop(): Promise<void>;
}

export interface WorldWish {
  readonly stand: Stand;
  readonly network: Network;
  readonly certificates: Authority;
  /** Of each kind and way. */
  readonly domains: number;
  readonly algorithm: 'ec' | 'rsa';
  /** Beside the usual ones. */
  readonly limits: string;
}

const resolverHost = 53;
const policyHost = 20;

export async function startWorld({ stand, network, certificates, domains, ...wish }: WorldWish): Promise<World> {
  const numbers = Array.from({ length: domains }, (_, index) => index);
  const all = kinds.flatMap((kind) =>
    hosts.flatMap((host) => ways.map((way) => ({ kind, host, way, suffix: suffixOf(kind, host, way) }))),
  );
  const root = certificates.issue('root', { extensions: authority });
  const middle = certificates.issue('middle', { issuer: root, extensions: authority });
  const leaf = certificates.issue('leaf', {
    issuer: middle,
    extensions: server(all.map(({ suffix }) => `*.${suffix}`).join(',DNS:')),
    ...(wish.algorithm === 'rsa' ? { algorithm: ['-newkey', 'rsa:2048'] } : {}),
  });
  const withPolicy = all.flatMap(({ kind, suffix }) =>
    kind === 'sts' ? numbers.map((number) => `d${number}.${suffix}`) : [],
  );
  const policyNames = withPolicy.map((domain) => `mta-sts.${domain}`);
  const policyPair = certificates.issue('policy', { issuer: root, extensions: server(policyNames.join(',DNS:')) });
  const addresses = { resuming: network.at(1), bare: network.at(2) };

  const zone = await startSignedZone(
    {
      // Longer than any run.
      signed: `$TTL 86400\n${all
        .flatMap(({ kind, host, suffix }) => {
          const facts = { address: addresses[host], leaf, network };
          return numbers.flatMap((number) => recordsOf(kind, `d${number}.${suffix}.`, facts));
        })
        .join('\n')}\n`,
      plain: '',
      forged: [],
    },
    network.at(resolverHost),
  );
  // unbound outlives a program that is interrupted.
  process.once('exit', zone.stop);
  const policies = await startPolicyHost(network.at(policyHost), policyPair);
  for (const domain of withPolicy) {
    policies.answers.set(`mta-sts.${domain}`, { body: policy('enforce', [`mx-${domain}`]) });
  }
  const stopOthers = async (): Promise<void> => {
    process.off('exit', zone.stop);
    zone.stop();
    await policies.close();
  };
  try {
    const gateway = await startGateway(stand, {
      name: 'policies',
      limits: wish.limits,
      config: [
        `dns: { servers: [${network.at(resolverHost)}] }`,
        `mtaSts: { ca: "${root.certFile}" }`,
        'destinations:',
        ...all.map(({ kind, way, suffix }) => {
          const level = kind === 'dane' ? 'dane' : 'preferred';
          const only = way === 'each' ? ', messagesPerConnection: 1' : '';
          return `  - { domain: .${suffix}, tls: ${level}, mtaSts: ${kind === 'sts'}, ca: "${root.certFile}"${only} }`;
        }),
      ].join('\n'),
    });
    return {
      gateway,
      shown: { certificate: certificates.file('mail-hosts', [leaf, middle]), key: leaf.keyFile },
      addresses,
      stop: async () => {
        await gateway.stop();
        await stopOthers();
      },
    };
  } catch (error) {
    await stopOthers();
    throw error;
  }
}

function recordsOf(
  kind: Kind,
  domain: string,
  { address, leaf, network }: { readonly address: string; readonly leaf: Issued; readonly network: Network },
): readonly string[] {
  const host = `mx-${domain}`;
  const records = [`${domain} IN MX 10 ${host}`, `${host} IN A ${address}`];
  if (kind === 'dane') records.push(`_25._tcp.${host} IN TLSA ${tlsaText(leaf, 3, 1, 1)}`);
  if (kind === 'sts') {
    records.push(`_mta-sts.${domain} IN TXT "v=STSv1; id=1;"`, `mta-sts.${domain} IN A ${network.at(policyHost)}`);
  }
  return records;
}

/** The mail log so far. */
export const mailLog = ({ data }: RunningGateway): string => join(data, 'logs', 'mail.current');
