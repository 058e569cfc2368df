// All destinations of the last days under other outgoing settings.

import type { TlsServiceSettings } from '../config/snapshot.ts';
import type { Outcome, Use } from '../ledger/observations/reader.ts';
import type { RehearsedHost } from '../ledger/observations/rehearsals.ts';
import type { ObservedService } from '../ledger/observations/tables.ts';
import { acceptedSuites } from '../tls/ciphers.ts';
import type { Member } from './census.ts';
import { type Offered, outgoingAnswer, rehearsedAnswer } from './outgoing.ts';
import { namePeer, type PastInput } from './past.ts';
import type { OutgoingPeer, OutgoingPreview, OutgoingVerdict } from './report.ts';
import type { PreviewSettings } from './settings.ts';

const shown = 50;
const order: readonly OutgoingVerdict[] = ['breaks', 'unknown', 'works'];

interface Judged extends Member {
  readonly verdict: OutgoingVerdict;
  readonly reason: string;
}

export interface OutgoingObserved {
  readonly uses: readonly Use[];
  readonly services: ReadonlyMap<number, ObservedService>;
  readonly outcomes: ReadonlyMap<number, Outcome>;
  /** The trial handshake with the peer under such settings. */
  readonly rehearsed: (peer: number, settings: TlsServiceSettings) => RehearsedHost | null;
  readonly domainOf: (peer: number) => string;
}

/** `past`: to name them; null where nothing was observed. `foretold`: gets all that break. */
export function outgoingPreview(
  running: PreviewSettings,
  candidate: PreviewSettings,
  observed: OutgoingObserved,
  past: PastInput | null,
  foretold: Set<number> | null = null,
): OutgoingPreview {
  const usual = offeredUnder(candidate.tls.outbound);
  const exceptions = exceptionsOf(candidate);
  const changed =
    JSON.stringify(candidate.tls.outbound) !== JSON.stringify(running.tls.outbound) ||
    JSON.stringify([...exceptions]) !== JSON.stringify([...exceptionsOf(running)]);
  const offeredTo = (peer: number): Offered => {
    if (exceptions.size === 0) return usual;
    const own = exceptionFor(observed.domainOf(peer), exceptions);
    return own === undefined ? usual : offeredUnder(own);
  };
  const totals = { works: weight(), breaks: weight(), unknown: weight() };
  const found: Judged[] = [];
  const answerOf = (peer: number, outcome: Outcome) => {
    const offered = offeredTo(peer);
    return rehearsedAnswer(observed.rehearsed(peer, offered.settings)) ?? outgoingAnswer(outcome, offered);
  };
  for (const destination of destinations(observed)) {
    const outcome = observed.outcomes.get(destination.outcome);
    if (outcome === undefined) continue;
    // Without a change the next connection goes as the last did.
    const { verdict, reason } = changed
      ? answerOf(destination.peer, outcome)
      : { verdict: 'works' as const, reason: 'nothing changes' };
    totals[verdict].peers++;
    totals[verdict].connections += destination.connections;
    totals[verdict].messages += destination.messages;
    if (verdict === 'breaks') foretold?.add(destination.peer);
    if (verdict !== 'works') found.push({ ...destination, verdict, reason });
  }
  const named = found
    .sort((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict) || b.messages - a.messages)
    .slice(0, shown);
  return {
    changed,
    totals,
    named: past === null ? [] : named.map((judged) => nameDestination(judged, past, candidate)),
  };
}

function offeredUnder(settings: TlsServiceSettings): Offered {
  return { settings, suites: new Set(acceptedSuites(settings.ciphers, settings.versions).map(({ id }) => id)) };
}

type Exceptions = ReadonlyMap<string, TlsServiceSettings>;

function exceptionsOf({ exceptions }: PreviewSettings): Exceptions {
  return new Map(
    exceptions.filter(({ service }) => service === 'outbound').map(({ peer, settings }) => [peer, settings]),
  );
}

/** The domain's own, else that of the longest `.suffix`. */
function exceptionFor(domain: string, exceptions: Exceptions): TlsServiceSettings | undefined {
  for (let at = 0; at >= 0; at = domain.indexOf('.', at + 1)) {
    const found = exceptions.get(domain.slice(at));
    if (found !== undefined) return found;
  }
  return undefined;
}

const weight = () => ({ peers: 0, connections: 0, messages: 0 });

/** Each with its newest completed handshake, else its newest of any kind. */
function destinations({
  uses,
  services,
  outcomes,
}: OutgoingObserved): readonly (Member & { readonly outcome: number })[] {
  const found = new Map<number, { use: Use; connections: number; messages: number; last: number }>();
  const completed = (use: Use) => outcomes.get(use.outcome)?.kind === 'tls';
  for (const use of uses) {
    if (services.get(use.peer) !== 'outbound') continue;
    const known = found.get(use.peer);
    if (known === undefined) {
      found.set(use.peer, { use, connections: use.connections, messages: use.messages, last: use.last });
      continue;
    }
    known.connections += use.connections;
    known.messages += use.messages;
    known.last = Math.max(known.last, use.last);
    const better = completed(use) === completed(known.use) ? use.last > known.use.last : completed(use);
    if (better) known.use = use;
  }
  return [...found].map(([peer, { use, connections, messages, last }]) => ({
    peer,
    hello: 0,
    connections,
    messages,
    last,
    outcome: use.outcome,
  }));
}

function nameDestination(judged: Judged, past: PastInput, candidate: PreviewSettings): OutgoingPeer {
  const { verdict, reason } = judged;
  const base = namePeer(judged, { ...past, offers: () => '' });
  const required = candidate.destinations.find(({ domain }) => domain === base.domain)?.tls ?? 'preferred';
  const fate =
    verdict === 'breaks'
      ? `; its mail waits, and comes back after some days (TLS towards it: ${required})`
      : verdict === 'unknown'
        ? '; a rehearsal would tell'
        : '';
  const domain = base.domain === '' ? '' : `${base.domain}: `;
  const text = `${domain}${base.text.replace(/: uses no TLS.*$/, '')}: ${reason}${fate}`;
  return { ...base, offers: '', text, verdict, reason };
}
