// userconfig and setup, as lines of a script.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { script, withShell } from './shell.ts';

const password = 'four unusual words of 2026';

test('setup prints a link while there is no user; userconfig adds, changes and removes accounts', async () => {
  await withShell(async ({ host }) => {
    const run = (...lines: readonly string[]) => script(host.dataDirectory, `${lines.join('\n')}\n`);
    const first = await run('setup');
    const link = /https:\/\/127\.0\.0\.1:8443\/setup#([\w-]{43})\n/.exec(first.output)?.[1];
    assert.ok(link !== undefined, first.output);
    assert.match(first.output, /ssh -L 8443:127\.0\.0\.1:8443 /);
    const second = await run('setup');
    assert.ok(!second.output.includes(link));
    await assert.rejects(host.people.setUp(link, 'anna', password, '192.0.2.1'), /was used, or is older/);
    assert.match(
      (await run('userconfig', 'new', 'a b', 'anna', '1', password)).output,
      /A user name is up to 32 letters[\s\S]*User anna created\./,
    );
    assert.match((await run('setup')).output, /has users already/);
    const made = await run('userconfig new otto 2', '');
    const invented = /The password of otto: (\S+)/.exec(made.output)?.[1] ?? '';
    assert.ok(await host.people.users.hasPassword('otto', invented), made.output);
    assert.match((await run('userconfig delete 1 y')).output, /"anna" is the last administrator/);
    assert.match((await run('userconfig status 2')).output, /User "otto" is disabled/);
    assert.match((await run('userconfig edit 2 3')).output, /2\. otto \(auditor, disabled\), never logged on/);
    assert.match((await run('userconfig password 1 short')).output, /at least 12 characters/i);
    assert.match((await run('userconfig delete 2 y')).output, /User "otto" removed/);
    assert.deepEqual(
      host.people.users.list().map(({ name, role }) => `${name} ${role}`),
      ['anna administrator'],
    );
    assert.ok(host.events.some((line) => line.includes('user otto (operator) added')));
    assert.ok(!host.events.some((line) => line.includes(password) || line.includes(invented)));
  });
});
