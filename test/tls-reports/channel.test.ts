// What anybody may send is in memory in small numbers only.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { ReportClient } from '../../src/tls-reports/channel.ts';
import { temporaryDirectory } from '../ledger/fixture.ts';

test('reports are read a few at a time, and beyond a bound they wait in the queue', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'body'), Buffer.alloc(1000, 0x61));
  const { port1, port2 } = new MessageChannel();
  t.after(() => port1.close());
  const asked: { readonly id: number; readonly mid: number; readonly message: Uint8Array }[] = [];
  port2.on('message', (question) => asked.push(question));
  const client = new ReportClient(port1, directory);
  const taken = Array.from({ length: 300 }, (_, mid) =>
    client.take({ file: 'body', size: 1000 }, 600, { sender: '', mid, received: 0 }),
  );
  const until = async (count: number) => {
    while (asked.length < count) await once(port2, 'message');
  };
  await until(4);
  const refused = (await Promise.all(taken.slice(204))).map((failure) => failure?.text);
  assert.deepEqual(new Set(refused), new Set(['too many reports wait to be read']));
  assert.equal(asked.length, 4, 'no more are in memory');
  assert.equal(asked[0]?.message.length, 600);
  for (let answered = 0; answered < 204; answered++) {
    await until(answered + 1);
    port2.postMessage({ id: asked[answered]?.id, later: null });
  }
  assert.deepEqual(
    await Promise.all(taken.slice(0, 204)),
    Array.from({ length: 204 }, () => null),
  );
  assert.deepEqual(
    asked.map(({ mid }) => mid).toSorted((a, b) => a - b),
    Array.from({ length: 204 }, (_, mid) => mid),
  );
});
