// What all cases share: certificates, a signed zone behind unbound, mail servers on port 25, a policy host, and a sending side.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assembleSnapshot } from '../../src/config/compile.ts';
import { fillDefaults } from '../../src/config/defaults.ts';
import type { Snapshot } from '../../src/config/snapshot.ts';
import { createResolver, type Resolver } from '../../src/dns/stub.ts';
import { StsPolicies } from '../../src/mta-sts/policies.ts';
import { PolicyStore } from '../../src/mta-sts/store.ts';
import { RecordedLog, Sender } from '../delivery/fixture.ts';
import { Peer } from '../delivery/peer.ts';
import { startOpensslDestination } from '../gateway/openssl-destination.ts';
import { startPostfix } from '../gateway/postfix.ts';
import { policy, startPolicyHost } from '../mta-sts/policy-host.ts';
import { addressIn, type Case, type Certificates, domainOf, type ServerName } from './case.ts';
import { type Authority, authority, type Issued, server } from './certificates.ts';
import type { Ends } from './ends.ts';
import type { Network } from './network.ts';
import { type SignedZone, startSignedZone } from './zone.ts';

export interface AllCertificates extends Certificates {
  readonly staleLeaf: Issued;
  readonly staleMiddle: Issued;
  readonly belowStale: Issued;
  readonly common: Issued;
}

export function makeCertificates(directory: Authority): AllCertificates {
  const root = directory.issue('root', { extensions: authority });
  const middle = directory.issue('middle', { issuer: root, extensions: authority });
  const staleMiddle = directory.issue('stale-middle', { issuer: root, expired: true, extensions: authority });
  return {
    root,
    middle,
    staleMiddle,
    leaf: directory.issue('leaf', {
      issuer: middle,
      extensions: server('*.ta.dane.test,DNS:*.noroot.dane.test,DNS:*.req.dane.test'),
    }),
    staleLeaf: directory.issue('stale', { issuer: root, expired: true, extensions: server('*.stale.dane.test') }),
    belowStale: directory.issue('below-stale', { issuer: staleMiddle, extensions: server('*.tastale.dane.test') }),
    common: directory.issue('common', { subject: 'scommon.common.dane.test', issuer: root }),
    ee: directory.issue('ee', { extensions: server('nobody.test') }),
    expired: directory.issue('expired', { expired: true, extensions: server('other.test') }),
    stranger: directory.issue('stranger', { extensions: server('stranger.test') }),
    policyExpired: directory.issue('policy-expired', {
      issuer: root,
      expired: true,
      extensions: server('mta-sts.spexp.dane.test'),
    }),
    policyOther: directory.issue('policy-other', { issuer: root, extensions: server('mta-sts.dane.test') }),
  };
}

export const resolverIn = (network: Network): string => network.at(53);
export const policyHostIn = (network: Network): string => network.at(20);

export interface World {
  readonly zone: SignedZone;
  readonly sender: Sender;
  readonly snapshot: Snapshot;
  readonly resolver: Resolver;
  readonly policies: StsPolicies;
  /** Of the policies. */
  readonly stsLog: RecordedLog;
  /** Messages that any server took for the domain. */
  arrived(domain: string): number;
  /** MAIL of that, as a server of openssl heard it. */
  mailOf(domain: string): string | null;
}

interface Facts {
  readonly network: Network;
  readonly directory: Authority;
  readonly certificates: AllCertificates;
  readonly cases: readonly Case[];
}

/** What it began stands in `ends`. */
export async function startWorld(facts: Facts, ends: Ends): Promise<World> {
  const { network, cases } = facts;
  const zone = await startSignedZone(
    {
      signed: `${cases.flatMap((one) => [...hostsOf(one, network), ...policyOf(one, network, '.dane.test')]).join('\n')}\n`,
      plain: `${cases.flatMap((one) => [...(one.plain ?? []), ...policyOf(one, network, '.plain.test')]).join('\n')}\n`,
      forged: cases.flatMap((one) => one.forged ?? []),
    },
    resolverIn(network),
  );
  ends.add(zone.stop);
  const servers = await startServers(facts, ends);
  await startPolicies(facts, ends);
  const snapshot = snapshotOf(facts);
  const resolver = createResolver(snapshot, { hosts: '/dev/null' });
  const dataDirectory = mkdtempSync(join(tmpdir(), 'postern-sts-'));
  ends.add(() => rmSync(dataDirectory, { recursive: true, force: true }));
  keepPolicies(dataDirectory, cases);
  const stsLog = new RecordedLog();
  const policies = new StsPolicies({ dataDirectory, snapshot, resolver, log: stsLog });
  ends.add(() => policies.stop());
  const sender = new Sender(snapshot, tmpdir(), resolver, policies);
  ends.add(() => sender.stop());
  return { zone, sender, snapshot, resolver, policies, stsLog, ...servers };
}

