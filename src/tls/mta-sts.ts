// MTA-STS without sockets, files and clocks (RFC 8461): what records and policies say, which hosts they allow, and what to do next.

/** RFC 8461 3.2: a policy holds for a year at most; less than a minute would be a fetch for each connection. Seconds. */
const longestAge = 31_557_600;
const shortestAge = 60;
/** RFC 8461 3.3. */
export const mostPolicyBytes = 64 * 1024;
const mostPatterns = 1000;

export type StsMode = 'enforce' | 'testing' | 'none';

export interface StsPolicy {
  readonly mode: StsMode;
  /** Lower case; `*.example.com` stands for one label. */
  readonly mx: readonly string[];
  /** Seconds. */
  readonly maxAge: number;
}

/** A policy as it was fetched; times in ms since the epoch. */
export interface KnownPolicy {
  /** Of the TXT record that led to it. */
  readonly id: string;
  readonly policy: StsPolicy;
  readonly fetched: number;
}

/** Why a policy cannot be had, in the words of RFC 8460 4.3.2.2. */
export type StsFailureType = 'sts-policy-fetch-error' | 'sts-policy-invalid' | 'sts-webpki-invalid';

export interface StsFailure {
  readonly type: StsFailureType;
  readonly detail: string;
}

/** What MTA-STS says about a recipient domain. */
export type StsVerdict =
  /** Nothing; `failure`: because its policy cannot be had. */
  | { readonly kind: 'none'; readonly why: string; readonly failure: StsFailure | null }
  | {
      readonly kind: 'policy';
      readonly domain: string;
      readonly policy: StsPolicy & { readonly mode: 'enforce' | 'testing' };
      /** The policy is a kept one, because a newer one cannot be had. */
      readonly failure: StsFailure | null;
    };

/** Who knows the policies of recipient domains. Never rejects; the same answer is the same object. */
export interface StsSource {
  lookUp(domain: string): StsVerdict | Promise<StsVerdict>;
}

/** `unknown`: DNS gave no answer. */
export type StsRecord =
  | { readonly kind: 'record'; readonly id: string }
  | { readonly kind: 'absent' | 'unknown' | 'invalid'; readonly why: string };

/** RFC 8461 3.1. `texts`: the TXT records at `_mta-sts.DOMAIN`, the strings of each joined. */
export function parseStsRecord(texts: readonly string[]): StsRecord {
  const records = texts.filter((text) => /^v=STSv1[ \t]*(;|$)/.test(text));
  const [record] = records;
  if (record === undefined) return { kind: 'absent', why: 'there is no MTA-STS record' };
  if (records.length > 1) return { kind: 'invalid', why: `there are ${records.length} MTA-STS records` };
  const ids = record
    .split(';')
    .slice(1)
    .map((field) => field.trim())
    .filter((field) => field.startsWith('id='))
    .map((field) => field.slice(3));
  const [id] = ids;
  if (id === undefined || !/^[A-Za-z0-9]{1,32}$/.test(id)) {
    return { kind: 'invalid', why: 'the MTA-STS record has no id of 1 to 32 letters and digits' };
  }
  return { kind: 'record', id };
}

export type ParsedPolicy =
  | { readonly ok: true; readonly policy: StsPolicy }
  | { readonly ok: false; readonly why: string };

/** RFC 8461 3.2. Unknown fields are skipped; of fields that stand twice the first counts, `mx` apart. */
export function parseStsPolicy(text: string): ParsedPolicy {
  const fields = new Map<string, string>();
  const mx: string[] = [];
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === '') continue;
    const colon = line.indexOf(':');
    const key = line.slice(0, Math.max(0, colon));
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$/.test(key)) return wrong(`line ${index + 1} is not "name: value"`);
    const value = line.slice(colon + 1).trim();
    if (key !== 'mx') {
      if (!fields.has(key)) fields.set(key, value);
      continue;
    }
    const pattern = value.toLowerCase().replace(/\.$/, '');
    if (!isPattern(pattern)) return wrong(`line ${index + 1}: "${value.slice(0, 80)}" is no host name`);
    if (mx.length >= mostPatterns) return wrong(`it has more than ${mostPatterns} mx lines`);
    if (!mx.includes(pattern)) mx.push(pattern);
  }
  if (fields.get('version') !== 'STSv1') return wrong('it has no line "version: STSv1"');
  const mode = fields.get('mode');
  if (mode !== 'enforce' && mode !== 'testing' && mode !== 'none') {
    return wrong('its mode is none of enforce, testing, none');
  }
  const age = fields.get('max_age') ?? '';
  if (!/^\d{1,10}$/.test(age)) return wrong('it has no max_age in seconds');
  if (mx.length === 0 && mode !== 'none') return wrong('it names no mx');
  return { ok: true, policy: { mode, mx, maxAge: Math.min(longestAge, Math.max(shortestAge, Number(age))) } };
}

