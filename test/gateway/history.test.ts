// Tracking and reports of the running gateway: mail through it by real programs, then questions by the administrator's ways.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, startGateway } from './harness.ts';
import { startSink } from './sink.ts';

const options = { timeout: 240_000 };

function configuration(port: number, destination: number): string {
  return `hostname: gw.example.com
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${port} }
accept: [example.com]
routes:
  - { domain: "*", to: ["127.0.0.1:${destination}"] }
tls:
  inbound: { versions: [TLSv1.2, TLSv1.3] }
dns: { reverse: false }
`;
}

function swaks(port: number, ...args: readonly string[]): string {
  const server = ['--server', '127.0.0.1', '--port', String(port), '--helo', 'client.example.org'];
  const result = spawnSync('swaks', [...server, ...args], { encoding: 'utf8', timeout: 60_000 });
  return result.stdout + result.stderr;
}

/** Reads the database beside the running gateway, until the row is there. */
async function row(data: string, sql: string): Promise<Record<string, unknown>> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    try {
      const database = new DatabaseSync(join(data, 'ledger.db'), { readOnly: true });
      try {
        const found = database.prepare(sql).get();
        if (found !== undefined) return found;
      } finally {
        database.close();
      }
    } catch {
      // not made yet, or just being replaced
    }
    assert.ok(Date.now() < deadline, `no row: ${sql}`);
    await sleep(50);
  }
}

test('a message by swaks over TLS 1.3, one over TLS 1.2, a refused client: all in the history', options, async (t) => {
  const sink = await startSink(t);
  const port = await freePort();
  const gateway = await startGateway(t, { config: configuration(port, sink.port) });
  const mail = ['--from', 'alice@example.org', '--to', 'bob@example.com', '--header', 'Subject: quarterly report'];
  assert.match(swaks(port, ...mail, '--tls', '--tls-protocol', 'tlsv1_3'), /250 2\.0\.0 Ok/);
  assert.match(swaks(port, ...mail, '--tls', '--tls-protocol', 'tlsv1_2'), /250 2\.0\.0 Ok/);
  const client = ['s_client', '-starttls', 'smtp', '-connect', `127.0.0.1:${port}`];
  const openssl = (...more: readonly string[]) =>
    spawnSync('openssl', [...client, ...more], { input: 'QUIT\r\n', encoding: 'utf8', timeout: 60_000 });
  const refused = openssl('-tls1_1', '-cipher', 'ALL:@SECLEVEL=0');
  assert.notEqual(refused.status, 0);
  await gateway.logged(/TLS failed: .*unsupported protocol/);
  // A client of one group tells what was negotiated; Node's server does not, so the ledger derives it.
  openssl('-tls1_3', '-groups', 'P-521');
  openssl('-tls1_2', '-groups', 'P-384');
  await gateway.logged(/ICID \d+ TLS group secp521r1 \(derived\)/);
  await gateway.logged(/ICID \d+ TLS group secp384r1 \(derived\)/);
  const first = await row(gateway.data, 'SELECT * FROM message WHERE mid = 1 AND state = 1');
  assert.equal(first['sender'], 'alice@example.org');
  assert.equal(first['subject'], 'quarterly report');
  const story = JSON.parse(`[${first['story']}]`) as unknown[][];
  assert.deepEqual(
    story.map(([kind]) => kind),
    ['s', 'q', 'a', 'd', 'f'],
  );
  const profile = await row(gateway.data, `SELECT text FROM profile WHERE id = ${first['incoming']}`);
  assert.match(
    String(profile['text']),
    /^\["inbound","Management","127\.0\.0\.1","127\.0\.0\.1".*"client\.example\.org".*"TLSv1\.3"/,
  );
  const failure = await row(gateway.data, 'SELECT * FROM failure WHERE direction = 0');
  assert.match(String(failure['detail']), /unsupported protocol/);
  assert.match(String(failure['explanation']), /The peer offered TLS v1\.1/);
  const counts = await row(
    gateway.data,
    "SELECT * FROM tls WHERE span = 1 AND direction = 0 AND domain = 'example.org' AND preferred_ok = 2",
  );
  assert.deepEqual([counts['tls12'], counts['tls13'], counts['messages']], [1, 1, 2]);
  const refusal = await row(
    gateway.data,
    'SELECT hello, helo, outcome.* FROM observation JOIN outcome ON outcome.id = outcome JOIN peer ON peer.id = peer WHERE kind = 1',
  );
  assert.notEqual(refusal['hello'], 0);
  assert.match(String(refusal['detail']), /unsupported protocol/);
  const seen = await row(
    gateway.data,
    'SELECT count(DISTINCT hello) AS hellos, sum(messages) AS messages FROM observation JOIN peer ON peer.id = peer WHERE service = 0 HAVING sum(messages) = 2',
  );
  assert.equal(seen['hellos'], 5);
  const dialled = await row(gateway.data, 'SELECT * FROM peer WHERE service = 2');
  assert.equal(dialled['domain'], 'example.com');
  const { output } = await gateway.shell('status');
  assert.match(output, /History {2,}.* of 1\.0 GiB|History.*1 GiB/);
});

test(
  'after kill -9 the history is usable and goes on; damaged, it is set aside and mail goes on',
  options,
  async (t) => {
    const sink = await startSink(t);
    const port = await freePort();
    const one = await startGateway(t, { config: configuration(port, sink.port) });
    const mail = ['--from', 'alice@example.org', '--to', 'bob@example.com'];
    for (let count = 0; count < 3; count++) assert.match(swaks(port, ...mail), /250 2\.0\.0 Ok/);
    await row(one.data, 'SELECT * FROM message WHERE mid = 3');
    await one.kill();
    const two = await startGateway(t, { data: one.data });
    assert.match(swaks(port, ...mail), /250 2\.0\.0 Ok/);
    const count = await row(two.data, 'SELECT count(*) AS count FROM message HAVING count = 4');
    assert.equal(count['count'], 4);
    await two.kill();
    // What is only in the log would make up for the file.
    for (const name of ['ledger.db', 'ledger.db-wal']) writeFileSync(join(one.data, name), 'x'.repeat(50_000));
    const three = await startGateway(t, { data: one.data });
    assert.match(swaks(port, ...mail), /250 2\.0\.0 Ok/);
    await row(three.data, "SELECT * FROM message WHERE sender = 'alice@example.org'");
    assert.ok(readdirSync(one.data).some((name) => name.startsWith('ledger.db.damaged-')));
    const { output } = await three.shell('grep "history" system_logs');
    assert.match(output, /The history .* cannot be used/);
    assert.equal(await three.stop(), 0);
  },
);
