// The socket: who may use it, what a broken or hostile client can do, several shells at once.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, linkSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ShellServer } from '../../src/admin/shell/server.ts';
import { socketPath } from '../../src/admin/shell/socket-path.ts';
import { TestHost } from './host.ts';
import { RawShell, script, until, withShell } from './shell.ts';

test('the socket is for its owner only, and the directory closed to writers', async () => {
  const host = await TestHost.open();
  chmodSync(host.dataDirectory, 0o777);
  const server = await ShellServer.listen(host.dataDirectory, host);
  const { mode } = statSync(socketPath(host.dataDirectory));
  assert.equal(mode & 0o777, 0o600);
  assert.equal(statSync(host.dataDirectory).mode & 0o022, 0);
  await server.close();
  assert.equal(existsSync(socketPath(host.dataDirectory)), false);
  host.remove();
});

test('another user cannot connect', async (context) => {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/python3')) {
    context.skip('SKIPPED: only root can try it as somebody else, with /usr/bin/python3');
    return;
  }
  await withShell(async ({ host }) => {
    chmodSync(host.dataDirectory, 0o755);
    const connect = `import socket, sys\ntry:\n s = socket.socket(socket.AF_UNIX)\n s.connect(sys.argv[1])\nexcept PermissionError:\n sys.exit(7)`;
    const path = socketPath(host.dataDirectory);
    const as = (uid: number) =>
      spawnSync('/usr/bin/python3', ['-c', connect, path], { uid, gid: uid, cwd: '/' }).status;
    assert.equal(as(65_534), 7);
    assert.equal(as(0), 0);
  });
});

test('a socket that a crash left behind is replaced; one that answers, and a file, are not', async () => {
  const host = await TestHost.open();
  const path = socketPath(host.dataDirectory);
  writeFileSync(path, '');
  await assert.rejects(ShellServer.listen(host.dataDirectory, host), /is not a socket/);
  rmSync(path);
  const first = await ShellServer.listen(host.dataDirectory, host);
  await assert.rejects(ShellServer.listen(host.dataDirectory, host), { code: 'in-use' });
  assert.equal((await script(host.dataDirectory, '', 'version')).status, 0);
  await first.close();
  // What `kill -9` leaves: a socket file that nobody listens on.
  const { promise, resolve } = Promise.withResolvers<void>();
  const dead = createServer().listen(`${path}.dead`, resolve);
  await promise;
  linkSync(`${path}.dead`, path);
  dead.close();
  const second = await ShellServer.listen(host.dataDirectory, host);
  assert.equal((await script(host.dataDirectory, '', 'version')).status, 0);
  await second.close();
  host.remove();
});

test('a data directory too deep for a socket address works', async () => {
  const host = await TestHost.open();
  const deep = join(host.dataDirectory, ...Array.from({ length: 8 }, () => 'directory-of-a-long-name'));
  mkdirSync(deep, { recursive: true });
  assert.ok(deep.length > 150);
  const server = await ShellServer.listen(deep, host);
  const result = await script(deep, 'version\n');
  assert.match(result.output, /^Current Version$/m);
  assert.equal(result.status, 0);
  await assert.rejects(ShellServer.listen(deep, host), { code: 'in-use' });
  await server.close();
  assert.equal(existsSync(socketPath(deep)), false);
  host.remove();
});

test('no gateway: exit status 1 and what to do', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-none-'));
  const result = await script(directory, 'status\n');
  assert.equal(result.status, 1);
  assert.match(result.errors, /no gateway runs on the data directory .*\n.*postern serve --data/);
  const nowhere = await script(join(directory, 'nowhere'), 'status\n');
  assert.equal(nowhere.status, 1);
  rmSync(directory, { recursive: true });
});

test('exit status of scripts and of single commands', async () => {
  await withShell(async ({ host }) => {
    const directory = host.dataDirectory;
    assert.equal((await script(directory, 'status\nversion\n')).status, 0);
    assert.equal((await script(directory, '')).status, 0);
    assert.equal((await script(directory, '# a comment\n\n  \nstatus')).status, 0);
    assert.equal((await script(directory, 'statsu\nversion\nquit\n')).status, 1);
    const unknown = await script(directory, '', 'statsu');
    assert.equal(unknown.status, 1);
    assert.equal(unknown.output, '');
    assert.match(unknown.errors, /^Unknown command: statsu\. Did you mean "status"\?\n/);
    const version = await script(directory, '', 'VERSION');
    assert.equal(version.status, 0);
    assert.equal(version.errors, '');
    assert.ok(version.output.startsWith('Current Version\n'));
    assert.equal((await script(directory, '', 'version now')).status, 1);
    assert.equal((await script(directory, '', 'help "sslconfig')).status, 1);
    assert.equal((await script(directory, '', '')).status, 0);
  });
});

