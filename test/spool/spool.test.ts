import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageChannel, Worker } from 'node:worker_threads';
import { PosternError } from '../../src/errors.ts';
import { createBodyWriters } from '../../src/spool/body.ts';
import type { Body, QueueFilter } from '../../src/spool/protocol.ts';
import {
  ask,
  Bench,
  deferred,
  delivered,
  envelopeTo,
  refused,
  request,
  store,
  stored,
  type TestWorker,
  until,
} from './harness.ts';

const benches: Bench[] = [];
afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.end();
});
function bench(document: Record<string, unknown> = {}): Bench {
  const made = new Bench(document);
  benches.push(made);
  return made;
}

const minute = 60_000;
const hour = 60 * minute;

/** A first attempt that is deferred: the usual beginning of a queued message. */
async function defer(made: Bench, worker: TestWorker, ...recipients: string[]): Promise<number> {
  const mid = made.nextMid();
  await stored(worker, request(mid, envelopeTo(...recipients)));
  worker.client.outcome({ mid, destination: 'example.com', recipients: recipients.map((_, rid) => deferred(rid)) });
  return mid;
}

test('a message delivered at the first attempt leaves nothing', async () => {
  const made = bench();
  const spool = made.start();
  const worker = made.worker(spool, 'w0', 10);
  const mid = made.nextMid();
  await stored(worker, request(mid, envelopeTo('bob@example.com')));
  const before = await ask(spool)('status');
  assert.deepEqual([before.messages, before.jobs], [1, 1]);
  assert.equal((await ask(spool)('list', {}, 0, 10))[0]?.mid, mid);
  worker.client.finished(mid);
  await until(async () => (await ask(spool)('status')).messages === 0, 'the message is forgotten');
  assert.deepEqual(await ask(spool)('list', {}, 0, 10), []);
  assert.equal(worker.jobs.length, 0);
});

test('what was acknowledged is there after an end without stop, and due at once as attempt 2', async () => {
  const made = bench();
  const first = made.start();
  const worker = made.worker(first, 'w0', 0);
  const mid = made.nextMid();
  await stored(worker, request(mid, envelopeTo('bob@example.com')));
  await first.stop(); // the row in `active` is what a crash leaves as well
  const second = made.start();
  const other = made.worker(second, 'w0', 5);
  await until(() => other.jobs.length === 1, 'the job is handed out');
  const [job] = other.jobs;
  assert.equal(job?.mid, mid);
  assert.equal(job?.attempt, 2);
  assert.deepEqual(job?.rids, [0]);
  assert.ok(job?.body instanceof Uint8Array && Buffer.from(job.body).includes('Subject: hello'));
  assert.equal(other.jobs.length, 1);
});

test('a deferred message waits as long as the schedule says, then is attempted again', async () => {
  const made = bench({ retry: { jitter: 0 } });
  const spool = made.start();
  const worker = made.worker(spool, 'w0', 10);
  const mid = await defer(made, worker, 'bob@example.com');
  await until(async () => (await ask(spool)('list', {}, 0, 10))[0]?.reason !== '', 'the deferral is recorded');
  const [row] = await ask(spool)('list', {}, 0, 10);
  assert.ok(row !== undefined && row.next !== null);
  const wait = row.next - Date.now();
  assert.ok(wait > 4.9 * minute && wait <= 5 * minute, `waits ${wait}`);
  assert.equal(row.reason, '451 4.3.0 try later');
  await sleep(300);
  assert.equal(worker.jobs.length, 0);
  made.ahead = 5 * minute + 1000;
  await until(() => worker.jobs.length === 1, 'the second attempt');
  assert.equal(worker.jobs[0]?.attempt, 2);
  worker.client.outcome({ mid, destination: 'example.com', recipients: [delivered(0)] });
  await until(async () => (await ask(spool)('status')).messages === 0, 'it is forgotten');
  assert.ok(made.log.has(`Message finished MID ${mid} done`));
});

