// Outgoing: what is known of a destination under other settings, from what it chose before. Three-valued, as only the server
// knows what it would choose: works (seen), breaks, unknown (to be rehearsed).
import type { TlsServiceSettings } from '../config/snapshot.ts';
import type { Outcome } from '../ledger/observations/reader.ts';
import type { RehearsedHost } from '../ledger/observations/rehearsals.ts';
import { suiteById, suiteName } from '../tls/suites.ts';
import { tlsVersions, versionBits, wireVersion } from '../tls/versions.ts';
import { shortVersion } from './offers.ts';
import type { OutgoingVerdict } from './report.ts';

/** `suites`: numbers of those that the settings offer. */
export interface Offered {
  readonly settings: TlsServiceSettings;
  readonly suites: ReadonlySet<number>;
}

export interface OutgoingAnswer {
  readonly verdict: OutgoingVerdict;
  readonly reason: string;
}

/** `outcome`: the last handshake with the destination that was completed, or failed. */
export function outgoingAnswer(outcome: Outcome, { settings, suites }: Offered): OutgoingAnswer {
  if (outcome.kind === 'clear') return { verdict: 'works', reason: 'it takes mail in clear text and offers no TLS' };
  if (outcome.kind === 'failed') {
    return { verdict: 'unknown', reason: 'the last handshake with it failed; what it can do is not known' };
  }
  const now = versionBits(settings.versions);
  const chosen = tlsVersions.findIndex((version) => wireVersion(version) === outcome.version);
  const name = shortVersion(outcome.version);
  const stillOffered = chosen >= 0 && (now & (1 << chosen)) !== 0;
  if (!stillOffered) {
    const higherThen = outcome.offered >> (chosen + 1) !== 0;
    const higherNow = now >> (chosen + 1) !== 0;
    const lowerNow = (now & ((1 << chosen) - 1)) !== 0;
    if (higherNow && !lowerNow && higherThen && coversHigher(outcome.offered, now, chosen)) {
      return {
        verdict: 'breaks',
        reason: `it chose ${name} although newer versions were offered, and ${name} is no longer`,
      };
    }
    return {
      verdict: 'unknown',
      reason: `it chose ${name}, which is no longer offered; whether it speaks another is not known`,
    };
  }
  // A newer version that was not offered before may be chosen; one that it has cannot be lost by that.
  if (outcome.version >= 0x0304 || suites.has(outcome.suite)) {
    return { verdict: 'works', reason: `it chose ${name} ${suiteName(outcome.suite)}, which is offered as before` };
  }
  const suite = suiteById(outcome.suite)?.name ?? suiteName(outcome.suite);
  return {
    verdict: 'unknown',
    reason: `it chose ${suite}, which is no longer offered; whether it shares another is not known`,
  };
}

/** What a rehearsal under the same settings showed; null: there was none. */
export function rehearsedAnswer(rehearsed: RehearsedHost | null): OutgoingAnswer | null {
  if (rehearsed === null) return null;
  const { ok, version, suite, detail, time } = rehearsed;
  const day = new Date(time).toISOString().slice(0, 10);
  if (!ok) return { verdict: 'breaks', reason: `rehearsed on ${day}: ${detail}` };
  const what = version === 0 ? 'mail would go in clear text' : `${shortVersion(version)} ${suiteName(suite)}`;
  return { verdict: 'works', reason: `rehearsed on ${day}: ${what}` };
}

/** Every newer version that is offered now was offered, and passed over, before. */
function coversHigher(before: number, now: number, chosen: number): boolean {
  const higher = now >> (chosen + 1);
  return ((before >> (chosen + 1)) & higher) === higher;
}
