// What a schema cannot say: values that must fit each other, and texts with a grammar of their own.
import { isIP, isIPv4 } from 'node:net';
import { PosternError } from '../errors.ts';
import { checkCiphers } from '../tls/ciphers.ts';
import { checkSelection } from '../tls/versions.ts';
import { checkDkim } from './dkim.ts';
import { canonicalPeer, endOf, settingsWith } from './exceptions.ts';
import { checkHostedPolicies } from './hosted-policies.ts';
import { type ConfigIssue, nearest } from './issue.ts';
import {
  canonicalAddress,
  canonicalRange,
  formatTarget,
  type Parsed,
  parseAddress,
  parseCertificateName,
  parseDestination,
  parseDomain,
  parseDomainPattern,
  parseHostname,
  parseRange,
  parseRecipient,
  parseTarget,
} from './names.ts';
import type { Path } from './node.ts';
import { quote } from './quote.ts';
import type { GatewayConfig } from './schema.ts';
import { parseDuration, parseSize } from './units.ts';

export const demoCertificate = 'demo';
export const builtInGroups = ['RELAYLIST', 'ALL'] as const;

export type Report = (path: Path, reason: string, remedy: string) => void;

/** Everything wrong with a complete, structurally valid configuration that can be told without reading other files. */
export function ruleIssues(config: GatewayConfig): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const report: Report = (path, reason, remedy) => issues.push({ path, reason, remedy });
  parsed(report, ['hostname'], parseHostname(config.hostname));
  checkAddresses(config, report);
  checkCertificates(config, report);
  checkDomains(config, report);
  checkDestinations(config, report);
  checkRecipients(config, report);
  checkClients(config, report);
  checkRoutes(config, report);
  checkTls(config, report);
  checkExceptions(config, report);
  checkHostedPolicies(config, report);
  checkDkim(config, report);
  checkSyslog(config, report);
  checkNumbers(config, report);
  for (const [index, server] of config.dns.servers.entries()) {
    if (isIP(server) !== 0) continue;
    const target = parsed(report, ['dns', 'servers', index], parseTarget(server, 53));
    if (target !== null && isIP(target.host) === 0) {
      report(['dns', 'servers', index], `"${server}" is not an address`, 'write the address of the resolver');
    }
  }
  return issues;
}

function parsed<T>(report: Report, path: Path, result: Parsed<T>): T | null {
  if (result.ok) return result.value;
  report(path, result.reason, result.remedy);
  return null;
}

/** Reports every key that stands twice. `what` begins the reason. */
function unique(report: Report, what: string): (key: string, path: Path) => void {
  const seen = new Set<string>();
  return (key, path) => {
    if (seen.has(key)) report(path, `${what} ${quote(key)} stands twice`, 'remove or rename one of the two');
    seen.add(key);
  };
}

interface Bound {
  readonly address: string;
  readonly port: number;
  readonly name: string;
}

function checkAddresses(config: GatewayConfig, report: Report): void {
  const bound: Bound[] = [];
  const bind = (address: string, port: number, name: string, path: Path) => {
    const one = { address: canonicalAddress(address), port, name };
    const other = bound.find((earlier) => overlap(earlier, one));
    if (other === undefined) bound.push(one);
    else {
      report(
        path,
        `${address} port ${port} is taken by ${other.name} (${other.address})`,
        'choose another address or port',
      );
    }
  };
  const { address, port, domains } = config.mtaSts;
  if (parsed(report, ['mtaSts', 'address'], parseAddress(address)) !== null && domains.length > 0) {
    bind(address, port, 'the MTA-STS policies', ['mtaSts', 'port']);
  }
  const names = unique(report, 'the listener name');
  if (parsed(report, ['gui', 'address'], parseAddress(config.gui.address)) !== null) {
    for (const [index, port] of config.gui.ports.entries()) {
      bind(config.gui.address, port, 'the web UI', ['gui', 'ports', index]);
    }
  }
  for (const [index, listener] of config.listeners.entries()) {
    names(listener.name, ['listeners', index, 'name']);
    if (parsed(report, ['listeners', index, 'address'], parseAddress(listener.address)) === null) continue;
    bind(listener.address, listener.port, `the listener "${listener.name}"`, ['listeners', index, 'port']);
  }
}