test('a later attempt that was interrupted keeps its recorded time, so a crash loop never hammers', async () => {
  const made = bench({ retry: { jitter: 0 } });
  let spool = made.start();
  const worker = made.worker(spool, 'w0', 10);
  await defer(made, worker, 'bob@example.com');
  await until(async () => (await ask(spool)('list', {}, 0, 1))[0]?.reason !== '', 'deferred');
  made.ahead = 6 * minute;
  await until(() => worker.jobs.length === 1, 'attempt 2');
  await spool.stop();
  spool = made.start();
  const again = made.worker(spool, 'w0', 10);
  await sleep(600);
  assert.equal(again.jobs.length, 0, 'attempt 2 is not repeated at once');
  made.ahead = 17 * minute;
  await until(() => again.jobs.length === 1, 'attempt 3 after ten minutes');
  assert.equal(again.jobs[0]?.attempt, 3);
});

test('a worker that dies: its first attempts are due again, for another worker', async () => {
  const made = bench();
  const spool = made.start();
  const dying = made.worker(spool, 'w0', 0);
  const mid = made.nextMid();
  await stored(dying, request(mid, envelopeTo('bob@example.com')));
  const jobs = [{ destination: 'b.example', rids: [0], attempt: true, due: Date.now() }];
  const second = made.nextMid();
  await stored(dying, request(second, envelopeTo('x@b.example'), { jobs }));
  const other = made.worker(spool, 'w1', 10);
  await sleep(50);
  assert.equal(other.jobs.length, 0);
  dying.die();
  await until(() => other.jobs.length === 2, 'both are handed to the other');
  assert.deepEqual(
    other.jobs.map((job) => [job.mid, job.attempt]).sort(),
    [
      [mid, 2],
      [second, 2],
    ].sort(),
  );
});

test('a worker thread that is terminated: what it stored is attempted by another, what it finished is not', async () => {
  const made = bench();
  const spool = made.start();
  const { port1, port2 } = new MessageChannel();
  spool.attach('w0', port1);
  const thread = new Worker(new URL('./worker-child.ts', import.meta.url), {
    workerData: { port: port2, ids: made.ids.buffer, count: 200 },
    transferList: [port2],
  });
  await new Promise((resolve) => thread.once('message', resolve));
  await thread.terminate();
  const other = made.worker(spool, 'w1', 1000);
  const seen = new Set<number>();
  await until(() => {
    for (const { mid, attempt } of other.jobs.splice(0)) {
      assert.equal(attempt, 2);
      seen.add(mid);
      other.client.outcome({ mid, destination: 'example.com', recipients: [delivered(0)] });
      other.client.setRoom(1000 - (seen.size % 2));
    }
    return seen.size === 100;
  }, 'the other half');
  assert.ok([...seen].every((mid) => mid % 2 === 1));
  await until(async () => (await ask(spool)('status')).messages === 0, 'all are settled');
});

test('an attempt that is never reported is made again after its lease', async () => {
  const made = bench({ retry: { delayNotice: '0s' } });
  const spool = made.start();
  const worker = made.worker(spool, 'w0', 10);
  const jobs = [{ destination: 'd.example', rids: [0], attempt: false, due: Date.now() }];
  await stored(worker, request(made.nextMid(), envelopeTo('x@d.example'), { jobs }));
  await until(() => worker.jobs.length === 1, 'the attempt');
  made.ahead = 5 * hour;
  await sleep(1300);
  assert.equal(worker.jobs.length, 1);
  made.ahead = 7 * hour;
  await until(() => worker.jobs.length === 2, 'again');
  assert.equal(worker.jobs[1]?.attempt, 2);
});

test('recipients settle one by one; the rest stays', async () => {
  const made = bench({ retry: { jitter: 0 } });
  const spool = made.start();
  const worker = made.worker(spool, 'w0', 10);
  const mid = made.nextMid();
  await stored(worker, request(mid, envelopeTo('a@example.com', 'b@example.com', 'c@example.com')));
  worker.client.outcome({ mid, destination: 'example.com', recipients: [delivered(0), deferred(1), refused(2)] });
  await until(async () => (await ask(spool)('status')).messages === 2, 'the message and its bounce');
  const rows = await ask(spool)('list', { mid }, 0, 10);
  assert.deepEqual(rows[0]?.recipients, ['b@example.com']);
  await until(() => worker.jobs.length === 1, 'the bounce is handed out');
  const [bounce] = worker.jobs;
  assert.ok(bounce !== undefined && bounce.body instanceof Uint8Array);
  assert.deepEqual(JSON.parse(bounce.envelope).sender, '');
  const text = Buffer.from(bounce.body).toString();
  assert.ok(text.includes('Final-Recipient: rfc822; c@example.com') && !text.includes('b@example.com'));
  assert.ok(made.log.has(`MID ${bounce.mid} was generated for bounce of MID ${mid}`));
  made.ahead = 6 * minute;
  await until(() => worker.jobs.length === 2, 'the second attempt');
  assert.deepEqual(worker.jobs[1]?.rids, [1]);
});

