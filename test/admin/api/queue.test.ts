// What is done to a long queue piece by piece comes to the same as at once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { queueRoutes } from '../../../src/admin/api/routes/queue.ts';
import type { QueueActed } from '../../../src/admin/api/schemas/queue.ts';
import type { QueueRow } from '../../../src/admin/host.ts';
import { TestHost } from '../host.ts';

const row = (mid: number, destination: string): QueueRow => ({
  mid,
  destination,
  sender: 'a@example.org',
  recipients: [`b@${destination}`],
  size: 1,
  received: 0,
  attempts: 1,
  next: 1,
  held: false,
  reason: '',
});

/** Each second message goes to two destinations. */
const queue = Array.from({ length: 25 }, (_, index) => [
  row(index + 1, 'one.example'),
  ...(index % 2 === 0 ? [row(index + 1, 'two.example')] : []),
]).flat();

async function act(host: TestHost, body: object): Promise<QueueActed> {
  const route = queueRoutes.find(({ path }) => path === '/queue/actions');
  const answer = await route?.handler({ host, caller: { user: 'admin' }, body } as never);
  return answer?.body as QueueActed;
}

for (const [name, what, expected] of [
  ['the whole queue', { all: true }, 38],
  ['one destination', { filter: { destination: 'two.example' } }, 13],
] as const) {
  test(`${name} is put on hold in pieces`, async (t) => {
    const host = await TestHost.open({ queue });
    t.after(() => host.remove());
    let total = 0;
    let pieces = 0;
    for (let after: number | null = 0; after !== null; pieces++) {
      const answer: QueueActed = await act(host, { action: 'hold', ...what, after, limit: 6 });
      total += answer.count;
      after = answer.next;
    }
    assert.equal(total, expected);
    assert.ok(pieces > 2);
    assert.equal(host.rows.filter(({ held }) => held).length, expected);
  });
}

test('without a limit all is done at once; a piece without rows changes nothing', async (t) => {
  const host = await TestHost.open({ queue });
  t.after(() => host.remove());
  assert.deepEqual(await act(host, { action: 'hold', all: true, after: 25, limit: 5 }), { count: 0, next: null });
  assert.equal(host.rows.filter(({ held }) => held).length, 0);
  assert.deepEqual(await act(host, { action: 'hold', mids: [1, 2] }), { count: 3, next: null });
  assert.deepEqual(await act(host, { action: 'delete', all: true }), { count: 38, next: null });
  assert.deepEqual(host.rows, []);
  await assert.rejects(act(host, { action: 'delete', filter: {} }), { code: 'bad-request' });
});