/** Two binds that the kernel would refuse, or would share in silence under SO_REUSEPORT. `::` takes IPv4 too. */
function overlap(a: Bound, b: Bound): boolean {
  if (a.port !== b.port) return false;
  if (a.address === b.address || a.address === '::' || b.address === '::') return true;
  return (a.address === '0.0.0.0' && isIPv4(b.address)) || (b.address === '0.0.0.0' && isIPv4(a.address));
}

function checkCertificates(config: GatewayConfig, report: Report): void {
  const names = new Set<string>([demoCertificate]);
  const pairs = unique(report, 'the certificate file');
  for (const [index, certificate] of config.certificates.entries()) {
    const path = ['certificates', index];
    if (certificate.name === demoCertificate) {
      report([...path, 'name'], '"demo" is the built-in certificate', 'choose another name');
    }
    names.add(certificate.name);
    pairs(certificate.cert, [...path, 'cert']);
    for (const key of ['cert', 'key'] as const) {
      if (certificate[key].includes('-----BEGIN')) {
        report(
          [...path, key],
          'must be the name of a file, not its contents',
          'put it into a file that only postern may read',
        );
      }
    }
  }
  const check = (name: string, path: Path) => {
    if (names.has(name)) return;
    const near = nearest(name, names);
    const known = [...names].slice(0, 10).join(', ');
    const remedy = near === null ? `add it under certificates, or use one of: ${known}` : `did you mean "${near}"?`;
    report(path, `there is no certificate named ${quote(name)}`, remedy);
  };
  check(config.gui.certificate, ['gui', 'certificate']);
  for (const [index, listener] of config.listeners.entries()) {
    check(listener.certificate, ['listeners', index, 'certificate']);
  }
  for (const [index, destination] of config.destinations.entries()) {
    if (destination.certificate !== undefined) check(destination.certificate, ['destinations', index, 'certificate']);
  }
  for (const [index, { certificate }] of config.mtaSts.domains.entries()) {
    check(certificate, ['mtaSts', 'domains', index, 'certificate']);
  }
}

function checkDomains(config: GatewayConfig, report: Report): void {
  const accepted = unique(report, 'the domain');
  for (const [index, text] of config.accept.entries()) {
    if (text === '*') {
      report(['accept', index], '"*" would take mail for every domain there is', 'list your domains');
      continue;
    }
    const domain = parsed(report, ['accept', index], parseDomainPattern(text));
    if (domain !== null) accepted(domain, ['accept', index]);
  }
}

function checkExceptions(config: GatewayConfig, report: Report): void {
  const peers = unique(report, 'the exception for');
  for (const [index, entry] of config.exceptions.entries()) {
    const path = ['exceptions', index];
    const { peer, service, versions, ciphers } = entry;
    if (service === 'inbound') parsed(report, [...path, 'peer'], parseRange(peer));
    else if (peer === '*') report([...path, 'peer'], '"*" would be no exception', 'name a domain');
    else parsed(report, [...path, 'peer'], parseDomainPattern(peer));
    const canonical = canonicalPeer(entry);
    if (canonical !== null) peers(canonical, [...path, 'peer']);
    const end = endOf(entry);
    if (end === null) report([...path, 'expires'], 'is no day', 'write its last day, such as 2026-12-31');
    // What has ended adds nothing, and must not stand in the way of other settings.
    else if (end <= Date.now()) continue;
    if (versions === undefined && ciphers === undefined) {
      report(path, 'adds nothing', 'give it versions, ciphers, or both');
      continue;
    }
    const settings = settingsWith(entry, config.tls[service]);
    const selection = checkSelection(settings.versions);
    if (!selection.ok) {
      report(
        [...path, 'versions'],
        `with those of ${service}: ${selection.message}`,
        'add the versions between as well',
      );
      continue;
    }
    try {
      checkCiphers(settings.ciphers, selection.versions);
    } catch (error) {
      if (!(error instanceof PosternError)) throw error;
      const remedy = error.remedy ?? 'write an OpenSSL cipher string, such as HIGH:!aNULL';
      report([...path, ciphers === undefined ? 'versions' : 'ciphers'], error.message, remedy);
    }
  }
}

const verifiedLevels: ReadonlySet<string> = new Set(['required-verify', 'dane', 'dane-only']);

