// Postfix's own verdict: posttls-finger, with the resolver of the test.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Case, domainOf, type FingerVerdict } from './case.ts';

export class Finger {
  readonly #settings = mkdtempSync(join(tmpdir(), 'postern-finger-'));
  readonly #authorities: string;

  /** `authorities`: a file with those of cases that name one. */
  constructor(resolver: string, authorities: string) {
    this.#authorities = authorities;
    writeFileSync(
      join(this.#settings, 'main.cf'),
      'compatibility_level = 3.6\nmyhostname = gw.example.com\nsmtp_tls_mandatory_protocols = >=TLSv1.2\nsmtp_tls_protocols = >=TLSv1.2\nsmtp_host_lookup = dns\ninet_protocols = ipv4\ndnssec_probe =\n',
    );
    writeFileSync(
      join(this.#settings, 'resolv.conf'),
      `nameserver ${resolver}\noptions trust-ad edns0 timeout:3 attempts:1\n`,
    );
  }

  remove(): void {
    rmSync(this.#settings, { recursive: true, force: true });
  }

  /** Its output. In a mount namespace of its own, where /etc/resolv.conf names the resolver of the test. */
  async ask(one: Case): Promise<string> {
    const script = 'mount --bind "$0" /etc/resolv.conf && exec posttls-finger -t 10 -T 10 -L summary,verbose "$@"';
    const level = levels[one.level ?? 'dane'] ?? 'dane';
    const args = [
      // What this side offers.
      ...['-p', '>=TLSv1.2', '-l', level],
      ...(one.entry?.['ca'] === undefined ? [] : ['-F', this.#authorities]),
      domainOf(one),
      ...(level === 'secure' ? matchesOf(one) : []),
    ];
    const shell = ['--mount', 'sh', '-c', script, join(this.#settings, 'resolv.conf')];
    const child = spawn('unshare', [...shell, ...args], { env: { ...process.env, MAIL_CONFIG: this.#settings } });
    let output = '';
    const take = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    await new Promise((resolve) => child.once('close', resolve));
    return output;
  }
}

/** Our levels in Postfix's words, where it has the same. */
const levels: Readonly<Record<string, string>> = {
  preferred: 'may',
  required: 'encrypt',
  'required-verify': 'secure',
  dane: 'dane',
  'dane-only': 'dane-only',
};

/** The names of the entry in Postfix's words. */
function matchesOf({ entry }: Case): readonly string[] {
  const names = (entry?.['names'] ?? ['host']) as readonly string[];
  return names.flatMap((name) => {
    if (name === 'host') return ['hostname'];
    return name === 'domain' ? ['nexthop', 'dot-nexthop'] : [name];
  });
}

/** What a Postfix with that policy would do: posttls-finger connects and tells, it does not decide. */
export function fingerVerdict(output: string, level: string): FingerVerdict {
  if (/Verified TLS connection established/.test(output)) return 'verified';
  if (/lookup error|lookup failed: .*try again|SSL_connect error|resorting to "secure"/.test(output)) return 'refused';
  if (/Failed to establish session|lookup failed/.test(output)) return 'none';
  // Without a session it has no verdict: silence must not pass for one.
  if (!/^posttls-finger: < 220[ -]/m.test(output)) throw new Error(`posttls-finger came to no server:\n${output}`);
  const signed = /DNSSEC-signed TLSA record/.test(output) && !/all TLSA records unusable/.test(output);
  const unusable = /unsupported TLSA certificate usage|all TLSA records unusable/.test(output);
  const verifies = level === 'required-verify';
  if (/(Untrusted|Trusted|Anonymous) TLS connection established/.test(output))
    return signed || verifies ? 'refused' : 'encrypted';
  return signed || unusable || verifies || level === 'required' ? 'refused' : 'clear';
}

/** Ours, as posttls-finger would say it. */
export function expectedOfFinger({ got }: Case): FingerVerdict {
  switch (got) {
    case 'dane':
    case 'verified':
      return 'verified';
    case 'none':
      return 'clear';
    case 'encrypted':
      return 'encrypted';
    case 'bounced':
    case 'down':
      return 'none';
    default:
      return 'refused';
  }
}
