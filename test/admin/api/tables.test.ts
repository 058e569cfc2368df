// Lists of the configuration over the API: pages, changes in the candidate, errors at the field of the request.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Check } from 'typebox/value';
import { tableRoutes } from '../../../src/admin/api/routes/tables.ts';
import { tableSchema } from '../../../src/admin/api/schemas/tables.ts';
import { PosternError } from '../../../src/errors.ts';
import { TestHost } from '../host.ts';

const user = 'admin';

async function openHost(t: TestContext): Promise<TestHost> {
  const host = await TestHost.open();
  t.after(() => host.remove());
  return host;
}

async function call(host: TestHost, method: string, end: string, given: object): Promise<unknown> {
  const route = tableRoutes.find((one) => one.method === method && one.path.endsWith(end));
  assert.ok(route !== undefined);
  const answer = await route.handler({ host, caller: { user }, ...given } as never);
  return answer.body;
}

const add = (host: TestHost, table: string, ...values: unknown[]) =>
  call(host, 'POST', '{table}', { params: { table }, body: { values } });
const put = (host: TestHost, table: string, id: string, body: object) =>
  call(host, 'PUT', 'rows', { params: { table }, body: { id, ...body } });
const remove = (host: TestHost, table: string, ...ids: string[]) =>
  call(host, 'POST', 'remove', { params: { table }, body: { ids } });
const rows = async (host: TestHost, table: string, query: object = {}) => {
  const body = await call(host, 'GET', '{table}', { params: { table }, query });
  assert.ok(Check(tableSchema, body));
  return body;
};

/** What is wrong, by pointer. */
async function issuesOf(work: Promise<unknown>): Promise<string[]> {
  const error = await work.then(
    () => assert.fail('it was accepted'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof PosternError && error.code === 'bad-configuration', String(error));
  return error.issues.map(({ pointer }) => pointer);
}

test('rows are added, changed, removed in the candidate; nothing is committed', async (t) => {
  const host = await openHost(t);
  assert.deepEqual(await add(host, 'routes', { domain: 'a.example', to: ['192.0.2.1:25'] }), { changes: 1 });
  assert.deepEqual(await add(host, 'accept', 'a.example', 'b.example'), { changes: 3 });
  await put(host, 'routes', 'a.example', { value: { domain: '.a.example', to: ['USEDNS'] } });
  assert.deepEqual(await rows(host, 'routes'), {
    items: [{ id: '.a.example', value: { domain: '.a.example', to: ['USEDNS'] }, state: 'added' }],
    next: null,
    total: 1,
  });
  await remove(host, 'accept', 'a.example');
  assert.deepEqual(host.config.candidate(user).config.accept, ['b.example']);
  assert.deepEqual(host.config.committed().config.accept, []);
});

test('a sender group is moved to another place', async (t) => {
  const host = await openHost(t);
  const group = (name: string) => ({ name, match: '192.0.2.1', action: 'REJECT' });
  await add(host, 'senderGroups', group('A'), group('B'), group('C'));
  await put(host, 'senderGroups', 'C', { place: 0 });
  const { items } = await rows(host, 'senderGroups');
  assert.deepEqual(
    items.map(({ id }) => id),
    ['C', 'A', 'B'],
  );
});

test('pages follow each other by their cursors', async (t) => {
  const host = await openHost(t);
  await add(host, 'accept', 'c.example', 'a.example', 'b.example');
  const first = await rows(host, 'accept', { limit: 2 });
  assert.deepEqual([first.items.map(({ id }) => id), first.next, first.total], [['a.example', 'b.example'], '2', 3]);
  const second = await rows(host, 'accept', { limit: 2, cursor: first.next });
  assert.deepEqual([second.items.map(({ id }) => id), second.next], [['c.example'], null]);
  assert.equal((await rows(host, 'accept', { search: 'B.EX' })).total, 1);
  await assert.rejects(rows(host, 'accept', { cursor: 'x' }), { code: 'bad-request' });
});

test('what is wrong is told at its place in the request, and nothing is changed then', async (t) => {
  const host = await openHost(t);
  await add(host, 'routes', { domain: 'a.example', to: ['192.0.2.1:25'] }, { domain: 'b.example', to: ['192.0.2.1'] });
  const table: readonly (readonly [Promise<unknown>, string[]])[] = [
    [add(host, 'accept', 'good.example', 'not a domain', 'good.example'), ['/values/1', '/values/2']],
    [add(host, 'routes', { domain: 'c.example', to: ['192.0.2.1:25', 'x:0'] }), ['/values/0/to/1']],
    [add(host, 'routes', { domain: 'A.example', to: ['192.0.2.1:25'] }), ['/values/0/domain']],
    [add(host, 'listeners', { name: 'x', port: 2525 }), ['/values/0/port']],
    [add(host, 'listeners', 'nonsense'), ['/values/0']],
    [put(host, 'routes', 'b.example', { value: { domain: 'b.example', to: [] } }), ['/value/to']],
    [put(host, 'listeners', 'inbound', { value: { name: 'inbound', port: 70_000 } }), ['/value/port']],
    [add(host, 'relay', '0.0.0.0/0'), ['/values/0']],
  ];
  for (const [work, pointers] of table) assert.deepEqual(await issuesOf(work), pointers);
  assert.equal(host.config.pending(user).length, 2);
  await assert.rejects(put(host, 'routes', 'z.example', { place: 0 }), { code: 'not-found' });
  await assert.rejects(remove(host, 'accept', 'z.example'), { code: 'not-found' });
});
