// A spool with workers in one thread: channels, a log that remembers, a clock that is set by hand.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageChannel } from 'node:worker_threads';
import { assembleSnapshot } from '../../src/config/compile.ts';
import { fillDefaults } from '../../src/config/defaults.ts';
import type { Snapshot } from '../../src/config/snapshot.ts';
import type { EventDefinition, EventSink, Value } from '../../src/ledger/events.ts';
import type { Envelope } from '../../src/smtp/envelope.ts';
import { SpoolClient, type StoreError } from '../../src/spool/client.ts';
import { createIds, nextId, openIds } from '../../src/spool/ids.ts';
import type { DestinationState, Job, RecipientOutcome, SpoolQueries, StoreRequest } from '../../src/spool/protocol.ts';
import { Spool } from '../../src/spool/spool.ts';

/** A snapshot with small spool settings; `document` is like gateway.yaml. */
export function snapshotOf(document: Record<string, unknown> = {}): Snapshot {
  const spool = { reserve: '1MiB', lowWater: '1MiB', lowWaterShare: 0, ...(document['spool'] as object | undefined) };
  const config = fillDefaults({ hostname: 'gw.example.net', ...document, spool });
  const material = {
    certificates: [],
    addresses: null,
    authorities: new Map<string, string>(),
    destinationAuthorities: new Map<string, string>(),
    stamps: [],
    signingKeys: [],
    issues: [],
  };
  return assembleSnapshot(config, 1, material, { name: 'demo', pairs: [] });
}

export class Log implements EventSink {
  readonly lines: string[] = [];
  record<V extends readonly Value[]>(event: EventDefinition<V>, ...values: V): void {
    this.lines.push(event.text(...values));
  }
  has(text: string): boolean {
    return this.lines.some((line) => line.includes(text));
  }
}

/** The answers of `Spool.query`, awaited. */
type Ask = <K extends keyof SpoolQueries>(
  name: K,
  ...args: Parameters<SpoolQueries[K]>
) => Promise<ReturnType<SpoolQueries[K]>>;

export interface TestWorker {
  readonly client: SpoolClient;
  readonly jobs: Job[];
  readonly states: DestinationState[];
  readonly full: boolean[];
  /** Its thread dies. */
  die(): void;
}

export class Bench {
  readonly directory: string;
  readonly log = new Log();
  readonly #ids = createIds();
  readonly ids = openIds(this.#ids);
  readonly spools: Spool[] = [];
  /** ms added to the real clock. */
  ahead = 0;
  snapshot: Snapshot;

  constructor(document: Record<string, unknown> = {}, directory?: string) {
    this.directory = directory ?? mkdtempSync(join(tmpdir(), 'postern-spool-'));
    this.snapshot = snapshotOf(document);
  }

  start(): Spool {
    const spool = new Spool({
      directory: this.directory,
      snapshot: this.snapshot,
      ids: this.#ids,
      log: this.log,
      now: () => Date.now() + this.ahead,
    });
    this.spools.push(spool);
    return spool;
  }

  worker(spool: Spool, name: string, room: number): TestWorker {
    const { port1, port2 } = new MessageChannel();
    const worker = { jobs: [] as Job[], states: [] as DestinationState[], full: [] as boolean[] };
    spool.attach(name, port1);
    const client = new SpoolClient(port2, {
      jobs: (jobs) => worker.jobs.push(...jobs),
      destinations: (states) => worker.states.push(...states),
      full: (full) => worker.full.push(full),
    });
    client.setRoom(room);
    return { ...worker, client, die: () => port2.close() };
  }

  nextMid(): number {
    return nextId(this.ids, 'mid');
  }

  async end(): Promise<void> {
    for (const spool of this.spools) await spool.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export const ask = (spool: Spool): Ask => (async (name: string, ...args: unknown[]) => spool.query(name, args)) as Ask;

export function envelopeTo(...recipients: string[]): Envelope {
  return { sender: 'alice@example.org', recipients: recipients.map((address) => ({ address })) };
}

export const content = 'Received: here\r\nSubject: hello\r\nFrom: alice@example.org\r\n\r\nbody\r\n';

export function request(mid: number, envelope: Envelope, more: Partial<StoreRequest> = {}): StoreRequest {
  return {
    mid,
    received: Date.now(),
    envelope: JSON.stringify(envelope),
    body: new Uint8Array(Buffer.from(content)),
    ...(more.jobs === undefined ? { direct: 'example.com' } : {}),
    ...more,
  };
}

export function store(worker: TestWorker, what: StoreRequest): Promise<StoreError | null> {
  return new Promise((resolve) => worker.client.store(what, resolve));
}

export async function stored(worker: TestWorker, what: StoreRequest): Promise<void> {
  assert.equal(await store(worker, what), null);
}

/** Waits until `condition`, at most `longest` ms. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  longest = 60_000,
): Promise<void> {
  const deadline = Date.now() + longest;
  while (!(await condition())) {
    if (Date.now() > deadline) assert.fail(`never: ${what}`);
    await sleep(5);
  }
}

export const deferred = (rid: number, reply = '451 4.3.0 try later'): RecipientOutcome => {
  return { rid, result: 'deferred', status: '4.3.0', reply, host: 'mx.example.com' };
};
export const refused = (rid: number, reply = '550 5.1.1 no such user'): RecipientOutcome => {
  return { rid, result: 'bounced', status: '5.1.1', reply, host: 'mx.example.com' };
};
export const delivered = (rid: number): RecipientOutcome => {
  return { rid, result: 'delivered', status: '2.0.0', reply: '250 2.0.0 ok', host: 'mx.example.com' };
};