function checkDestinations(config: GatewayConfig, report: Report): void {
  const unlike = unique(report, 'the destination');
  const modern = config.tls.outbound.versions.some((version) => version === 'TLSv1.2' || version === 'TLSv1.3');
  const tooOld = (level: string, path: Path) => {
    if (modern || !verifiedLevels.has(level)) return;
    report(
      path,
      `${level} needs TLS 1.2 or 1.3, and tls.outbound.versions has neither`,
      'select TLSv1.2 and TLSv1.3 for outgoing mail',
    );
  };
  for (const [index, destination] of config.destinations.entries()) {
    const path = ['destinations', index];
    const domain = parsed(report, [...path, 'domain'], parseDestination(destination.domain));
    if (domain !== null) unlike(domain, [...path, 'domain']);
    tooOld(destination.tls ?? 'preferred', [...path, 'tls']);
    for (const [element, name] of (destination.names ?? []).entries()) {
      parsed(report, [...path, 'names', element], parseCertificateName(name));
    }
    if (destination.ca?.includes('-----BEGIN') === true) {
      report([...path, 'ca'], 'must be the name of a file, not its contents', 'put the authorities into a file');
    }
    if (destination.systemCa !== undefined && destination.ca === undefined) {
      report([...path, 'systemCa'], 'has no meaning without ca', 'name a file under ca, or leave systemCa out');
    }
  }
  const senders = unique(report, 'the sender');
  for (const [index, { sender, tls }] of config.senders.entries()) {
    const path = ['senders', index, 'sender'];
    const address = parsed(report, path, parseRecipient(sender, true));
    if (address?.includes('*') === true) {
      report(path, `${quote(sender)} has a "*"`, 'write a whole address, or @domain for all of a domain');
    }
    if (address !== null) senders(address, path);
    tooOld(tls, ['senders', index, 'tls']);
  }
  const whole = (address: string, path: Path) => {
    const found = parsed(report, path, parseRecipient(address, false));
    if (found?.includes('*') === true || found?.startsWith('@') === true) {
      report(path, `${quote(address)} is not one address`, 'write a whole address');
    }
  };
  for (const [index, address] of config.alerts.to.entries()) whole(address, ['alerts', 'to', index]);
  const { send, organization, contact, receive } = config.tlsReports;
  for (const [index, address] of receive.entries()) whole(address, ['tlsReports', 'receive', index]);
  if (contact !== undefined) whole(contact, ['tlsReports', 'contact']);
  for (const [key, value] of Object.entries({ organization, contact })) {
    if (send && value === undefined) {
      report(['tlsReports', key], 'must be there for reports to be sent', `write tlsReports.${key}, or send: false`);
    }
  }
}

function checkRecipients(config: GatewayConfig, report: Report): void {
  for (const [index, pattern] of (config.recipients.patterns ?? []).entries()) {
    parsed(report, ['recipients', 'patterns', index], parseRecipient(pattern, false));
  }
}

function checkClients(config: GatewayConfig, report: Report): void {
  const ranges = unique(report, 'the range');
  for (const [index, text] of config.relay.entries()) {
    const path = ['relay', index];
    const range = parsed(report, path, parseRange(text));
    if (range === null) continue;
    ranges(canonicalRange(range), path);
    if (range.prefix === 0) {
      report(
        path,
        `${text} would let the whole internet send to any domain (an open relay)`,
        'list only your own networks',
      );
    }
  }
  const names = unique(report, 'the sender group');
  let catchAll: string | null = null;
  for (const [index, group] of config.senderGroups.entries()) {
    const path = ['senderGroups', index];
    names(group.name, [...path, 'name']);
    if (catchAll !== null) {
      report(path, `never matches: the group ${catchAll} before it matches everybody`, `put it before ${catchAll}`);
    }
    const matches = typeof group.match === 'string' ? [group.match] : group.match;
    for (const [element, match] of matches.entries()) {
      const place = typeof group.match === 'string' ? [...path, 'match'] : [...path, 'match', element];
      checkMatch(match, place, report);
    }
    const all = matches.includes('ALL');
    if (all && group.action === 'RELAY') {
      report([...path, 'action'], 'RELAY for ALL would make an open relay', 'match only your own networks');
    }
    if (group.name === 'ALL' && !all) {
      report([...path, 'match'], 'the group ALL must match ALL: it is what the rest of the world gets', 'rename it');
    }
    if (all) catchAll ??= group.name;
  }
}

