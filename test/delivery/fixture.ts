// A sending side in memory: real Delivery, real sockets, real TLS; only the spool and the log are arrays.
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { assembleSnapshot } from '../../src/config/compile.ts';
import { fillDefaults } from '../../src/config/defaults.ts';
import type { Snapshot } from '../../src/config/snapshot.ts';
import { Delivery } from '../../src/delivery/delivery.ts';
import type { DeliveryHost, DeliveryTask } from '../../src/delivery/host.ts';
import { destinationOf } from '../../src/delivery/route.ts';
import type { Found } from '../../src/dns/lookup.ts';
import type { QuestionType } from '../../src/dns/message.ts';
import type { MailHost, MailResolver } from '../../src/dns/resolver.ts';
import { PosternError } from '../../src/errors.ts';
import type { EventDefinition, EventSink, Value } from '../../src/ledger/events.ts';
import type { Envelope } from '../../src/smtp/envelope.ts';
import type { DestinationState, JobOutcome, TlsAlert } from '../../src/spool/protocol.ts';
import type { StsSource } from '../../src/tls/mta-sts.ts';

/** `authorities`: file name → PEM, for `destinations[].ca`. */
export function snapshotOf(
  document: Record<string, unknown> = {},
  authorities: ReadonlyMap<string, string> = new Map(),
): Snapshot {
  return assembleSnapshot(
    fillDefaults({ hostname: 'gw.example.com', ...document }),
    1,
    {
      addresses: null,
      certificates: [],
      authorities: new Map(),
      destinationAuthorities: authorities,
      stamps: [],
      signingKeys: [],
      issues: [],
    },
    { name: 'demo', pairs: [] },
  );
}

/** A route for everything to one port of the loopback, and whatever else. */
export function routedTo(port: number | readonly string[], document: Record<string, unknown> = {}): Snapshot {
  const to = typeof port === 'number' ? [`127.0.0.1:${port}`] : port;
  return snapshotOf({ routes: [{ domain: '*', to }], ...document });
}

export class RecordedLog implements EventSink {
  readonly lines: string[] = [];
  /** All of them, those that are in no log too. */
  readonly events: { readonly event: EventDefinition<never>; readonly values: readonly Value[] }[] = [];

  record<V extends readonly Value[]>(event: EventDefinition<V>, ...values: V): void {
    if (event.log !== 'none') this.lines.push(event.text(...values));
    this.events.push({ event, values });
  }

  /** Without the lines about certificates, whose texts have dates. */
  get main(): string[] {
    return this.lines.filter((line) => !line.includes('TLS certificate'));
  }

  count(pattern: RegExp): number {
    return this.lines.filter((line) => pattern.test(line)).length;
  }
}

/** Zone data instead of DNS: `example.com` → MX hosts, name → addresses. */
export class TableResolver implements MailResolver {
  readonly mx: Record<string, readonly MailHost[] | 'null' | PosternError> = {};
  readonly hosts: Record<string, readonly string[] | PosternError> = {};

  readonly #real: MailResolver | null;

  /** `real`: asked instead of the tables. */
  constructor(real: MailResolver | null = null) {
    this.#real = real;
  }

  get trusted(): boolean {
    return this.#real?.trusted ?? false;
  }

