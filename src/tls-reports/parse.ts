// A report of somebody else (RFC 8460 4.4), from anybody on the Internet: read with bounds, and with patience for how real senders
// differ from the RFC. Pure.
import type { ReceivedFailure, ReceivedPolicy, ReceivedReport } from '../ledger/tls-reports/received.ts';

/** What is wrong with it, in plain words. */
export class UnreadableReport extends Error {}

const deepest = 16;
const mostPolicies = 200;
const mostFailures = 2000;
const mostLines = 100;
const longest = 300;
const mostCount = 1e12;
/** A report is about a day; some senders tell of weeks. */
const longestRange = 40 * 86_400_000;

type Values = Readonly<Record<string, unknown>>;

/** `now`: ms since the epoch. Throws UnreadableReport. */
export function parseReport(bytes: Uint8Array, now: number): ReceivedReport {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString('utf8')
    .replace(/^\ufeff/, '');
  checkDepth(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UnreadableReport('it is not JSON');
  }
  const report = objectOf(value);
  if (report === null) throw new UnreadableReport('it is JSON, but no object');
  const { start, end } = rangeOf(objectOf(own(report, 'date-range')) ?? {}, now);
  const given = own(report, 'policies');
  // Senders of early drafts have one policy, in the report itself.
  const all = given === undefined && own(report, 'policy') !== undefined ? [report] : listOf(given);
  if (all.length === 0) throw new UnreadableReport('it has no "policies"');
  const budget = { failures: mostFailures, cut: all.length > mostPolicies };
  const policies = all.slice(0, mostPolicies).flatMap((one) => {
    const policy = objectOf(one);
    return policy === null ? [] : [policyOf(policy, budget)];
  });
  if (policies.length === 0) throw new UnreadableReport('its "policies" are no objects');
  const contact = textOf(own(report, 'contact-info'));
  return {
    organization: textOf(own(report, 'organization-name')) || contact.slice(contact.lastIndexOf('@') + 1) || 'unknown',
    reportId: textOf(own(report, 'report-id')),
    contact,
    start,
    end,
    policies,
    cut: budget.cut,
  };
}

function policyOf(given: Values, budget: { failures: number; cut: boolean }): ReceivedPolicy {
  const policy = objectOf(own(given, 'policy')) ?? given;
  const summary = objectOf(own(given, 'summary')) ?? {};
  const failures: ReceivedFailure[] = [];
  for (const one of listOf(own(given, 'failure-details'))) {
    const failure = objectOf(one);
    if (failure === null) continue;
    if (budget.failures === 0) {
      budget.cut = true;
      break;
    }
    budget.failures--;
    failures.push(failureOf(failure));
  }
  const lines = listOf(own(policy, 'policy-string')).flatMap((line) =>
    typeof line === 'string' ? line.split(/\r?\n/) : [],
  );
  const counted = failures.reduce((sum, { count }) => sum + count, 0);
  return {
    type: textOf(own(policy, 'policy-type')) || 'no-policy-found',
    domain: textOf(own(policy, 'policy-domain')).toLowerCase(),
    lines: lines.slice(0, mostLines).map(clean),
    ok: countOf(own(summary, 'total-successful-session-count') ?? own(summary, 'success-aggregate')),
    failed: countOf(own(summary, 'total-failure-session-count') ?? own(summary, 'failure-aggregate') ?? counted),
    failures,
  };
}

function failureOf(failure: Values): ReceivedFailure {
  return {
    result: textOf(own(failure, 'result-type')).slice(0, 64) || 'unknown',
    count: countOf(own(failure, 'failed-session-count') ?? own(failure, 'session-count')),
    sender: textOf(own(failure, 'sending-mta-ip')),
    host: textOf(own(failure, 'receiving-mx-hostname')).toLowerCase(),
    helo: textOf(own(failure, 'receiving-mx-helo')),
    address: textOf(own(failure, 'receiving-ip')),
    reason: textOf(own(failure, 'failure-reason-code')),
    info: textOf(own(failure, 'additional-information')),
  };
}

function rangeOf(range: Values, now: number): { readonly start: number; readonly end: number } {
  const start = timeOf(own(range, 'start-datetime'));
  const end = timeOf(own(range, 'end-datetime'));
  if (start === null || end === null) throw new UnreadableReport('its "date-range" has no two dates');
  if (end < start || end - start > longestRange) throw new UnreadableReport('its "date-range" is no range of days');
  if (start < now - 10 * longestRange || start > now + 2 * 86_400_000) {
    throw new UnreadableReport('its "date-range" is long ago or not yet');
  }
  return { start, end };
}

/** RFC 3339. Microsoft has sent times without a zone; they are UTC. */
function timeOf(value: unknown): number | null {
  if (typeof value !== 'string') return null;
  const [, date, time = '00:00:00', zone = 'Z'] =
    /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d:\d\d(?:\.\d{1,9})?))?([Zz]|[+-]\d\d:\d\d)?$/.exec(value.trim()) ?? [];
  if (date === undefined) return null;
  const ms = Date.parse(`${date}T${time.slice(0, 12)}${zone.toUpperCase()}`);
  return Number.isNaN(ms) ? null : ms;
}

/** Counts as JSON numbers or, from some, as texts. */
function countOf(value: unknown): number {
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value.trim()) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number) || number < 0) return 0;
  return Math.min(mostCount, Math.floor(number));
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? clean(String(value)).trim() : '';
}

/** For a line of a log and a cell of a table. */
function clean(text: string): string {
  return text
    .slice(0, longest)
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
}

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return value === undefined || value === null ? [] : [value];
}

function objectOf(value: unknown): Values | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Values) : null;
}

function own(values: Values, key: string): unknown {
  return Object.hasOwn(values, key) ? (values[key] ?? undefined) : undefined;
}

/** Brackets within brackets, counted before anything is built from them. */
function checkDepth(text: string): void {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (quoted) {
      if (code === 0x5c) i++;
      else if (code === 0x22) quoted = false;
    } else if (code === 0x22) quoted = true;
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > deepest) throw new UnreadableReport(`it is nested deeper than ${deepest}`);
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
}