function checkMatch(match: string, path: Path, report: Report): void {
  if (match === 'ALL' || match === 'relay') return;
  if (match.startsWith('.')) {
    parsed(report, path, parseDomainPattern(match));
    return;
  }
  const range = parseRange(match);
  if (range.ok) return;
  if (/[:/]/.test(match) || /^[0-9.]+$/.test(match)) {
    report(path, range.reason, range.remedy);
    return;
  }
  const word = ['ALL', 'relay'].find((known) => known.toLowerCase() === match.toLowerCase());
  const reason = `${quote(match)} is not "relay", "ALL", an address, a range or a host name`;
  if (word !== undefined) report(path, reason, `write ${word}`);
  else if (!parseDomain(match).ok) report(path, reason, 'write one of these, such as 192.0.2.0/24 or .example.com');
}

function checkRoutes(config: GatewayConfig, report: Report): void {
  const domains = unique(report, 'the route for');
  const own = new Map(
    config.listeners.map((listener) => [
      formatTarget({ host: canonicalAddress(listener.address), port: listener.port }),
      listener.name,
    ]),
  );
  for (const [index, route] of config.routes.entries()) {
    const path = ['routes', index];
    const domain = parsed(report, [...path, 'domain'], parseDomainPattern(route.domain));
    if (domain !== null) domains(domain, [...path, 'domain']);
    for (const [element, text] of route.to.entries()) {
      const place = [...path, 'to', element];
      if (text.toUpperCase() === 'USEDNS') {
        if (text !== 'USEDNS') report(place, `${quote(text)} is not a host and port`, 'write USEDNS');
        else if (route.to.length > 1) report(place, 'USEDNS stands beside other hosts', 'write it alone');
        continue;
      }
      const target = parsed(report, place, parseTarget(text, 25));
      const listener = target === null ? undefined : own.get(formatTarget(target));
      if (listener !== undefined) {
        report(
          place,
          `${text} is our own listener "${listener}": mail would go round in a circle`,
          'name the next server',
        );
      }
    }
  }
}

function checkTls(config: GatewayConfig, report: Report): void {
  for (const service of ['gui', 'inbound', 'outbound'] as const) {
    const { versions, ciphers } = config.tls[service];
    const path = ['tls', service];
    const selection = checkSelection(versions);
    if (!selection.ok) {
      report([...path, 'versions'], selection.message, 'choose one unbroken run, such as [TLSv1.2, TLSv1.3]');
      continue;
    }
    if (new Set(versions).size < versions.length) {
      report([...path, 'versions'], 'a version stands twice', `write [${selection.versions.join(', ')}]`);
    }
    try {
      checkCiphers(ciphers, selection.versions);
    } catch (error) {
      if (!(error instanceof PosternError)) throw error;
      report(
        [...path, 'ciphers'],
        error.message,
        error.remedy ?? 'write an OpenSSL cipher string, such as HIGH:!aNULL',
      );
    }
  }
  const { allowTLSv1_0, allowTLSv1_1 } = config.tls.otherClients;
  if (allowTLSv1_0 && !allowTLSv1_1) {
    report(
      ['tls', 'otherClients', 'allowTLSv1_0'],
      'TLS 1.0 without 1.1 leaves a hole: 1.2 and 1.3 are always on, and versions must be one unbroken run',
      'set allowTLSv1_1: true as well, or allowTLSv1_0: false',
    );
  }
}

function checkSyslog(config: GatewayConfig, report: Report): void {
  const names = unique(report, 'the collector');
  for (const [index, collector] of config.syslog.entries()) {
    const path = ['syslog', index];
    names(collector.name, [...path, 'name']);
    if (isIP(collector.host) === 0) parsed(report, [...path, 'host'], parseHostname(collector.host));
    if (collector.ca !== undefined && collector.protocol !== 'tls') {
      report(
        [...path, 'ca'],
        `has no meaning with protocol ${collector.protocol}`,
        'write protocol: tls, or leave ca out',
      );
    }
  }
}

function checkNumbers(config: GatewayConfig, report: Report): void {
  const { limits, retry } = config;
  if (parseDuration(retry.first) > parseDuration(retry.maximum)) {
    report(['retry', 'first'], `${retry.first} is longer than retry.maximum (${retry.maximum})`, 'make it shorter');
  }
  if (parseDuration(retry.probe) > parseDuration(retry.maximum)) {
    report(['retry', 'probe'], `${retry.probe} is longer than retry.maximum (${retry.maximum})`, 'make it shorter');
  }
  if (parseSize(limits.headerSize) > parseSize(limits.messageSize)) {
    report(
      ['limits', 'headerSize'],
      `${limits.headerSize} is larger than limits.messageSize (${limits.messageSize})`,
      'set it to limits.messageSize or less, also where it is not in the file',
    );
  }
}
