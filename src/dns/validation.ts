// Whether there is a resolver that validates DNSSEC and is believed: without one there is no DANE.
import { messageOf } from '../errors.ts';
import { type DnsServer, exchange } from './exchange.ts';
import type { QuestionType } from './message.ts';

/** What the resolver is good for. */
export interface Validation {
  readonly state: 'validating' | 'not-validating' | 'untrusted' | 'unreachable';
  /** One sentence for the administrator. */
  readonly text: string;
}

/** What a server can be asked again. */
export interface KnownQuestion {
  readonly name: string;
  readonly type: QuestionType;
}

/**
 * Asks each server until one validates: for what was last answered with a believed AD bit, then for the SOA of the root, which is signed
 * and known to every resolver that sees the Internet. At most two questions a server, never from a cache of ours. Never rejects.
 */
export async function probeValidation(
  servers: readonly DnsServer[],
  known: KnownQuestion | null,
  timeout: number,
): Promise<Validation> {
  const trusted = servers.filter((server) => server.trusted);
  if (trusted.length === 0) {
    const names = servers.map((server) => server.address).join(', ');
    return {
      state: 'untrusted',
      text: `the resolver (${names}) is not on this machine and not trusted for DNSSEC: no DANE`,
    };
  }
  const questions: readonly KnownQuestion[] = [...(known === null ? [] : [known]), { name: '.', type: 'SOA' }];
  let first: Validation | null = null;
  for (const server of trusted) {
    const found = await probeServer(server, questions, timeout);
    if (found.state === 'validating') return found;
    first ??= found;
  }
  return first ?? { state: 'unreachable', text: 'there is no resolver' };
}

async function probeServer(
  server: DnsServer,
  questions: readonly KnownQuestion[],
  timeout: number,
): Promise<Validation> {
  let answered = false;
  let silence = '';
  for (const { name, type } of questions) {
    try {
      const { authentic } = await exchange(server, name, type, timeout);
      answered = true;
      if (authentic) return { state: 'validating', text: `the resolver ${server.address} validates DNSSEC` };
    } catch (error) {
      silence = messageOf(error);
    }
  }
  return answered
    ? { state: 'not-validating', text: `the resolver ${server.address} does not validate DNSSEC: no DANE` }
    : { state: 'unreachable', text: `the resolver ${server.address} does not answer (${silence})` };
}