test('a bounce that bounces is logged and dropped', async () => {
  const made = bench();
  const spool = made.start();
  const worker = made.worker(spool, 'w0', 10);
  const mid = made.nextMid();
  await stored(worker, request(mid, { sender: '', recipients: [{ address: 'bob@example.com' }] }));
  worker.client.outcome({ mid, destination: 'example.com', recipients: [refused(0)] });
  await until(async () => (await ask(spool)('status')).messages === 0, 'it is gone');
  assert.ok(
    made.log.has(`Double bounce: MID ${mid} to 0 - 5.1.1 - Bad destination mailbox address 550-'5.1.1 no such user'`),
  );
  assert.equal(worker.jobs.length, 0);
});

test('the sender is told of a delay once, then gets the bounce with 5.4.7, also while the destination is down', async () => {
  const made = bench();
  const spool = made.start();
  const worker = made.worker(spool, 'w0', 0);
  const mid = await defer(made, worker, 'bob@example.com');
  worker.client.destination({ destination: 'example.com', state: 'down', reason: 'refused' });
  await until(async () => (await ask(spool)('list', {}, 0, 1))[0]?.reason !== '', 'deferred');
  made.ahead = 4 * hour + minute;
  await until(() => made.log.has(`delayed notice of MID ${mid}`), 'the delay notice');
  made.ahead = 5 * hour;
  await sleep(1200);
  const notices = made.log.lines.filter((line) => line.includes('delayed notice'));
  assert.equal(notices.length, 1);
  made.ahead = 121 * hour;
  await until(() => made.log.has(`was generated for bounce of MID ${mid}`), 'the bounce');
  assert.ok(
    made.log.has(
      `Bounced: DCID 0 MID ${mid} From: <alice@example.org> To: <bob@example.com> RID 0 - 5.4.7 - Delivery expired`,
    ),
  );
  assert.ok(made.log.has(`Message finished MID ${mid} done`));
  // The delay notice itself is older than a day by now and is given up without any further notice.
  await until(() => made.log.has('Double bounce'), 'the notice expires');
});

test('NOTIFY=NEVER keeps quiet, NOTIFY=SUCCESS tells of a relay unless the next hop does', async () => {
  const made = bench();
  const spool = made.start();
  const worker = made.worker(spool, 'w0', 10);
  const mid = made.nextMid();
  const envelope = {
    sender: 'alice@example.org',
    recipients: [
      { address: 'a@example.com', notify: ['NEVER' as const] },
      { address: 'b@example.com', notify: ['SUCCESS' as const] },
      { address: 'c@example.com', notify: ['SUCCESS' as const] },
    ],
  };
  await stored(worker, request(mid, envelope));
  worker.client.outcome({
    mid,
    destination: 'example.com',
    recipients: [refused(0), delivered(1), { ...delivered(2), dsnPassed: true }],
  });
  await until(() => worker.jobs.length === 1, 'one notice');
  const body = worker.jobs[0]?.body;
  assert.ok(body instanceof Uint8Array);
  const text = Buffer.from(body).toString();
  assert.match(text, /Final-Recipient: rfc822; b@example\.com\r\nAction: relayed\r\nStatus: 2\.0\.0/);
  assert.ok(!text.includes('a@example.com') && !text.includes('c@example.com'));
  await sleep(100);
  assert.equal(worker.jobs.length, 1);
});

