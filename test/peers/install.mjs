// The programs that the tests talk to, and how they get onto a Debian machine. Run by test/run.mjs; safe to repeat.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Program → Debian packages that bring it. */
const peers = {
  openssl: ['openssl'],
  postfix: ['postfix'],
  'posttls-finger': ['postfix'],
  swaks: ['swaks', 'libnet-ssleay-perl'],
  'gnutls-cli': ['gnutls-bin'],
  tstclnt: ['libnss3-tools'],
  unbound: ['unbound', 'dns-root-data'],
  'ldns-signzone': ['ldnsutils'],
  opendkim: ['opendkim'],
  dkimverify: ['python3-dkim', 'python3-nacl'],
  python3: ['python3'],
  keytool: ['default-jre-headless'],
  chromium: ['chromium'],
  'firefox-esr': ['firefox-esr'],
  strace: ['strace'],
  rsyslogd: ['rsyslog', 'rsyslog-gnutls'],
  'systemd-analyze': ['systemd'],
  mount: ['mount'],
  unshare: ['util-linux'],
};

export function findProgram(name) {
  const path = `${process.env.PATH ?? ''}${delimiter}/usr/sbin${delimiter}/sbin${delimiter}/usr/bin`;
  for (const directory of path.split(delimiter)) {
    const file = join(directory, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // not here; the next directory
    }
  }
  return null;
}

/** Installs what is missing where that is possible; returns the programs that are still missing. */
export function installPeers(say) {
  const missing = () => Object.keys(peers).filter((name) => findProgram(name) === null);
  const absent = missing();
  if (absent.length === 0) return [];
  if (process.getuid?.() !== 0 || findProgram('apt-get') === null) {
    say(`not installed, and only root on Debian can install them here: ${absent.join(', ')}`);
    return absent;
  }
  const packages = absent.flatMap((name) => peers[name]);
  say(`installing for the tests: ${packages.join(' ')}`);
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const run = (command, args, input) =>
    spawnSync(command, args, { env: environment, input, stdio: ['pipe', 'ignore', 'inherit'], timeout: 600_000 });
  // No service is to start only because its package is there.
  const policy = '/usr/sbin/policy-rc.d';
  const made = !existsSync(policy);
  if (made) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    run('apt-get', ['update', '-qq']);
    run('debconf-set-selections', [], 'postfix postfix/main_mailer_type select No configuration\n');
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages]);
  } finally {
    if (made) rmSync(policy);
  }
  return missing();
}
