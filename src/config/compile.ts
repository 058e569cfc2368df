// A configuration compiled into a snapshot: plain values for the threads, numbers instead of texts, files read.
import type { TlsVersion } from '../tls/versions.ts';
import { refuse } from './drafts.ts';
import { canonicalPeer, endOf, settingsWith } from './exceptions.ts';
import { configurationError } from './issue.ts';
import { type FileStamp, type Material, readMaterial } from './material.ts';
import {
  canonicalRange,
  formatTarget,
  type Parsed,
  parseCertificateName,
  parseDestination,
  parseDomain,
  parseDomainPattern,
  parseMxPattern,
  parseRange,
  parseRecipient,
  parseTarget,
} from './names.ts';
import { builtInGroups } from './rules.ts';
import { defaultCiphers, type GatewayConfig } from './schema.ts';
import type { CertificateSettings, FormerSettings, Snapshot } from './snapshot.ts';
import { parseDuration, parseSize } from './units.ts';

export interface CompileContext {
  /** What relative file names in the configuration are below. */
  readonly dataDirectory: string;
  readonly demo: CertificateSettings;
  /** ms since the epoch; default: now. */
  readonly now?: number;
}

export interface Compiled {
  readonly snapshot: Snapshot;
  /** Of the files that were read. */
  readonly stamps: readonly FileStamp[];
}

/**
 * Compiles a valid configuration (`validateDocument`). Reads its files; throws `bad-configuration` naming key, file, reason
 * and remedy where one is missing or wrong. Domains come out as A-labels in lower case, targets with their port.
 */
export async function compileConfig(
  config: GatewayConfig,
  revision: number,
  { dataDirectory, demo, now }: CompileContext,
): Promise<Compiled> {
  const material = await readMaterial(config, dataDirectory);
  refuse(material.issues, config);
  return { snapshot: assembleSnapshot(config, revision, material, demo, now), stamps: material.stamps };
}

/** The pure part of `compileConfig`. */
export function assembleSnapshot(
  config: GatewayConfig,
  revision: number,
  material: Material,
  demo: CertificateSettings,
  now = Date.now(),
): Snapshot {
  const exceptions = exceptionsNow(config, now);
  const { limits, timeouts, retry, spool, logs, privacy } = config;
  const { patterns } = config.recipients;
  return {
    revision,
    hostname: sure(parseDomain(config.hostname)),
    gui: config.gui,
    listeners: config.listeners,
    certificates: [demo, ...material.certificates],
    accept: config.accept.map((domain) => sure(parseDomainPattern(domain))),
    recipients: {
      ...(material.addresses === null ? {} : { addresses: material.addresses }),
      ...(patterns === undefined || patterns.length === 0
        ? {}
        : { patterns: patterns.map((pattern) => sure(parseRecipient(pattern, false))) }),
      callAhead: config.recipients.callAhead,
      cache: parseDuration(config.recipients.cache),
    },
    relay: config.relay.map((range) => canonicalRange(sure(parseRange(range)))),
    senderGroups: senderGroups(config),
    routes: config.routes.map((route) => ({
      domain: sure(parseDomainPattern(route.domain)),
      to: route.to.map((to) => (to === 'USEDNS' ? to : formatTarget(sure(parseTarget(to, 25))))),
    })),
    tls: {
      gui: config.tls.gui,
      inbound: config.tls.inbound,
      outbound: config.tls.outbound,
      otherClients: { versions: otherClientVersions(config), ciphers: defaultCiphers },
    },
    exceptions,
    destinations: withExceptions(
      exceptions,
      config.destinations.map((destination) => ({
        ...destination,
        domain: sure(parseDestination(destination.domain)),
        ...(destination.names === undefined
          ? {}
          : { names: destination.names.map((name) => sure(parseCertificateName(name))) }),
        ...(destination.ca === undefined ? {} : { ca: material.destinationAuthorities.get(destination.ca) ?? '' }),
      })),
    ),
    senders: config.senders.map(({ sender, tls }) => ({ sender: sure(parseRecipient(sender, true)), tls })),
    mtaSts: stsSettings(config, material),
    dkim: material.signingKeys,
    tlsReports: reportSettings(config),
    requireTls: config.requireTls,
    alerts: { to: config.alerts.to.map((address) => sure(parseRecipient(address, false))) },
    limits: {
      ...limits,
      messageSize: parseSize(limits.messageSize),
      headerSize: parseSize(limits.headerSize),
      dataRate: parseSize(limits.dataRate),
      guiBody: parseSize(limits.guiBody),
      history: parseSize(limits.history),
      tlsReport: parseSize(limits.tlsReport),
      tlsReportContent: parseSize(limits.tlsReportContent),
      deliveryMemory: parseSize(limits.deliveryMemory),
    },
    timeouts: durations(timeouts),
    retry: { ...durations(withoutJitter(retry)), jitter: retry.jitter },
    spool: {
      bigBody: parseSize(spool.bigBody),
      reserve: parseSize(spool.reserve),
      lowWater: parseSize(spool.lowWater),
      lowWaterShare: spool.lowWaterShare,
    },
    logs: { ...logs, rotateSize: parseSize(logs.rotateSize) },
    syslog: config.syslog.map((collector) => {
      const ca = material.authorities.get(collector.name);
      return { ...collector, buffer: parseSize(collector.buffer), ...(ca === undefined ? {} : { ca }) };
    }),
    dns: { ...config.dns, validationCheck: parseDuration(config.dns.validationCheck) },
    rollOut: null,
    privacy: {
      ...privacy,
      keepTracking: parseDuration(privacy.keepTracking),
      keepObservations: parseDuration(privacy.keepObservations),
    },
  };
}