test('a destination that is down is probed by one job, at doubling times; when it is up all go', async () => {
  const made = bench({ retry: { jitter: 0, probe: '1m' } });
  const spool = made.start();
  const worker = made.worker(spool, 'w0', 100);
  const other = made.worker(spool, 'w1', 0);
  worker.client.destination({ destination: 'd.example', state: 'down', reason: '[Errno 111] Connection refused' });
  const jobs = [{ destination: 'd.example', rids: [0], attempt: false, due: Date.now() }];
  for (let i = 0; i < 30; i++) await stored(worker, request(made.nextMid(), envelopeTo('x@d.example'), { jobs }));
  await until(() => other.states.some(({ state }) => state === 'down'), 'the other worker is told');
  await sleep(300);
  assert.equal(worker.jobs.length, 0);
  const [shown] = await ask(spool)('destinations', 10);
  assert.deepEqual([shown?.jobs, shown?.state, shown?.reason], [30, 'down', '[Errno 111] Connection refused']);
  made.ahead = minute + 1000;
  await until(() => worker.jobs.length === 1, 'the probe');
  await sleep(300);
  assert.equal(worker.jobs.length, 1);
  const probe = worker.jobs[0];
  assert.ok(probe !== undefined);
  worker.client.destination({ destination: 'd.example', state: 'down', reason: 'again' });
  worker.client.outcome({
    mid: probe.mid,
    destination: 'd.example',
    recipients: [{ ...deferred(0, 'refused'), host: '' }],
  });
  await until(async () => (await ask(spool)('destinations', 1))[0]?.reason === 'again', 'the failure is known');
  made.ahead = 2.5 * minute;
  await sleep(600);
  assert.equal(worker.jobs.length, 1, 'the second probe waits two minutes');
  made.ahead = 3.2 * minute;
  await until(() => worker.jobs.length === 2, 'the second probe');
  worker.client.destination({ destination: 'd.example', state: 'up', reason: '' });
  const settled = new Set([probe.mid]);
  await until(() => {
    for (const { mid } of worker.jobs) {
      if (settled.has(mid)) continue;
      settled.add(mid);
      worker.client.outcome({ mid, destination: 'd.example', recipients: [delivered(0)] });
      worker.client.setRoom(100 - (settled.size % 2));
    }
    return settled.size === 30;
  }, 'all others follow');
  assert.ok(other.states.some(({ state }) => state === 'up'));
});

test('destinations take turns: a long queue for one does not hold up another', async () => {
  const made = bench();
  const spool = made.start();
  const feeder = made.worker(spool, 'feeder', 0);
  const many = [];
  for (let i = 0; i < 500; i++) {
    const jobs = [{ destination: 'big.example', rids: [0], attempt: false, due: Date.now() }];
    many.push(stored(feeder, request(made.nextMid(), envelopeTo('x@big.example'), { jobs })));
  }
  for (let i = 0; i < 20; i++) {
    const destination = `small${i}.example`;
    const jobs = [{ destination, rids: [0], attempt: false, due: Date.now() }];
    many.push(stored(feeder, request(made.nextMid(), envelopeTo(`x@${destination}`), { jobs })));
  }
  await Promise.all(many);
  const worker = made.worker(spool, 'w0', 40);
  await until(() => worker.jobs.length >= 22, 'jobs come');
  await sleep(100);
  const big = worker.jobs.filter(({ destination }) => destination === 'big.example').length;
  assert.equal(worker.jobs.length - big, 20, 'each small one has its job under way');
  assert.ok(big <= 2, `a destination of which nothing is known begins with 2, not ${big}`);
});

test('no more jobs than there is room; untried ones come again without counting', async () => {
  const made = bench();
  const spool = made.start();
  const feeder = made.worker(spool, 'feeder', 0);
  for (let i = 0; i < 8; i++) {
    const destination = `d${i}.example`;
    const jobs = [{ destination, rids: [0], attempt: false, due: Date.now() }];
    await stored(feeder, request(made.nextMid(), envelopeTo(`x@${destination}`), { jobs }));
  }
  const worker = made.worker(spool, 'w0', 3);
  await until(() => worker.jobs.length === 3, 'three jobs');
  await sleep(300);
  assert.equal(worker.jobs.length, 3);
  const [job] = worker.jobs;
  assert.ok(job !== undefined);
  worker.client.outcome({ mid: job.mid, destination: job.destination, recipients: [], untried: Date.now() });
  worker.client.setRoom(20);
  await until(() => worker.jobs.length === 9, 'all, and one again');
  assert.deepEqual(
    worker.jobs.filter(({ mid }) => mid === job.mid).map(({ attempt }) => attempt),
    [1, 1],
  );
});

