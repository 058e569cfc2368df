// `npm run demo`, as somebody sees it who has just run `npm ci`.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { temporaryDirectory } from './harness.ts';

const root = resolve(import.meta.dirname, '../..');

interface Running {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<number | null>;
  readonly directory: string;
  shows(pattern: RegExp, timeout?: number): Promise<RegExpExecArray>;
}

function start(t: TestContext, command: string, words: readonly string[]): Running {
  const directory = temporaryDirectory(t);
  const child = spawn(command, words, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: directory },
  });
  t.after(() => child.kill('SIGKILL'));
  let output = '';
  const keep = (chunk: Buffer) => {
    output += chunk.toString();
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const { promise: ended, resolve: end } = Promise.withResolvers<number | null>();
  child.once('close', (status) => end(status));
  const shows = async (pattern: RegExp, timeout = 60_000) => {
    const deadline = Date.now() + timeout;
    for (;;) {
      const found = pattern.exec(output);
      if (found !== null) return found;
      if (Date.now() > deadline || child.exitCode !== null) throw new Error(`not shown: ${pattern}\n${output}`);
      await sleep(50);
    }
  };
  return { child, output: () => output, ended, directory, shows };
}

test('demo --once: four partners, four messages, status 0, nothing left behind', async (t) => {
  const demo = start(t, 'npm', ['run', '--silent', 'demo', '--', '--once']);
  assert.equal(await demo.ended, 0, demo.output());
  const output = demo.output();
  for (const partner of [
    /<<< old-printer\.demo \(speaks TLS 1\.0 only\) sent over TLSv1 \S+$/m,
    /<<< erp\.demo \(speaks TLS 1\.2 only\) sent over TLSv1\.2 \S+$/m,
    /<<< modern\.demo \(speaks TLS 1\.3 with ML-KEM \(X25519MLKEM768\)\) sent over TLSv1\.3 \S+$/m,
    /<<< scanner\.demo \(knows no TLS\) sent over clear text$/m,
  ]) {
    assert.match(output, partner);
  }
  assert.equal(output.match(/>>> arrived at the destination \(TLSv1\.3\): round 1 from /g)?.length, 4, output);
  for (const line of [
    /Info: ICID \d+ TLS success protocol TLSv1 cipher /,
    /Info: ICID \d+ TLS success protocol TLSv1\.2 cipher /,
    /Info: ICID \d+ TLS success protocol TLSv1\.3 cipher /,
    /Info: DCID \d+ TLS success protocol TLSv1\.3 cipher TLS_AES_256_GCM_SHA384/,
    /Info: Message finished MID 4 done/,
  ]) {
    assert.match(output, line);
  }
  assert.match(output, /^All 4 messages have arrived\.$/m);
  // npm keeps its own compiled code there.
  assert.deepEqual(
    readdirSync(demo.directory).filter((name) => name !== 'node-compile-cache'),
    [],
  );
});

test('demo: what it tells to try works, and Ctrl-C ends it cleanly', async (t) => {
  const demo = start(t, process.execPath, ['bin/postern.mjs', 'demo']);
  const [, command = ''] = await demo.shows(/^ {2}npx --no-install (postern shell --data \S+)$/m);
  const words = command.split(' ').slice(1);
  const shell = spawn(process.execPath, ['bin/postern.mjs', ...words], {
    cwd: root,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let said = '';
  shell.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  // History is written about once a second; the partners of the first round are in it when the preview counts all of them.
  const told = async () => {
    shell.stdin.write('preview\n');
    const end = said.length;
    while (!/of the last 30 days (would break|breaks)|days breaks|nobody was seen/.test(said.slice(end)))
      await sleep(50);
    return said.slice(end);
  };
  shell.stdin.write('sslconfig\nINBOUND\n1-2\n\n\n');
  let preview = await told();
  for (let tries = 0; tries < 100 && !/breaks 1, unchanged 3\./.test(preview); tries++) {
    await sleep(200);
    preview = await told();
  }
  assert.match(preview, /^Inbound SMTP, listener "inbound": breaks 1, unchanged 3\.$/m);
  const named = preview.match(/^ {4}- .*$/gm) ?? [];
  assert.equal(named.length, 1, preview);
  assert.match(
    named[0] ?? '',
    /^ {4}- 127\.0\.0\.11 \(calls itself old-printer\.demo\), \d+ messages? in 30 days, last today: offers TLS 1\.0 only$/,
  );
  assert.match(
    preview,
    /They may fall back to clear text, which this listener takes, or let their mail wait and give up/,
  );
  assert.match(preview, /To keep them: also keep TLS v1\.0, TLS v1\.1 for Inbound SMTP\./);
  shell.stdin.end('commit\n\n\nY\nstatus\nshowrecipients 5\n');
  const { promise, resolve: done } = Promise.withResolvers<number | null>();
  shell.once('close', (status) => done(status));
  assert.equal(await promise, 0, said);
  assert.match(said, /^Changes committed: /m);
  assert.match(said, /^System status: +Online$/m);
  // The next round: the old printer is refused, and the log says why.
  await demo.shows(/<<< old-printer\.demo \(speaks TLS 1\.0 only\) could not send: .+/);
  await demo.shows(
    /Info: ICID \d+ TLS failed: \(167772418, 'error:0A000102:SSL routines:tls_early_post_process_client_hello:unsupported protocol'\)/,
  );
  await demo.shows(
    /Info: ICID \d+ TLS explanation: The peer offered TLS v1\.0 at most; Inbound SMTP allows TLS v1\.2, TLS v1\.3\. To serve it, also select TLS v1\.0 and TLS v1\.1 \(sslconfig\); better, have the peer updated\./,
  );
  await demo.shows(
    /<<< scanner\.demo \(knows no TLS\) sent over clear text[\s\S]*<<< scanner\.demo \(knows no TLS\) sent over clear text/,
  );
  demo.child.kill('SIGINT');
  assert.equal(await demo.ended, 0, demo.output());
  assert.deepEqual(readdirSync(demo.directory), []);
});
