// `mail_security_summary`: connections and messages by what TLS was asked for and what came of it.
import { PosternError } from '../../errors.ts';
import type { Range } from '../../ledger/protocol.ts';
import type { AdminHost } from '../host.ts';

/** In the reference's names. How many messages were encrypted, and DANE, it counts too; the history here does not. */
export const securityCounters = [
  'received_conn_plain',
  'received_conn_tls_fail',
  'received_conn_tls_opt_fail',
  'received_conn_tls_opt_success',
  'received_conn_tls_success',
  'received_conn_total',
  'received_total',
  'sent_conn_plain',
  'sent_conn_tls_fail',
  'sent_conn_tls_opt_fail',
  'sent_conn_tls_opt_success',
  'sent_conn_tls_success',
  'sent_conn_total',
  'sent_total',
] as const;
type Counter = (typeof securityCounters)[number];

export function isCounter(name: string): name is Counter {
  return (securityCounters as readonly string[]).includes(name);
}

export async function securitySummary(host: AdminHost, range: Range): Promise<Readonly<Record<Counter, number>>> {
  const sumOf = async (direction: 'incoming' | 'outgoing') =>
    (await host.history.tlsConnections({ ...range, direction, limit: 1 })).sum;
  const [received, sent] = await Promise.all([sumOf('incoming'), sumOf('outgoing')]);
  return {
    received_conn_plain: received.unencrypted,
    received_conn_tls_fail: received.requiredFailed,
    received_conn_tls_opt_fail: received.preferredFailed,
    received_conn_tls_opt_success: received.preferredOk,
    received_conn_tls_success: received.requiredOk,
    received_conn_total: received.total,
    received_total: received.messages,
    sent_conn_plain: sent.unencrypted,
    sent_conn_tls_fail: sent.requiredFailed,
    sent_conn_tls_opt_fail: sent.preferredFailed,
    sent_conn_tls_opt_success: sent.preferredOk,
    sent_conn_tls_success: sent.requiredOk,
    sent_conn_total: sent.total,
    sent_total: sent.messages,
  };
}

/** `startDate` and `endDate`, which the reference wants. Throws `bad-request`. */
export function spanOf(query: Readonly<Record<string, string>>): Range {
  const [from, to] = [dateOf(query, 'startDate'), dateOf(query, 'endDate')];
  if (from >= to) throw new PosternError('bad-request', 'endDate is not after startDate');
  return { from, to };
}

function dateOf(query: Readonly<Record<string, string>>, name: string): number {
  const text = query[name];
  const form = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)$/;
  const time = text !== undefined && form.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isFinite(time)) return time;
  throw new PosternError('bad-request', `${name} ${text === undefined ? 'is missing' : 'is not a time'}`, {
    remedy: `give ${name} as 2026-11-25T00:00:00.000Z`,
  });
}
