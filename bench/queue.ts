// How the queue bears a million deferred messages: start-up, pages, memory, and the rate of new mail beside them.
//   node bench/queue.ts [--count 1000000] [--destinations 1] [--body 5000] [--seconds 5] [--directory DIR]
// The spool runs in a thread of its own, as in the gateway; the main thread is its one mail worker, without any SMTP.
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, MessageChannel, type MessagePort, parentPort, Worker, workerData } from 'node:worker_threads';
import { assembleSnapshot } from '../src/config/compile.ts';
import { fillDefaults } from '../src/config/defaults.ts';
import type { Snapshot } from '../src/config/snapshot.ts';
import { SpoolClient } from '../src/spool/client.ts';
import { databaseName, openDatabase } from '../src/spool/database.ts';
import { createIds, nextId, openIds } from '../src/spool/ids.ts';
import type { Job } from '../src/spool/protocol.ts';
import { Spool } from '../src/spool/spool.ts';
import { jobClass, Store } from '../src/spool/store.ts';

interface ThreadStart {
  readonly directory: string;
  readonly snapshot: Snapshot;
  readonly ids: SharedArrayBuffer;
}

type Question = { readonly id: number; readonly name: string; readonly args: readonly unknown[] };
type Answer = { readonly id: number; readonly result: unknown; readonly took: number };

function runSpool(): void {
  const began = performance.now();
  const spool = new Spool({ ...(workerData as ThreadStart), log: { record: () => undefined } });
  parentPort?.postMessage({ ready: performance.now() - began });
  parentPort?.on('message', async (message: { attach?: MessagePort; stop?: boolean; question?: Question }) => {
    if (message.attach !== undefined) spool.attach('bench', message.attach);
    if (message.stop === true) {
      await spool.stop();
      parentPort?.close();
    }
    if (message.question !== undefined) {
      const { id, name, args } = message.question;
      const from = performance.now();
      const result = await spool.query(name, args);
      parentPort?.postMessage({ id, result, took: performance.now() - from } satisfies Answer);
    }
  });
}

/** A spool thread with one worker, which is this thread. */
class Running {
  readonly client: SpoolClient;
  readonly readyAfter: number;
  readonly jobs: Job[] = [];
  readonly #worker: Worker;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #questions = 0;