test('a job whose route changed goes to the other destination, and joins what is there', async () => {
  const made = bench();
  const spool = made.start();
  const worker = made.worker(spool, 'w0', 0);
  const mid = made.nextMid();
  const jobs = [
    { destination: 'a.example', rids: [0], attempt: true, due: Date.now() },
    { destination: 'route:hub', rids: [1], attempt: false, due: Date.now() + hour },
  ];
  await stored(worker, request(mid, envelopeTo('x@a.example', 'y@b.example'), { jobs }));
  worker.client.outcome({ mid, destination: 'a.example', recipients: [], untried: Date.now(), reroute: 'route:hub' });
  await until(async () => (await ask(spool)('status')).jobs === 1, 'one job is left');
  const [row] = await ask(spool)('list', {}, 0, 10);
  assert.equal(row?.destination, 'route:hub');
  assert.deepEqual([...(row?.recipients ?? [])].sort(), ['x@a.example', 'y@b.example']);
  assert.equal((await ask(spool)('destinations', 10)).length, 1);
});

test('big bodies are files: kept while needed, then removed; orphans go at the start, missing ones bounce', async () => {
  const made = bench();
  let spool = made.start();
  const worker = made.worker(spool, 'w0', 0);
  const openBody = createBodyWriters({ directory: made.directory, bigBody: () => 1000, prefix: 'w0' });
  const write = (): Promise<Body> =>
    new Promise((resolve, reject) => {
      const writer = openBody();
      writer.write(new Uint8Array(Buffer.from('Received: x\r\nSubject: big\r\n\r\n')));
      writer.write(new Uint8Array(5000).fill(65));
      writer.finish((error, body) => (body === null ? reject(new Error(error?.text)) : resolve(body)));
    });
  const files = () => readdirSync(join(made.directory, 'bodies'));
  const first = made.nextMid();
  await stored(worker, request(first, envelopeTo('a@example.com'), { body: await write() }));
  const second = made.nextMid();
  await stored(worker, request(second, envelopeTo('b@example.com'), { body: await write() }));
  assert.equal(files().length, 2);
  worker.client.finished(first);
  await until(() => files().length === 1, 'the file of a finished message is gone');
  await spool.stop();
  const old = join(made.directory, 'bodies', 'orphan');
  writeFileSync(old, 'x');
  utimesSync(old, 1, 1);
  writeFileSync(join(made.directory, 'bodies', 'recent.new'), 'x'); // as of a worker of this very process
  spool = made.start();
  await until(() => !existsSync(old), 'the orphan is gone');
  assert.equal(files().length, 2);
  assert.equal((await ask(spool)('status')).messages, 1);
  await spool.stop();
  for (const name of files()) utimesSync(join(made.directory, 'bodies', name), 1, 1);
  mkdirSync(join(made.directory, 'away'));
  for (const name of files()) renameSync(join(made.directory, 'bodies', name), join(made.directory, 'away', name));
  spool = made.start();
  assert.ok(made.log.has('is missing: its recipients bounce'));
  assert.ok(made.log.has(`was generated for bounce of MID ${second}`));
  const status = await ask(spool)('status');
  assert.deepEqual([status.messages, status.jobs], [1, 1]);
});

test('hold, release, deliver now, delete', async () => {
  const made = bench({ retry: { jitter: 0 } });
  const spool = made.start();
  const worker = made.worker(spool, 'w0', 10);
  const mids = [
    await defer(made, worker, 'a@example.com'),
    await defer(made, worker, 'b@example.com'),
    await defer(made, worker, 'c@example.com'),
  ];
  await until(
    async () => (await ask(spool)('list', {}, 0, 9)).filter((row) => row.reason !== '').length === 3,
    'queued',
  );
  const [one = 0, two = 0, three = 0] = mids;
  assert.equal(await ask(spool)('hold', { mid: one }, 'admin'), 1);
  assert.equal(await ask(spool)('hold', { mid: one }, 'admin'), 0);
  assert.ok(made.log.has(`MID ${one} held by admin`));
  assert.equal((await ask(spool)('status')).held, 1);
  const [held] = await ask(spool)('list', { mid: one }, 0, 1);
  assert.deepEqual([held?.held, held?.next], [true, null]);
  assert.equal(await ask(spool)('deliverNow', { recipient: 'B@example.com' }), 1);
  await until(() => worker.jobs.length === 1, 'the second goes');
  assert.equal(worker.jobs[0]?.mid, two);
  assert.equal(await ask(spool)('deliverNow', { mid: one }), 0);
  assert.equal(await ask(spool)('delete', { mid: three }, 'admin'), 1);
  assert.ok(made.log.has(`MID ${three} deleted by admin`) && made.log.has(`Message finished MID ${three} done`));
  assert.ok(!made.log.has('generated for bounce'));
  made.ahead = 200 * hour; // held: not too old
  await sleep(1300);
  assert.equal((await ask(spool)('list', { mid: one }, 0, 1)).length, 1);
  assert.equal(await ask(spool)('release', { mid: one }, 'admin'), 1);
  await until(() => worker.jobs.some(({ mid }) => mid === one), 'released: it is tried');
  assert.equal((await ask(spool)('status')).held, 0);
});

