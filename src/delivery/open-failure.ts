// Why a connection never became ready: the lines of the log, and what to do next.
import * as events from '../ledger/events.ts';
import type { ClientEnd } from '../smtp/client-owner.ts';
import { type Failure, ourFailure } from '../smtp/failure.ts';
import type { ConnectFailure } from '../tls/connect.ts';
import type { PeerVerdict } from '../tls/peer-check.ts';
import { noStartTls, type TlsProblem } from '../tls/tls-report.ts';
import type { ConnectionSettings } from './connection.ts';

/** What to do: try the next host, this one with older TLS, or stop here. */
export interface OpenFailure {
  readonly failure: Failure;
  readonly next: 'host' | 'legacy' | 'stop';
  /** TLS was the cause: why, in plain words. */
  readonly tls: string | null;
  /** What the domain is told; null: nothing (RFC 8460 4.3.4: not about networks and busy servers). */
  readonly problem: TlsProblem | null;
}

export interface OpenEnd {
  readonly end: ClientEnd;
  /** The handshake failed. */
  readonly handshake: ConnectFailure | null;
  /** The handshake was in order, the certificate not what the policy wants. */
  readonly rejected: PeerVerdict | null;
  readonly localAddress: string;
}

export function openFailure(log: events.EventSink, settings: ConnectionSettings, how: OpenEnd): OpenFailure {
  const { dcid, target, policy, domain } = settings;
  const { end, handshake, rejected } = how;
  const strict = policy.level !== 'none';
  const afterTls = policy.onFailure.handshake === 'wait' ? 'stop' : 'host';
  // Who reads a notice shall know who asks for it.
  const asked = policy.trust === 'none' ? '' : ` (asked for by ${policy.why})`;
  const required = () => {
    if (strict) log.record(events.outgoingTlsRequired, dcid, target.address);
  };
  if (rejected !== null) {
    const { detail, problem } = rejected;
    log.record(events.outgoingTlsFailed, dcid, detail);
    required();
    return { failure: ourFailure('4.7.5', `${detail}${asked}`), next: 'host', tls: detail, problem };
  }
  if (handshake !== null) {
    if (handshake.retryLegacy || strict) log.record(events.outgoingTlsFailed, dcid, handshake.detail);
    else log.record(events.outgoingTlsDeferring, dcid, handshake.detail, handshake.mismatch);
    if (handshake.explanation !== null) log.record(events.outgoingTlsExplained, dcid, handshake.explanation);
    const text = `TLS handshake failed: ${handshake.detail}`;
    const failure = ourFailure('4.7.5', `${text}${asked}`);
    const problem: TlsProblem = { type: 'validation-failure', reason: handshake.detail };
    if (handshake.retryLegacy) return { failure, next: 'legacy', tls: text, problem };
    required();
    return { failure, next: afterTls, tls: text, problem };
  }
  if (end.kind === 'tls-required') {
    required();
    const failure = { ...end.failure, text: `${end.failure.text}${asked}` };
    return { failure, next: 'host', tls: end.failure.text, problem: noStartTls(end.failure.text) };
  }
  if (end.kind === 'starttls-injection') {
    log.record(events.outgoingTlsDeferring, dcid, end.failure.text, false);
    required();
    const problem: TlsProblem = { type: 'validation-failure', reason: end.failure.text };
    return { failure: end.failure, next: afterTls, tls: end.failure.text, problem };
  }
  const { code, text } = end.failure;
  log.record(
    events.connectionError,
    dcid,
    domain,
    target.address,
    target.port,
    code === 0 ? text : `${code} ${text}`,
    how.localAddress,
    code === 0 ? 'network error' : 'unexpected SMTP response',
  );
  return { failure: end.failure, next: 'host', tls: null, problem: null };
}
