// The whole gateway as its users start it, with what /proc says of it.
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, start } from './sink.ts';
import type { Stand } from './stand.ts';

const launcher = new URL('../../bin/postern.mjs', import.meta.url).pathname;
/** Ticks a second in /proc/PID/stat: USER_HZ, 100 on every Linux that Node runs on. */
const ticks = 100;

/** A queue of a million on a disk that syncs slowly may take its time. */
const startDeadline = 300_000;

export interface GatewayWish {
  /** Of its directory below the stand's. */
  readonly name: string;
  /** YAML beside the listener, its certificate, and limits that are out of the way. */
  readonly config: string;
  /** Beside those that are out of the way: `history: 64MiB`. */
  readonly limits?: string;
  /** Ports of the web interface; none without. */
  readonly guiPorts?: readonly number[];
}

export interface RunningGateway {
  readonly port: number;
  readonly data: string;
  /** From the start of the process to "is ready", ms. */
  readonly readyAfter: number;
  /** What it has printed so far. */
  output(): string;
  /** CPU seconds so far, all threads. */
  cpu(): number;
  /** MiB now, and the most so far. */
  resident(): { readonly now: number; readonly peak: number };
  stop(): Promise<void>;
}

/** The data directory that a gateway of this name has; for who fills it before the start. */
export function dataOf(stand: Stand, name: string): string {
  return join(stand.directory, name, 'data');
}

/** On a directory that has a configuration, that one counts: a gateway that is started again has its old port. */
export async function startGateway(
  stand: Stand,
  { name, config, limits, guiPorts = [] }: GatewayWish,
): Promise<RunningGateway> {
  const [free, data] = [await freePort(), dataOf(stand, name)];
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const file = join(stand.directory, name, 'gateway.yaml');
  writeFileSync(
    file,
    `hostname: gw.bench.example
gui: { ports: [${guiPorts.join(', ')}] }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${free}, tls: preferred, certificate: bench }
certificates:
  - { name: bench, cert: "${stand.certificate}", key: "${stand.key}" }
relay: [127.0.0.0/8]
limits: { connections: 20000, connectionsPerClient: 20000${limits === undefined ? '' : `, ${limits}`} }
${config}
`,
  );
  const began = performance.now();
  const child = start(process.execPath, [launcher, 'serve', '--data', data, '--config', file]);
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const port = await ready(child);
  const readyAfter = performance.now() - began;
  const proc = `/proc/${child.pid}`;
  return {
    port,
    data,
    readyAfter,
    output: () => output,
    cpu: () => {
      // proc(5): the name in brackets may hold anything; utime and stime are the 12th and 13th behind it.
      const fields = readFileSync(`${proc}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
      return (Number(fields[11]) + Number(fields[12])) / ticks;
    },
    resident: () => {
      const status = readFileSync(`${proc}/status`, 'utf8');
      const of = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
      return { now: of('VmRSS'), peak: of('VmHWM') };
    },
    stop: () => stop(child),
  };
}

/** The port, once the gateway says that it is ready. */
async function ready(child: ChildProcess): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    const said = / is ready: mail in on \S+ port (\d+) /.exec(output);
    if (said !== null) resolve(Number(said[1]));
  });
  const ended = (code: number | null) => reject(new Error(`the gateway ended with status ${code}: ${output}`));
  child.once('exit', ended);
  const timer = setTimeout(() => {
    child.kill('SIGKILL');
    reject(new Error(`the gateway was not ready after ${startDeadline / 1000} s`));
  }, startDeadline);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    child.off('exit', ended);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<true>((resolve) => child.once('exit', () => resolve(true)));
  child.kill('SIGTERM');
  if ((await Promise.race([gone, sleep(30_000, false, { ref: false })])) === true) return;
  child.kill('SIGKILL');
  await gone;
}
