// Starts the whole gateway as its users do, as a program of its own, on a throw-away data directory.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

const launcher = new URL('../../bin/postern.mjs', import.meta.url).pathname;

export interface RunningGateway {
  readonly data: string;
  readonly child: ChildProcess;
  /** What it wrote to standard output and standard error so far. */
  readonly output: () => string;
  /** The lines of the mail log so far, without their time. */
  readonly log: () => string[];
  /** Waits until a line of the mail log matches, and returns it. */
  logged(pattern: RegExp, timeout?: number): Promise<string>;
  shell(input: string | readonly string[]): Promise<{ status: number; output: string }>;
  /** SIGTERM, then the exit status. */
  stop(): Promise<number | null>;
  kill(): Promise<void>;
}

export interface GatewayStart {
  /** `gateway.yaml`; not needed where the data directory has a configuration. */
  readonly config?: string;
  readonly data?: string;
  readonly arguments?: readonly string[];
  /** Beside the environment of the test. */
  readonly environment?: Readonly<Record<string, string>>;
}

export async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** A directory that is gone after the test. */
export function temporaryDirectory(t: Pick<TestContext, 'after'>, prefix = 'postern-test-'): string {
  const directory = mkdtempSync(join(tmpdir(), prefix));
  t.after(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  return directory;
}

/** Starts it and waits until it says that it is ready; the test's end kills it. */
export async function startGateway(t: TestContext, start: GatewayStart): Promise<RunningGateway> {
  const data = start.data ?? join(temporaryDirectory(t), 'data');
  const args = ['serve', '--data', data];
  if (start.config !== undefined) {
    const file = `${data}.yaml`;
    // Many gateways run at once: the web service has ports only where a test chose them.
    writeFileSync(file, /^gui:/m.test(start.config) ? start.config : `gui: { ports: [] }\n${start.config}`);
    args.push('--config', file);
  }
  const child = spawn(process.execPath, [launcher, ...args, ...(start.arguments ?? [])], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...start.environment },
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  const kill = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  t.after(kill);
  const deadline = Date.now() + 60_000;
  while (!output.includes(' is ready')) {
    const over = child.exitCode !== null || child.signalCode !== null;
    if (over || Date.now() > deadline) {
      throw new Error(`the gateway did not start (${child.signalCode ?? child.exitCode ?? 'no answer'}):\n${output}`);
    }
    await sleep(20);
  }
  const log = () => {
    const file = join(data, 'logs', 'mail.current');
    if (!existsSync(file)) return [];
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.replace(/^\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} /, ''));
  };
  return {
    data,
    child,
    output: () => output,
    log,
    logged: async (pattern, timeout = 60_000) => {
      const end = Date.now() + timeout;
      for (;;) {
        const found = log().find((line) => pattern.test(line));
        if (found !== undefined) return found;
        if (Date.now() > end) throw new Error(`not in the mail log: ${pattern}\n${log().join('\n')}\n${output}`);
        await sleep(30);
      }
    },
    shell: (input) => runShell(data, typeof input === 'string' ? [input] : input),
    stop: async () => {
      child.kill('SIGTERM');
      return exited;
    },
    kill,
  };
}

/** Lines into `postern shell` on a pipe. */
async function runShell(data: string, lines: readonly string[]): Promise<{ status: number; output: string }> {
  const child = spawn(process.execPath, [launcher, 'shell', '--data', data], { stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stdin.end(`${lines.join('\n')}\n`);
  const status = await new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? -1)));
  return { status, output };
}
