import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { defaultConfig } from '../../src/config/defaults.ts';
import type { GatewayConfig } from '../../src/config/schema.ts';
import type { TableName } from '../../src/config/table-names.ts';
import { type TablePage, tablePage, withoutRows, withRow, withRowAt, withRows } from '../../src/config/tables.ts';

const base: GatewayConfig = {
  ...defaultConfig(),
  accept: ['b.example', 'a.example', 'c.example'],
  routes: [
    { domain: 'b.example', to: ['192.0.2.1:25'] },
    { domain: '*', to: ['relay.example.net', 'USEDNS'] },
  ],
  senderGroups: [
    { name: 'TWO', match: ['192.0.2.2', '192.0.2.3'], action: 'REJECT' },
    { name: 'ONE', match: '192.0.2.1', action: 'ACCEPT' },
  ],
  senders: [{ sender: 'b@example.com', tls: 'required' }],
};
const same = { config: base, base };
const ids = (config: GatewayConfig, name: TableName) =>
  tablePage({ config, base }, name, { offset: 0, limit: 1000 }).rows.map(({ id, state }) => `${id} ${state}`);

test('rows are in the order of their IDs, those of a table with an order in that', () => {
  assert.deepEqual(ids(base, 'accept'), ['a.example same', 'b.example same', 'c.example same']);
  assert.deepEqual(ids(base, 'routes'), ['* same', 'b.example same']);
  assert.deepEqual(ids(base, 'senderGroups'), ['TWO same', 'ONE same']);
  assert.deepEqual(ids(withRows(base, 'senders', [{ sender: '@a.example', tls: 'dane-only' }]), 'senders'), [
    '@a.example added',
    'b@example.com same',
  ]);
});

test('a row says whether the candidate added or changed it', () => {
  const changed = withRow(withRows(base, 'accept', ['0.example']), 'routes', '*', { domain: '*', to: ['USEDNS'] });
  assert.deepEqual(ids(changed, 'accept'), ['0.example added', 'a.example same', 'b.example same', 'c.example same']);
  assert.deepEqual(ids(changed, 'routes'), ['* changed', 'b.example same']);
});

test('a search looks through all of a row, in capitals or not', () => {
  const search = (name: TableName, text: string) =>
    tablePage(same, name, { search: text, offset: 0, limit: 10 }).rows.map((row) => row.id);
  assert.deepEqual(search('routes', 'RELAY.'), ['*']);
  assert.deepEqual(search('senderGroups', '2.0.2.4'), []);
  assert.deepEqual(search('senderGroups', '192.0.2.3'), ['TWO']);
  assert.deepEqual(search('senderGroups', 'accept'), ['ONE']);
  assert.deepEqual(search('accept', ' c.ex '), ['c.example']);
});

test('a changed row keeps its place, a removed one is gone, a moved one is where it was put', () => {
  const renamed = withRow(base, 'senderGroups', 'TWO', { name: 'NEW', match: 'ALL', action: 'ACCEPT' });
  assert.deepEqual(
    renamed.senderGroups.map(({ name }) => name),
    ['NEW', 'ONE'],
  );
  assert.deepEqual(withoutRows(base, 'accept', ['c.example', 'b.example']).accept, ['a.example']);
  assert.deepEqual(
    withRowAt(base, 'senderGroups', 'ONE', 0).senderGroups.map(({ name }) => name),
    ['ONE', 'TWO'],
  );
  assert.deepEqual(base.accept, ['b.example', 'a.example', 'c.example']);
});

test('a row that is not there is named', () => {
  assert.throws(() => withRow(base, 'routes', 'x.example', { domain: 'x.example', to: ['a'] }), {
    code: 'not-found',
    message: 'routes has no row "x.example"',
  });
  assert.throws(() => withoutRows(base, 'accept', ['a.example', 'x.example']), { code: 'not-found' });
  assert.throws(() => withRowAt(base, 'senderGroups', 'THREE', 0), { code: 'not-found' });
});

test('pages of any size, put together, are the whole table, each row once', () => {
  const label = fc.stringMatching(/^[a-z0-9]{1,6}$/);
  fc.assert(
    fc.property(
      fc.uniqueArray(label, { maxLength: 60 }),
      fc.integer({ min: 1, max: 20 }),
      fc.constantFrom('', 'a'),
      (accept, limit, search) => {
        const config = { ...base, accept };
        const seen: string[] = [];
        for (let offset: number | null = 0; offset !== null; ) {
          const page: TablePage<'accept'> = tablePage({ config, base }, 'accept', { search, offset, limit });
          assert.ok(page.rows.length <= limit);
          assert.equal(page.total, accept.filter((domain) => domain.includes(search)).length);
          seen.push(...page.rows.map((row) => row.id));
          offset = page.next;
        }
        assert.deepEqual(seen, accept.filter((domain) => domain.includes(search)).toSorted());
      },
    ),
  );
});
