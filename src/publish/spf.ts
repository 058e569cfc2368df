// Whether an SPF record lets an address send (RFC 7208), for the administrator's question about our own addresses. Macros
// are not expanded: what depends on one is `unknown`.
import { isIPv4, isIPv6 } from 'node:net';
import { type Parsed, parseRange, type Range } from '../config/names.ts';
import type { Found } from '../dns/lookup.ts';
import type { QuestionType } from '../dns/message.ts';
import { textsOf } from '../dns/text.ts';
import { messageOf } from '../errors.ts';

export type SpfResult = 'pass' | 'fail' | 'softfail' | 'neutral' | 'none' | 'permerror' | 'unknown';

export type Ask = (name: string, type: QuestionType) => Promise<Found>;

/** RFC 7208 4.6.4. */
const mostLookups = 10;
const mostHosts = 10;

const results = { '+': 'pass', '-': 'fail', '~': 'softfail', '?': 'neutral' } as const;

class Problem extends Error {
  readonly result: 'permerror' | 'unknown';

  constructor(result: 'permerror' | 'unknown', message: string) {
    super(message);
    this.result = result;
  }
}

export interface SpfVerdict {
  readonly result: SpfResult;
  /** Why it is `permerror` or `unknown`. */
  readonly why: string;
}

/** Texts that are SPF records (RFC 7208 4.5). */
export function spfRecords(texts: readonly string[]): string[] {
  return texts.filter((text) => /^v=spf1( |$)/i.test(text));
}

/** Never rejects. */
export async function checkSpf(address: string, domain: string, ask: Ask): Promise<SpfVerdict> {
  const check = new Check(address, ask);
  try {
    return { result: await check.domain(domain), why: '' };
  } catch (error) {
    return { result: error instanceof Problem ? error.result : 'unknown', why: messageOf(error) };
  }
}

class Check {
  readonly #address: Range;
  readonly #ask: Ask;
  #lookups = 0;

  constructor(address: string, ask: Ask) {
    this.#address = rangeOf(parseRange(address));
    this.#ask = ask;
  }

  async domain(domain: string): Promise<SpfResult> {
    const records = spfRecords(textsOf(await this.#ask(domain, 'TXT')));
    const [record] = records;
    if (record === undefined) return 'none';
    if (records.length > 1) throw new Problem('permerror', `${domain} has ${records.length} SPF records`);
    const terms = record
      .split(/ +/)
      .slice(1)
      .filter((term) => term !== '');
    for (const term of terms) {
      if (/^[a-z][a-z0-9_.-]*=/i.test(term)) continue;
      const parsed = /^([+\-~?]?)([a-z0-9]+)(?::([^/]+))?((?:\/\d+)?(?:\/\/\d+)?)$/i.exec(term);
      const ip = /^([+\-~?]?)(ip[46]):(.+)$/i.exec(term);
      if (parsed === null && ip === null) throw new Problem('permerror', `${domain}: "${term}" is no SPF term`);
      const sign = ((ip ?? parsed)?.[1] || '+') as keyof typeof results;
      const matches =
        ip === null
          ? await this.#mechanism(parsed?.[2]?.toLowerCase() ?? '', parsed?.[3] ?? domain, parsed?.[4] ?? '', term)
          : this.#within(rangeOf(parseSpfRange(ip[3] ?? '')));
      if (matches) return results[sign];
    }
    const redirect = terms.map((term) => /^redirect=(.+)$/i.exec(term)?.[1]).find((target) => target !== undefined);
    if (redirect === undefined) return 'neutral';
    this.#count(redirect);
    const result = await this.domain(redirect);
    if (result === 'none') throw new Problem('permerror', `${redirect} has no SPF record`);
    return result;
  }

  async #mechanism(name: string, target: string, length: string, term: string): Promise<boolean> {
    switch (name) {
      case 'all':
        return true;
      case 'include': {
        this.#count(target);
        const result = await this.domain(target);
        if (result === 'none') throw new Problem('permerror', `${target} has no SPF record`);
        return result === 'pass';
      }
      case 'a':
        this.#count(target);
        return this.#host(target, length);
      case 'mx': {
        this.#count(target);
        const { records } = await this.#ask(target, 'MX');
        const hosts = records.flatMap((record) => (record.type === 'MX' ? [record.data.exchange] : []));
        for (const host of hosts.slice(0, mostHosts)) if (await this.#host(host, length)) return true;
        return false;
      }
      case 'exists':
        this.#count(target);
        return (await this.#ask(target, 'A')).records.length > 0;
      default:
        throw new Problem(name === 'ptr' ? 'unknown' : 'permerror', `"${term}" is not understood`);
    }
  }

  async #host(name: string, length: string): Promise<boolean> {
    const { family, bits } = this.#address;
    const [, four, six] = /^(?:\/(\d+))?(?:\/\/(\d+))?$/.exec(length) ?? [];
    const { records } = await this.#ask(name, family === 4 ? 'A' : 'AAAA');
    const width = family === 4 ? 32 : 128;
    const prefix = Math.min(width, Number((family === 4 ? four : six) ?? width));
    return records.some((record) => {
      if (record.type !== 'A' && record.type !== 'AAAA') return false;
      const one = rangeOf(parseRange(record.data));
      const shift = BigInt(width - prefix);
      return one.family === family && one.bits >> shift === bits >> shift;
    });
  }

  #within(range: Range): boolean {
    const { family, bits } = this.#address;
    if (range.family !== family) return false;
    const shift = BigInt((family === 4 ? 32 : 128) - range.prefix);
    return range.bits >> shift === bits >> shift;
  }

  #count(target: string): void {
    if (target.includes('%')) throw new Problem('unknown', `"${target}" depends on the message`);
    if (++this.#lookups > mostLookups) throw new Problem('permerror', `it needs more than ${mostLookups} DNS lookups`);
  }
}

/** Bits behind the prefix do not count here (RFC 7208 5.6). */
function parseSpfRange(text: string): Parsed<Range> {
  const [address = '', prefix] = text.split('/');
  const parsed = parseRange(address);
  const width = isIPv4(address) ? 32 : 128;
  if (!parsed.ok || (!isIPv4(address) && !isIPv6(address)) || prefix === undefined) return parsed;
  if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > width)
    return { ok: false, reason: `"${text}" is no range`, remedy: '' };
  return { ok: true, value: { ...parsed.value, prefix: Number(prefix) } };
}

function rangeOf(parsed: Parsed<Range>): Range {
  if (parsed.ok) return parsed.value;
  throw new Problem('permerror', parsed.reason);
}