  constructor(worker: Worker, readyAfter: number) {
    this.#worker = worker;
    this.readyAfter = readyAfter;
    const { port1, port2 } = new MessageChannel();
    worker.postMessage({ attach: port1 }, [port1]);
    worker.on('message', (answer: Answer) => this.#waiting.get(answer.id)?.(answer));
    this.client = new SpoolClient(port2, {
      jobs: (jobs) => this.jobs.push(...jobs),
      destinations: () => undefined,
      full: () => undefined,
    });
  }

  static async start(start: ThreadStart): Promise<Running> {
    const worker = new Worker(new URL(import.meta.url), { workerData: start });
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    worker.once('error', reject);
    worker.once('message', ({ ready }: { ready: number }) => resolve(ready));
    return new Running(worker, await promise);
  }

  ask(name: string, ...args: unknown[]): Promise<Answer> {
    const id = ++this.#questions;
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#waiting.set(id, resolve);
    this.#worker.postMessage({ question: { id, name, args } satisfies Question });
    return promise;
  }

  cpu(): Promise<NodeJS.CpuUsage> {
    return this.#worker.cpuUsage();
  }

  async stop(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#worker.once('exit', () => resolve());
    this.#worker.postMessage({ stop: true });
    await promise;
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: '1000000' },
      destinations: { type: 'string', default: '1' },
      body: { type: 'string', default: '5000' },
      seconds: { type: 'string', default: '5' },
      directory: { type: 'string' },
    },
  });
  const count = Number(values.count);
  const destinations = Number(values.destinations);
  const body = Number(values.body);
  const seconds = Number(values.seconds);
  const home = mkdtempSync(join(values.directory ?? tmpdir(), 'postern-bench-queue-'));
  try {
    const material = {
      certificates: [],
      addresses: null,
      destinationAuthorities: new Map(),
      authorities: new Map<string, string>(),
      stamps: [],
      signingKeys: [],
      issues: [],
    };
    const snapshot = assembleSnapshot(fillDefaults({}), 1, material, { name: 'demo', pairs: [] });
    const full: ThreadStart = { directory: join(home, 'full'), snapshot, ids: createIds() };
    const empty: ThreadStart = { directory: join(home, 'empty'), snapshot, ids: createIds() };
    console.log(`${count} deferred messages of ${body} bytes for ${destinations} destination(s)`);
    const filling = performance.now();
    fill(full.directory, count, destinations, body);
    console.log(`filled in ${((performance.now() - filling) / 1000).toFixed(1)} s`);

    const running = await Running.start(full);
    console.log(`start-up                     ${running.readyAfter.toFixed(0)} ms   (goal: under 5,000)`);
    console.log(`RSS after start-up           ${megabytes()} MB`);
    await pages(running, count, destinations);

    // In turns, or what else the machine does would decide.
    const beside = await Running.start(empty);
    const rates = { empty: [] as Rate[], full: [] as Rate[] };
    for (let round = 0; round < 4; round++) {
      const time = round === 0 ? 2 : seconds; // the first warms up
      const alone = await newMail(beside, openIds(empty.ids), body, time);
      const loaded = await newMail(running, openIds(full.ids), body, time);
      if (round === 0) continue;
      rates.empty.push(alone);
      rates.full.push(loaded);
    }
    await beside.stop();
    const [alone, loaded] = [median(rates.empty), median(rates.full)];
    report('new mail, empty queue', alone);
    report('new mail, full queue', loaded);
    console.log(`share                        ${((100 * loaded.rate) / alone.rate).toFixed(0)} %   (goal: 80)`);
    await drain(running, seconds);
    console.log(`RSS at the end               ${megabytes()} MB   (goal: under 600)`);
    await running.stop();
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

interface Rate {
  readonly rate: number;
  /** Of the spool thread, microseconds a message. */
  readonly cpu: number;
}

/** Of the rates, with its CPU time. */
function median(rates: Rate[]): Rate {
  const sorted = rates.toSorted((a, b) => a.rate - b.rate);
  return sorted[sorted.length >> 1] ?? { rate: 0, cpu: 0 };
}

function report(what: string, { rate, cpu }: Rate): void {
  console.log(`${what.padEnd(28)} ${rate.toFixed(0)}/s, spool thread ${cpu.toFixed(1)} us CPU a message`);
}

/** 64 messages at a time: stored, reported as delivered, the next. */
async function newMail(running: Running, ids: BigInt64Array, size: number, seconds: number): Promise<Rate> {
  const { client } = running;
  const envelope = JSON.stringify({ sender: 'user@example.org', recipients: [{ address: 'someone@new.example' }] });
  const before = await running.cpu();
  const from = performance.now();
  const end = from + seconds * 1000;
  let done = 0;
  const one = (resolve: () => void) => {
    const mid = nextId(ids, 'mid');
    const request = { mid, received: Date.now(), envelope, body: new Uint8Array(size).fill(65), direct: 'new.example' };
    client.store(request, (error) => {
      if (error !== null) throw new Error(error.text);
      done++;
      client.finished(mid);
      if (performance.now() < end) one(resolve);
      else resolve();
    });
  };
  await Promise.all(Array.from({ length: 64 }, () => new Promise<void>(one)));
  const took = performance.now() - from;
  const after = await running.cpu();
  const cpu = after.user + after.system - before.user - before.system;
  return { rate: (done / took) * 1000, cpu: cpu / done };
}

/** Straight into the tables, without syncing: what a long day with a destination away leaves. */
function fill(directory: string, count: number, destinations: number, size: number): void {
  const database = openDatabase(directory);
  database.exec('PRAGMA synchronous = OFF');
  const store = new Store(database);
  const now = Date.now();
  const body = new Uint8Array(size).fill(66);
  for (let done = 0; done < count; ) {
    store.begin();
    for (const end = Math.min(count, done + 10_000); done < end; done++) {
      const mid = 1 + done;
      const address = `recipient${done}@destination${done % destinations}.example`;
      const envelope = JSON.stringify({ sender: `sender${done % 1000}@example.org`, recipients: [{ address }] });
      store.insertMessage({ mid, received: now, envelope, body });
      store.putJob({
        mid,
        destination: `destination${done % destinations}.example`,
        rids: '[0]',
        attempts: 3,
        next: now + 3_600_000 + done,
        since: now,
        class: jobClass.normal,
        size,
        sender: `sender${done % 1000}@example.org`,
        recipients: JSON.stringify([address]),
        reason: '451 4.7.1 greylisted, try again later',
      });
    }
    store.commit();
  }
  store.writeMarks({ icid: 0, dcid: 0, mid: count });
  store.close();
  // What the filling left to be written back would slow down what is measured.
  const fd = openSync(join(directory, databaseName), 'r');
  fsyncSync(fd);
  closeSync(fd);
}

async function pages(running: Running, count: number, destinations: number): Promise<void> {
  const ask = async (what: string, name: string, ...args: unknown[]) => {
    const { result, took } = await running.ask(name, ...args);
    const rows = Array.isArray(result) ? `${result.length} rows` : JSON.stringify(result);
    console.log(`${what.padEnd(28)} ${took.toFixed(1)} ms   ${rows}`);
  };
  const last = `destination${destinations - 1}.example`;
  await ask('page: first 100', 'list', {}, 0, 100);
  await ask('page: 1,000 from the middle', 'list', {}, count >> 1, 1000);
  await ask('page: last', 'list', {}, count - 50, 100);
  await ask('page: of a destination', 'list', { destination: last }, 0, 100);
  await ask('page: of a sender', 'list', { sender: 'sender7@example.org' }, 0, 100);
  await ask('page: one rare recipient', 'list', { recipient: `recipient${count - 1}@${last}` }, 0, 100);
  await ask('destinations', 'destinations', 100);
  await ask('status', 'status');
}

/** Everything is due: how fast the queue hands out, deferred again each time. */
async function drain(running: Running, seconds: number): Promise<void> {
  const { jobs, client } = running;
  const reply = '451 4.7.1 greylisted, try again later';
  const { took } = await running.ask('deliverNow', {});
  console.log(`deliverNow of everything     ${(took / 1000).toFixed(1)} s`);
  client.setRoom(1000);
  const end = performance.now() + seconds * 1000;
  let done = 0;
  while (performance.now() < end) {
    await new Promise((resolve) => setImmediate(resolve));
    const taken = jobs.splice(0);
    for (const { mid, destination } of taken) {
      const outcome = { rid: 0, result: 'deferred' as const, status: '4.7.1', reply, host: 'mx.example' };
      client.outcome({ mid, destination, recipients: [outcome] });
    }
    done += taken.length;
    if (taken.length > 0) client.setRoom(1000);
  }
  console.log(`attempts from the queue      ${(done / seconds).toFixed(0)}/s, each deferred again`);
}

function megabytes(): string {
  return (process.memoryUsage.rss() / 1024 / 1024).toFixed(0);
}

if (isMainThread) await main();
else runSpool();
