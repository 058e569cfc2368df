// Commits that must be confirmed: what cuts an administrator off comes back by itself, whatever happens in between.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { askHttp2, Browser, goodPassword, openHttp2 } from '../admin/web/fixture.ts';
import { startGateway } from './harness.ts';
import { startAndSetUp, systemLog } from './web-gateway.ts';

const merge = { 'content-type': 'application/merge-patch+json' };

/** Anna's browser speaks TLS 1.2 alone; `minutes`: how long the change that cuts her off waits for a confirmation. */
async function cutOff(t: TestContext, minutes: number) {
  const { gateway, ports } = await startAndSetUp(t);
  const anna = new Browser(ports[0] ?? 0, { maxVersion: 'TLSv1.2' });
  assert.equal((await anna.logOn('anna', goodPassword)).status, 200);
  await anna.ask('PATCH', '/configuration/candidate', { tls: { gui: { versions: ['TLSv1.3'] } } }, merge);
  const commit = { comment: 'TLS 1.3 alone', force: true, confirmWithin: minutes };
  const committed = await anna.ask('POST', '/configuration/commit', commit);
  assert.equal(committed.status, 200, committed.body);
  const confirmBy = Date.parse(String(committed.json['confirmBy']));
  return { gateway, anna, confirmBy };
}

async function isCutOff(browser: Browser): Promise<boolean> {
  try {
    return (await browser.ask('GET', '/session')).status !== 200;
  } catch {
    return true;
  }
}

test('what cuts the administrator off comes back by itself', async (t) => {
  const { gateway, anna, confirmBy } = await cutOff(t, 0.05);
  assert.ok(await isCutOff(anna));
  while (await isCutOff(anna)) {
    assert.ok(Date.now() < confirmBy + 10_000, 'it did not come back');
    await sleep(50);
  }
  assert.ok(Date.now() >= confirmBy, 'it came back before its time');
  const { json } = await anna.ask('GET', '/configuration/history');
  const [last, before] = json['items'] as Record<string, unknown>[];
  assert.deepEqual(
    [last?.['user'], last?.['comment']],
    ['postern', 'Taken back: revision 2 was not confirmed in time'],
  );
  assert.equal(before?.['comment'], 'TLS 1.3 alone');
  await systemLog(gateway, /revision 2 must be confirmed by .*; else what it changed is taken back/);
  await systemLog(gateway, /Warning: revision 2: not confirmed in time; revision 3 has the former settings/);
  const audit = await anna.ask('GET', '/audit');
  assert.match(audit.body, /"user":"postern","role":"administrator","address":"","face":"gateway","action":"commit"/);
});

test('kill -9 in between: the time goes on, and what is over by the next start never comes into force again', async (t) => {
  const { gateway, anna, confirmBy } = await cutOff(t, 0.3);
  await gateway.kill();
  const again = await startGateway(t, { data: gateway.data, arguments: ['--workers', '1'] });
  assert.ok(Date.now() < confirmBy, 'the start took too long for this test');
  assert.ok(await isCutOff(anna), 'the commit is in force until its time is over');
  assert.match((await again.shell('status')).output, /Must be confirmed: +revision 2, by /);
  // What others commit meanwhile stays.
  const modern = new Browser(anna.port);
  Object.assign(modern, { cookie: anna.cookie, csrf: anna.csrf });
  await modern.ask('PATCH', '/configuration/candidate', { accept: ['kept.example'] }, merge);
  assert.equal((await modern.ask('POST', '/configuration/commit', { comment: 'kept' })).json['confirmBy'], null);
  await again.kill();
  await sleep(Math.max(0, confirmBy - Date.now()) + 50);
  const third = await startGateway(t, { data: gateway.data, arguments: ['--workers', '1'] });
  assert.ok(!(await isCutOff(anna)));
  const { json } = await anna.ask('GET', '/configuration');
  assert.deepEqual((json['config'] as { accept: string[] }).accept, ['kept.example']);
  await systemLog(third, /revision 2: not confirmed in time; revision 4 has the former settings/);
  assert.doesNotMatch((await third.shell('status')).output, /Must be confirmed/);
});

test('only a connection from after the commit confirms; then it stays', async (t) => {
  const { gateway, browser, ports } = await startAndSetUp(t);
  const session = openHttp2(t, ports[0] ?? 0);
  const headers = { origin: browser.origin, cookie: browser.cookie ?? '', 'x-csrf-token': browser.csrf ?? '' };
  const confirm = { method: 'POST', headers };
  assert.equal((await askHttp2(session, '/api/v1/configuration/confirmation', confirm)).status, 404, 'nothing waits');

  await browser.ask('PATCH', '/configuration/candidate', { tls: { gui: { versions: ['TLSv1.3'] } } }, merge);
  const committed = await browser.ask('POST', '/configuration/commit', {});
  const minutes = (Date.parse(String(committed.json['confirmBy'])) - Date.now()) / 60_000;
  assert.ok(minutes > 9 && minutes <= 10, `changes of the web service wait 10 minutes, not ${minutes}`);
  // A second one takes over; both come back together.
  await browser.ask('PATCH', '/configuration/candidate', { gui: { hsts: false }, hostname: 'gw2.example.com' }, merge);
  const second = await browser.ask('POST', '/configuration/commit', { confirmWithin: 0.1 });
  const waiting = await browser.ask('GET', '/configuration/confirmation');
  assert.deepEqual((waiting.json['waiting'] as { revisions: number[] }).revisions, [2, 3]);

  const old = await askHttp2(session, '/api/v1/configuration/confirmation', confirm);
  assert.deepEqual([old.status, JSON.parse(old.body).code], [409, 'old-connection']);
  while (!session.closed) await sleep(10); // the gateway sends its client to another connection
  const done = await askHttp2(openHttp2(t, ports[0] ?? 0), '/api/v1/configuration/confirmation', confirm);
  assert.deepEqual([done.status, JSON.parse(done.body)], [200, { waiting: null }]);
  await sleep(Math.max(0, Date.parse(String(second.json['confirmBy'])) - Date.now()) + 200);
  assert.equal((await browser.ask('GET', '/configuration')).json['number'], 3);
  await systemLog(gateway, /revisions 2, 3 confirmed by anna/);
});

test('the shell: a time of its own, an old shell proves nothing, undo', async (t) => {
  const { gateway } = await startAndSetUp(t);
  const change = (versions: string) => [`sslconfig outbound ${versions}`, '', ''];
  const same = await gateway.shell([...change('1'), 'commitconfirmed 5 "with a net" Y', 'confirm']);
  assert.match(
    same.output,
    /It is taken back at .* unless it is confirmed: "confirm" in a new shell, or in the web UI\./,
  );
  assert.match(same.output, /older than the commit: it proves nothing/);
  assert.match((await gateway.shell('confirm')).output, /Confirmed: revision 2 stays in force\./);
  assert.match((await gateway.shell('confirm')).output, /nothing waits for a confirmation/i);
  await gateway.shell([...change('1-3'), 'commitconfirmed 5 "again" Y']);
  assert.match((await gateway.shell('confirm undo')).output, /Taken back: revision 4 has the former settings\./);
  assert.match((await gateway.shell('sslconfig')).output, /Outbound SMTP method: {2}tlsv1_3\n/);
  const wrong = await gateway.shell([...change('1-3'), 'commitconfirmed x']);
  assert.match(wrong.output, /Enter a number of minutes from 0 to 1440\./);
  assert.match((await gateway.shell('showchanges')).output, /tls\.outbound\.versions/, 'nothing was committed');
});
