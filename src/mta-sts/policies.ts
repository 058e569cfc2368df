// The MTA-STS policies of all recipient domains, for all mail workers: asked for here, fetched once, kept on disk, renewed before
// they end.
import type { SecureContext } from 'node:tls';
import type { Snapshot } from '../config/snapshot.ts';
import { ExpiringMap } from '../dns/cache.ts';
import type { Resolver } from '../dns/stub.ts';
import { textsOf } from '../dns/text.ts';
import { messageOf } from '../errors.ts';
import { type EventSink, mailNotice, mailWarning, systemWarning } from '../ledger/events.ts';
import {
  decideSts,
  type FailedFetch,
  holds,
  type KnownPolicy,
  parseStsRecord,
  refreshAt,
  type StsFailure,
  type StsRecord,
  type StsSource,
  type StsVerdict,
} from '../tls/mta-sts.ts';
import { fetchPolicy } from './fetch.ts';
import { policyContext } from './https.ts';
import { PolicyStore } from './store.ts';

export interface PoliciesOptions {
  readonly dataDirectory: string;
  readonly snapshot: Snapshot;
  readonly resolver: Resolver;
  readonly log: EventSink;
  /** ms since the epoch. */
  readonly now?: () => number;
}

/** One that is known, for those who look. */
export interface ListedPolicy extends KnownPolicy {
  readonly domain: string;
}

/** Domains, and characters of their patterns, that are kept; the one not asked about for longest goes first. */
const mostPolicies = 10_000;
const mostCharacters = 16 * 1024 * 1024;
const mostFailed = 10_000;
/** A fetch that failed is not repeated within so many ms (RFC 8461 3.3). */
const failedFor = 5 * 60_000;
/** Fetches at a time, and those that may wait for their turn. */
const together = 8;
const mostWaiting = 1000;
const lookEvery = 60_000;
/** A renewal that failed. */
const renewAgain = 3600_000;

export class StsPolicies implements StsSource {
  readonly #resolver: Resolver;
  readonly #log: EventSink;
  readonly #now: () => number;
  #store: PolicyStore | null;
  /** The one asked about last at the end. */
  readonly #known = new Map<string, KnownPolicy>();
  #characters = 0;
  readonly #failed = new ExpiringMap<FailedFetch>(mostFailed);
  readonly #asking = new Map<string, Promise<StsVerdict>>();
  readonly #fetching = new Map<string, Promise<void>>();
  readonly #turns = new Turns();
  /** Domain → not to be renewed before (ms since the epoch). */
  readonly #renewals = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;
  #timeout: number;
  #context: SecureContext;
  #ca: string | undefined;
  #next: { readonly context: SecureContext; readonly snapshot: Snapshot; readonly activate: () => void } | null = null;

  /** Never throws because of the file: without it the policies live as long as the program. */
  constructor({ dataDirectory, snapshot, resolver, log, now = Date.now }: PoliciesOptions) {
    this.#resolver = resolver;
    this.#log = log;
    this.#now = now;
    this.#timeout = snapshot.timeouts.mtaSts;
    this.#ca = snapshot.mtaSts.ca;
    this.#context = policyContext(this.#ca);
    this.#store = this.#open(dataDirectory);
    this.#timer = setInterval(() => this.renew(), lookEvery);
    this.#timer.unref();
  }

  /** What holds for mail to the domain (lower case, A-labels) now. Never rejects. */
  lookUp(domain: string): Promise<StsVerdict> {
    let asked = this.#asking.get(domain);
    if (asked === undefined) {
      asked = this.#decide(domain).finally(() => this.#asking.delete(domain));
      this.#asking.set(domain, asked);
    }
    return asked;
  }

