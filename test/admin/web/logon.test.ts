// Who gets in, and who does not: set-up, logon, sessions, CSRF, tokens, roles, second factor.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeAt } from '../../../src/admin/auth/totp.ts';
import { askHttp1, Browser, goodPassword, startWeb, startWithAdministrator } from './fixture.ts';

test('the set-up link makes the first administrator, once', async (t) => {
  const { host, ports } = await startWeb(t);
  const link = host.people.newSetupLink();
  assert.ok(link !== null);
  const browser = new Browser(ports[0]);
  const setUp = (token: string, password: string) => browser.ask('POST', '/setup', { token, name: 'anna', password });
  assert.equal((await setUp(`${link.token}x`, goodPassword)).json['code'], 'unauthorized');
  const weak = await setUp(link.token, 'short');
  assert.deepEqual([weak.status, weak.json['pointer']], [400, '/password'], 'a weak password does not use the link up');
  assert.equal((await setUp(link.token, goodPassword)).status, 204);
  assert.equal((await setUp(link.token, goodPassword)).json['code'], 'unauthorized');
  assert.equal(host.people.newSetupLink(), null, 'there is no link where there are users');
  assert.equal((await browser.logOn('anna', goodPassword)).status, 200);
  assert.equal((await browser.ask('GET', '/session')).json['role'], 'administrator');
});

test('the cookie: its attributes, its CSRF token, its end', async (t) => {
  const { browser } = await startWithAdministrator(t);
  const { cookie } = browser;
  const again = await browser.logOn('Anna', goodPassword);
  assert.match(
    String(again.headers['set-cookie']),
    /^__Host-postern=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Strict$/,
  );
  assert.notEqual(browser.cookie, cookie);
  const old = new Browser(browser.port);
  old.cookie = cookie;
  assert.equal((await old.ask('GET', '/session')).status, 401, 'the session before this logon is over');
  assert.equal((await browser.ask('POST', '/logout')).status, 204);
  assert.equal((await browser.ask('GET', '/session')).status, 401);
});

test('a session id that came in a cookie is never adopted at logon', async (t) => {
  const { browser } = await startWithAdministrator(t);
  const planted = `__Host-postern=${'A'.repeat(43)}`;
  const victim = new Browser(browser.port);
  victim.cookie = planted;
  await victim.logOn('anna', goodPassword);
  assert.notEqual(victim.cookie, planted);
  const attacker = new Browser(browser.port);
  attacker.cookie = planted;
  assert.equal((await attacker.ask('GET', '/session')).status, 401);
  attacker.cookie = `${victim.cookie}; ${planted}`;
  assert.equal((await attacker.ask('GET', '/session')).status, 401, 'two cookies of the name are none');
});

test('a change needs the CSRF token and an Origin equal in scheme, host and port', async (t) => {
  const { browser, ports } = await startWithAdministrator(t);
  const change = (headers: Readonly<Record<string, string>>) =>
    browser.ask('POST', '/tokens', { label: 'x', scopes: ['read'] }, headers);
  assert.equal((await change({})).status, 201);
  const foreign: readonly Readonly<Record<string, string>>[] = [
    { origin: `https://127.0.0.1:${ports[1]}` },
    { origin: `http://127.0.0.1:${ports[0]}` },
    { origin: `https://localhost:${ports[0]}` },
    { origin: 'https://127.0.0.1' },
    { origin: 'null' },
    { origin: '' },
    { 'x-csrf-token': 'wrong' },
    { 'x-csrf-token': '' },
  ];
  for (const headers of foreign) {
    const { status, json } = await change(headers);
    assert.deepEqual([status, json['code']], [403, 'csrf'], JSON.stringify(headers));
  }
  // The same session through the other port: the cookie is the host's, its own Origin is right there.
  const other = new Browser(ports[1]);
  other.cookie = browser.cookie;
  other.csrf = browser.csrf;
  assert.equal((await other.ask('POST', '/tokens', { label: 'y', scopes: ['read'] })).status, 201);
  const logon = await browser.ask(
    'POST',
    '/login',
    { name: 'anna', password: goodPassword },
    { origin: 'https://evil' },
  );
  assert.equal(logon.json['code'], 'csrf', 'nor may another page log somebody on');
});

test('whoever is unknown hears the same as whoever has a wrong password, and nobody guesses for long', async (t) => {
  const { browser, host } = await startWithAdministrator(t);
  const stranger = new Browser(browser.port);
  const wrong = await stranger.logOn('anna', 'not the password');
  const unknown = await stranger.logOn('nobody', 'not the password');
  assert.deepEqual(unknown.json, wrong.json);
  assert.equal(wrong.status, 401);
  let refused = null;
  for (let i = 0; i < 12 && refused === null; i++) {
    const answer = await stranger.logOn(`guess${i}`, 'not the password');
    if (answer.status === 429) refused = answer;
  }
  assert.equal(refused?.json['code'], 'rate-limited');
  assert.ok(Number(refused?.headers['retry-after']) >= 1);
  assert.ok(
    host.events.some((line) => /^An authentication attempt by the user anna from 127\.0\.0\.1 failed using/.test(line)),
  );
  assert.ok(!host.events.some((line) => line.includes('guess')), 'what was typed as an unknown name is not logged');
});