test('a message under way can be held or deleted, and its late report changes nothing', async () => {
  const made = bench();
  const spool = made.start();
  const worker = made.worker(spool, 'w0', 10);
  const held = made.nextMid();
  const gone = made.nextMid();
  await stored(worker, request(held, envelopeTo('a@example.com')));
  await stored(worker, request(gone, envelopeTo('b@example.com')));
  assert.equal(await ask(spool)('hold', { mid: held }, 'admin'), 1);
  assert.equal(await ask(spool)('delete', { mid: gone }, 'admin'), 1);
  worker.client.outcome({ mid: held, destination: 'example.com', recipients: [deferred(0)] });
  worker.client.outcome({ mid: gone, destination: 'example.com', recipients: [deferred(0)] });
  await sleep(100);
  const rows = await ask(spool)('list', {}, 0, 10);
  assert.deepEqual(
    rows.map((row) => [row.mid, row.held]),
    [[held, true]],
  );
  worker.client.finished(held); // it had got through after all
  await until(async () => (await ask(spool)('status')).messages === 0, 'forgotten');
  assert.equal((await ask(spool)('status')).jobs, 0);
});

test('pages: every row once, in order, all jobs of a message together', async () => {
  const made = bench();
  const spool = made.start();
  const worker = made.worker(spool, 'w0', 0);
  const waits = [];
  for (let i = 0; i < 50; i++) {
    const jobs = ['a.example', 'b.example', 'c.example']
      .slice(0, 1 + (i % 3))
      .map((destination, rid) => ({ destination, rids: [rid], attempt: false, due: Date.now() + hour }));
    const recipients = jobs.map(({ destination }) => `x${i}@${destination}`);
    waits.push(stored(worker, request(made.nextMid(), envelopeTo(...recipients), { jobs })));
  }
  await Promise.all(waits);
  for (const filter of [
    {},
    { destination: 'b.example' },
    { sender: 'ALICE@example.org' },
    { recipient: '@c.example' },
  ]) {
    const seen: string[] = [];
    let after = 0;
    for (;;) {
      const page = await ask(spool)('list', filter, after, 7);
      if (page.length === 0) break;
      assert.ok(page.every(({ mid }) => mid > after));
      seen.push(...page.map(({ mid, destination }) => `${mid} ${destination}`));
      after = page.at(-1)?.mid ?? 0;
    }
    const all = (await ask(spool)('list', filter, 0, 1000)).map(({ mid, destination }) => `${mid} ${destination}`);
    assert.deepEqual(seen, all);
    const expected = { '{}': 99, '{"destination":"b.example"}': 33 }[JSON.stringify(filter)];
    if (expected !== undefined) assert.equal(all.length, expected);
    assert.ok(all.length > 0);
    assert.equal(new Set(seen).size, seen.length);
  }
});

