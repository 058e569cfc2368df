// Deliveries to real servers behind a signed zone and a validating resolver, case by case; and Postfix's own verdict on each.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { assembleSnapshot } from '../../src/config/compile.ts';
import { fillDefaults } from '../../src/config/defaults.ts';
import type { Snapshot } from '../../src/config/snapshot.ts';
import { OutboundTls } from '../../src/delivery/outbound-tls.ts';
import { verifyDomains } from '../../src/delivery/verify.ts';
import { createResolver, type Resolver } from '../../src/dns/stub.ts';
import { StsPolicies } from '../../src/mta-sts/policies.ts';
import { RecordedLog, Sender, until } from '../delivery/fixture.ts';
import { Peer } from '../delivery/peer.ts';
import { type OpensslDestination, startOpensslDestination } from '../gateway/openssl-destination.ts';
import { type Postfix, startPostfix } from '../gateway/postfix.ts';
import { policy, startPolicyHost } from '../mta-sts/policy-host.ts';
import { missing } from '../tls/peers.ts';
import { addressOf, type Certificates, type DaneCase, daneCases, type ServerName } from './cases.ts';
import { Authority, authority, type Issued, server } from './certificates.ts';
import { reportsOfCases } from './reports.ts';
import { policyAddress, type StsCase, stsCases } from './sts-cases.ts';
import { resolverAddress, startSignedZone } from './zone.ts';

/** Ports 25 and 53 of the loopback, as the Internet has them. */
const skip =
  process.getuid?.() === 0
    ? missing('unbound') || missing('ldns-signzone') || missing('posttls-finger') || missing('postfix')
    : 'ports 25 and 53 need root';

const directory = new Authority();
const certificates = makeCertificates();
const cases: readonly StsCase[] = [...daneCases(certificates), ...stsCases(certificates)];

