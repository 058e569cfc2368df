// Keeps an eye on whether there is a validating resolver, and says so in the system log when that changes.
import type { Snapshot } from '../config/snapshot.ts';
import type { Resolver } from '../dns/stub.ts';
import type { Validation } from '../dns/validation.ts';
import { type EventSink, systemNotice, systemWarning } from '../ledger/events.ts';

/** ms; an answer that was not to be had is asked for again sooner. */
const lookAgain = 3600 * 1000;
const lookAgainSoon = 60 * 1000;

export class DnssecWatch {
  readonly #resolver: Resolver;
  readonly #log: EventSink;
  readonly #snapshot: () => Snapshot;
  #known: Validation | null = null;
  #told = '';
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(resolver: Resolver, log: EventSink, snapshot: () => Snapshot) {
    this.#resolver = resolver;
    this.#log = log;
    this.#snapshot = snapshot;
  }

  /** Null: not known yet. */
  get known(): Validation | null {
    return this.#known;
  }

  /** Looks now, and from then on now and again. */
  look(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    // Never rejects.
    void this.#resolver.validation().then((found) => {
      if (this.#stopped) return;
      this.#known = found;
      this.#tell(found);
      this.#timer = setTimeout(() => this.look(), found.state === 'validating' ? lookAgain : lookAgainSoon);
      this.#timer.unref();
    });
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #tell({ state, text }: Validation): void {
    const { destinations, senders } = this.#snapshot();
    const wanted = [...destinations, ...senders].some(({ tls }) => tls === 'dane' || tls === 'dane-only');
    const warn = wanted && state !== 'validating';
    const line = `DNSSEC: ${text}${warn ? '; destinations with DANE get less, or wait (docs/dane.md)' : ''}`;
    if (line === this.#told) return;
    this.#told = line;
    this.#log.record(warn ? systemWarning : systemNotice, line);
  }
}