function reportSettings({ tlsReports }: GatewayConfig): Snapshot['tlsReports'] {
  const { contact, receive, spread, retryFor, keep, ...rest } = tlsReports;
  return {
    ...rest,
    ...(contact === undefined ? {} : { contact: sure(parseRecipient(contact, false)) }),
    receive: receive.map((address) => sure(parseRecipient(address, false))),
    spread: parseDuration(spread),
    retryFor: parseDuration(retryFor),
    keep: parseDuration(keep),
  };
}

function stsSettings({ mtaSts }: GatewayConfig, { policyAuthorities }: Material): Snapshot['mtaSts'] {
  const { ca: _, domains, ...rest } = mtaSts;
  return {
    ...rest,
    ...(policyAuthorities === undefined ? {} : { ca: policyAuthorities }),
    domains: domains.map(({ domain, mode, mx, maxAge, certificate }) => ({
      domain: sure(parseDomain(domain)),
      policy: { mode, mx: mx.map((pattern) => sure(parseMxPattern(pattern))), maxAge: parseDuration(maxAge) / 1000 },
      certificate,
    })),
  };
}

function exceptionsNow(config: GatewayConfig, now: number): Snapshot['exceptions'] {
  return config.exceptions.flatMap((entry) => {
    const [peer, until] = [canonicalPeer(entry), endOf(entry)];
    if (peer === null || until === null || until <= now) return [];
    return [{ service: entry.service, peer, settings: settingsWith(entry, config.tls[entry.service]), until }];
  });
}

/** An exception of a destination is a part of its entry; where there is none, it brings one. */
function withExceptions(
  exceptions: Snapshot['exceptions'],
  destinations: Snapshot['destinations'],
): Snapshot['destinations'] {
  const outbound = new Map(
    exceptions.filter(({ service }) => service === 'outbound').map(({ peer, settings }) => [peer, settings]),
  );
  if (outbound.size === 0) return destinations;
  const extended = destinations.map((entry) => {
    const tlsException = outbound.get(entry.domain);
    outbound.delete(entry.domain);
    return tlsException === undefined ? entry : { ...entry, tlsException };
  });
  return [...extended, ...[...outbound].map(([domain, tlsException]) => ({ domain, tlsException }))];
}

/** What is left when exceptions end and nothing else changes. `config`: what `settings` was compiled from. */
export function withoutEnded<T extends FormerSettings>(settings: T, config: GatewayConfig, now: number): T {
  const exceptions = settings.exceptions.filter(({ until }) => until > now);
  if (exceptions.length === settings.exceptions.length) return settings;
  const configured = new Set(config.destinations.map(({ domain }) => sure(parseDestination(domain))));
  const own = settings.destinations.flatMap(({ tlsException: _, ...entry }) =>
    configured.has(entry.domain) ? [entry] : [],
  );
  return { ...settings, exceptions, destinations: withExceptions(exceptions, own) };
}

/**
 * The configured groups, then RELAYLIST and ALL, unless they were written out. Whoever writes out ALL alone still gets
 * RELAYLIST, before it.
 */
function senderGroups(config: GatewayConfig): Snapshot['senderGroups'] {
  const groups: { name: string; match: string[]; action: Snapshot['senderGroups'][number]['action'] }[] =
    config.senderGroups.map(({ name, match, action }) => ({
      name,
      match: (typeof match === 'string' ? [match] : match).map(matchText),
      action,
    }));
  const [relayList, all] = builtInGroups;
  if (!groups.some((group) => group.name === relayList)) {
    const own = groups.findIndex((group) => group.name === all);
    groups.splice(own < 0 ? groups.length : own, 0, { name: relayList, match: ['relay'], action: 'RELAY' });
  }
  if (!groups.some((group) => group.name === all)) groups.push({ name: all, match: ['ALL'], action: 'ACCEPT' });
  return groups;
}

function matchText(match: string): string {
  if (match === 'ALL' || match === 'relay') return match;
  const range = parseRange(match);
  return range.ok ? canonicalRange(range.value) : sure(parseDomainPattern(match));
}

/** 1.2 and 1.3 always; the boxes add 1.1 and 1.0, which the rules let happen only as one unbroken run. */
function otherClientVersions(config: GatewayConfig): readonly TlsVersion[] {
  const { allowTLSv1_0, allowTLSv1_1 } = config.tls.otherClients;
  return [
    ...(allowTLSv1_0 ? (['TLSv1.0'] as const) : []),
    ...(allowTLSv1_1 ? (['TLSv1.1'] as const) : []),
    'TLSv1.2',
    'TLSv1.3',
  ];
}

function durations<T extends Readonly<Record<string, string>>>(texts: T): { readonly [K in keyof T]: number } {
  const numbers = Object.entries(texts).map(([key, text]) => [key, parseDuration(text)] as const);
  return Object.fromEntries(numbers) as { [K in keyof T]: number };
}

function withoutJitter({ jitter: _, ...texts }: GatewayConfig['retry']): Omit<GatewayConfig['retry'], 'jitter'> {
  return texts;
}

/** The configuration is valid: each of these was parsed before. A refusal here is a fault of the rules. */
function sure<T>(parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value;
  throw configurationError(
    [{ line: null, column: null, key: '', pointer: '', reason: parsed.reason, remedy: parsed.remedy }],
    'the configuration',
  );
}