function makeCertificates(): Certificates & Readonly<Record<'leaf' | 'policyExpired' | 'policyOther', Issued>> {
  const root = directory.issue('root', { extensions: authority });
  const middle = directory.issue('middle', { issuer: root, extensions: authority });
  return {
    root,
    middle,
    leaf: directory.issue('leaf', { issuer: middle, extensions: server('*.ta.dane.test,DNS:*.noroot.dane.test') }),
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

function zoneOf(one: StsCase): readonly string[] {
  const { policy, records = ['v=STSv1; id=20260101;'] } = one;
  if (policy === undefined) return hostsOf(one);
  const domain = domainOf(one);
  return [
    ...hostsOf(one),
    ...records.map((text) => `_mta-sts.${domain}. IN TXT "${text}"`),
    `mta-sts.${domain}. IN A ${policyAddress}`,
  ];
}

function hostsOf({ id, server: name = 'ee', tlsa = [], signed }: StsCase): readonly string[] {
  if (signed !== undefined) return signed;
  const host = `${id}.${name}`;
  return [
    `${id} IN MX 10 ${host}`,
    `${host} IN A ${addressOf[name]}`,
    ...tlsa.map((record) => `_25._tcp.${host} IN TLSA ${record}`),
  ];
}

const domainOf = ({ id, domain }: DaneCase): string => domain ?? `${id}.dane.test`;

function snapshotOfCases(): Snapshot {
  const document = {
    hostname: 'gw.example.com',
    dns: { servers: [resolverAddress] },
    timeouts: { dns: '3s', mtaSts: '1s', idle: '100ms' },
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

describe('a signed zone behind unbound, and servers that keep or break its promises', { skip }, () => {
  const ends: (() => unknown)[] = [];
  const openssl = new Map<ServerName, OpensslDestination>();
  const peers = new Map<ServerName, Peer>();
  let postfix: Postfix;
  let resolver: Resolver;
  let policies: StsPolicies;
  let sender: Sender;

  before(async () => {
    const zone = await startSignedZone({
      signed: `${cases.flatMap(zoneOf).join('\n')}\n`,
      plain: `${cases.flatMap((one) => one.plain ?? []).join('\n')}\n`,
      forged: cases.flatMap((one) => one.forged ?? []),
    });
    ends.push(zone.stop);
    const { leaf, ee, expired, middle, root } = certificates;
    const chain = (name: string, ...others: readonly (typeof root)[]) => ['-cert_chain', directory.file(name, others)];
    const programs: readonly (readonly [ServerName, typeof root, readonly string[]])[] = [
      ['ee', ee, []],
      ['expired', expired, []],
      ['ta', leaf, chain('whole', middle, root)],
      ['noroot', leaf, chain('short', middle)],
      ['old', ee, ['-tls1_1', '-cipher', 'DEFAULT:@SECLEVEL=0']],
    ];
    for (const [name, pair, args] of programs) {
      const destination = await startOpensslDestination(pair, args, addressOf[name], 25);
      openssl.set(name, destination);
      ends.push(() => destination.close());
    }
    const key = { cert: ee.cert, key: ee.key };
    const strip = await Peer.start({}, 25, addressOf.strip);
    const refuse = await Peer.start(
      { tls: key, reply: (command) => (command === 'STARTTLS' ? '454 4.7.0 TLS not available' : null) },
      25,
      addressOf.refuse,
    );
    peers.set('strip', strip).set('refuse', refuse);
    ends.push(
      () => strip.close(),
      () => refuse.close(),
    );
    postfix = await startPostfix(
      { after: (end) => void ends.push(end as () => void) },
      9,
      [`smtpd_tls_cert_file = ${ee.certFile}`, `smtpd_tls_key_file = ${ee.keyFile}`, 'smtpd_tls_security_level = may'],
      addressOf.postfix,
    );
    const hosts = cases.flatMap((one) => (one.policy === undefined ? [] : [`mta-sts.${domainOf(one)}`]));
    const names = server([...hosts, 'mta-sts.saliast.dane.test'].join(',DNS:'));
    const policyHost = await startPolicyHost(
      policyAddress,
      directory.issue('policy', { issuer: root, extensions: names }),
    );
    ends.push(() => policyHost.close());
    for (const one of cases)
      if (one.policy !== undefined) policyHost.answers.set(`mta-sts.${domainOf(one)}`, one.policy);
    policyHost.answers.set('mta-sts.saliast.dane.test', { body: policy('enforce', ['mx.example.com']) });
    const snapshot = snapshotOfCases();
    resolver = createResolver(snapshot, { hosts: '/dev/null' });
    const dataDirectory = mkdtempSync(join(tmpdir(), 'postern-sts-'));
    policies = new StsPolicies({ dataDirectory, snapshot, resolver, log: new RecordedLog() });
    ends.push(
      () => rmSync(dataDirectory, { recursive: true, force: true }),
      () => policies.stop(),
    );
    sender = new Sender(snapshot, tmpdir(), resolver, policies);
  });
  after(async () => {
    await sender?.stop();
    for (const end of ends.toReversed()) await end();
    directory.remove();
  });

  /** Messages that any server took for the domain. */
  const arrived = (domain: string): number => {
    const address = `x@${domain}`;
    const programs = [...openssl.values()].flatMap((one) => one.recipients);
    const own = [...peers.values()].flatMap((peer) => peer.messages.flatMap((message) => message.to));
    const atPostfix = postfix.log().includes(`to=<${address}>`) ? 1 : 0;
    return [...programs, ...own].filter((one) => one === address).length + atPostfix;
  };

  for (const one of cases) {
    const domain = domainOf(one);
    test(`${one.id}: ${one.what}: ${one.level ?? 'dane'} → ${one.got}`, async () => {
      const from = sender.log.lines.length;
      const resultsBefore = sender.log.results.length;
      const alertsBefore = sender.alerts.length;
      const mid = sender.send(`x@${domain}`);
      const [result = ''] = await sender.settled(mid, 30_000);
      const lines = sender.log.lines.slice(from);
      const level = one.wanted ?? one.level ?? 'dane';
      const security = lines.filter((line) => line.includes(`tls=${level}:`));
      const told = `${result}\n${lines.join('\n')}`;
      if (one.got === 'failed' || one.got === 'dns') {
        assert.match(result, one.got === 'failed' ? /^0 deferred 4\.7\.[0-9]+ / : /^0 deferred 4\.4\.3 /, told);
        assert.equal(arrived(domain), 0, 'a message went out');
        if (one.got === 'failed') assert.match(security.at(-1) ?? '', new RegExp(`tls=${level}:failed \\(`), told);
        if (one.why !== undefined) assert.match(told, one.why);
        const alerts = sender.alerts.slice(alertsBefore);
        assert.equal(alerts.length > 0, one.got === 'failed', 'the alert');
        for (const alert of alerts) assert.deepEqual([alert.domain, alert.wanted], [domain, level]);
      } else {
        assert.equal(result, 'finished', told);
        await until(() => arrived(domain) === 1, 'the message');
        assert.match(security.at(-1) ?? '', new RegExp(`tls=${level}:${one.got}( |$)`), told);
        if (one.why !== undefined) assert.match(security.at(-1) ?? '', one.why);
      }
      const results = sender.log.results.slice(resultsBefore).map(shownResult);
      assert.deepEqual(results, reportsOfCases[one.id], told);
      assert.equal(
        lines.some((line) => line.startsWith('New SMTP DCID')),
        one.undialled !== true,
        told,
      );
    });
  }

  test('tlsverify says beforehand what a delivery finds; many domains side by side, each told once', async () => {
    const snapshot = snapshotOfCases();
    // Where one host fails and another takes the mail, or mail goes out in clear text, "TLS succeeded" is another question.
    const asked = cases.filter((one) => one.got !== 'none');
    const told: string[] = [];
    const verdicts = await verifyDomains(
      asked.map(domainOf),
      {
        snapshot,
        resolver,
        sts: policies,
        tls: new OutboundTls(snapshot.tls.outbound),
        dane: false,
        detail: false,
        signal: new AbortController().signal,
      },
      (verdict, count) => {
        told.push(verdict.domain);
        assert.equal(count, told.length);
      },
    );
    assert.deepEqual(told.toSorted(), asked.map(domainOf).toSorted());
    for (const one of asked) {
      const verdict = verdicts.find(({ domain }) => domain === domainOf(one));
      const lines = verdict?.lines.join('\n') ?? '';
      assert.equal(verdict?.ok, one.got !== 'failed' && one.got !== 'dns', `${one.id}\n${lines}`);
      const last = verdict.ok ? /TLS connection succeeded \S+\.$/ : /TLS connection failed \S+: .+\.$/;
      assert.match(lines, last);
      const verified = one.got === 'dane' || one.got === 'verified';
      if (verdict.ok)
        assert.equal(lines.includes('Certificate verification successful'), verified, `${one.id}\n${lines}`);
    }
  });

  test('tlsverify in detail, and daneverify', async () => {
    const snapshot = snapshotOfCases();
    const verify = async (domain: string, dane: boolean, detail: boolean) => {
      const tls = new OutboundTls(snapshot.tls.outbound);
      const { signal } = new AbortController();
      const [verdict] = await verifyDomains([domain], { snapshot, resolver, tls, dane, detail, signal }, () => {});
      assert.ok(verdict !== undefined);
      return { ok: verdict.ok, text: verdict.lines.join('\n') };
    };
    const whole = await verify('t211.dane.test', false, true);
    assert.equal(whole.ok, true, whole.text);
    for (const expected of [
      /^Host t211\.ta\.dane\.test: its name is signed/m,
      /^TLSA record at t211\.ta\.dane\.test: 2 1 1 [0-9a-f]{16}\.\.\.\.$/m,
      /^Policy: dane, at least authenticated; TLSA records at t211\.ta\.dane\.test\.$/m,
      /^Names: t211\.ta\.dane\.test, t211\.dane\.test\.$/m,
      /^Connecting to 127\.9\.1\.3 on port 25\.$/m,
      /^Connected to 127\.9\.1\.3 from interface 127\.0\.0\.1\.$/m,
      /^Checking TLS connection\.$/m,
      /^TLS connection established: protocol TLSv1\.3, cipher TLS_AES_256_GCM_SHA384\.$/m,
      /^Certificate verification successful$/m,
      /^Matched: TLSA 2 1 1 /m,
      /^Group: X25519\.$/m,
      /^Chain: CN=leaf < CN=middle < CN=root\.$/m,
      /^TLSv1\.0: no \(.+\)\.$/m,
      /^TLSv1\.2: yes, ECDHE-ECDSA-\S+\.$/m,
      /^TLSv1\.3: yes, TLS_AES_256_GCM_SHA384\.$/m,
      /^TLS connection succeeded t211\.dane\.test\.$/m,
    ]) {
      assert.match(whole.text, expected);
    }
    const both = await verify('two.dane.test', false, true);
    assert.match(both.text, /^Host ewrong\.ee\.dane\.test: /m);
    assert.match(both.text, /^Host e311\.ee\.dane\.test: /m);
    assert.equal(both.ok, true, both.text);
    const clear = await verify('nostrip.dane.test', false, false);
    assert.match(clear.text, /STARTTLS is not offered; mail would go out in clear text\.$/m);
    assert.equal((await verify('rself.dane.test', true, false)).ok, false);
    const dane = await verify('e311.dane.test', true, false);
    assert.match(dane.text, /DANE verification succeeded e311\.dane\.test\.$/);
    const without = await verify('absent.dane.test', true, false);
    assert.match(
      without.text,
      /DANE verification failed absent\.dane\.test: dane-only, but there is no TLSA record\.$/,
    );
    const old = await verify('eold.dane.test', false, true);
    assert.match(old.text, /^TLSv1\.1: yes, /m);
    assert.equal(old.ok, false);
  });

  describe('posttls-finger -l dane', () => {
    let settings: string;
    before(() => {
      settings = mkdtempSync(join(tmpdir(), 'postern-finger-'));
      ends.push(() => rmSync(settings, { recursive: true, force: true }));
      writeFileSync(
        join(settings, 'main.cf'),
        'compatibility_level = 3.6\nmyhostname = gw.example.com\nsmtp_tls_mandatory_protocols = >=TLSv1.2\nsmtp_tls_protocols = >=TLSv1.2\nsmtp_host_lookup = dns\ninet_protocols = ipv4\n',
      );
      writeFileSync(
        join(settings, 'resolv.conf'),
        `nameserver ${resolverAddress}\noptions trust-ad edns0 timeout:3 attempts:1\n`,
      );
    });

    for (const one of cases) {
      if (one.finger === null) continue;
      const level = one.level ?? 'dane';
      const differs = one.finger === undefined ? '' : ` (${one.finger.why})`;
      test(`${one.id}: ${one.what}${differs}`, async () => {
        const output = await finger(settings, level, domainOf(one));
        assert.equal(fingerVerdict(output), one.finger?.verdict ?? expectedOfFinger(one), output);
      });
    }
  });
});

function expectedOfFinger({ got }: DaneCase): string {
  switch (got) {
    case 'dane':
      return 'verified';
    case 'none':
      return 'clear';
    case 'encrypted':
      return 'encrypted';
    default:
      return 'refused';
  }
}

/** `tlsa e311.ee.dane.test success`: policy, what it is about (without `.dane.test`), what came of the session. */
function shownResult([, policy, policyDomain = '', , result]: readonly string[]): string {
  return `${policy} ${policyDomain.replace(/\.dane\.test$/, '')} ${result === '' ? 'success' : result}`;
}

/** In a mount namespace of its own, where /etc/resolv.conf names the resolver of the test. */
async function finger(settings: string, level: string, domain: string): Promise<string> {
  const script =
    'mount --bind "$0" /etc/resolv.conf && exec posttls-finger -c -t 10 -T 10 -L summary,verbose -l "$1" "$2"';
  const child = spawn('unshare', ['--mount', 'sh', '-c', script, join(settings, 'resolv.conf'), level, domain], {
    env: { ...process.env, MAIL_CONFIG: settings },
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  await new Promise((resolve) => child.once('close', resolve));
  return output;
}

/** What a Postfix with that policy would do: posttls-finger connects and tells, it does not decide. */
function fingerVerdict(output: string): string {
  if (/Verified TLS connection established/.test(output)) return 'verified';
  if (/lookup error|lookup failed|SSL_connect error|resorting to "secure"/.test(output)) return 'refused';
  const signed = /DNSSEC-signed TLSA record/.test(output) && !/all TLSA records unusable/.test(output);
  const unusable = /unsupported TLSA certificate usage|all TLSA records unusable/.test(output);
  if (/(Untrusted|Trusted) TLS connection established/.test(output)) return signed ? 'refused' : 'encrypted';
  return signed || unusable ? 'refused' : 'clear';
}
