// The shell and the API make the same change: the same difference, the same trail but for the face, the place and the name.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiGateway, startApi } from './gateway.ts';

interface Trail {
  readonly user: string;
  readonly role: string;
  readonly address: string;
  readonly face: string;
  readonly action: string;
  readonly detail: string;
}

/** The newest entries of a user; they come to the history a moment after the answer. */
async function trailOf({ ask }: ApiGateway, user: string, count: number): Promise<readonly Trail[]> {
  for (;;) {
    const { json } = await ask('GET', `/audit?user=${user}`);
    const entries = (json.items as Trail[]).filter(({ action }) => /^(edit|commit|clear|rollback)$/.test(action));
    if (entries.length >= count) return entries.slice(0, count).toReversed();
    await sleep(50);
  }
}

test('TLS, a route, a destination, a sender, commit, rollback: by the shell and by the API', {
  timeout: 240_000,
}, async (t) => {
  const api = await startApi(t);
  const { ask, gateway } = api;
  const done = async (method: string, path: string, body?: unknown) => {
    const answer = await ask(method, path, body === undefined ? {} : { body });
    assert.ok(answer.status < 300, answer.text);
    return answer.json;
  };
  const ciphers = (await done('GET', '/tls')).services[1].candidate.ciphers;
  await done('PUT', '/tls/inbound', { versions: ['TLSv1.1', 'TLSv1.2', 'TLSv1.3'], ciphers });
  await done('POST', '/configuration/candidate/tables/routes', {
    values: [{ domain: 'two.example', to: ['127.0.0.1:2600'] }],
  });
  const destinations = '/configuration/candidate/tables/destinations';
  const partner = { domain: 'partner.example', tls: 'required', mtaSts: false };
  // A file that cannot be read is told of where it is named, not by the commit.
  const values = [partner, { domain: 'other.example', ca: 'nowhere.pem' }];
  const unread = await ask('POST', destinations, { body: { values } });
  assert.equal(unread.status, 422, unread.text);
  assert.deepEqual(
    unread.json.errors.map(({ pointer }: { readonly pointer: string }) => pointer),
    ['/values/1/ca'],
  );
  await done('POST', destinations, { values: [partner] });
  await done('POST', '/configuration/candidate/tables/senders', {
    values: [{ sender: '@legal.example', tls: 'required-verify' }],
  });
  await done('POST', '/configuration/commit', { comment: 'the same change' });
  await done('POST', '/configuration/rollback', { revision: 1 });
  await done('POST', '/configuration/commit', { comment: 'rollback to revision 1' });

  const { status, output } = await gateway.shell([
    'sslconfig',
    'inbound',
    '1-3',
    '',
    '',
    'smtproutes',
    'new',
    'two.example',
    '127.0.0.1:2600',
    '',
    ...['destconfig', 'new', 'partner.example', '', '', 'Y', 'Required', '', '', 'Y', 'N'],
    ...['senders', 'new', '@legal.example', '2', '', ''],
    'commit',
    'the same change',
    'Y',
    'rollbackconfig',
    '3',
    'Y',
    'Y',
  ]);
  assert.equal(status, 0, output);

  const changes = async (from: number, to: number) =>
    (await done('GET', `/configuration/diff?from=${from}&to=${to}`)).changes;
  assert.equal((await done('GET', '/configuration')).number, 5, output);
  assert.deepEqual(await changes(3, 4), await changes(1, 2));
  assert.deepEqual(await changes(4, 5), await changes(2, 3));
  assert.equal((await changes(1, 2)).length, 4);

  const [byApi, byShell] = [await trailOf(api, 'anna', 7), await trailOf(api, 'admin', 7)];
  const what = ({ role, action, detail }: Trail) => ({ role, action, detail });
  assert.deepEqual(byShell.map(what), byApi.map(what));
  assert.deepEqual(
    byApi.map(({ action }) => action),
    ['edit', 'edit', 'edit', 'edit', 'commit', 'rollback', 'commit'],
  );
  assert.ok(byApi.every(({ face, address }) => face === 'API' && address === '127.0.0.1'));
  assert.ok(byShell.every(({ face, address }) => face === 'shell' && address === ''));
});
