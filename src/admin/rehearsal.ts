// A rehearsal as administrators ask for it: the destinations of the last days, trial handshakes, what they have today beside it.
import type { Snapshot } from '../config/snapshot.ts';
import { controlsOf } from '../delivery/controls.ts';
import { OutboundTls } from '../delivery/outbound-tls.ts';
import { type RehearsedDestination, rehearse } from '../delivery/rehearse.ts';
import { destinationOf } from '../delivery/route.ts';
import { createResolver } from '../dns/stub.ts';
import type { KnownDestination, RehearsedHost } from '../ledger/observations/rehearsals.ts';
import type { StsSource } from '../tls/mta-sts.ts';
import { suiteByName, suiteName } from '../tls/suites.ts';
import { displayName, tlsVersions, versionBits, wireVersion } from '../tls/versions.ts';
import type { Rehearsal, RehearsalRow, RehearseChoice } from './host.ts';

/** `snapshot`: what is rehearsed. */
export async function rehearseDestinations(
  snapshot: Snapshot,
  known: readonly KnownDestination[],
  { signal, onProgress, sts }: Pick<RehearseChoice, 'signal' | 'onProgress'> & { readonly sts?: StsSource },
): Promise<Rehearsal> {
  const byDomain = new Map(known.map((destination) => [destination.domain, destination]));
  const row = (result: RehearsedDestination): RehearsalRow => {
    const destination = byDomain.get(result.domain);
    return {
      ...result,
      connections: destination?.connections ?? 0,
      messages: destination?.messages ?? 0,
      today: todayOf(destination),
    };
  };
  const options = {
    snapshot,
    resolver: createResolver(snapshot),
    tls: new OutboundTls(snapshot.tls.outbound),
    signal,
    ...(sts === undefined ? {} : { sts }),
  };
  const results = await rehearse([...byDomain.keys()], options, (result, told) =>
    onProgress(row(result), told, known.length),
  );
  const rows = results.map(row).sort((a, b) => b.messages - a.messages);
  return { rows, breaks: rows.filter(({ outcome }) => outcome === 'waits').length, all: known.length };
}

/** For previews under the same settings: those of the service, or of the destination's exception. */
export function rehearsedHosts(snapshot: Snapshot, rows: readonly RehearsalRow[]): RehearsedHost[] {
  return rows
    .filter(({ outcome }) => outcome !== 'unreachable')
    .map(({ domain, host, time, outcome, protocol, cipher, reason }) => {
      const { tlsException } = controlsOf(destinationOf(domain, snapshot), snapshot);
      const { versions, ciphers } = tlsException ?? snapshot.tls.outbound;
      return {
        versions: versionBits(versions),
        ciphers,
        domain,
        host,
        time,
        ok: outcome !== 'waits',
        version: wireOf(protocol),
        suite: suiteByName(cipher)?.id ?? 0,
        detail: reason,
      };
    });
}

function todayOf(destination: KnownDestination | undefined): string {
  if (destination === undefined || destination.version === 0) return '';
  const version = tlsVersions.find((one) => wireVersion(one) === destination.version);
  return `${version === undefined ? 'TLS' : displayName(version)} ${suiteName(destination.suite)}`;
}

/** Node's name of a version to its number on the wire; 0: none. */
function wireOf(protocol: string): number {
  const version = tlsVersions.find((one) => one === protocol || (one === 'TLSv1.0' && protocol === 'TLSv1'));
  return version === undefined ? 0 : wireVersion(version);
}