test('words behind a command answer its first questions; the rest is Enter at the end of the input', async () => {
  await withShell(async ({ host }) => {
    const directory = host.dataDirectory;
    const edited = await script(directory, '', 'sslconfig inbound 1-2');
    assert.equal(edited.status, 0);
    assert.deepEqual(host.config.candidate('admin').config.tls.inbound.versions, ['TLSv1.2', 'TLSv1.3']);
    const refused = await script(directory, '', 'sslconfig inbound 1,3');
    assert.equal(refused.status, 1);
    assert.match(refused.errors, /TLS v1\.2 is missing/);
    const committed = await script(directory, '', 'commit "from a script" n');
    assert.equal(committed.status, 0);
    assert.match(committed.output, /^Changes committed: /m);
    assert.deepEqual(
      host.events.filter((line) => /commit|edit/.test(line)),
      [
        'User admin (administrator) by shell: edit: tls.inbound.versions: TLSv1.1, TLSv1.2 -> TLSv1.2, TLSv1.3',
        'PID 1237: User admin commit changes: from a script',
      ],
    );
    const many = await script(directory, '', 'commit "nothing" n and even more');
    assert.equal(many.status, 1);
    const unanswered = await script(directory, 'listenerconfig\nnew\n');
    assert.equal(unanswered.status, 1);
    assert.match(unanswered.output, /The input ended before the question was answered; nothing was done\.\n/);
    assert.equal(host.config.pending('admin').length, 0);
  });
});

test('the person behind sudo has a candidate of their own; a conflict is told and settled', async () => {
  await withShell(async ({ host }) => {
    process.env['SUDO_USER'] = 'alice';
    await script(host.dataDirectory, '', 'sslconfig inbound 1');
    process.env['SUDO_USER'] = 'root';
    await script(host.dataDirectory, '', 'sslconfig inbound 1-2');
    delete process.env['SUDO_USER'];
    assert.deepEqual(host.config.users().sort(), ['admin', 'alice']);
    assert.equal((await script(host.dataDirectory, '', 'commit first')).status, 0);
    process.env['SUDO_USER'] = 'alice';
    const looked = await script(host.dataDirectory, '', 'commit');
    assert.equal(looked.status, 1);
    assert.match(looked.output, /Another administrator has committed other values.*\n {2}tls\.inbound\.versions/);
    assert.match(looked.errors, /Nothing was committed: tls\.inbound\.versions/);
    const settled = await script(host.dataDirectory, 'commit\n1\nmine\n\n');
    delete process.env['SUDO_USER'];
    assert.equal(settled.status, 0);
    assert.deepEqual(host.config.committed().config.tls.inbound.versions, ['TLSv1.3']);
    assert.equal(host.events.at(-1), 'PID 1237: User alice commit changes: mine');
  });
});

