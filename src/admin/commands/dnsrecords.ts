// dnsrecords: what is to stand in DNS for this gateway, and what does.
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { parseDomain } from '../../config/names.ts';
import type { GatewayConfig } from '../../config/schema.ts';
import { parseDuration } from '../../config/units.ts';
import { PosternError } from '../../errors.ts';
import { checkRecords, type PublishReport } from '../../publish/check.ts';
import { type CheckedRecord, type ServedKey, zoneLine } from '../../publish/records.ts';
import type { HostedPolicy } from '../../tls/mta-sts.ts';
import type { Actor, AdminHost } from '../host.ts';
import { describeCertificates, requestedKey, storedRequests, usersOf } from './certificates.ts';
import type { Command } from './command.ts';
import { describeKeys } from './dkim-keys.ts';

/** Domains that are looked at unless some are named. */
const mostDomains = 50;
const mostNamed = 500;

/** Of your candidate: what its commit will need. `domains` empty: our own. */
export async function dnsRecords(host: AdminHost, { user }: Actor, domains: readonly string[]): Promise<PublishReport> {
  const { config } = host.config.candidate(user);
  const { keys, problems } = await describeKeys(host.dataDirectory, config);
  const own = ownDomains(config);
  const chosen = domains.length > 0 ? domains : own.slice(0, mostDomains);
  const about = new Set(chosen);
  const report = await checkRecords(
    {
      hostname: asciiOf(config.hostname),
      domains: chosen,
      policies: hostedPolicies(config).filter(({ domain }) => about.has(domain)),
      reportsTo: (domain) => reportUris(config, domain),
      keys: keys.map(({ record }) => record).filter(({ domain }) => about.has(domain)),
      served: await servedKeys(host, config),
      now: Date.now(),
    },
    host.lookUp(),
  );
  const left =
    domains.length > 0 || own.length <= mostDomains
      ? []
      : [`${own.length - mostDomains} more domains are accepted: name those to look at.`];
  const { receive, https } = config.tlsReports;
  const nobody =
    receive.length > 0 || https || chosen.length === 0
      ? []
      : [
          'No address for TLS reports is configured (tlsReports.receive): a mailbox "tls-reports" must be there for them, or be read here.',
        ];
  return { ...report, notes: [...problems, ...report.notes, ...nobody, ...left] };
}

function asciiOf(name: string): string {
  const parsed = parseDomain(name);
  return parsed.ok ? parsed.value : name;
}

/** Those that have keys or policies first. */
function ownDomains({ accept, mtaSts, dkim }: GatewayConfig): string[] {
  const accepted = accept.filter((domain) => !domain.startsWith('.'));
  return [
    ...new Set(
      [...dkim.keys, ...mtaSts.domains]
        .map(({ domain }) => domain)
        .concat(accepted)
        .map(asciiOf),
    ),
  ];
}

function hostedPolicies({ mtaSts }: GatewayConfig): HostedPolicy[] {
  return mtaSts.domains.map(({ domain, mode, mx, maxAge }) => ({
    domain: asciiOf(domain),
    policy: { mode, mx: mx.map((host) => host.toLowerCase()), maxAge: parseDuration(maxAge) / 1000 },
  }));
}

/** What `tlsReports` takes; where that is nothing, the usual address. */
function reportUris({ tlsReports: { receive, https }, hostname }: GatewayConfig, domain: string): string[] {
  const uris = receive.map((address) => `mailto:${address}`);
  // Senders come to port 443 of it, where something in front passes them on.
  if (https) uris.push(`https://${asciiOf(hostname)}/tlsrpt`);
  return uris.length > 0 ? uris : [`mailto:tls-reports@${domain}`];
}

/** Those that senders meet on port 25; where nothing listens there, something in front leads them to any of the others. */
function mailListeners({ listeners }: GatewayConfig): GatewayConfig['listeners'] {
  const offering = listeners.filter(({ tls }) => tls !== 'off');
  const usual = offering.filter(({ port }) => port === 25);
  return usual.length > 0 ? usual : offering;
}

/**
 * The keys of the listeners in force, and those that may come next: of listeners of the candidate, of certificates that nothing uses
 * yet, and of requests whose certificates are still to come.
 */
