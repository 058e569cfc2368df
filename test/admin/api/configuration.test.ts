// The configuration through the API of a running gateway: what an administrator's program does, and what two of them do to
// one another.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Check } from 'typebox/value';
import { routes } from '../../../src/admin/api/routes/index.ts';
import { type ApiAnswer, startApi } from './gateway.ts';

/** The answer is what the schema of its route says. */
function conforms(method: string, path: string, answer: ApiAnswer): void {
  const route = routes.find((one) => one.method === method && one.path === path);
  assert.ok(route?.response !== undefined, `${method} ${path}`);
  assert.ok(Check(route.response, answer.json), `${method} ${path}: ${answer.text.slice(0, 500)}`);
}

test('read, change, look at the difference, commit, history, rollback, export and import', async (t) => {
  const api = await startApi(t);
  const { ask } = api;

  const before = await ask('GET', '/configuration');
  conforms('GET', '/configuration', before);
  assert.equal(before.headers.etag, '"1"');

  const tls = await ask('GET', '/tls');
  conforms('GET', '/tls', tls);
  const inbound = tls.json.services.find((one: { service: string }) => one.service === 'inbound');
  assert.deepEqual(inbound.boxes[0].reason.code, 'apart');

  const changed = await ask('PUT', '/tls/inbound', {
    headers: { 'if-match': '"1"' },
    body: { versions: ['TLSv1.1', 'TLSv1.2', 'TLSv1.3'], ciphers: inbound.candidate.ciphers },
  });
  assert.equal(changed.status, 200, changed.text);
  conforms('PUT', '/tls/{service}', changed);
  assert.equal(changed.json.candidate.method, 'tlsv1_1tlsv1_2tlsv1_3');

  const patched = await ask('PATCH', '/configuration/candidate', {
    headers: { 'content-type': 'application/merge-patch+json' },
    body: JSON.stringify({ accept: ['example.com'], limits: { recipients: 50 } }),
  });
  conforms('PATCH', '/configuration/candidate', patched);
  assert.deepEqual(
    patched.json.changes.map((change: { text: string }) => change.text),
    [
      'accept: added example.com',
      'tls.inbound.versions: TLSv1.2, TLSv1.3 -> TLSv1.1, TLSv1.2, TLSv1.3',
      'limits.recipients: 1000 -> 50',
    ],
  );

  const committed = await ask('POST', '/configuration/commit', { body: { comment: 'older partners' } });
  assert.equal(committed.status, 200, committed.text);
  conforms('POST', '/configuration/commit', committed);
  assert.equal(committed.json.revision, 2);
  assert.equal(committed.headers.etag, '"2"');
  assert.deepEqual(committed.json.changes, patched.json.changes);
  assert.equal((await ask('POST', '/configuration/commit', { body: {} })).json.code, 'nothing-pending');

  const history = await ask('GET', '/configuration/history?limit=1');
  conforms('GET', '/configuration/history', history);
  assert.deepEqual([history.json.items[0].number, history.json.items[0].user], [2, 'anna']);
  const older = await ask('GET', `/configuration/history?limit=1&cursor=${history.json.next}`);
  assert.deepEqual([older.json.items[0].number, older.json.next], [1, null]);
  const diff = await ask('GET', '/configuration/diff?from=1&to=2');
  conforms('GET', '/configuration/diff', diff);
  assert.deepEqual(diff.json.changes, patched.json.changes);
  conforms('GET', '/configuration/revisions/{number}', await ask('GET', '/configuration/revisions/1'));
  assert.equal((await ask('GET', '/configuration/revisions/99')).status, 404);

  const back = await ask('POST', '/configuration/rollback', { body: { revision: 1 } });
  conforms('POST', '/configuration/rollback', back);
  assert.equal(back.json.changes.length, 3);
  assert.equal((await ask('DELETE', '/configuration/candidate')).status, 204);
  assert.deepEqual((await ask('GET', '/configuration/candidate')).json.changes, []);

  const yaml = await ask('GET', '/configuration/export');
  assert.match(String(yaml.headers['content-type']), /^application\/yaml/);
  assert.match(yaml.text, /^accept: \[ example\.com \]|^accept:\n? /m);
  const type = { 'content-type': 'application/yaml' };
  const imported = await ask('POST', '/configuration/import', {
    headers: type,
    body: yaml.text.replace('example.com ', 'example.org '),
  });
  assert.equal(imported.status, 200, imported.text);
  conforms('POST', '/configuration/import', imported);
  const wrong = await ask('POST', '/configuration/import', {
    headers: type,
    body: 'tls:\n  inbound: { versions: [TLSv1.9] }\n',
  });
  assert.equal(wrong.status, 422);
  assert.equal(wrong.json.code, 'bad-configuration');
  assert.equal(wrong.json.pointer, '/tls/inbound/versions/0');
  assert.match(wrong.json.detail, /the document:2:/);
});

