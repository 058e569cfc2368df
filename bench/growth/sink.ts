// Generator and sink (bench/harness/src) around one gateway: how fast mail goes through, and at what cost.
import { type ChildProcess, spawn } from 'node:child_process';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningGateway } from './gateway.ts';
import type { Stand } from './stand.ts';

/** What the generator shall do. Either for `seconds`, or until `total` messages were acknowledged. */
export interface Work {
  readonly connections: number;
  readonly perConnection: number;
  readonly seconds?: number;
  readonly total?: number;
  /** Messages a second, whatever becomes of those before; without: as fast as it goes. */
  readonly rate?: number;
  /** Recipients at d<first>.<suffix> (`example`) and the `count - 1` after it, in turns; else at dest.example. */
  readonly domains?: { readonly first: number; readonly count: number; readonly suffix?: string };
}

export interface Relayed {
  readonly acknowledged: number;
  readonly arrived: number;
  /** Messages a second, from the first connection to the last arrival. */
  readonly rate: number;
  /** CPU of the gateway, ms a message (seconds per 1,000). */
  readonly cpu: number;
  readonly rejects: number;
  /** Connections that could not be made, or were lost. */
  readonly lost: number;
  readonly duplicates: number;
  readonly corrupt: number;
  readonly firstError: string;
}

/** The generator's last line, as far as it is used. Times in ns of the monotonic clock. */
interface LoadReport {
  readonly acked: number;
  readonly rejects: number;
  readonly connerr: number;
  readonly connlost: number;
  readonly t_first: number;
  readonly t_last: number;
  readonly firsterr: string;
}

interface Phase {
  readonly uniq: number;
  readonly dup: number;
  readonly bad: number;
  readonly last: number;
}

/** What the sink says when asked, as far as it is used. */
interface Statistics {
  readonly tls: number;
  readonly resumed: number;
  readonly phase: Readonly<Record<string, Phase>>;
}

const messageSize = 5120;
/** No gateway is faster: so many acknowledgements a second the generator has room for. */
const mostPerSecond = 50_000;
/** Connections that wait for their greeting at a time: fewer than a listen queue holds. */
const ramp = 256;
/** Nothing has arrived for so long (ms): what is missing does not come any more. */
const stall = 20_000;

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === 'string') throw new Error('no port is free');
  return address.port;
}

export interface SinkWish {
  /** Else a free port of 127.0.0.1. */
  readonly at?: { readonly address: string; readonly port: number };
  /** It gives out TLS sessions to go on with. */
  readonly tickets?: boolean;
  /** TLS 1.2 at most. */
  readonly old?: boolean;
}

/** The next hop of all gateways of a part. */
export class Sink {
  readonly port: number;
  readonly #control: number;
  readonly #child: ChildProcess;
  /** Each run has a letter of its own, by which the sink counts. */
  #phase = 'a'.charCodeAt(0);

  constructor(port: number, control: number, child: ChildProcess) {
    this.port = port;
    this.#control = control;
    this.#child = child;
  }

  static async start(
    { programs, certificate, key }: Pick<Stand, 'programs' | 'certificate' | 'key'>,
    { at, tickets = false, old = false }: SinkWish = {},
  ): Promise<Sink> {
    const { address, port } = at ?? { address: '127.0.0.1', port: await freePort() };
    const control = await freePort();
    const where = ['--address', address, '--port', String(port), '--ctl', String(control)];
    const tls = ['--cert', certificate, '--key', key, '--tickets', tickets ? '1' : '0', '--tls12', old ? '1' : '0'];
    const child = start(join(programs, 'smtpsink'), [...where, ...tls]);
    await new Promise<void>((resolve, reject) => {
      child.stdout?.once('data', () => resolve());
      child.once('exit', (code) => reject(new Error(`smtpsink ended with status ${code}`)));
    });
    return new Sink(port, control, child);
  }

