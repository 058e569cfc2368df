// What a session tells the domain (RFC 8460), on its way to the ledger, which counts it.
import { type EventSink, outgoingTlsResult } from '../ledger/events.ts';
import type { TlsPolicy } from '../tls/policy.ts';
import { sessionResults, type TlsProblem } from '../tls/tls-report.ts';
import type { RouteHost } from './route.ts';

export interface Session {
  readonly target: RouteHost;
  /** Ours, with which the host was dialled or would have been. */
  readonly localAddress: string;
  /** What the server calls itself; empty where it did not say. */
  readonly helo: string;
}

export function recordSession(log: EventSink, policy: TlsPolicy, problem: TlsProblem | null, session: Session): void {
  const { target, localAddress, helo } = session;
  for (const result of sessionResults(policy, target.host, problem)) {
    log.record(
      outgoingTlsResult,
      policy.facts?.domain ?? '',
      result.policy,
      result.policyDomain,
      result.policyString,
      result.problem?.type ?? '',
      result.problem?.reason ?? '',
      target.host,
      localAddress,
      helo,
      target.address,
    );
  }
}
