// An administrator's session that stays open: lines in, what the gateway answered out.
import net from 'node:net';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FrameReader, parseServerFrame, protocolVersion } from '../../src/admin/shell/protocol.ts';
import { shortPath } from '../../src/admin/shell/socket-path.ts';

export interface AdminSession {
  /** Enters one command line and returns its whole output, refusals included. */
  run(line: string): Promise<string>;
  /** Loads a YAML text as the candidate. */
  load(config: string): Promise<string>;
  /** Loads a YAML text and commits it; returns the output of both. */
  commit(config: string, comment?: string): Promise<string>;
}

export async function openSession(t: TestContext, data: string): Promise<AdminSession> {
  const { path, release } = shortPath(data);
  const socket = net.connect(path);
  t.after(() => socket.destroy());
  const reader = new FrameReader();
  let output = '';
  let asked: { readonly id: number; readonly kind: string } | null = null;
  let ready: (() => void) | null = null;
  let failed: Error | null = null;
  socket.on('error', (error) => {
    failed = error;
    ready?.();
  });
  socket.on('close', () => {
    failed ??= new Error('the session was closed');
    ready?.();
  });
  socket.on('data', (chunk: Buffer) =>
    reader.push(chunk, (text) => {
      const frame = parseServerFrame(text);
      if (frame?.type === 'output') output += frame.text;
      if (frame?.type !== 'ask') return;
      asked = frame;
      ready?.();
    }),
  );
  const send = (frame: object) => socket.write(`${JSON.stringify(frame)}\n`);
  send({ type: 'hello', version: protocolVersion, mode: 'script', user: '', rows: 24, columns: 80 });
  const prompt = async (): Promise<{ readonly id: number; readonly kind: string }> => {
    const deadline = setTimeout(() => {
      failed = new Error(`no prompt within 60 s; so far: ${output}`);
      ready?.();
    }, 60_000);
    for (;;) {
      if (failed !== null) throw failed;
      const ask = asked;
      if (ask !== null) {
        asked = null;
        clearTimeout(deadline);
        return ask;
      }
      await new Promise<void>((resolve) => {
        ready = resolve;
      });
    }
  };
  let next = await prompt();
  release();
  const enter = async (text: string): Promise<void> => {
    send({ type: 'line', id: next.id, text });
    next = await prompt();
  };
  const run = async (line: string): Promise<string> => {
    output = '';
    await enter(line);
    // A question left over: the answers of the line did not suffice.
    if (next.kind !== 'command') throw new Error(`"${line}" asks for more: ${output}`);
    return output;
  };
  const load = async (config: string): Promise<string> => {
    output = '';
    await enter('loadconfig 1');
    for (const line of config.trimEnd().split('\n')) await enter(line);
    await enter('.');
    if (next.kind !== 'command') throw new Error(`loadconfig asks for more: ${output}`);
    return output;
  };
  return {
    run,
    load,
    commit: async (config, comment = 'test') => {
      const loaded = await load(config);
      return loaded + (await run(`commit "${comment}" N Y`));
    },
  };
}

/** Waits until the queue is empty. */
export async function emptied(t: TestContext, data: string, timeout = 60_000): Promise<void> {
  const session = await openSession(t, data);
  const deadline = performance.now() + timeout;
  for (;;) {
    const status = await session.run('status');
    if (/Oldest Message: +No Messages/.test(status)) return;
    if (performance.now() > deadline)
      throw new Error(`the queue is not empty:\n${await session.run('showrecipients 5')}`);
    await sleep(100);
  }
}