  list(): readonly ListedPolicy[] {
    return [...this.#known].map(([domain, known]) => ({ domain, ...known }));
  }

  // --- Part of a commit ---

  /** Throws where `mtaSts.ca` cannot be used. */
  async prepare(snapshot: Snapshot): Promise<void> {
    const context = snapshot.mtaSts.ca === this.#ca ? this.#context : policyContext(snapshot.mtaSts.ca);
    const { activate } = this.#resolver.prepare(snapshot);
    this.#next = { context, snapshot, activate };
  }

  activate(): void {
    if (this.#next === null) return;
    const { context, snapshot, activate } = this.#next;
    this.#context = context;
    // What could not be verified may be now.
    if (snapshot.mtaSts.ca !== this.#ca) this.#failed.clear();
    this.#ca = snapshot.mtaSts.ca;
    this.#timeout = snapshot.timeouts.mtaSts;
    activate();
    this.#next = null;
  }

  abandon(): void {
    this.#next = null;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#turns.stop();
    this.#store?.close();
    this.#store = null;
  }

  /** Forgets what has ended, and begins to fetch what will end. Called once a minute. */
  renew(): void {
    const now = this.#now();
    for (const [domain, known] of this.#known) {
      if (!holds(known, now)) {
        this.#forget(domain);
        continue;
      }
      if (now < Math.max(refreshAt(known), this.#renewals.get(domain) ?? 0) || this.#fetching.has(domain)) continue;
      if (this.#turns.waiting >= together) break;
      this.#renewals.set(domain, now + renewAgain);
      void this.#renew(domain, known); // never rejects
    }
  }

  async #renew(domain: string, known: KnownPolicy): Promise<void> {
    const record = await this.#record(domain);
    // RFC 8461 10.2: whatever the record says, else whoever hides it would only have to wait. A domain takes leave with mode none, or
    // with its policy host; where its record has gone too, that is nothing to complain of.
    const gone = record.kind === 'absent';
    await this.#fetch(domain, record.kind === 'record' ? record.id : known.id, gone);
  }

  async #decide(domain: string): Promise<StsVerdict> {
    const record = await this.#record(domain);
    for (let fetched = false; ; fetched = true) {
      const known = this.#touch(domain);
      const failed = this.#failed.get(domain, performance.now()) ?? null;
      const step = decideSts(domain, record, { known, failed }, this.#now());
      if (step.kind === 'decided') return step.verdict;
      if (fetched) return { kind: 'none', why: 'the MTA-STS policy changes too fast', failure: null };
      await this.#fetch(domain, step.id);
    }
  }

  async #record(domain: string): Promise<StsRecord> {
    try {
      const found = await this.#resolver.ask(`_mta-sts.${domain}`, 'TXT');
      return parseStsRecord(textsOf(found));
    } catch (error) {
      return { kind: 'unknown', why: messageOf(error) };
    }
  }

  /** One fetch a domain at a time. */
  #fetch(domain: string, id: string, quiet = false): Promise<void> {
    let fetching = this.#fetching.get(domain);
    if (fetching === undefined) {
      fetching = this.#fetchNow(domain, id, quiet).finally(() => this.#fetching.delete(domain));
      this.#fetching.set(domain, fetching);
    }
    return fetching;
  }

  async #fetchNow(domain: string, id: string, quiet: boolean): Promise<void> {
    const options = () => ({ resolver: this.#resolver, context: this.#context, timeout: this.#timeout });
    const fetched = await this.#turns.run(() => fetchPolicy(domain, options()));
    if (fetched === null) {
      this.#fail(domain, id, { type: 'sts-policy-fetch-error', detail: 'too many policies are being fetched' });
      return;
    }
    if (!fetched.ok) {
      if (quiet) return;
      this.#fail(domain, id, fetched.failure);
      return;
    }
    const { policy } = fetched;
    const before = this.#known.get(domain);
    this.#keep(domain, { id, policy, fetched: this.#now() });
    if (before?.id === id && before.policy.mode === policy.mode) return;
    const hosts = policy.mx.slice(0, 10).join(', ');
    const text = `MTA-STS policy of ${domain}: ${policy.mode}, mx ${hosts}, for ${policy.maxAge} s (id ${id})`;
    this.#log.record(mailNotice, text);
  }

  #fail(domain: string, id: string, failure: StsFailure): void {
    this.#failed.set(domain, { id, failure }, performance.now() + failedFor);
    const known = this.#known.get(domain);
    const rest =
      known !== undefined && holds(known, this.#now())
        ? `the one known holds until ${new Date(known.fetched + known.policy.maxAge * 1000).toISOString()}`
        : 'none is known: mail goes out as without';
    const text = `MTA-STS policy of ${domain} cannot be had (${failure.type}): ${failure.detail}; ${rest}`;
    this.#log.record(mailWarning, text);
  }

  /** It was asked about: others go first. */
  #touch(domain: string): KnownPolicy | null {
    const known = this.#known.get(domain);
    if (known === undefined) return null;
    this.#known.delete(domain);
    this.#known.set(domain, known);
    return known;
  }

  #keep(domain: string, known: KnownPolicy): void {
    this.#drop(domain);
    this.#known.set(domain, known);
    this.#characters += charactersOf(known);
    this.#renewals.delete(domain);
    this.#write((store) => store.put(domain, known));
    while (this.#known.size > mostPolicies || this.#characters > mostCharacters) {
      const oldest = this.#known.keys().next();
      if (oldest.done === true || oldest.value === domain) break;
      this.#forget(oldest.value);
    }
  }

  #forget(domain: string): void {
    this.#drop(domain);
    this.#renewals.delete(domain);
    this.#write((store) => store.remove(domain));
  }

  #drop(domain: string): void {
    const known = this.#known.get(domain);
    if (known === undefined) return;
    this.#known.delete(domain);
    this.#characters -= charactersOf(known);
  }

  #open(directory: string): PolicyStore | null {
    try {
      const store = PolicyStore.open(directory, (text) => this.#log.record(systemWarning, text));
      for (const [domain, known] of store.all()) {
        this.#known.set(domain, known);
        this.#characters += charactersOf(known);
      }
      return store;
    } catch (error) {
      this.#log.record(systemWarning, `MTA-STS policies are not kept over a restart: ${messageOf(error)}`);
      return null;
    }
  }

  #write(work: (store: PolicyStore) => void): void {
    try {
      if (this.#store !== null) work(this.#store);
    } catch (error) {
      this.#log.record(systemWarning, `An MTA-STS policy could not be written: ${messageOf(error)}`);
    }
  }
}

function charactersOf({ policy }: KnownPolicy): number {
  return policy.mx.reduce((sum, pattern) => sum + pattern.length, 100);
}

/** So many at a time; the rest waits in order. */
class Turns {
  #running = 0;
  #queue: ((go: boolean) => void)[] = [];

  get waiting(): number {
    return this.#running + this.#queue.length;
  }

  /** Null: too many wait, or the end has come. */
  async run<T>(work: () => Promise<T>): Promise<T | null> {
    if (this.#running >= together) {
      if (this.#queue.length >= mostWaiting) return null;
      const { promise, resolve } = Promise.withResolvers<boolean>();
      this.#queue.push(resolve);
      if (!(await promise)) return null;
    } else this.#running++;
    try {
      return await work();
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#running--;
      else next(true);
    }
  }

  stop(): void {
    for (const next of this.#queue.splice(0)) next(false);
  }
}