async function servedKeys(host: AdminHost, candidate: GatewayConfig): Promise<ServedKey[]> {
  const { dataDirectory } = host;
  const { config } = host.config.committed();
  const keys: ServedKey[] = [];
  const inForce = new Map(mailListeners(config).map((listener) => [listener.certificate, listener.name]));
  for (const { name, pairs } of await describeCertificates(dataDirectory, config)) {
    const listener = inForce.get(name);
    if (listener === undefined) continue;
    for (const { certificate, keyType } of pairs) {
      const about = `certificate ${name} (${keyType}) of listener ${listener}`;
      keys.push({
        digest: digestOf(certificate.publicKey),
        about,
        names: namesOf(certificate.subjectAltName),
        next: false,
      });
    }
  }
  const wanted = new Set(mailListeners(candidate).map((listener) => listener.certificate));
  for (const { name, pairs, builtIn } of await describeCertificates(dataDirectory, candidate)) {
    if (!wanted.has(name) && (builtIn || usersOf(candidate, name).length > 0)) continue;
    for (const { certificate, keyType } of pairs) {
      const about = `next certificate ${name} (${keyType})`;
      keys.push({
        digest: digestOf(certificate.publicKey),
        about,
        names: namesOf(certificate.subjectAltName),
        next: true,
      });
    }
  }
  for (const { name, names } of await storedRequests(dataDirectory)) {
    const key = createPublicKey(await requestedKey(dataDirectory, name));
    keys.push({
      digest: digestOf(key),
      about: `request ${name}, whose certificate is still to come`,
      names,
      next: true,
    });
  }
  const used = new Set(keys.filter(({ next }) => !next).map(({ digest }) => digest));
  return keys.filter(({ next, digest }) => !next || !used.has(digest));
}

function digestOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

function namesOf(subjectAltName: string | undefined): string[] {
  return (subjectAltName ?? '')
    .split(', ')
    .flatMap((name) => (name.startsWith('DNS:') ? [name.slice(4).toLowerCase()] : []));
}

const purposes = {
  TLSA: 'TLSA (DANE)',
  'MTA-STS': 'MTA-STS',
  'TLS-RPT': 'TLS reports',
  SPF: 'SPF',
  DKIM: 'DKIM',
} as const;

/** The whole report as the shell prints it. */
export function recordLines({ records, notes }: PublishReport): string[] {
  const lines: string[] = [];
  for (const [purpose, title] of Object.entries(purposes)) {
    const some = records.filter((record) => record.purpose === purpose);
    if (some.length > 0) lines.push('', title, ...some.flatMap(linesOf));
  }
  return [...lines, ...(notes.length === 0 ? [] : ['', ...notes])];
}

export function linesOf(record: CheckedRecord): string[] {
  const { status, about, found, detail, type, secure } = record;
  const there = status === 'different' || status === 'unknown' ? found : [];
  const signed = type === 'TLSA' && secure === true ? ' The zone is signed.' : '';
  return [
    `${`[${status}]`.padEnd(14)}${zoneLine(record)}`,
    `              ${about}.${detail === '' ? '' : ` ${detail}`}${signed}`,
    ...there.map((text) => `              there is: ${printable(text)}`),
  ];
}

/** What a stranger wrote into DNS, on one line. */
function printable(text: string): string {
  return text.slice(0, 2000).replaceAll(/[^ -~]/g, '?');
}

/** The records that should be there, to be pasted into a zone. */
function zoneLines({ records }: PublishReport): string[] {
  return [...new Set(records.filter(({ status }) => status !== 'superfluous').map(zoneLine))];
}

export const dnsrecords: Command = {
  name: 'dnsrecords',
  group: 'Monitoring',
  summary: 'what to publish in DNS for this gateway, and what is there',
  usage: 'dnsrecords [DOMAIN...] [--zone]',
  help: `The TLSA, MTA-STS, TLS report, SPF and DKIM records of this gateway and its domains, each compared with what DNS says now:
right, missing, different (both are shown), superfluous, or unknown where DNS does not answer. Without a domain: those that have
keys or policies, and accepted ones. Certificates that come next and requests count too: their TLSA records must be there before they
are used. With --zone only the lines for a zone file are printed. Fails where a record is different.`,
  words: 'own',
  run: async ({ host, dialogue, actor, words }) => {
    const zone = words.some((word) => /^(--?)?zone$/i.test(word));
    const named = words.filter((word) => !/^(--?)?zone$/i.test(word));
    const report = await dnsRecords(host, actor, parseDomains(named));
    const lines = zone ? zoneLines(report) : recordLines(report).slice(1);
    dialogue.print(lines.length === 0 ? 'There is nothing to publish.' : lines.join('\n'));
    const different = report.records.filter(({ status }) => status === 'different').length;
    if (!zone && different > 0) {
      throw new PosternError('dns', different === 1 ? 'one record is different' : `${different} records are different`);
    }
  },
};

/** Throws `bad-usage`. */
export function parseDomains(words: readonly string[]): string[] {
  if (words.length > mostNamed) throw new PosternError('bad-usage', `${mostNamed} domains at most`);
  return words.map((word) => {
    const parsed = parseDomain(word);
    if (!parsed.ok) throw new PosternError('bad-usage', parsed.reason, { remedy: parsed.remedy });
    return parsed.value;
  });
}
