// The web service of the whole gateway: first start, lock-out, a port that is taken, crash, end.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { askHttp1, Browser, goodPassword, openHttp2 } from '../admin/web/fixture.ts';
import { freePort, startGateway } from './harness.ts';
import { configuration, startAndSetUp, systemLog } from './web-gateway.ts';

test('first start, kill, restart: the link is on the console alone, users and sessions stay', async (t) => {
  const { gateway, browser, ports, token } = await startAndSetUp(t);
  await systemLog(
    gateway,
    /The user anna successfully logged on from 127\.0\.0\.1 with privilege admin using an HTTPS/,
  );
  for (const log of ['system.current', 'mail.current', 'mail.json']) {
    assert.ok(!readFileSync(join(gateway.data, 'logs', log), 'utf8').includes(token), log);
  }
  assert.equal(statSync(join(gateway.data, 'people.db')).mode & 0o777, 0o600);
  const users = await browser.ask('POST', '/users', { name: 'otto', role: 'auditor', password: goodPassword });
  assert.equal(users.status, 201);
  await gateway.kill();
  const again = await startGateway(t, { data: gateway.data, arguments: ['--workers', '1'] });
  assert.doesNotMatch(again.output(), /setup#/);
  assert.equal((await browser.ask('GET', '/session')).json['user'], 'anna', 'the session goes on');
  assert.equal((await new Browser(ports[1] ?? 0).logOn('otto', goodPassword)).status, 200);
  assert.equal((await askHttp1(ports[0] ?? 0, '/readyz')).status, 200);

  // Connections of every kind are open when it ends.
  const idle = connect(ports[0] ?? 0, '127.0.0.1');
  idle.on('error', () => undefined);
  const session = openHttp2(t, ports[1] ?? 0);
  const events = session.request({ ':path': '/api/v1/events?topics=overview', cookie: browser.cookie ?? '' });
  let text = '';
  events.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const over = once(events, 'end');
  while (!text.includes('event: overview')) await sleep(20);
  const asked = performance.now();
  assert.equal(await again.stop(), 0);
  await over;
  assert.match(text, /event: end\n/, 'the stream says that it is over');
  assert.ok(performance.now() - asked < 10_000, 'it took longer than 10 s to end');
});

test('nobody locks himself or another administrator out, unless he says it twice', async (t) => {
  const { gateway, browser, ports } = await startAndSetUp(t);
  const old = new Browser(ports[0] ?? 0, { maxVersion: 'TLSv1.2' });
  await browser.ask('POST', '/users', { name: 'olga', role: 'administrator', password: goodPassword });
  assert.equal((await old.logOn('olga', goodPassword)).status, 200);
  const select = async (who: Browser, versions: readonly string[], force = false) => {
    const edited = await who.ask('PATCH', '/configuration/candidate', { tls: { gui: { versions } } }, merge);
    assert.equal(edited.status, 200, edited.body);
    return who.ask('POST', '/configuration/commit', { comment: 'versions', force });
  };

  // Olga's own connection, and then, for Anna, what Olga had when she last logged on.
  const own = await select(old, ['TLSv1.3']);
  assert.deepEqual([own.status, own.json['code']], [409, 'lock-out']);
  assert.match(
    String(own.json['detail']),
    /by you, .*The peer offered TLS v1\.2 at most; GUI HTTPS allows TLS v1\.3\./,
  );
  const others = await select(browser, ['TLSv1.3']);
  assert.match(String(others.json['detail']), /by olga, as of the logon from 127\.0\.0\.1/);
  assert.doesNotMatch(String(others.json['detail']), /you/);
  assert.equal((await old.ask('GET', '/session')).status, 200, 'nothing was changed');

  await gateway.shell(['sslconfig gui 1', '', '']);
  // What was observed of Olga's connections arrives in the history a moment later: from then on commit asks for them as well.
  while (!/BREAKS/.test((await gateway.shell('preview')).output)) await sleep(50);
  const shell = await gateway.shell(['commit "from the shell"', 'N', 'Y', '', '']);
  assert.match(shell.output, /olga, as of the logon[\s\S]*commit all the same\? \[N\]>/);
  assert.match((await gateway.shell('showchanges')).output, /tls\.gui\.versions/);
  await gateway.shell(['clearchanges', 'Y']);

  const forced = await select(browser, ['TLSv1.3'], true);
  assert.equal(forced.status, 200, forced.body);
  await assert.rejects(old.ask('GET', '/session'), /EPROTO|alert/);
  await systemLog(gateway, /Warning: SSL error with client 127\.0\.0\.1:\d+ - \(\d+, 'error:0A000102/);
  await systemLog(gateway, /SSL explanation for client .*The peer offered TLS v1\.2 at most/);
  // She is out already: further changes are not refused for that.
  assert.equal((await browser.ask('GET', '/session')).status, 200);
  assert.equal((await select(browser, ['TLSv1.2', 'TLSv1.3'])).status, 200);
  assert.equal((await old.ask('GET', '/session')).status, 200);
  await gateway.stop();
});

test('a port that is taken makes the commit fail; other addresses are told', async (t) => {
  const { gateway, browser, ports } = await startAndSetUp(t);
  const taken = await startGateway(t, { config: configuration([await freePort()]), arguments: ['--workers', '1'] });
  const other = Number(/web UI on https:\/\/127\.0\.0\.1:(\d+)/.exec(taken.output())?.[1]);
  const ask = async (gui: object) => {
    await browser.ask('PATCH', '/configuration/candidate', { gui }, merge);
    return browser.ask('POST', '/configuration/commit', { comment: 'ports' });
  };
  const refused = await ask({ ports: [ports[0], other] });
  assert.equal(refused.json['code'], 'in-use');
  assert.match(
    String(refused.json['detail']),
    new RegExp(`127\\.0\\.0\\.1 port ${other} is in use by another program`),
  );
  const free = await freePort();
  const moved = await ask({ ports: [ports[0], free] });
  assert.equal(moved.status, 200, moved.body);
  assert.match(String(moved.json['warnings']), new RegExp(`https://127\\.0\\.0\\.1:${free} from now on`));
  assert.equal((await askHttp1(free, '/healthz')).status, 200);
  await systemLog(gateway, /PID \d+: User anna commit changes: ports$/);
  await Promise.all([gateway.stop(), taken.stop()]);
});

test('the same change through the shell, with a token and with a logon: diffs and audit are equal but for the face', async (t) => {
  const { gateway, browser } = await startAndSetUp(t);
  const { json } = await browser.ask('POST', '/tokens', { label: 'x', scopes: ['read', 'configuration'] });
  const program = new Browser(browser.port);
  const bearer = { authorization: `Bearer ${json['secret']}` };
  const back = async () => {
    await browser.ask('POST', '/configuration/rollback', { revision: 1 });
    const undone = await browser.ask('POST', '/configuration/commit', { comment: 'back' });
    assert.equal(undone.status, 200, undone.body);
  };
  const change = { tls: { inbound: { versions: ['TLSv1.3'] } } };

  const shell = await gateway.shell(['sslconfig inbound 1', '', '', 'commit "only 1.3" Y Y', 'commitdetail']);
  const shown = /tls\.inbound\.versions: .*/.exec(shell.output)?.[0];
  await back();
  assert.equal((await program.ask('PATCH', '/configuration/candidate', change, { ...merge, ...bearer })).status, 200);
  const byToken = await program.ask('POST', '/configuration/commit', { comment: 'only 1.3' }, bearer);
  await back();
  await browser.ask('PATCH', '/configuration/candidate', change, merge);
  const byLogon = await browser.ask('POST', '/configuration/commit', { comment: 'only 1.3' });
  const texts = ({ json: { changes } }: { readonly json: Readonly<Record<string, unknown>> }) =>
    (changes as readonly { readonly text: string }[]).map(({ text }) => text);
  assert.deepEqual(texts(byToken), [shown]);
  assert.deepEqual(texts(byLogon), [shown]);

  const deadline = Date.now() + 20_000;
  let entries: readonly Readonly<Record<string, unknown>>[] = [];
  while (entries.length < 3) {
    assert.ok(Date.now() < deadline, 'the trail has not got all three');
    const answer = await browser.ask('GET', '/audit?action=commit&text=only');
    assert.equal(answer.status, 200, answer.body);
    entries = answer.json['items'] as typeof entries;
  }
  const [logon, token, own] = entries;
  const common = { role: 'administrator', action: 'commit', detail: 'only 1.3' };
  for (const [entry, face] of [
    [logon, 'UI'],
    [token, 'API'],
    [own, 'shell'],
  ] as const) {
    const { role, action, detail } = entry ?? {};
    assert.deepEqual([{ role, action, detail }, entry?.['face']], [common, face]);
  }
  await gateway.stop();
});

const merge = { 'content-type': 'application/merge-patch+json' };