test('what others wrote cannot act upon the terminal', async () => {
  const row = {
    mid: 1,
    destination: 'example.net',
    sender: 'a\u001b[2J@example.org',
    recipients: ['b\u202e@example.net'],
    size: 1,
    received: 0,
    attempts: 1,
    next: 0,
    held: false,
    reason: '550 \u001b]0;owned\u0007\u009b1m\rno',
  };
  await withShell(
    async ({ host }) => {
      const { output } = await script(host.dataDirectory, '', 'showrecipients 5');
      assert.doesNotMatch(output, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
      assert.match(output, /a\\x1b\[2J@example\.org/);
    },
    { queue: [row] },
  );
});

test('several shells at once; beyond the bound one is told so', async () => {
  await withShell(
    async ({ host }) => {
      const shells = Array.from({ length: 3 }, () => new RawShell(host.dataDirectory));
      for (const shell of shells) shell.hello();
      for (const shell of shells) await shell.question();
      const late = await script(host.dataDirectory, '', 'version');
      assert.equal(late.status, 1);
      assert.match(late.errors, /3 shells open already/);
      shells[0]?.socket.destroy();
      await until(() => shells[0]?.closed === true);
      assert.equal((await script(host.dataDirectory, '', 'version')).status, 0);
      for (const shell of shells) shell.socket.destroy();
    },
    { shells: 3 },
  );
});

test('hostile clients: noise, a line without end, frames that are none, answers to nothing', async () => {
  await withShell(async ({ host }) => {
    const noise = new RawShell(host.dataDirectory);
    noise.socket.write(Buffer.concat([randomBytes(4096), Buffer.from('\n')]));
    await until(() => noise.closed);

    const endless = new RawShell(host.dataDirectory);
    const block = Buffer.alloc(64 * 1024, 0x61);
    const interval = setInterval(() => endless.socket.write(block), 1);
    await until(() => endless.closed);
    clearInterval(interval);
    assert.ok(endless.socket.bytesWritten < 16 * 1024 * 1024);

    for (const frame of [
      { type: 'line', id: 1, text: 'before the hello' },
      { type: 'hello', version: 1, mode: 'root', user: '' },
      { type: 'hello', version: 1, mode: 'script', user: 7 },
      [],
      null,
      'x',
    ]) {
      const shell = new RawShell(host.dataDirectory);
      shell.send(frame);
      await until(() => shell.closed);
      assert.deepEqual(shell.frames(), []);
    }

    const old = new RawShell(host.dataDirectory);
    old.hello({ version: 99 });
    await until(() => old.closed);
    assert.match(old.output(), /different versions/);

    const busy = new RawShell(host.dataDirectory);
    busy.hello();
    await busy.question();
    for (let id = 100; id < 1000; id++) busy.send({ type: 'line', id, text: 'clearchanges' });
    busy.send({ type: 'pasted', id: 1 });
    busy.send({ type: 'line', id: 1, text: 'version' });
    await until(() => busy.output().includes('Current Version'));
    assert.equal(busy.frames().filter((frame) => frame['type'] === 'ask').length, 2);
    busy.socket.destroy();
    assert.equal((await script(host.dataDirectory, '', 'version')).status, 0);
  });
});

test('a client that goes away in the middle of a dialogue changes nothing', async () => {
  await withShell(async ({ host }) => {
    const shell = new RawShell(host.dataDirectory);
    shell.hello();
    await shell.answer('sslconfig');
    await shell.answer('inbound');
    await shell.answer('1');
    await shell.question();
    shell.socket.destroy();
    await until(() => shell.closed);
    assert.deepEqual(host.config.pending('admin'), []);
    assert.equal((await script(host.dataDirectory, '', 'version')).status, 0);
  });
});

test('Ctrl-C ends the present command, Ctrl-D the session, long silence too', async () => {
  await withShell(
    async ({ host }) => {
      const shell = new RawShell(host.dataDirectory);
      shell.hello();
      await shell.answer('sslconfig');
      await shell.answer('gui');
      await shell.question();
      shell.send({ type: 'interrupt' });
      await shell.answer('tail');
      await shell.answer('mail_logs');
      await until(() => shell.output().includes('Press Ctrl-C to stop.'));
      shell.send({ type: 'interrupt' });
      await shell.answer('version');
      await until(() => shell.output().includes('Current Version'));
      await shell.question();
      shell.send({ type: 'end' });
      await until(() => shell.closed);
      assert.deepEqual(shell.frames().at(-1), { type: 'bye', status: 0 });

      const idle = new RawShell(host.dataDirectory);
      idle.hello();
      await until(() => idle.closed);
      assert.match(idle.output(), /the session is closed/);
      assert.deepEqual(idle.frames().at(-1), { type: 'bye', status: 1 });
    },
    { idle: 500 },
  );
});

test('the end of the gateway ends its shells', async () => {
  const host = await TestHost.open();
  const server = await ShellServer.listen(host.dataDirectory, host);
  const shell = new RawShell(host.dataDirectory);
  shell.hello();
  await shell.answer('tail 1');
  await server.close();
  await until(() => shell.closed);
  host.remove();
});

test('a script of noise fails line by line; a line without end ends it', async () => {
  await withShell(async ({ host }) => {
    const noise = `\u0000\u001b[2J\r\n"open\n${'é\u2028'.repeat(100)}\n\\\n'\nversion\n`;
    const { status, output } = await script(host.dataDirectory, noise);
    assert.equal(status, 1);
    assert.match(output, /The quotation that begins with " is not closed\./);
    assert.match(output, /Current Version/);
    const endless = await script(host.dataDirectory, `version\n${'x'.repeat(70_000)}\nversion\n`);
    assert.equal(endless.status, 1);
    assert.match(endless.errors, /a line .*is longer than 65536 characters/);
  });
});

test('a gateway that goes away: the client says so and fails', async () => {
  const host = await TestHost.open();
  const server = await ShellServer.listen(host.dataDirectory, host);
  const waiting = script(host.dataDirectory, '', 'tail');
  // It connects after the client, and is served.
  const other = new RawShell(host.dataDirectory);
  other.hello();
  await other.question();
  await server.close();
  const { status, errors } = await waiting;
  assert.equal(status, 1);
  assert.match(errors, /the gateway has ended the connection/);
  host.remove();
});
