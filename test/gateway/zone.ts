// A private name server: an unbound that is the authority for the zones of a test, on a port of the loopback.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { exchange } from '../../src/dns/exchange.ts';
import { freePort, temporaryDirectory } from './harness.ts';

/** `zones`: records in the form of a zone file, by the zone's name. Resolves with the port. */
export async function startNameServer(t: TestContext, zones: Readonly<Record<string, string>>): Promise<number> {
  const directory = temporaryDirectory(t, 'postern-zone-');
  const port = await freePort();
  const clauses = Object.entries(zones).map(([zone, records]) => {
    const file = join(directory, zone);
    const head = `$ORIGIN ${zone}.\n$TTL 60\n@ IN SOA ns.${zone}. admin.${zone}. 1 3600 600 86400 60\n@ IN NS ns.${zone}.\n`;
    writeFileSync(file, `${head}ns IN A 127.0.0.1\n${records}\n`);
    return `auth-zone:\n  name: "${zone}"\n  zonefile: "${file}"\n  for-upstream: yes\n  for-downstream: no\n  fallback-enabled: no\n`;
  });
  const names = Object.keys(zones);
  const config = join(directory, 'unbound.conf');
  const log = join(directory, 'log');
  const server = [
    `interface: 127.0.0.1@${port}`,
    'username: ""',
    'chroot: ""',
    `directory: "${directory}"`,
    `pidfile: "${join(directory, 'pid')}"`,
    'use-syslog: no',
    `logfile: "${log}"`,
    'do-daemonize: no',
    'do-ip6: no',
    'num-threads: 1',
    'module-config: "iterator"',
    'do-not-query-localhost: no',
    ...[...new Set(['test', ...names])].map((name) => `local-zone: "${name}." nodefault`),
  ];
  writeFileSync(
    config,
    `server:\n  ${server.join('\n  ')}\nremote-control:\n  control-enable: no\n${clauses.join('')}`,
  );
  const child = spawn('unbound', ['-d', '-c', config], { stdio: 'ignore' });
  t.after(() => child.kill());
  const address = { address: '127.0.0.1', port, trusted: false };
  for (let attempt = 0; ; attempt++) {
    try {
      await exchange(address, names[0] ?? '', 'MX', 500);
      return port;
    } catch (error) {
      if (attempt < 50 && child.exitCode === null) {
        await sleep(100);
        continue;
      }
      const text = existsSync(log) ? readFileSync(log, 'utf8') : '';
      throw new Error(`unbound did not start: ${text}`, { cause: error });
    }
  }
}
