// Why a connection never became ready: the lines of the log, and what to do next.
import * as events from '../ledger/events.ts';
import type { ClientEnd } from '../smtp/client-owner.ts';
import { type Failure, ourBounce, ourFailure } from '../smtp/failure.ts';
import type { ConnectFailure } from '../tls/connect.ts';
import type { PeerVerdict } from '../tls/peer-check.ts';
import type { TlsPolicy } from '../tls/policy.ts';
import { remedyOf, type TlsFault } from '../tls/remedy.ts';
import { noStartTls, type TlsProblem } from '../tls/tls-report.ts';
import type { ConnectionSettings } from './connection.ts';

/** What to do: try the next host, this one with older TLS, without an earlier session or without any TLS, or stop here. */
export interface OpenFailure {
  readonly failure: Failure;
  readonly next: 'host' | 'legacy' | 'afresh' | 'clear' | 'stop';
  /** TLS was the cause: why, in plain words. */
  readonly tls: string | null;
  /** TLS had to be, and was not: somebody may be in the way. */
  readonly alert: boolean;
  /** What the domain is told; null: nothing (RFC 8460 4.3.4: not about networks and busy servers). */
  readonly problem: TlsProblem | null;
}

export interface OpenEnd {
  readonly end: ClientEnd;
  /** The handshake failed. */
  readonly handshake: ConnectFailure | null;
  /** An earlier session was offered in it. */
  readonly resuming: boolean;
  /** The handshake was in order, the certificate not what the policy wants. */
  readonly rejected: PeerVerdict | null;
  readonly localAddress: string;
}

export function openFailure(log: events.EventSink, settings: ConnectionSettings, how: OpenEnd): OpenFailure {
  const { dcid, target, policy, domain } = settings;
  const { end, handshake, rejected } = how;
  const alert = policy.level !== 'none';
  const required = () => {
    if (alert) log.record(events.outgoingTlsRequired, dcid, target.address);
  };
  if (rejected !== null) {
    const { detail, problem } = rejected;
    log.record(events.outgoingTlsFailed, dcid, detail);
    required();
    const failure = tlsFailure(policy, '4.7.5', detail, 'certificate', target.host);
    return { failure, next: 'host', tls: detail, alert, problem };
  }
  if (handshake !== null) {
    const again = handshake.retryLegacy || how.resuming;
    if (again || alert) log.record(events.outgoingTlsFailed, dcid, handshake.detail);
    else log.record(events.outgoingTlsDeferring, dcid, handshake.detail, handshake.mismatch);
    if (handshake.explanation !== null) log.record(events.outgoingTlsExplained, dcid, handshake.explanation);
    const text = `TLS handshake failed: ${handshake.detail}`;
    const failed = tlsFailure(policy, '4.7.5', text, 'handshake', target.host);
    // A connection that breaks off says nothing about what the host can do.
    const failure = handshake.lost ? passing(failed, '4.7.5') : failed;
    const problem: TlsProblem = { type: 'validation-failure', reason: handshake.detail };
    if (again) return { failure, next: how.resuming ? 'afresh' : 'legacy', tls: text, alert, problem };
    required();
    const { handshake: after } = policy.onFailure;
    return { failure, next: after === 'wait' ? 'stop' : after, tls: text, alert, problem };
  }
  const { code, status, text } = end.failure;
  if (end.kind === 'tls-required' || end.kind === 'tls-later') {
    required();
    const failed = tlsFailure(policy, status, text, 'starttls', target.host);
    const failure = end.kind === 'tls-later' ? passing(failed, status) : failed;
    return { failure, next: 'host', tls: text, alert, problem: noStartTls(text) };
  }
  if (end.kind === 'no-requiretls') {
    // The right host said so inside TLS: nobody is in the way, it only cannot do it.
    const failure = tlsFailure(policy, status, text, 'requiretls', target.host);
    return { failure, next: 'host', tls: text, alert: false, problem: null };
  }
  if (end.kind === 'starttls-injection') {
    log.record(events.outgoingTlsDeferring, dcid, text, false);
    required();
    const problem: TlsProblem = { type: 'validation-failure', reason: text };
    const next = policy.onFailure.handshake === 'host' ? 'host' : 'stop';
    return { failure: end.failure, next, tls: text, alert, problem };
  }
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
  return { failure: end.failure, next: 'host', tls: null, alert: false, problem: null };
}

/** The message waits, whatever it demands. */
function passing(failure: Failure, status: string): Failure {
  return { ...failure, permanent: false, status };
}

/** With who asks for TLS and what can be done: whoever reads a notice shall know. RFC 8689 4.2.1: without TLS such mail bounces. */
export function tlsFailure(policy: TlsPolicy, status: string, text: string, fault: TlsFault, host: string): Failure {
  const demanded = policy.requireTls === 'demanded';
  // Where there are no records the refusal says itself what is asked for.
  const known = policy.check === 'dane' && policy.tlsa.length === 0;
  const asked = known || (policy.trust === 'none' && !demanded) ? '' : ` (asked for by ${policy.why})`;
  const remedy = remedyOf(policy, fault, host);
  const whole = `${text}${asked}${remedy === '' ? '' : `; ${remedy}`}`;
  if (fault === 'refused') return status.startsWith('5') ? ourBounce(status, whole) : ourFailure(status, whole);
  if (!demanded) return ourFailure(status, whole);
  return ourBounce(fault === 'requiretls' ? '5.7.30' : '5.7.10', whole);
}
