// Destination controls as texts, in the reference's words.
import type { GatewayConfig } from '../../config/schema.ts';
import type { DestinationLevel } from '../../tls/policy.ts';

export type Destination = GatewayConfig['destinations'][number];
/** What an entry sets. */
export type Settings = Omit<Destination, 'domain'>;

/** The domain of the entry for all others. */
export const everything = '*';

/** In the reference's words, by our levels. */
export const levelWords: Readonly<Record<DestinationLevel, string>> = {
  none: 'No',
  preferred: 'Preferred',
  'preferred-verify': 'Preferred - Verify',
  required: 'Required',
  'required-verify': 'Required - Verify',
  dane: 'DANE Opportunistic',
  'dane-only': 'DANE Mandatory',
};

/** `required-verify` where the certificate must be for the domain. */
export const hostedWords = 'Required - Verify Hosted Domains';

export const shown = (domain: string): string => (domain === everything ? 'DEFAULT' : domain);

function tlsText({ tls, names }: Settings): string {
  if (tls === undefined) return 'Default';
  return names?.includes('domain') === true && tls === 'required-verify' ? hostedWords : levelWords[tls];
}

/** One line an entry. */
export function destinationTable(entries: readonly Destination[]): string {
  const row = (domain: string, limit: string, tls: string) => `${domain.padEnd(40)} ${limit.padEnd(10)} ${tls}`;
  return [
    row('Domain', 'Limiting', 'TLS'),
    row('='.repeat(38), '='.repeat(8), '='.repeat(16)),
    ...entries.map((entry) =>
      row(
        shown(entry.domain),
        entry.connections === undefined && entry.messagesPerConnection === undefined ? 'Default' : 'On',
        tlsText(entry),
      ),
    ),
  ].join('\n');
}

/** Everything that an entry sets. */
export function destinationDetail(entry: Destination): string {
  const authorities =
    entry.ca === undefined ? 'Default' : `${entry.ca}${entry.systemCa === true ? " and the system's" : ''}`;
  const mtaSts = entry.mtaSts === undefined ? 'Default' : entry.mtaSts ? 'Kept' : 'Not kept';
  return [
    shown(entry.domain),
    `  Maximum connections:             ${entry.connections ?? 'Default'}`,
    `  Maximum messages per connection: ${entry.messagesPerConnection ?? 'Default'}`,
    `  TLS:                             ${tlsText(entry)}`,
    `  Names in the certificate:        ${entry.names?.join(', ') ?? 'Default'}`,
    `  Authorities:                     ${authorities}`,
    `  Our certificate:                 ${entry.certificate ?? 'Default'}`,
    `  MTA-STS policy of the domain:    ${mtaSts}`,
  ].join('\n');
}
