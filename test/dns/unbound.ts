// A private unbound with zones of the test: `signed.test` (DNSSEC, with a trust anchor), `plain.test`,
// `bogus.test` (a trust anchor, but no signatures), and reverse names.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { exchange } from '../../src/dns/exchange.ts';
import { freePort } from '../gateway/harness.ts';

const soa = (zone: string) =>
  `$ORIGIN ${zone}.\n$TTL 300\n@ IN SOA ns.${zone}. admin.${zone}. 1 3600 600 86400 120\n@ IN NS ns.${zone}.\nns IN A 127.0.0.1\n`;

const mail = `
@ IN MX 20 mx2
@ IN MX 10 mx1
@ IN MX 20 mx3
mx1 IN A 192.0.2.1
mx1 IN AAAA 2001:db8::1
mx2 IN A 192.0.2.2
mx3 IN AAAA 2001:db8::3
null IN MX 0 .
implicit IN A 192.0.2.9
alias IN CNAME implicit
chain IN CNAME alias
mxalias IN CNAME mxtarget
mxtarget IN MX 10 mx1
nothing IN TXT "no address"
dangling IN MX 10 missing
short 1 IN A 192.0.2.77
`;

const many = Array.from({ length: 90 }, (_, i) => `many IN MX ${i} host-with-a-rather-long-name-${i}\n`).join('');

export interface Unbound {
  readonly port: number;
  stop(): void;
}

export async function startUnbound(): Promise<Unbound> {
  const directory = mkdtempSync(join(tmpdir(), 'postern-unbound-'));
  const at = (name: string) => join(directory, name);
  writeFileSync(at('signed.test'), soa('signed.test') + mail + many);
  writeFileSync(at('plain.test'), soa('plain.test') + mail);
  writeFileSync(
    at('reverse'),
    `${soa('2.0.192.in-addr.arpa')}1 IN PTR mx1.signed.test.\n2 IN PTR liar.plain.test.\n3 IN PTR bad\\032name.test.\n77 IN PTR wrong.test.\n77 IN PTR short.signed.test.\n`,
  );
  const key = execFileSync('ldns-keygen', ['-r', '/dev/urandom', '-a', 'ECDSAP256SHA256', '-k', 'signed.test'], {
    cwd: directory,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
  execFileSync('ldns-signzone', ['-n', '-f', 'signed.zone', 'signed.test', key], { cwd: directory });
  const anchor = readFileSync(at(`${key}.ds`), 'utf8')
    .trim()
    .replaceAll(/\s+/g, ' ');
  writeFileSync(at('bogus.test'), soa('bogus.test') + mail);
  const port = await freePort();
  const zone = (name: string, file: string) =>
    `auth-zone:\n  name: "${name}"\n  zonefile: "${at(file)}"\n  for-upstream: yes\n  for-downstream: no\n  fallback-enabled: no\n`;
  writeFileSync(
    at('unbound.conf'),
    `server:
  interface: 127.0.0.1@${port}
  username: ""
  chroot: ""
  directory: "${directory}"
  pidfile: "${at('pid')}"
  use-syslog: no
  logfile: "${at('log')}"
  do-daemonize: no
  do-ip6: no
  module-config: "validator iterator"
  trust-anchor: "${anchor}"
  trust-anchor: "${anchor.replaceAll('signed.test', 'bogus.test')}"
  domain-insecure: "plain.test"
  domain-insecure: "2.0.192.in-addr.arpa"
  local-zone: "test." nodefault
  local-zone: "2.0.192.in-addr.arpa." nodefault
  do-not-query-localhost: no
remote-control:
  control-enable: no
${zone('signed.test', 'signed.zone')}${zone('plain.test', 'plain.test')}${zone('2.0.192.in-addr.arpa', 'reverse')}${zone('bogus.test', 'bogus.test')}`,
  );
  const child = spawn('unbound', ['-d', '-c', at('unbound.conf')], { stdio: 'ignore' });
  const stop = () => {
    child.kill();
    rmSync(directory, { recursive: true, force: true });
  };
  const server = { address: '127.0.0.1', port, trusted: true };
  for (let attempt = 0; ; attempt++) {
    try {
      await exchange(server, 'plain.test', 'MX', 500);
      return { port, stop };
    } catch (error) {
      if (attempt < 50) {
        await sleep(100);
        continue;
      }
      const log = readFileSync(at('log'), 'utf8');
      stop();
      throw new Error(`unbound did not start: ${log}`, { cause: error });
    }
  }
}
