// A private Postfix: queue, configuration and log in a directory of the test, one loopback port, everything else of the
// machine untouched. Needs root (Postfix changes users).
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, temporaryDirectory } from './harness.ts';

/** Whatever ends what the test began. */
type TestEnd = Parameters<typeof temporaryDirectory>[0];

export interface Postfix {
  readonly port: number;
  log(): string;
  stop(): void;
}

/** `at25`: an address of the loopback, to listen there on port 25. Relays everything to 127.0.0.1:`next`, over TLS where it is offered. `settings`: further lines of main.cf. */
export async function startPostfix(
  t: TestEnd,
  next: number,
  settings: readonly string[] = [],
  at25?: string,
): Promise<Postfix> {
  const directory = temporaryDirectory(t, 'postern-postfix-');
  chmodSync(directory, 0o755);
  const port = at25 === undefined ? await freePort() : 25;
  const address = at25 ?? '127.0.0.1';
  const at = (name: string) => join(directory, name);
  for (const name of ['etc', 'spool', 'data', 'log']) mkdirSync(at(name));
  writeFileSync(at('log/maillog'), '');
  spawnSync('chown', ['-R', 'postfix', at('data'), at('log')]);
  const main = [
    'compatibility_level = 3.6',
    `queue_directory = ${at('spool')}`,
    `data_directory = ${at('data')}`,
    'command_directory = /usr/sbin',
    'daemon_directory = /usr/lib/postfix/sbin',
    'mail_owner = postfix',
    'setgid_group = postdrop',
    'shlib_directory = /usr/lib/postfix',
    'meta_directory = /etc/postfix',
    `maillog_file = ${at('log/maillog')}`,
    `maillog_file_prefixes = ${directory}`,
    'myhostname = postfix.test',
    'mydestination =',
    'local_recipient_maps =',
    'alias_maps =',
    'alias_database =',
    'inet_interfaces = 127.0.0.1',
    'inet_protocols = ipv4',
    'mynetworks = 127.0.0.0/8',
    `relayhost = [127.0.0.1]:${next}`,
    'smtpd_relay_restrictions = permit_mynetworks, reject',
    'smtpd_peername_lookup = no',
    'smtp_dns_support_level = disabled',
    'smtp_host_lookup = native',
    'smtp_tls_security_level = may',
    'smtp_tls_loglevel = 1',
    'message_size_limit = 52428800',
    'mailbox_size_limit = 0',
    ...settings,
  ];
  const master = [
    `${address}:${port} inet n - n - - smtpd`,
    'cleanup unix n - n - 0 cleanup',
    'qmgr unix n - n 300 1 qmgr',
    'tlsmgr unix - - n 1000? 1 tlsmgr',
    'rewrite unix - - n - - trivial-rewrite',
    'bounce unix - - n - 0 bounce',
    'defer unix - - n - 0 bounce',
    'trace unix - - n - 0 bounce',
    'verify unix - - n - 1 verify',
    'proxymap unix - - n - - proxymap',
    'smtp unix - - n - - smtp',
    'relay unix - - n - - smtp',
    'error unix - - n - - error',
    'retry unix - - n - - error',
    'anvil unix - - n - 1 anvil',
    'scache unix - - n - 1 scache',
    'tlsproxy unix - - n - 0 tlsproxy',
    'postlog unix-dgram n - n - 1 postlogd',
  ];
  writeFileSync(at('etc/main.cf'), `${main.join('\n')}\n`);
  writeFileSync(at('etc/master.cf'), `${master.join('\n')}\n`);
  const command = (verb: string) => spawnSync('/usr/sbin/postfix', ['-c', at('etc'), verb], { encoding: 'utf8' });
  const stop = () => {
    command('stop');
  };
  t.after(stop);
  const started = command('start');
  const log = () => (existsSync(at('log/maillog')) ? readFileSync(at('log/maillog'), 'utf8') : '');
  const deadline = Date.now() + 20_000;
  while (!(await answers(address, port))) {
    if (Date.now() > deadline) throw new Error(`Postfix did not start: ${started.stdout}${started.stderr}\n${log()}`);
    await sleep(100);
  }
  return { port, log, stop };
}

async function answers(address: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = net.connect(port, address);
  socket.setTimeout(2000, () => resolve(false));
  socket.once('data', (data) => resolve(data.toString('latin1').startsWith('220')));
  socket.once('error', () => resolve(false));
  const answered = await promise;
  socket.destroy();
  return answered;
}
