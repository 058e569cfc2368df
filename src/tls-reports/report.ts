// A report as it goes out (RFC 8460 4.4), from what was counted.
import { dayLength } from '../config/units.ts';
import type { DetailCount, PolicyCounts } from '../ledger/tls-reports/outgoing.ts';

export interface ReportFacts {
  readonly organization: string;
  readonly contact: string;
  /** Name of this gateway: others of the same organisation report too. */
  readonly hostname: string;
  /** Whom it is for. */
  readonly domain: string;
  /** Begin of the day. */
  readonly day: number;
  readonly policies: readonly PolicyCounts[];
}

/** Always the same for a day, a domain and a gateway, so that whoever gets it twice knows it (RFC 8460 5.3). */
export function reportId({ hostname, contact, domain, day }: Omit<ReportFacts, 'policies' | 'organization'>): string {
  return `${dayName(day)}.${domain}.${hostname}@${domainOf(contact)}`;
}

export const dayName = (day: number): string => new Date(day).toISOString().slice(0, 10);
export const domainOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1);

/** The report as JSON text (I-JSON, RFC 7493). */
export function reportJson(facts: ReportFacts): string {
  const { organization, contact, day, policies } = facts;
  return JSON.stringify({
    'organization-name': organization.toWellFormed(),
    'date-range': {
      'start-datetime': dateTime(day),
      'end-datetime': dateTime(day + dayLength - 1000),
    },
    'contact-info': contact,
    'report-id': reportId(facts),
    policies: policies.map(policyResult),
  });
}

/** RFC 8460 5.1. `end`: the last second of the day. */
export function reportFile({ contact, hostname, domain, day }: ReportFacts): string {
  const begin = day / 1000;
  // Several gateways of one organisation report about the same domain; letters and digits alone.
  const unique = hostname.replaceAll(/[^A-Za-z0-9]/g, '');
  return `${domainOf(contact)}!${domain}!${begin}!${begin + dayLength / 1000 - 1}!${unique}.json.gz`;
}

function policyResult({ type, policyDomain, text, ok, failed, details }: PolicyCounts): unknown {
  const lines = text === '' ? [] : text.split('\n');
  const mx = lines.flatMap((line) => (line.startsWith('mx: ') ? [line.slice('mx: '.length)] : []));
  return {
    policy: {
      'policy-type': type,
      'policy-string': lines,
      'policy-domain': policyDomain,
      // RFC 8460 4.4: of MTA-STS alone.
      ...(type === 'sts' ? { 'mx-host': mx } : {}),
    },
    summary: { 'total-successful-session-count': ok, 'total-failure-session-count': failed },
    'failure-details': details.map(failure),
  };
}

function failure({ result, reason, host, local, helo, address, count }: DetailCount): unknown {
  return {
    'result-type': result,
    ...optional('sending-mta-ip', plainAddress(local)),
    ...optional('receiving-mx-hostname', host),
    ...optional('receiving-mx-helo', helo),
    ...optional('receiving-ip', plainAddress(address)),
    'failed-session-count': count,
    ...optional('failure-reason-code', reason),
  };
}

function optional(key: string, value: string): Readonly<Record<string, string>> {
  return value === '' ? {} : { [key]: value.toWellFormed() };
}

/** RFC 8460 4.4: dotted IPv4, or RFC 5952. */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
}

function dateTime(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z');
}
