// Exceptions: more TLS for one peer, until a day. What they come to under the settings of their service.
import type { TlsVersion } from '../tls/versions.ts';
import { tlsVersions } from '../tls/versions.ts';
import { canonicalRange, parseDomainPattern, parseRange } from './names.ts';
import type { GatewayConfig } from './schema.ts';
import type { TlsServiceSettings } from './snapshot.ts';
import { dayLength, parseDay } from './units.ts';

type Entry = GatewayConfig['exceptions'][number];

/** When it ends, ms since the epoch: the end of its last day. Null: `expires` is no day. */
export function endOf({ expires }: Pick<Entry, 'expires'>): number | null {
  const begin = parseDay(expires);
  return begin === null ? null : begin + dayLength;
}

/** The settings that the peer gets. The versions may have a hole: `checkSelection` tells. */
export function settingsWith(
  { versions = [], ciphers }: Pick<Entry, 'versions' | 'ciphers'>,
  settings: TlsServiceSettings,
): TlsServiceSettings {
  const all: readonly TlsVersion[] = tlsVersions.filter(
    (version) => versions.includes(version) || settings.versions.includes(version),
  );
  return { versions: all, ciphers: ciphers ?? settings.ciphers };
}

/** Two spellings of a peer are equal here; null where it is none. */
export function canonicalPeer({ peer, service }: Pick<Entry, 'peer' | 'service'>): string | null {
  if (service === 'outbound') {
    const domain = parseDomainPattern(peer);
    return domain.ok && domain.value !== '*' ? domain.value : null;
  }
  const range = parseRange(peer);
  return range.ok ? canonicalRange(range.value) : null;
}

/** `TLS v1.0 for inbound from 198.51.100.7 until 2026-12-31 (owner: reason)`, without a full stop. */
export function exceptionText({ peer, service, versions, ciphers, owner, reason, expires }: Entry): string {
  const what = [
    ...(versions === undefined ? [] : [versions.join(', ')]),
    ...(ciphers === undefined ? [] : [`ciphers ${ciphers}`]),
  ].join(' and ');
  return `${what} ${service === 'inbound' ? 'from' : 'to'} ${peer} until ${expires} (${owner}: ${reason})`;
}