  async mailHosts(
    domain: string,
  ): Promise<{ hosts: readonly MailHost[]; nullMx: boolean; secure: boolean; name: string }> {
    if (this.#real !== null) return this.#real.mailHosts(domain);
    const answer = this.mx[domain];
    if (answer instanceof PosternError) throw answer;
    if (answer === 'null') return { hosts: [], nullMx: true, secure: false, name: domain };
    if (answer !== undefined) return { hosts: answer, nullMx: false, secure: false, name: domain };
    if (this.hosts[domain] !== undefined)
      return { hosts: [{ name: domain, preference: 0 }], nullMx: false, secure: false, name: domain };
    throw new PosternError('dns', `DNS Hard Error looking up ${domain} (MX):  NXDomain`);
  }

  async addresses(name: string): Promise<{ addresses: readonly string[]; secure: boolean }> {
    if (this.#real !== null) return this.#real.addresses(name);
    const answer = this.hosts[name];
    if (answer instanceof PosternError) throw answer;
    if (answer !== undefined) return { addresses: answer, secure: false };
    throw new PosternError('dns', `DNS Hard Error looking up ${name} (A):  NXDomain`);
  }

  async ask(name: string, type: QuestionType): Promise<Found> {
    if (this.#real !== null) return this.#real.ask(name, type);
    return { kind: 'nodata', name, records: [], secure: false, ttl: 0, until: 0 };
  }

  reverse(): { name: null; verified: false } {
    return { name: null, verified: false };
  }
}

export class Sender implements DeliveryHost {
  readonly log = new RecordedLog();
  readonly resolver: TableResolver;
  readonly spoolDirectory: string;
  readonly outcomes: JobOutcome[] = [];
  readonly done: number[] = [];
  readonly states: DestinationState[] = [];
  readonly alerts: TlsAlert[] = [];
  readonly counts = new Map<string, number>();
  readonly most = new Map<string, number>();
  readonly own = new Set<string>();
  /** What other workers have. */
  readonly taken = new Map<string, number>();
  readonly delivery: Delivery;
  #snapshot: Snapshot;
  #dcid = 0;
  #mid = 0;

  readonly sts?: StsSource;

  constructor(
    snapshot: Snapshot,
    spoolDirectory = tmpdir(),
    resolver: MailResolver | null = null,
    sts: StsSource | null = null,
  ) {
    if (sts !== null) this.sts = sts;
    this.#snapshot = snapshot;
    this.resolver = new TableResolver(resolver);
    this.spoolDirectory = spoolDirectory;
    this.delivery = new Delivery(this);
  }

  snapshot(): Snapshot {
    return this.#snapshot;
  }
  nextDcid(): number {
    return ++this.#dcid;
  }
  admit(destination: string, limit: number): boolean {
    const count = this.counts.get(destination) ?? 0;
    if (count + (this.taken.get(destination) ?? 0) >= limit) return false;
    this.counts.set(destination, count + 1);
    this.most.set(destination, Math.max(this.most.get(destination) ?? 0, count + 1));
    return true;
  }
  leave(destination: string): void {
    const count = this.counts.get(destination) ?? 0;
    if (count === 0) throw new Error(`${destination} was left more often than entered`);
    this.counts.set(destination, count - 1);
  }
  isOwnAddress = (address: string, port: number): boolean => this.own.has(`${address} ${port}`);
  finished(mid: number): void {
    this.done.push(mid);
  }
  outcome(outcome: JobOutcome): void {
    this.outcomes.push(outcome);
  }
  destination(state: DestinationState): void {
    this.states.push(state);
  }

  /** MIDs of reports for the gateway itself. */
  readonly reports: number[] = [];
  async takeReport({ mid }: DeliveryTask): Promise<null> {
    this.reports.push(mid);
    return null;
  }

  alert(alert: TlsAlert): void {
    this.alerts.push(alert);
  }

  use(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    this.delivery.update();
  }

  /** A message that has just come in; its MID. */
  send(
    to: string | readonly string[],
    more: Partial<Omit<DeliveryTask, 'envelope'>> & { readonly envelope?: Partial<Envelope> } = {},
  ): number {
    const { envelope, ...task } = more;
    const mid = ++this.#mid;
    const recipients = (typeof to === 'string' ? [to] : to).map((address) => ({ address }));
    const domain = recipients[0]?.address.split('@')[1] ?? '';
    this.delivery.deliver({
      mid,
      destination: destinationOf(domain, this.#snapshot),
      envelope: { sender: 'a@example.org', recipients, ...envelope },
      rids: recipients.map((_, index) => index),
      body: Buffer.from('Subject: hello\r\n\r\nhello\r\n'),
      received: Date.now(),
      attempt: 1,
      direct: true,
      ...task,
    });
    return mid;
  }

  /** What came of a message, as one line a recipient. */
  result(mid: number): string[] {
    if (this.done.includes(mid)) return ['finished'];
    return this.outcomes
      .filter((outcome) => outcome.mid === mid)
      .flatMap((outcome) => [
        ...outcome.recipients.map((one) => `${one.rid} ${one.result} ${one.status} ${one.reply}`),
        ...(outcome.untried === undefined ? [] : ['untried']),
        ...(outcome.reroute === undefined ? [] : [`reroute ${outcome.reroute}`]),
      ]);
  }

  async settled(mid: number, timeout = 60_000): Promise<string[]> {
    await until(() => this.result(mid).length > 0, `the outcome of MID ${mid}`, timeout);
    return this.result(mid);
  }

  async stop(deadline = 1000): Promise<void> {
    await this.delivery.stop(deadline);
    for (const [destination, count] of this.counts) {
      if (count !== 0) throw new Error(`${destination} still counts ${count} connections`);
    }
  }
}

export async function until(condition: () => boolean, what: string, timeout = 60_000): Promise<void> {
  const deadline = performance.now() + timeout;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited ${timeout} ms for ${what}`);
    await sleep(2);
  }
}