test('messages by number, and what is on hold', async () => {
  const made = bench();
  const spool = made.start();
  const worker = made.worker(spool, 'w0', 10);
  const later = Date.now() + hour;
  const mids: number[] = [];
  for (const index of [0, 1, 2, 3]) {
    const jobs = ['a.example', 'b.example'].map((destination, rid) => ({
      destination,
      rids: [rid],
      attempt: false,
      due: later,
    }));
    const mid = made.nextMid();
    mids.push(mid);
    await stored(worker, request(mid, envelopeTo(`x${index}@a.example`, `x${index}@b.example`), { jobs }));
  }
  const active = made.nextMid();
  await stored(worker, request(active, envelopeTo('now@example.com'))); // its first attempt is under way
  const [one = 0, two = 0, three = 0] = mids;
  const list = async (filter: QueueFilter, after = 0, limit = 9) =>
    (await ask(spool)('list', filter, after, limit)).map(({ mid, destination }) => `${mid} ${destination}`);
  const both = (mid: number) => [`${mid} a.example`, `${mid} b.example`];
  assert.deepEqual(await list({ mids: [three, active, one, one, 999] }), [
    ...both(one),
    ...both(three),
    `${active} example.com`,
  ]);
  assert.deepEqual(await list({ mids: [three, one] }, 0, 1), both(one));
  assert.deepEqual(await list({ mids: [three, one] }, one, 9), both(three));
  assert.equal(await ask(spool)('hold', { mids: [one, two] }, 'admin'), 4);
  assert.deepEqual(await list({ held: true }), [...both(one), ...both(two)]);
  assert.deepEqual(await list({ held: true, destination: 'b.example' }), [`${one} b.example`, `${two} b.example`]);
  assert.deepEqual((await list({ held: false })).length, 5);
  assert.equal(await ask(spool)('release', { mids: [two], destination: 'a.example' }, 'admin'), 1);
  assert.deepEqual(await list({ held: true, mids: [two] }), [`${two} b.example`]);
  assert.equal(await ask(spool)('delete', { mids: [one, active] }, 'admin'), 3);
});

test('IDs go on behind a crash and exactly behind a stop', async () => {
  const made = bench();
  const first = made.start();
  assert.equal(made.nextMid(), 1);
  await first.stop();
  const fresh = new Bench({}, made.directory);
  const spool = fresh.start();
  assert.equal(fresh.nextMid(), 2);
  await spool.stop();
  // A crash: the marks as they were written ahead.
  const database = new DatabaseSync(join(made.directory, 'spool.db'));
  database.exec("UPDATE ids SET mark = 10002 WHERE kind = 'mid'");
  database.close();
  const after = new Bench({}, made.directory);
  const last = after.start();
  assert.equal(after.nextMid(), 10_003);
  await last.stop();
});

test('a damaged database is refused with its name and a remedy', () => {
  const made = bench();
  writeFileSync(join(made.directory, 'spool.db'), 'this is no database, it is a text of some length. '.repeat(100));
  assert.throws(
    () => made.start(),
    (error: unknown) =>
      error instanceof PosternError &&
      error.code === 'io' &&
      error.message.includes('spool.db is damaged') &&
      error.remedy?.includes('.recover') === true,
  );
});

test('a message that cannot be written is refused alone; the others of its turn are stored', async () => {
  const made = bench();
  const spool = made.start();
  const worker = made.worker(spool, 'w0', 0);
  const twice = made.nextMid();
  await stored(worker, request(twice, envelopeTo('a@example.com')));
  const answers = await Promise.all([
    store(worker, request(made.nextMid(), envelopeTo('b@example.com'))),
    store(worker, { ...request(twice + 1000, envelopeTo('c@example.com')), received: null as unknown as number }),
    store(worker, request(made.nextMid(), envelopeTo('d@example.com'))),
  ]);
  assert.deepEqual(
    answers.map((answer) => answer?.code ?? 'stored'),
    ['stored', 'io', 'stored'],
  );
});

test('the spool thread dies: waiting stores are refused, what was said meanwhile reaches the next one', async () => {
  const made = bench();
  let spool = made.start();
  const worker = made.worker(spool, 'w0', 0);
  const mid = made.nextMid();
  await stored(worker, request(mid, envelopeTo('a@example.com')));
  const lost = store(worker, request(made.nextMid(), envelopeTo('b@example.com')));
  spool.detach('w0'); // closes the port, as its death does
  assert.equal((await lost)?.code, 'io');
  assert.equal((await store(worker, request(made.nextMid(), envelopeTo('c@example.com'))))?.code, 'io');
  await spool.stop();
  worker.client.finished(mid);
  spool = made.start();
  const { port1, port2 } = new MessageChannel();
  spool.attach('w0', port1);
  worker.client.reconnect(port2);
  await until(async () => (await ask(spool)('list', { mid }, 0, 1)).length === 0, 'finished was heard');
});