  nextPhase(): string {
    if (this.#phase > 'z'.charCodeAt(0)) throw new Error('one sink counts 26 runs at the most');
    return String.fromCharCode(this.#phase++);
  }

  /** Waits until `wanted` different messages of the run have arrived, or no more come. */
  async arrivals(phase: string, wanted: number): Promise<Phase> {
    let [seen, since] = [-1, performance.now()];
    for (;;) {
      const now = (await this.#statistics()).phase[phase] ?? { uniq: 0, dup: 0, bad: 0, last: 0 };
      if (now.uniq >= wanted || performance.now() - since > stall) return now;
      if (now.uniq !== seen) [seen, since] = [now.uniq, performance.now()];
      await sleep(50);
    }
  }

  /** So far, over all runs. */
  async handshakes(): Promise<{ readonly all: number; readonly resumed: number }> {
    const { tls, resumed } = await this.#statistics();
    return { all: tls, resumed };
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await gone;
  }

  async #statistics(): Promise<Statistics> {
    const socket = createConnection({ port: this.#control, host: '127.0.0.1' });
    socket.setTimeout(10_000, () => socket.destroy(new Error('the sink does not answer')));
    const parts: Buffer[] = [];
    for await (const part of socket) parts.push(part as Buffer);
    return JSON.parse(Buffer.concat(parts).toString()) as Statistics;
  }
}

/** One run of the generator against the gateway, all that was acknowledged awaited at the sink. */
export async function relay(stand: Stand, gateway: RunningGateway, sink: Sink, work: Work): Promise<Relayed> {
  const phase = sink.nextPhase();
  const before = gateway.cpu();
  const report = await generate(stand, gateway.port, phase, work);
  if (report.acked === 0)
    throw new Error(`no message was taken (${report.connerr} refused connections) ${report.firsterr}`);
  const there = await sink.arrivals(phase, report.acked);
  await sleep(300); // the last records of deliveries
  const cpu = gateway.cpu() - before;
  const seconds = (Math.max(there.last, report.t_last) - report.t_first) / 1e9;
  return {
    acknowledged: report.acked,
    arrived: there.uniq,
    rate: there.uniq / seconds,
    cpu: (1000 * cpu) / Math.max(1, report.acked),
    rejects: report.rejects,
    lost: report.connerr + report.connlost,
    duplicates: there.dup,
    corrupt: there.bad,
    firstError: report.firsterr,
  };
}

/** Mail that stays in the queue: waits for the acknowledgements only. */
export async function fillQueue(stand: Stand, gateway: RunningGateway, sink: Sink, work: Work): Promise<number> {
  const { acked } = await generate(stand, gateway.port, sink.nextPhase(), work);
  return acked;
}

async function generate({ programs }: Stand, port: number, phase: string, work: Work): Promise<LoadReport> {
  const { connections, perConnection, seconds, domains, rate } = work;
  const total = work.total ?? Math.ceil((seconds ?? 1) * mostPerSecond);
  const patience = 60 + (seconds ?? Math.ceil(total / 500));
  const options = {
    port,
    phase,
    conns: connections,
    'per-conn': perConnection,
    total,
    size: messageSize,
    timeout: patience,
  };
  const more = {
    ...(domains === undefined ? {} : { domains: domains.count, 'first-domain': domains.first }),
    ...(domains?.suffix === undefined ? {} : { suffix: domains.suffix }),
    ...(connections <= ramp ? {} : { ramp }),
    ...(rate === undefined ? {} : { rate }),
  };
  const words = Object.entries({ ...options, ...more }).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = start(join(programs, 'smtpload'), words);
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  // It ends what it has begun, says QUIT and reports.
  const timer = seconds === undefined ? undefined : setTimeout(() => child.kill('SIGTERM'), seconds * 1000);
  await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  if (!output.startsWith('{')) throw new Error('smtpload ended without a report');
  return JSON.parse(output) as LoadReport;
}

/** With room for many sockets, where the system grants it; the same pid. */
export function start(command: string, args: readonly string[]): ChildProcess {
  const script = 'ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"; exec "$0" "$@"';
  const child = spawn('/bin/sh', ['-c', script, command, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const kill = () => child.kill('SIGKILL');
  process.prependOnceListener('exit', kill); // before the directories are removed
  child.once('exit', () => process.off('exit', kill));
  return child;
}