test('errors point at the field, and change nothing', async (t) => {
  const { ask } = await startApi(t);
  const table: readonly (readonly [string, string, unknown, number, string, string])[] = [
    ['PUT', '/tls/gui', { versions: ['TLSv1.1', 'TLSv1.3'], ciphers: 'AES' }, 422, 'bad-configuration', '/versions'],
    ['PUT', '/tls/gui', { versions: [], ciphers: 'AES' }, 422, 'bad-configuration', '/versions'],
    ['PUT', '/tls/gui', { versions: ['TLSv1.2'], ciphers: 'nothing' }, 422, 'bad-ciphers', '/ciphers'],
    ['PUT', '/tls/gui', { versions: ['TLSv1.2'] }, 400, 'bad-request', '/ciphers'],
    [
      'PATCH',
      '/configuration/candidate',
      { listeners: [{ name: 'a', port: 'x' }] },
      422,
      'bad-configuration',
      '/listeners/0/port',
    ],
    ['PATCH', '/configuration/candidate', { hostnme: 'x' }, 422, 'bad-configuration', '/hostnme'],
    ['POST', '/configuration/rollback', { revision: 0 }, 400, 'bad-request', '/revision'],
    ['POST', '/queue/actions', { action: 'delete' }, 400, 'bad-request', ''],
    ['POST', '/queue/actions', { action: 'delete', filter: {} }, 400, 'bad-request', '/filter'],
    ['POST', '/queue/actions', { action: 'delete', all: true, mids: [1] }, 400, 'bad-request', ''],
  ];
  for (const [method, path, body, status, code, pointer] of table) {
    const answer = await ask(method, path, { body });
    assert.deepEqual([answer.status, answer.json.code, answer.json.pointer], [status, code, pointer], answer.text);
    assert.match(String(answer.headers['content-type']), /^application\/problem\+json/);
    assert.ok(answer.json.detail.length > 5);
  }
  assert.deepEqual((await ask('GET', '/configuration/candidate')).json.changes, []);
});

test('optimistic locking: a base that has moved on is refused, conflicts are named, either side can win', async (t) => {
  const { ask, gateway } = await startApi(t);
  // The shell's administrator is another one.
  await ask('PATCH', '/configuration/candidate', { body: { limits: { recipients: 10 }, accept: ['one.example'] } });
  const shell = async (...lines: readonly string[]) => {
    const { status, output } = await gateway.shell(lines);
    assert.equal(status, 0, output);
  };
  await shell('smtproutes', 'new', 'two.example', '127.0.0.1:2600', '', 'commit', 'routes', 'Y');
  const stale = await ask('PATCH', '/configuration/candidate', {
    headers: { 'if-match': '"1"' },
    body: { limits: { hops: 50 } },
  });
  assert.deepEqual([stale.status, stale.json.code], [412, 'precondition-failed']);
  const commit = await ask('POST', '/configuration/commit', { headers: { 'if-match': '"1"' }, body: {} });
  assert.equal(commit.status, 412);
  // What the two changed does not touch: it is merged.
  const merged = await ask('POST', '/configuration/commit', {
    headers: { 'if-match': '"2"' },
    body: { comment: 'mine' },
  });
  assert.equal(merged.status, 200, merged.text);
  assert.equal(merged.json.revision, 3);
});

test('idempotency: a commit whose answer was lost is done once', async (t) => {
  const { ask } = await startApi(t);
  await ask('PATCH', '/configuration/candidate', { body: { accept: ['one.example'] } });
  const headers = { 'idempotency-key': 'commit-1' };
  const body = { comment: 'once' };
  const [first, second] = await Promise.all([
    ask('POST', '/configuration/commit', { headers, body }),
    ask('POST', '/configuration/commit', { headers, body }),
  ]);
  assert.deepEqual([first.status, first.json], [200, second.json]);
  const third = await ask('POST', '/configuration/commit', { headers, body });
  assert.deepEqual([third.json, third.headers['idempotency-replayed']], [first.json, 'true']);
  assert.equal((await ask('GET', '/configuration/history')).json.total, 2);
  const other = await ask('POST', '/configuration/commit', { headers, body: { comment: 'another' } });
  assert.deepEqual([other.status, other.json.code], [409, 'conflict']);
  // What was refused is not kept: the same key works once it can be done.
  const refused = { 'idempotency-key': 'commit-2' };
  assert.equal((await ask('POST', '/configuration/commit', { headers: refused, body })).status, 409);
  await ask('PATCH', '/configuration/candidate', { body: { accept: ['two.example'] } });
  assert.equal((await ask('POST', '/configuration/commit', { headers: refused, body })).status, 200);
});