test('roles and scopes: who may what', async (t) => {
  const { browser, host } = await startWithAdministrator(t);
  const made = await browser.ask('POST', '/users', { name: 'otto', role: 'operator', password: goodPassword });
  assert.equal(made.status, 201);
  assert.equal(
    (await browser.ask('POST', '/users', { name: 'OTTO', role: 'auditor', password: goodPassword })).status,
    409,
  );
  const otto = new Browser(browser.port);
  await otto.logOn('otto', goodPassword);
  assert.equal((await otto.ask('GET', '/configuration')).status, 200);
  assert.equal((await otto.ask('GET', '/users')).json['code'], 'forbidden');
  assert.equal((await otto.ask('PATCH', '/configuration/candidate', { hostname: 'evil' })).status, 403);

  const token = async (who: Browser, scopes: readonly string[]) =>
    String((await who.ask('POST', '/tokens', { label: scopes.join(), scopes })).json['secret']);
  const use = (secret: string, method: string, path: string) =>
    askHttp1(browser.port, `/api/v1${path}`, { method, headers: { authorization: `Bearer ${secret}` } });
  const reader = await token(browser, ['read']);
  assert.equal((await use(reader, 'GET', '/configuration')).status, 200);
  assert.equal((await use(reader, 'DELETE', '/configuration/candidate')).status, 403);
  assert.equal((await use(reader, 'POST', '/tokens')).status, 403, 'a token makes no tokens');
  const editor = await token(browser, ['configuration']);
  assert.notEqual((await use(editor, 'DELETE', '/configuration/candidate')).status, 403);
  assert.equal((await use(editor, 'GET', '/users')).status, 403);
  const overreaching = await token(otto, ['configuration']);
  assert.equal((await use(overreaching, 'DELETE', '/configuration/candidate')).status, 403, 'never more than its user');
  assert.equal((await use(`${reader}x`, 'GET', '/configuration')).status, 401);

  assert.equal((await browser.ask('DELETE', '/users/anna')).json['code'], 'conflict', 'the last administrator stays');
  assert.equal((await browser.ask('PATCH', '/users/otto', { disabled: true })).status, 200);
  assert.equal((await otto.ask('GET', '/session')).status, 401);
  assert.equal((await use(overreaching, 'GET', '/configuration')).status, 401);
  assert.equal((await otto.logOn('otto', goodPassword)).status, 401);
  assert.ok(host.events.some((line) => line.includes('user otto: disabled')));
});

test('a second factor: the code is asked for, taken once, and recovery codes work once', async (t) => {
  const { browser } = await startWithAdministrator(t);
  const { json: offer } = await browser.ask('POST', '/session/totp');
  const secret = fromBase32(String(offer['secret']));
  const now = () => Math.floor(Date.now() / 30_000);
  assert.equal((await browser.ask('PUT', '/session/totp', { code: '000000' })).status, 400);
  const first = now();
  const confirmed = await browser.ask('PUT', '/session/totp', { code: codeAt(secret, first) });
  assert.equal(confirmed.status, 200, confirmed.body);
  const codes = confirmed.json['recoveryCodes'] as readonly string[];
  assert.equal(new Set(codes).size, 10);

  const other = new Browser(browser.port);
  const asked = await other.logOn('anna', goodPassword);
  assert.deepEqual([asked.status, asked.json['code']], [401, 'code-required']);
  assert.equal((await other.logOn('anna', goodPassword, codeAt(secret, first))).status, 401, 'no code is taken twice');
  assert.equal((await other.logOn('anna', goodPassword, codeAt(secret, first + 1))).status, 200);
  assert.equal((await other.logOn('anna', goodPassword, codes[0])).status, 200);
  assert.equal((await other.logOn('anna', goodPassword, codes[0])).status, 401);
  const removed = await other.ask('DELETE', '/session/totp', { password: 'wrong password' });
  assert.equal(removed.status, 403);
  assert.equal((await other.ask('DELETE', '/session/totp', { password: goodPassword })).status, 204);
  assert.equal((await other.logOn('anna', goodPassword)).status, 200);
});

test('a new password ends the other sessions', async (t) => {
  const { browser } = await startWithAdministrator(t);
  const other = new Browser(browser.port);
  await other.logOn('anna', goodPassword);
  const change = (present: string) =>
    browser.ask('PUT', '/session/password', { present, password: `${goodPassword}!` });
  assert.equal((await change('wrong')).json['pointer'], '/present');
  assert.equal((await change(goodPassword)).status, 204);
  assert.equal((await other.ask('GET', '/session')).status, 401);
  assert.equal((await browser.ask('GET', '/session')).status, 200);
});

test('a logon without a request ends', async (t) => {
  const { browser, commit } = await startWithAdministrator(t);
  await commit((config) => ({ ...config, timeouts: { ...config.timeouts, guiLogonIdle: '100ms' } }));
  const deadline = Date.now() + 20_000;
  // Each look uses the session, so it must stay away long enough.
  for (let pause = 200; ; pause *= 2) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    if ((await browser.ask('GET', '/session')).status === 401) break;
    assert.ok(Date.now() < deadline, 'the session never ended');
  }
});

function fromBase32(text: string): Buffer {
  const bits = [...text].map((letter) =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0'),
  );
  const bytes = bits.join('').match(/.{8}/g) ?? [];
  return Buffer.from(bytes.map((byte) => Number.parseInt(byte, 2)));
}