function wrong(why: string): ParsedPolicy {
  return { ok: false, why };
}

/** A host name, or `*.` and one. */
export function isPattern(pattern: string): boolean {
  const name = pattern.startsWith('*.') ? pattern.slice(2) : pattern;
  return name.length <= 253 && /^[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})+$/.test(name);
}

/** RFC 8461 4.1: `*.example.com` matches `mail.example.com`, neither `example.com` nor `a.mail.example.com`. */
export function matchesMx(host: string, patterns: readonly string[]): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  const dot = name.indexOf('.');
  const parent = dot > 0 ? `*${name.slice(dot)}` : '';
  return patterns.includes(name) || (parent !== '' && patterns.includes(parent));
}

/** Lines of a policy file (RFC 8461 3.2), also `policy-string` of reports (RFC 8460 4.4). */
export function policyLines({ mode, mx, maxAge }: StsPolicy): readonly string[] {
  return ['version: STSv1', `mode: ${mode}`, ...mx.map((pattern) => `mx: ${pattern}`), `max_age: ${maxAge}`];
}

/** The policy still holds; `now` in ms. */
export function holds({ policy, fetched }: KnownPolicy, now: number): boolean {
  return now < fetched + policy.maxAge * 1000;
}

const day = 24 * 3600 * 1000;

/** RFC 8461 10.2: fetched anew in the background before it ends, at least once a day, so that nobody can let it run out. */
export function refreshAt({ policy, fetched }: KnownPolicy): number {
  return fetched + Math.min(day, (policy.maxAge * 1000) / 2);
}

export type StsStep =
  | { readonly kind: 'fetch'; readonly id: string }
  | { readonly kind: 'decided'; readonly verdict: StsVerdict };

/** What a fetch of the policy came to. */
export interface FailedFetch {
  readonly id: string;
  readonly failure: StsFailure;
}

/**
 * What to do for mail to a domain (RFC 8461 3.3, 5.1). `known`: the kept policy; `failed`: a fetch that failed a short while ago and is
 * not to be repeated yet.
 */
export function decideSts(
  domain: string,
  record: StsRecord,
  { known, failed }: { readonly known: KnownPolicy | null; readonly failed: FailedFetch | null },
  now: number,
): StsStep {
  const valid = known !== null && holds(known, now) ? known : null;
  if (record.kind !== 'record') {
    // RFC 8461 3.3: whoever can hide the record must not be able to switch off a policy that is known.
    return { kind: 'decided', verdict: valid === null ? none(record.why) : stsVerdict(domain, valid.policy, null) };
  }
  if (valid?.id === record.id) return { kind: 'decided', verdict: stsVerdict(domain, valid.policy, null) };
  if (failed === null || failed.id !== record.id) return { kind: 'fetch', id: record.id };
  const { failure } = failed;
  if (valid !== null) return { kind: 'decided', verdict: stsVerdict(domain, valid.policy, failure) };
  return { kind: 'decided', verdict: none(`the MTA-STS policy cannot be had: ${failure.detail}`, failure) };
}

export function stsVerdict(domain: string, policy: StsPolicy, failure: StsFailure | null): StsVerdict {
  const { mode } = policy;
  if (mode === 'none') return none('the MTA-STS policy says none', failure);
  return { kind: 'policy', domain, policy: { ...policy, mode }, failure };
}

function none(why: string, failure: StsFailure | null = null): StsVerdict {
  return { kind: 'none', why, failure };
}

/** What a domain that we serve the policy of publishes. */
export interface HostedPolicy {
  readonly domain: string;
  readonly policy: StsPolicy;
}

/** The file at https://mta-sts.DOMAIN/.well-known/mta-sts.txt. */
export function policyFile(policy: StsPolicy): string {
  return `${policyLines(policy).join('\r\n')}\r\n`;
}

/** Of the content alone, so that it changes when that does and only then: FNV-1a, twice 32 bits, in hexadecimal. */
export function policyId(policy: StsPolicy): string {
  const text = policyFile(policy);
  return `${fnv(text, 0x811c9dc5)}${fnv(`${text}.`, 0x1000193)}`;
}

function fnv(text: string, seed: number): string {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

export interface DnsRecord {
  readonly name: string;
  readonly type: 'TXT';
  readonly value: string;
}

/** The record to publish for a hosted policy, beside an address for `mta-sts.DOMAIN` that leads to the gateway. */
export function stsRecords({ domain, policy }: HostedPolicy): readonly DnsRecord[] {
  return [{ name: `_mta-sts.${domain}`, type: 'TXT', value: `v=STSv1; id=${policyId(policy)};` }];
}

export const policyHost = (domain: string): string => `mta-sts.${domain}`;
export const policyPath = '/.well-known/mta-sts.txt';
