// Start, end, and what happens when a part of the program dies; under load.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { MailClient } from './client.ts';
import { freePort, startGateway, temporaryDirectory } from './harness.ts';
import { endThread, inspected } from './inspector.ts';
import { startLoad } from './load.ts';
import { emptied, openSession } from './session.ts';
import { startSink } from './sink.ts';

const launcher = new URL('../../bin/postern.mjs', import.meta.url).pathname;
const options = { timeout: 120_000 };

function configuration(port: number, destination: number): string {
  return `hostname: gw.example.com
gui: { ports: [] }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${port}, tls: preferred }
accept: [example.com]
routes:
  - { domain: "*", to: ["127.0.0.1:${destination}"] }
spool: { reserve: 1MiB, lowWater: 16MiB, lowWaterShare: 0.001, bigBody: 16KiB }
retry: { first: 500ms, probe: 500ms }
dns: { reverse: false }
`;
}

test(
  'SIGTERM under load: replies to final dots are given, the rest gets 421, nothing acknowledged is lost or comes twice',
  options,
  async (t) => {
    const port = await freePort();
    const sink = await startSink(t, { replyAfter: 200 });
    const config = configuration(port, sink.port);
    const gateway = await startGateway(t, { config });

    const writing = await MailClient.open(port);
    assert.match(await writing.reply(), /^220 /);
    await writing.say('EHLO by-hand.example.org');
    await writing.say('MAIL FROM:<a@example.org>');
    await writing.say('RCPT TO:<b@example.com>');
    assert.match(await writing.say('DATA'), /^354 /);
    writing.write('X-Load-Id: by-hand\r\n\r\nhalf of\r\n');
    const idle = await MailClient.open(port);
    assert.match(await idle.reply(), /^220 /);

    const small = startLoad(t, { port, connections: 16, prefix: 'small', once: true });
    const big = startLoad(t, { port, connections: 4, prefix: 'big', size: 60_000, tls: true, once: true });
    while (small.acknowledged.size < 100 || big.acknowledged.size < 10) await sleep(5);
    const told = performance.now();
    const ended = gateway.stop();
    assert.match(await idle.reply(), /^421 4\.3\.2 /);
    assert.equal(await idle.closed(), '');
    await sleep(300);
    const late = await MailClient.open(port);
    assert.match(await late.reply(), /^421 4\.3\.2 /);
    assert.match(await writing.say('a message\r\n.'), /^250 2\.0\.0 /);
    assert.match(await writing.reply(), /^421 4\.3\.2 /);

    assert.equal(await ended, 0, gateway.output());
    const took = performance.now() - told;
    assert.ok(took < 10_000, `${took} ms`);
    await Promise.all([small.done, big.done]);
    for (const load of [small, big]) {
      assert.deepEqual(load.broken, []);
      assert.deepEqual(
        load.refused.filter((reply) => !reply.startsWith('421 4.3.2 ')),
        [],
      );
    }
    const acknowledged = [...small.acknowledged.keys(), ...big.acknowledged.keys(), 'by-hand'];
    const before = sink.total;
    const again = await startGateway(t, { config, data: gateway.data });
    await sink.all(acknowledged);
    await emptied(t, again.data);
    assert.equal(sink.duplicates(), 0);
    assert.equal(sink.arrived.size, acknowledged.length);
    t.diagnostic(
      `ended after ${took.toFixed(0)} ms; of ${acknowledged.length} acknowledged messages ${before} had gone out by then`,
    );
  },
);

test(
  '--print-logs: every line of the run, from its first to its last, and none of the run before',
  options,
  async (t) => {
    const port = await freePort();
    const sink = await startSink(t);
    const config = configuration(port, sink.port);
    const data = join(temporaryDirectory(t), 'data');
    const files = () =>
      ['mail', 'system'].flatMap((name) =>
        readFileSync(join(data, 'logs', `${name}.current`), 'utf8')
          .trimEnd()
          .split('\n'),
      );
    let earlier: string[] = [];
    for (let run = 1; run <= 2; run++) {
      const gateway = await startGateway(t, { config, data, arguments: ['--print-logs'] });
      const client = await MailClient.open(port);
      assert.match(await client.reply(), /^220 /);
      await client.say('QUIT');
      assert.equal(await gateway.stop(), 0);
      const printed = gateway.output().split('\n');
      const written = files().filter((line) => !earlier.includes(line));
      assert.ok(
        written.some((line) =>
          line.endsWith(
            `New SMTP ICID ${run} interface Management (127.0.0.1) address 127.0.0.1 reverse dns host unknown verified no`,
          ),
        ),
        written.join('\n'),
      );
      assert.ok(written.filter((line) => / Info: (Begin|End) Logfile$/.test(line)).length >= 3, written.join('\n'));
      assert.deepEqual(
        written.filter((line) => !printed.includes(line)),
        [],
      );
      assert.ok(!printed.some((line) => earlier.includes(line)), gateway.output());
      earlier = files();
    }
  },
);