async function startServers(facts: Facts, ends: Ends): Promise<Pick<World, 'arrived' | 'mailOf'>> {
  const { network, directory } = facts;
  const { leaf, staleLeaf, belowStale, staleMiddle, common, ee, expired, middle, root } = facts.certificates;
  const address = addressIn(network);
  const chain = (name: string, ...others: readonly Issued[]) => ['-cert_chain', directory.file(name, others)];
  const programs: readonly (readonly [ServerName, Issued, readonly string[], extension?: string])[] = [
    ['ee', ee, []],
    ['expired', expired, []],
    ['ta', leaf, chain('whole', middle, root)],
    ['noroot', leaf, chain('short', middle)],
    ['old', ee, ['-tls1_1', '-cipher', 'DEFAULT:@SECLEVEL=0']],
    ['stale', staleLeaf, chain('above', root)],
    ['tastale', belowStale, chain('old', staleMiddle, root)],
    ['common', common, chain('above', root)],
    ['req', leaf, chain('whole', middle, root), 'REQUIRETLS'],
  ];
  const openssl = await Promise.all(
    programs.map(async ([name, pair, args, extension]) => {
      const destination = await startOpensslDestination(pair, args, address(name), 25, extension);
      ends.add(() => destination.close());
      return destination;
    }),
  );
  const strip = await Peer.start({}, 25, address('strip'));
  ends.add(() => strip.close());
  const refuse = await Peer.start(
    {
      tls: { cert: ee.cert, key: ee.key },
      reply: (command) => (command === 'STARTTLS' ? '454 4.7.0 TLS not available' : null),
    },
    25,
    address('refuse'),
  );
  ends.add(() => refuse.close());
  const postfix = await startPostfix(
    ends.test,
    9,
    [`smtpd_tls_cert_file = ${ee.certFile}`, `smtpd_tls_key_file = ${ee.keyFile}`, 'smtpd_tls_security_level = may'],
    address('postfix'),
  );
  const recipient = (domain: string) => `x@${domain}`;
  return {
    arrived: (domain) => {
      const to = recipient(domain);
      const programs = openssl.flatMap((one) => one.recipients);
      const own = [strip, refuse].flatMap((peer) => peer.messages.flatMap((message) => message.to));
      const atPostfix = postfix.log().includes(`to=<${to}>`) ? 1 : 0;
      return [...programs, ...own].filter((one) => one === to).length + atPostfix;
    },
    mailOf: (domain) =>
      openssl.map((one) => one.mails.get(recipient(domain))).find((mail) => mail !== undefined) ?? null,
  };
}

async function startPolicies({ network, directory, certificates, cases }: Facts, ends: Ends): Promise<void> {
  const alias = 'mta-sts.saliast.dane.test';
  const hosts = cases.flatMap((one) => (one.policy === undefined ? [] : [`mta-sts.${domainOf(one)}`]));
  const extensions = server([...hosts, alias].join(',DNS:'));
  const pair = directory.issue('policy', { issuer: certificates.root, extensions });
  const host = await startPolicyHost(policyHostIn(network), pair);
  ends.add(() => host.close());
  for (const one of cases) if (one.policy !== undefined) host.answers.set(`mta-sts.${domainOf(one)}`, one.policy);
  host.answers.set(alias, { body: policy('enforce', ['mx.example.com']) });
}

/** Policies that are known from before. */
function keepPolicies(directory: string, cases: readonly Case[]): void {
  const store = PolicyStore.open(directory, () => undefined);
  for (const one of cases) {
    if (one.kept === undefined) continue;
    const { policy, age } = one.kept;
    store.put(domainOf(one), { id: 'before', policy, fetched: Date.now() - age * 1000 });
  }
  store.close();
}

/** What publishes the policy of a domain in that zone. */
function policyOf(one: Case, network: Network, zone: string): readonly string[] {
  const { policy, records = ['v=STSv1; id=20260101;'] } = one;
  const domain = domainOf(one);
  if (policy === undefined || !domain.endsWith(zone)) return [];
  return [
    ...records.map((text) => `_mta-sts.${domain}. IN TXT "${text}"`),
    `mta-sts.${domain}. IN A ${policyHostIn(network)}`,
  ];
}

function hostsOf({ id, server: name = 'ee', tlsa = [], signed }: Case, network: Network): readonly string[] {
  if (signed !== undefined) return signed;
  const host = `${id}.${name}`;
  return [
    `${id} IN MX 10 ${host}`,
    `${host} IN A ${addressIn(network)(name)}`,
    ...tlsa.map((record) => `_25._tcp.${host} IN ${record.startsWith('TYPE52') ? record : `TLSA ${record}`}`),
  ];
}

function snapshotOf({ network, certificates, cases }: Facts): Snapshot {
  const document = {
    hostname: 'gw.example.com',
    dns: { servers: [resolverIn(network)] },
    timeouts: { dns: '3s', mtaSts: '1s', idle: '100ms' },
    // A server of openssl has one connection at a time: none may be kept.
    limits: { destinationMessages: 1 },
    destinations: cases.map((one) => ({ domain: domainOf(one), tls: one.level ?? 'dane', ...one.entry })),
  };
  return assembleSnapshot(
    fillDefaults(document),
    1,
    {
      addresses: null,
      certificates: [],
      authorities: new Map(),
      destinationAuthorities: new Map([['root.pem', certificates.root.cert]]),
      policyAuthorities: certificates.root.cert,
      stamps: [],
      signingKeys: [],
      issues: [],
    },
    { name: 'demo', pairs: [] },
  );
}
