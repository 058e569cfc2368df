// A question to the configured servers: cache, one flight for equal questions, retries, CNAME chains.
import type { Answer } from 'dns-packet';
import { messageOf, PosternError } from '../errors.ts';
import { ExpiringMap } from './cache.ts';
import { type DnsServer, exchange } from './exchange.ts';
import { type DnsMessage, isName, type QuestionType, sameName } from './message.ts';
import type { KnownQuestion } from './validation.ts';

/** What a question came to; `none`: the name exists without such a record, or it does not exist. */
export interface Found {
  readonly kind: 'records' | 'nodata' | 'nxdomain';
  /** The name at the end of the CNAME chain, lower case; the one asked for where there is none. */
  readonly name: string;
  /** Of the type asked for, at the end of the CNAME chain. */
  readonly records: readonly Answer[];
  /** Every answer on the way had the AD bit of a trusted server. */
  readonly secure: boolean;
  /** How long it holds from the moment it came, ms. */
  readonly ttl: number;
  /** The same as a moment; ms of the monotonic clock. */
  readonly until: number;
}

const mostEntries = 20_000;
/** Questions under way. */
const mostPending = 2000;
const longestTtl = 24 * 3600 * 1000;
/** RFC 2308 5: a negative answer for at most 1 to 3 hours. */
const longestNegativeTtl = 3600 * 1000;
/** RFC 9520 3.2: a failure is remembered for 1 s to 5 minutes. */
const failureTtl = 5000;
const longestChain = 10;
const mostQuestions = 4;

export class Lookup {
  readonly #servers: () => readonly DnsServer[];
  readonly #timeout: () => number;
  readonly #cache = new ExpiringMap<Found | PosternError>(mostEntries);
  readonly #pending = new Map<string, Promise<Found>>();
  #signedName = '';
  #signedType: QuestionType = 'SOA';

  /** `timeout`: ms for one question, retries included. */
  constructor(servers: () => readonly DnsServer[], timeout: () => number) {
    this.#servers = servers;
    this.#timeout = timeout;
  }

  /** Rejects with a temporary PosternError `dns` when no server answers; a missing name is an answer. */
  ask(name: string, type: QuestionType): Promise<Found> {
    const plain = name.endsWith('.') ? name.slice(0, -1) : name;
    const asked = plain.toLowerCase();
    if (!isName(asked)) return Promise.resolve({ ...notAName, name: asked });
    const key = `${type} ${asked}`;
    const cached = this.#cache.get(key, performance.now());
    if (cached instanceof PosternError) return Promise.reject(cached);
    if (cached !== undefined) return Promise.resolve(cached);
    const pending = this.#pending.get(key);
    if (pending !== undefined) return pending;
    if (this.#pending.size >= mostPending)
      return Promise.reject(softError(asked, type, 'too many questions under way'));
    const answer = this.#resolve(asked, type, mostQuestions).then(
      (found) => {
        this.#pending.delete(key);
        if (found.ttl > 0) this.#cache.set(key, found, performance.now() + found.ttl);
        return found;
      },
      (error: unknown) => {
        this.#pending.delete(key);
        const failure = error instanceof PosternError ? error : softError(asked, type, messageOf(error));
        this.#cache.set(key, failure, performance.now() + failureTtl);
        throw failure;
      },
    );
    this.#pending.set(key, answer);
    return answer;
  }

  clear(): void {
    this.#cache.clear();
    this.#signedName = '';
  }

  /** The last question since `clear` whose answer had a believed AD bit; null: there was none. */
  get signed(): KnownQuestion | null {
    return this.#signedName === '' ? null : { name: this.#signedName, type: this.#signedType };
  }

  async #resolve(name: string, type: QuestionType, questions: number): Promise<Found> {
    const { message, trusted } = await this.#query(name, type);
    const secure = trusted && message.authentic;
    if (secure) {
      this.#signedName = name;
      this.#signedType = type;
    }
    const { answers } = message;
    let current = name;
    let ttl = longestTtl;
    for (let link = 0; ; link++) {
      if (link === longestChain) throw softError(name, type, 'CNAME chain too long');
      const records = answers.filter((record) => record.type === type && sameName(record.name, current));
      if (records.length > 0) {
        return lasting({ kind: 'records', name: current, records, secure, ttl: Math.min(ttl, ...records.map(ttlOf)) });
      }
      const alias = answers.find((record) => record.type === 'CNAME' && sameName(record.name, current));
      if (alias?.type !== 'CNAME') break;
      current = alias.data.toLowerCase();
      ttl = Math.min(ttl, ttlOf(alias));
    }
    const negative = message.authorities.find((record) => record.type === 'SOA');
    if (current !== name && message.rcode === 'NOERROR' && negative === undefined) {
      // The server left the chain to us.
      if (questions <= 1 || !isName(current)) throw softError(name, type, 'CNAME chain too long');
      const rest = await this.#resolve(current, type, questions - 1);
      return lasting({ ...rest, secure: secure && rest.secure, ttl: Math.min(ttl, rest.ttl) });
    }
    // RFC 2308 5: without a SOA it is not cached.
    const negativeTtl =
      negative?.type === 'SOA' ? Math.min(ttlOf(negative), (negative.data.minimum ?? 0) * 1000, longestNegativeTtl) : 0;
    return lasting({
      kind: message.rcode === 'NXDOMAIN' ? 'nxdomain' : 'nodata',
      name: current,
      records: [],
      secure,
      ttl: Math.min(ttl, negativeTtl),
    });
  }

  /** Server after server, round and round until the time is up. */
  async #query(name: string, type: QuestionType): Promise<{ message: DnsMessage; trusted: boolean }> {
    const servers = this.#servers();
    const timeout = this.#timeout();
    const deadline = performance.now() + timeout;
    const share = timeout / Math.max(3, servers.length * 2);
    const refused = new Set<DnsServer>();
    let reason = 'Timeout';
    for (let round = 0; round < 3; round++) {
      for (const server of servers) {
        const left = deadline - performance.now();
        if (left <= 0 || refused.size === servers.length) break;
        if (refused.has(server)) continue;
        try {
          const message = await exchange(server, name, type, Math.min(left, share));
          if (message.rcode === 'NOERROR' || message.rcode === 'NXDOMAIN') return { message, trusted: server.trusted };
          reason = message.detail === '' ? message.rcode : `${message.rcode} (${message.detail})`;
          refused.add(server);
        } catch (error) {
          const text = messageOf(error);
          reason = text === 'timeout' ? 'Timeout' : text;
          // ECONNREFUSED and the like: asking again in the same moment would not help.
          if (text !== 'timeout') refused.add(server);
        }
      }
    }
    throw softError(name, type, reason);
  }
}

const notAName: Omit<Found, 'name'> = { kind: 'nxdomain', records: [], secure: false, ttl: 0, until: 0 };

function lasting(found: Omit<Found, 'until'>): Found {
  return { ...found, until: performance.now() + found.ttl };
}

function ttlOf(record: Answer): number {
  return 'ttl' in record && record.ttl !== undefined ? Math.min(record.ttl * 1000, longestTtl) : 0;
}

/** Worded as in the reference's log. */
export function softError(name: string, type: QuestionType, reason: string): PosternError {
  return new PosternError('dns', `DNS Soft Error looking up ${name} (${type}):  ${reason}`, { temporary: true });
}

/** `reason`: `NXDomain` or `NoData`. */
export function hardError(name: string, type: QuestionType, reason: string): PosternError {
  return new PosternError('dns', `DNS Hard Error looking up ${name} (${type}):  ${reason}`);
}