test('SIGHUP after a rename begins a new log; no line is lost or in both', options, async (t) => {
  const port = await freePort();
  const sink = await startSink(t);
  const gateway = await startGateway(t, { config: configuration(port, sink.port) });
  const load = startLoad(t, { port, connections: 8, prefix: 'm' });
  const logs = join(gateway.data, 'logs');
  const moved: string[] = [];
  for (let turn = 1; turn <= 3; turn++) {
    await sleep(300);
    const name = join(logs, `moved.${turn}`);
    moved.push(name);
    renameSync(join(logs, 'mail.current'), name);
    gateway.child.kill('SIGHUP');
    await gateway.logged(/Begin Logfile/);
  }
  await load.stop();
  await sink.all(load.acknowledged.keys());
  await emptied(t, gateway.data);
  assert.equal(await gateway.stop(), 0);
  const text = [...moved, join(logs, 'mail.current')].map((name) => readFileSync(name, 'utf8')).join('');
  const finished = Array.from(text.matchAll(/ Message finished MID (\d+) done$/gm), ([, mid]) => mid);
  assert.equal(finished.length, load.acknowledged.size);
  assert.equal(new Set(finished).size, load.acknowledged.size);
});

/** A `serve` that does not come up. */
async function serve(args: readonly string[]): Promise<{ readonly status: number | null; readonly output: string }> {
  const child = spawn(process.execPath, [launcher, 'serve', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const patience = setTimeout(() => child.kill('SIGKILL'), 120_000);
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearTimeout(patience);
  return { status, output };
}

test(
  'a second gateway on the same data directory, or on the same port, is refused and disturbs nothing',
  options,
  async (t) => {
    const port = await freePort();
    const sink = await startSink(t);
    const gateway = await startGateway(t, { config: configuration(port, sink.port) });
    const load = startLoad(t, { port, connections: 8, prefix: 'm' });
    const same = await serve(['--data', gateway.data]);
    assert.equal(same.status, 1);
    assert.ok(
      same.output.startsWith(`postern serve: another gateway runs on the data directory ${gateway.data}\nstop it, or `),
      same.output,
    );
    const other = join(temporaryDirectory(t), 'data');
    const taken = await serve(['--data', other, '--config', `${gateway.data}.yaml`]);
    assert.equal(taken.status, 1);
    assert.match(
      taken.output,
      new RegExp(
        `^postern serve: listener "inbound": 127\\.0\\.0\\.1 port ${port} is in use by another program\nstop that`,
      ),
    );
    await load.stop();
    await sink.all(load.acknowledged.keys());
    assert.deepEqual([...load.refused, ...load.broken], []);
    assert.equal(sink.duplicates(), 0);
  },
);

for (const thread of ['mail-0', 'spool-0', 'ledger-0']) {
  test(
    `the thread ${thread} dies under load: it is replaced, the listener answers, nothing acknowledged is lost`,
    options,
    async (t) => {
      const port = await freePort();
      const sink = await startSink(t, { replyAfter: 5 });
      const config = configuration(port, sink.port);
      const gateway = await startGateway(t, { config, environment: inspected, arguments: ['--workers', '2'] });
      const load = startLoad(t, { port, connections: 16, prefix: 'm', perConnection: 20 });
      await sleep(1500);
      await endThread(gateway, thread);
      const died = performance.now();
      const session = await openSession(t, gateway.data);
      const deadline = died + 60_000;
      const soon = async (what: string, condition: () => boolean | Promise<boolean>) => {
        while (!(await condition())) {
          assert.ok(performance.now() < deadline, what);
          await sleep(50);
        }
      };
      const system = () => readFileSync(join(gateway.data, 'logs', 'system.current'), 'utf8');
      const told = /Warning: (mail worker 0|spool thread|ledger thread) ended and is started anew: /;
      await soon('the thread is replaced', () => told.test(system()));
      await soon('the gateway is online', async () => /System status: +Online\n/.test(await session.run('status')));
      const taken = load.acknowledged.size;
      await soon('mail is taken in', () => load.acknowledged.size > taken + 50);
      await load.stop();
      await sink.all(load.acknowledged.keys());
      await emptied(t, gateway.data);
      assert.equal(gateway.child.exitCode, null, gateway.output());
      assert.deepEqual(
        load.broken.filter((text) => text.includes('ECONNREFUSED')),
        [],
        'the listener vanished',
      );
      assert.deepEqual(
        load.refused.filter((reply) => !/^4[25]1 4\.3\.0 /.test(reply)),
        [],
      );
      if (thread !== 'mail-0') assert.deepEqual(load.broken, []);
      assert.deepEqual(sink.mixed, []);
      const after = [...load.acknowledged.values()].filter((time) => time > died).length;
      t.diagnostic(
        `${load.acknowledged.size} acknowledged (${after} after it), ${sink.duplicates()} came twice, ` +
          `${load.refused.length} were refused (${load.refused[0] ?? ''}), ${load.broken.length} connections broke`,
      );
    },
  );
}
