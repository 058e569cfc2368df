// A private unbound on the loopback that validates: one signed zone `dane.test`, unsigned `plain.test`, a `broken.test` that
// ought to be signed and is not, a `silent.test` whose server does not answer, and signed records that were changed behind their
// signatures.
import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { exchange } from '../../src/dns/exchange.ts';

export interface SignedZone {
  /** Other text in `dane.test`: signed anew and in force; what resolvers have kept is theirs. */
  replace(from: string, to: string): void;
  stop(): void;
}

export interface ZoneRecords {
  /** Of `dane.test`, in the form of a zone file. */
  readonly signed: string;
  /** Of `plain.test`. */
  readonly plain: string;
  /** Texts of the signed zone that are replaced after it was signed. */
  readonly forged: readonly (readonly [from: string, to: string])[];
  /** Denials by NSEC: ldns-signzone's NSEC3 chain lacks names that only have others below them, as `_domainkey` does. */
  readonly nsec?: boolean;
}

const head = (zone: string, address: string) =>
  `$ORIGIN ${zone}.\n$TTL 300\n@ IN SOA ns.${zone}. admin.${zone}. 1 3600 600 86400 120\n@ IN NS ns.${zone}.\nns IN A ${address}\n`;

/** `address`: where the resolver listens, on port 53 (see `claimNetwork`). */
export async function startSignedZone(records: ZoneRecords, address: string): Promise<SignedZone> {
  const directory = mkdtempSync(join(tmpdir(), 'postern-dane-'));
  const at = (name: string) => join(directory, name);
  writeFileSync(at('dane.test'), head('dane.test', address) + records.signed);
  writeFileSync(at('plain.test'), head('plain.test', address) + records.plain);
  writeFileSync(at('broken.test'), `${head('broken.test', address)}tlsa IN TLSA 3 1 1 ${'00'.repeat(32)}\n`);
  const key = execFileSync('ldns-keygen', ['-r', '/dev/urandom', '-a', 'ECDSAP256SHA256', '-k', 'dane.test'], {
    cwd: directory,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
  const sign = () => {
    execFileSync('ldns-signzone', [...(records.nsec === true ? [] : ['-n']), '-f', 'signed.zone', 'dane.test', key], {
      cwd: directory,
    });
    let signed = readFileSync(at('signed.zone'), 'utf8');
    for (const [from, to] of records.forged) {
      if (!signed.includes(from)) throw new Error(`not in the signed zone: ${from}`);
      signed = signed.replaceAll(from, to);
    }
    writeFileSync(at('signed.zone'), signed);
  };
  sign();
  const anchor = readFileSync(at(`${key}.ds`), 'utf8')
    .trim()
    .replaceAll(/\s+/g, ' ');
  const zone = (name: string, file: string) =>
    `auth-zone:\n  name: "${name}"\n  zonefile: "${at(file)}"\n  for-upstream: yes\n  for-downstream: no\n  fallback-enabled: no\n`;
  const silent = createSocket('udp4');
  silent.bind(0, address);
  await once(silent, 'listening');
  silent.unref();
  writeFileSync(
    at('unbound.conf'),
    `server:
  interface: ${address}
  access-control: 127.0.0.0/8 allow
  username: ""
  chroot: ""
  directory: "${directory}"
  pidfile: "${at('pid')}"
  use-syslog: no
  logfile: "${at('log')}"
  do-daemonize: no
  do-ip6: no
  num-threads: 1
  module-config: "validator iterator"
  trust-anchor: "${anchor}"
  domain-insecure: "plain.test"
  domain-insecure: "silent.test"
  trust-anchor: "${anchor.replaceAll('dane.test', 'broken.test')}"
  local-zone: "test." nodefault
  do-not-query-localhost: no
  val-bogus-ttl: 1
  rrset-roundrobin: no
remote-control:
  control-enable: no
stub-zone:
  name: "silent.test"
  stub-addr: ${address}@${silent.address().port}
${zone('dane.test', 'signed.zone')}${zone('plain.test', 'plain.test')}${zone('broken.test', 'broken.test')}`,
  );
  const child = spawn('unbound', ['-d', '-c', at('unbound.conf')], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const stop = () => {
    child.kill();
    silent.close();
    rmSync(directory, { recursive: true, force: true });
  };
  const replace = (from: string, to: string) => {
    const text = readFileSync(at('dane.test'), 'utf8');
    if (!text.includes(from)) throw new Error(`not in the zone: ${from}`);
    writeFileSync(at('dane.test'), text.replaceAll(from, to));
    sign();
    child.kill('SIGHUP');
  };
  const server = { address, port: 53, trusted: true };
  for (let attempt = 0; ; attempt++) {
    try {
      await exchange(server, 'plain.test', 'SOA', 500);
      return { replace, stop };
    } catch (error) {
      if (attempt < 50 && child.exitCode === null) {
        await sleep(100);
        continue;
      }
      const log = existsSync(at('log')) ? readFileSync(at('log'), 'utf8') : '';
      stop();
      throw new Error(`unbound did not start (${child.exitCode ?? 'it runs'}): ${said}${log}`, { cause: error });
    }
  }
}
