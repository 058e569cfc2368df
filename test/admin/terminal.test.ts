// The shell at a real pseudo-terminal (python3's pty): Tab, history, Ctrl-C, Ctrl-D.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Running, withShell } from './shell.ts';

const python = '/usr/bin/python3';
const launcher = join(import.meta.dirname, '..', '..', 'bin', 'postern.mjs');

interface Played {
  readonly status: number | null;
  readonly screen: string;
}

/** Steps: what to wait for, then what to type (`\t`, `\x03` as Python reads them). */
async function play({ host }: Running, steps: readonly (readonly [wait: string, keys: string])[]): Promise<Played> {
  const command = [process.execPath, launcher, 'shell', '--data', host.dataDirectory];
  const child = spawn(python, [join(import.meta.dirname, 'terminal.py'), ...command, '--', ...steps.flat()], {
    env: {
      ...process.env,
      HOME: host.dataDirectory,
      POSTERN_HISTORY: join(host.dataDirectory, 'history'),
      TERM: 'xterm',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let screen = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    screen += chunk;
  });
  const { promise, resolve } = Promise.withResolvers<number | null>();
  child.on('close', resolve);
  const status = await promise;
  return { status, screen: screen.replaceAll('\r', '') };
}

function terminalTest(name: string, run: (running: Running) => Promise<void>): void {
  test(name, async (context: TestContext) => {
    if (!existsSync(python)) {
      context.skip(`SKIPPED: there is no ${python}, so the shell was not tried at a terminal`);
      return;
    }
    await withShell(run);
  });
}

const prompt = 'gw.example.com> ';

terminalTest('Tab completes commands, their words and sub-commands', async (running) => {
  const { status, screen } = await play(running, [
    [prompt, 'sslc\\t'],
    ['sslconfig', '\\n'],
    ['[]> ', 'verif\\t'],
    ['VERIFY', '\\n'],
    ['verify.', 'AES128-GCM-SHA256\\n'],
    ['AESGCM', '\\n'],
    [prompt, 'help rollb\\t'],
    ['help rollbackconfig', '\\n'],
    // A Tab that comes before the prompt completes nothing.
    ['Usage: rollbackconfig', ''],
    [prompt, 'TAIL sy\\t'],
    ['tail system_logs', '\\x03'],
    [prompt, 'sh\\t'],
    ['show', '\\t'],
    ['showrecipients', '\\x03'],
    [prompt, 'statu\\t'],
    ['status', '\\n'],
    ['System status', 'quit\\n'],
  ]);
  assert.equal(status, 0, screen);
});

terminalTest('the history keeps commands, not answers, for their owner only', async (running) => {
  const history = join(running.host.dataDirectory, 'history');
  writeFileSync(history, 'version\n');
  chmodSync(history, 0o644);
  const first = await play(running, [
    [prompt, 'sslconfig\\n'],
    ['[]> ', 'inbound\\n'],
    ['[2-3]> ', '1-2\\n'],
    ['!eNULL]> ', '\\n'],
    ['[]> ', '\\n'],
    [prompt, 'clearchanges\\n'],
    ['[Y]> ', '\\n'],
    [prompt, '\\x04'],
  ]);
  assert.equal(first.status, 0, first.screen);
  assert.equal(readFileSync(history, 'utf8'), 'version\nsslconfig\nclearchanges\n');
  assert.equal(statSync(history).mode & 0o777, 0o600);
  const second = await play(running, [
    [prompt, '\\x1b[A\\x1b[A\\x1b[A\\n'],
    ['Current Version', 'quit\\n'],
  ]);
  assert.equal(second.status, 0, second.screen);
});

terminalTest('Ctrl-C ends the present command and forgets what was typed; Ctrl-D leaves', async (running) => {
  const { host } = running;
  writeFileSync(join(host.logDirectory, 'mail.current'), 'Tue Nov 24 01:00:00 2026 Info: a line\n');
  const { status, screen } = await play(running, [
    [prompt, 'sslconfig\\n'],
    ['[]> ', 'gui\\n'],
    ['[2-3]> ', '4-\\x03'],
    [prompt, 'tail mail_logs\\n'],
    ['Info: a line', '\\x03'],
    [prompt, 'abc\\x03'],
    [prompt, 'version\\n'],
    ['Current Version', ''],
    [prompt, '\\x04'],
  ]);
  assert.equal(status, 0, screen);
  assert.deepEqual(host.config.pending('admin'), []);
  assert.doesNotMatch(screen, /Unknown command/);
});

terminalTest('a paste ends with Ctrl-D on an empty line, and the session goes on', async (running) => {
  const { status, screen } = await play(running, [
    [prompt, 'loadconfig 1\\n'],
    ['when done.', 'hostname: other.example.com\\n# nothing else\\n'],
    ['nothing else', '\\x04'],
    ['Values have been loaded.', 'showchanges\\n'],
    ['hostname: gw.example.com -> other.example.com', 'quit\\n'],
    ['Are you sure you want to leave? [Y]> ', 'n\\n'],
    [prompt, 'clearchanges\\n'],
    ['[Y]> ', 'y\\n'],
    ['Changes cleared', 'quit\\n'],
  ]);
  assert.equal(status, 0, screen);
});

terminalTest(
  'what is typed before it is asked for, Ctrl-D too, answers the questions in their order',
  async (running) => {
    const history = join(running.host.dataDirectory, 'history');
    const { status, screen } = await play(running, [
      [prompt, 'loadconfig 1\\nhostname: other.example.com\\n\\x04showchanges\\nversion\\n'],
      ['Values have been loaded.', ''],
      ['hostname: gw.example.com -> other.example.com', ''],
      ['Current Version', 'clearchanges\\ny\\n\\x04'],
    ]);
    assert.equal(status, 0, screen);
    assert.match(screen, /Changes cleared/);
    assert.doesNotMatch(screen, /Unknown command/);
    assert.equal(readFileSync(history, 'utf8'), 'loadconfig 1\nshowchanges\nversion\nclearchanges\n');
  },
);

terminalTest('long output stops at each screen', async (running) => {
  const { host } = running;
  for (let mid = 1; mid <= 50; mid++) {
    host.rows.push({
      mid,
      destination: 'example.net',
      sender: 'a@example.org',
      recipients: [`r${mid}@example.net`],
      size: 1000,
      received: Date.now(),
      attempts: 1,
      next: null,
      held: false,
      reason: '',
    });
  }
  const { status, screen } = await play(running, [
    [prompt, 'showrecipients 5\\n'],
    ['Press Enter for more, Q to stop --', '\\n'],
    ['Press Enter for more, Q to stop --', 'q\\n'],
    [prompt, 'quit\\n'],
  ]);
  assert.equal(status, 0, screen);
  assert.match(screen, /r1@example\.net/);
  assert.doesNotMatch(screen, /r50@example\.net/);
});
