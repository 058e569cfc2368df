// The system calls of a running gateway, in the order in which the kernel saw them.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { temporaryDirectory } from './harness.ts';

export interface Call {
  readonly thread: number;
  readonly name: string;
  /** Arguments as strace writes them; of a descriptor also its path or its two ends. */
  readonly args: string;
  readonly result: string;
  /** Positions in the trace: of two calls, one was over before the other began if its `end` is lower than that `begin`. */
  readonly begin: number;
  readonly end: number;
}

export interface Trace {
  /** Ends the trace and returns its calls. */
  stop(): Promise<readonly Call[]>;
}

/**
 * Traces all threads of a process. Returns null, with the test skipped, where that is not permitted.
 * `more`: further arguments of strace.
 */
export async function startTrace(
  t: TestContext,
  pid: number,
  calls: readonly string[],
  more: readonly string[] = [],
): Promise<Trace | null> {
  const file = join(temporaryDirectory(t), 'trace');
  const args = ['-f', '-yy', '-s', '20000', '-o', file, '-e', `trace=${calls.join(',')}`, ...more, '-p', String(pid)];
  const child = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  t.after(() => child.kill());
  const deadline = Date.now() + 60_000;
  while (!/ attached/.test(output)) {
    if (child.exitCode !== null || Date.now() > deadline) {
      t.skip(`SKIPPED: strace cannot attach to the gateway: ${output.trim()}`);
      return null;
    }
    await sleep(20);
  }
  return {
    stop: async () => {
      end(child);
      await ended;
      return parse(readFileSync(file, 'latin1'));
    },
  };
}

function end(child: ChildProcess): void {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT');
}

function parse(text: string): readonly Call[] {
  const calls: Call[] = [];
  /** By thread: what has begun and not ended. */
  const open = new Map<number, { readonly name: string; readonly args: string; readonly begin: number }>();
  text.split('\n').forEach((line, at) => {
    const [, pid, rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (pid === undefined) return;
    const thread = Number(pid);
    const resumed = /^<\.\.\. (\w+) resumed>(.*)$/.exec(rest);
    if (resumed !== null) {
      const begun = open.get(thread);
      open.delete(thread);
      if (begun === undefined) return;
      const [args, result] = outcome(resumed[2] ?? '');
      calls.push({ thread, name: begun.name, args: begun.args + args, result, begin: begun.begin, end: at });
      return;
    }
    const [, name, after = ''] = /^(\w+)\((.*)$/.exec(rest) ?? [];
    if (name === undefined) return;
    const unfinished = ' <unfinished ...>';
    if (after.endsWith(unfinished)) {
      open.set(thread, { name, args: after.slice(0, -unfinished.length), begin: at });
      return;
    }
    const [args, result] = outcome(after);
    calls.push({ thread, name, args, result, begin: at, end: at });
  });
  return calls.toSorted((a, b) => a.begin - b.begin);
}

/** What stands before and behind the last `) = `. */
function outcome(text: string): [args: string, result: string] {
  const at = text.lastIndexOf(') ');
  return [text.slice(0, at), text.slice(text.indexOf('= ', at) + 2)];
}
