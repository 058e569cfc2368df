// `kill -9` of the whole program under load, again and again on the same data directory.
import assert from 'node:assert/strict';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, startGateway, temporaryDirectory } from './harness.ts';
import { idField, startLoad } from './load.ts';
import { emptied } from './session.ts';
import { startSink } from './sink.ts';

const kills = 20;

function configuration(port: number, destination: number): string {
  return `hostname: gw.example.com
gui: { ports: [] }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${port}, tls: preferred }
accept: [example.com]
routes:
  - { domain: "*", to: ["127.0.0.1:${destination}"] }
spool: { reserve: 1MiB, lowWater: 16MiB, lowWaterShare: 0.001, bigBody: 16KiB }
retry: { first: 1s, probe: 500ms }
dns: { reverse: false }
`;
}

/** IDs of the messages that a killed gateway's queue holds. */
function queued(data: string, copy: string): Set<string> {
  cpSync(join(data, 'spool'), copy, { recursive: true });
  const database = new DatabaseSync(join(copy, 'spool.db'));
  const ids = new Set<string>();
  for (const { body, file } of database.prepare('SELECT body, file FROM message').iterate()) {
    const bytes = body instanceof Uint8Array ? Buffer.from(body) : readFileSync(join(copy, String(file)));
    const text = bytes.toString('latin1', 0, 4096);
    const at = text.indexOf(idField) + idField.length;
    ids.add(text.slice(at, text.indexOf('\r\n', at)));
  }
  database.close();
  return ids;
}

test(`killed ${kills} times under load: nothing acknowledged is missing, only what was in flight comes twice`, async (t) => {
  const began = performance.now();
  const port = await freePort();
  const sink = await startSink(t, { replyAfter: 5 });
  const data = join(temporaryDirectory(t), 'data');
  const copies = temporaryDirectory(t);
  const config = configuration(port, sink.port);
  const acknowledged: string[] = [];
  /** What may come again: the final dot was sent, its reply not recorded. */
  const inFlight: Set<string>[] = [];
  /** How many times each message had come at the moment of each kill. */
  const before: Map<string, number>[] = [];
  const ages: number[] = [];

  for (let kill = 0; kill < kills; kill++) {
    const gateway = await startGateway(t, { config, data });
    const started = performance.now();
    const small = startLoad(t, { port, connections: 12, prefix: `s${kill}` });
    const big = startLoad(t, { port, connections: 4, prefix: `b${kill}`, size: 40_000, tls: true, perConnection: 3 });
    while (small.acknowledged.size === 0) await sleep(5);
    await sleep(20 + 23 * (kill % 10));
    await gateway.kill();
    small.cut();
    big.cut();
    const now = performance.now();
    acknowledged.push(...small.acknowledged.keys(), ...big.acknowledged.keys());
    // What the kernel still had for the destination is there when its connections have ended.
    while (sink.connections > 0) await sleep(5);
    const left = queued(data, join(copies, String(kill)));
    const unrecorded = [...left].filter((id) => sink.arrived.has(id));
    inFlight.push(new Set(unrecorded));
    before.push(new Map([...sink.arrived].map(([id, times]) => [id, times.length])));
    // In flight since an earlier kill, and not yet sent again: counted then.
    for (const id of unrecorded) {
      const arrived = sink.arrived.get(id)?.at(-1) ?? 0;
      if (arrived > started) ages.push(now - arrived);
    }
  }

  const gateway = await startGateway(t, { config, data });
  await sink.all(acknowledged, 30_000);
  await emptied(t, gateway.data);
  const status = await gateway.stop();
  assert.equal(status, 0);

  const missing = acknowledged.filter((id) => !sink.arrived.has(id));
  assert.deepEqual(missing, [], 'acknowledged, but never arrived');
  assert.deepEqual(sink.mixed, [], 'MIDs that two messages had');
  for (let kill = 0; kill < kills; kill++) {
    const next = before[kill + 1] ?? new Map([...sink.arrived].map(([id, times]) => [id, times.length]));
    for (const [id, times] of before[kill] ?? []) {
      const again = (next.get(id) ?? 0) - times;
      assert.ok(
        again === 0 || (again === 1 && inFlight[kill]?.has(id)),
        `${id} came ${again} times more after kill ${kill}`,
      );
    }
  }
  assert.ok(sink.duplicates() <= ages.length, `${sink.duplicates()} came twice, ${ages.length} were in flight`);
  assertIdsNeverRepeat(readFileSync(join(data, 'logs', 'mail.current'), 'utf8'));
  t.diagnostic(
    `${kills} kills in ${((performance.now() - began) / 1000).toFixed(1)} s: ${acknowledged.length} messages acknowledged, ` +
      `0 missing; ${sink.duplicates()} came twice, ${ages.length} were in flight (the longest for ${Math.max(0, ...ages).toFixed(0)} ms)`,
  );
});

function assertIdsNeverRepeat(log: string): void {
  const begins = {
    ICID: /: New SMTP ICID (\d+) /g,
    MID: /: Start MID (\d+) /g,
    DCID: /: New SMTP DCID (\d+) /g,
  };
  for (const [kind, pattern] of Object.entries(begins)) {
    const ids = Array.from(log.matchAll(pattern), ([, id]) => id);
    assert.ok(ids.length > kills, `${ids.length} ${kind}s in the log`);
    assert.equal(new Set(ids).size, ids.length, `a ${kind} repeats`);
  }
}
