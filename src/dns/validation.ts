// Whether there is a resolver that validates DNSSEC and is believed: without one there is no DANE.
import { messageOf } from '../errors.ts';
import { type DnsServer, exchange } from './exchange.ts';

/** What the resolver is good for. */
export interface Validation {
  readonly state: 'validating' | 'not-validating' | 'untrusted' | 'unreachable';
  /** One sentence for the administrator. */
  readonly text: string;
}

/**
 * Asks the root for its SOA: signed, and known to every resolver. `seen`: answers with a believed AD bit were seen already.
 * Never rejects.
 */
export async function probeValidation(
  servers: readonly DnsServer[],
  seen: boolean,
  timeout: number,
): Promise<Validation> {
  const trusted = servers.filter((server) => server.trusted);
  const [first] = trusted;
  if (first === undefined) {
    const names = servers.map((server) => server.address).join(', ');
    return {
      state: 'untrusted',
      text: `the resolver (${names}) is not on this machine and not trusted for DNSSEC: no DANE`,
    };
  }
  if (seen) return validating(first);
  let reason = '';
  for (const server of trusted) {
    try {
      const answer = await exchange(server, '.', 'SOA', timeout);
      if (answer.authentic) return validating(server);
      reason ||= `the resolver ${server.address} does not validate DNSSEC: no DANE`;
    } catch (error) {
      reason ||= `the resolver ${server.address} does not answer (${messageOf(error)})`;
    }
  }
  const state = reason.includes('does not answer') ? 'unreachable' : 'not-validating';
  return { state, text: reason };
}

function validating(server: DnsServer): Validation {
  return { state: 'validating', text: `the resolver ${server.address} validates DNSSEC` };
}
