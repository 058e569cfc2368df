// Keeps an eye on whether there is a validating resolver, and says so in the system log when that changes.
import type { Snapshot } from '../config/snapshot.ts';
import type { Resolver } from '../dns/stub.ts';
import type { Validation } from '../dns/validation.ts';
import { type EventSink, systemNotice, systemWarning } from '../ledger/events.ts';

/** ms; a resolver that validates no more, or not yet, is asked again at least as often. */
const lookAgainSoon = 60 * 1000;

export class DnssecWatch {
  readonly #resolver: Resolver;
  readonly #log: EventSink;
  readonly #snapshot: () => Snapshot;
  #known: Validation | null = null;
  #told = '';
  #timer: NodeJS.Timeout | null = null;
  /** Counts the looks: the last one that was begun is the one that counts. */
  #turn = 0;

  constructor(resolver: Resolver, log: EventSink, snapshot: () => Snapshot) {
    this.#resolver = resolver;
    this.#log = log;
    this.#snapshot = snapshot;
  }

  /** Null: not known yet. */
  get known(): Validation | null {
    return this.#known;
  }

  /** Looks now, and from then on every `dns.validationCheck`: a resolver may stop, or be replaced by another. */
  look(): void {
    const turn = this.#begin();
    // Never rejects.
    void this.#resolver.validation().then((found) => {
      if (turn !== this.#turn) return;
      this.#known = found;
      this.#tell(found);
      const { validationCheck } = this.#snapshot().dns;
      const after = found.state === 'validating' ? validationCheck : Math.min(validationCheck, lookAgainSoon);
      this.#timer = setTimeout(() => this.look(), after);
      this.#timer.unref();
    });
  }

  stop(): void {
    this.#begin();
  }

  /** What goes on is over. */
  #begin(): number {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    return ++this.#turn;
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
