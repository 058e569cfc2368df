// tail and grep over real log files.
import assert from 'node:assert/strict';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { RawShell, script, until, withShell } from './shell.ts';

test('tail shows the last lines and those that come', async () => {
  await withShell(async ({ host }) => {
    const file = join(host.logDirectory, 'mail.current');
    writeFileSync(file, Array.from({ length: 30 }, (_, index) => `line ${index}\n`).join(''));
    const shell = new RawShell(host.dataDirectory);
    shell.hello({ mode: 'command', command: 'tail mail_logs' });
    await until(() => shell.output().includes('line 29\n'));
    assert.doesNotMatch(shell.output(), /line 5\n/);
    appendFileSync(file, 'line 30\n');
    await until(() => shell.output().endsWith('line 30\n'));
    shell.send({ type: 'interrupt' });
    await until(() => shell.closed);
    assert.deepEqual(shell.frames().at(-1), { type: 'bye', status: 0 });
  });
});

test('grep with words and with questions; no match is a failure', async () => {
  await withShell(async ({ host }) => {
    writeFileSync(join(host.logDirectory, 'mail.current'), 'MID 1 ready\nmid 2 ready\nICID 3 close\n');
    writeFileSync(join(host.logDirectory, 'system.current'), 'PID 1: User admin commit changes: x\n');
    const directory = host.dataDirectory;
    assert.equal((await script(directory, '', 'grep "MID \\d"')).output, 'MID 1 ready\n');
    assert.equal((await script(directory, '', 'grep -i "MID \\d" mail_logs')).output, 'MID 1 ready\nmid 2 ready\n');
    assert.equal((await script(directory, '', 'grep -iv mid')).output, 'ICID 3 close\n');
    assert.match((await script(directory, '', 'grep commit system_logs')).output, /User admin/);
    const none = await script(directory, '', 'grep nothing');
    assert.equal(none.status, 1);
    assert.match(none.errors, /No line matches/);
    assert.match((await script(directory, '', 'grep a b c')).errors, /not the name of a log/);
    assert.equal((await script(directory, '', 'grep "("')).status, 1);
    const asked = await script(directory, 'grep\n\nmid\n\ny\n');
    assert.match(asked.output, /non-matching lines\? \[N\]> y\n\nICID 3 close\n/);
    assert.equal(asked.status, 0);
  });
});
