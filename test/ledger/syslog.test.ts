// Collectors over UDP and TCP: forms, framing, absence and return.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Snapshot } from '../../src/config/snapshot.ts';
import { prepareSyslog, Syslog } from '../../src/ledger/syslog.ts';
import {
  collectorSettings,
  recordingSink,
  snapshotWith,
  streamCollector,
  temporaryDirectory,
  udpCollector,
  until,
} from './fixture.ts';

/** 2026-03-17T18:24:37Z */
const time = 1_773_771_877_042;

function start(t: TestContext, collectors: Snapshot['syslog'], directory = join(temporaryDirectory(t), 'syslog')) {
  const log = recordingSink();
  const prepared = prepareSyslog(snapshotWith({ syslog: collectors }));
  const syslog = new Syslog({ directory, log, firstPause: 50, longestPause: 200 }, prepared);
  t.after(() => syslog.stop());
  let next = 0;
  /** Logs `count` lines that are numbered through. */
  const say = (count: number): void => {
    for (let i = 0; i < count; i++) syslog.line('mail', 'Info', time, `Info: MID ${next++} queued for delivery`);
  };
  const state = (name = 'siem') => syslog.status().find((status) => status.name === name)?.state;
  return { syslog, log, directory, say, state };
}

const numbers = (messages: readonly string[]): number[] =>
  messages.filter((message) => message.includes('MID ')).map((message) => Number(/MID ([0-9]+)/.exec(message)?.[1]));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe('the form', () => {
  test("is the reference system's, with and without a host name, for each level and log", async (t) => {
    const plain = await streamCollector(t);
    const named = await streamCollector(t);
    const { syslog, state } = start(t, [
      collectorSettings({ name: 'plain', port: plain.port }),
      collectorSettings({ name: 'named', port: named.port, hostname: true, facility: 2 }),
    ]);
    await until('both', () => state('plain') === 'connected' && state('named') === 'connected');
    syslog.line('mail', 'Info', time, 'Info: MID 6 ready 100 bytes from <a@example.org>');
    syslog.line('mail', 'Warning', time - 5 * 86_400_000 - 9 * 86_400_000, 'Warning: x');
    syslog.line('system', 'Critical', time, 'Critical: Grüße');
    await until('the messages', () => plain.messages.length === 3 && named.messages.length === 3);
    assert.deepEqual(plain.messages, [
      '<166>Mar 17 18:24:37 mail_logs: Info: MID 6 ready 100 bytes from <a@example.org>',
      '<164>Mar  3 18:24:37 mail_logs: Warning: x',
      '<162>Mar 17 18:24:37 system_logs: Critical: Grüße',
    ]);
    assert.equal(
      named.messages[0],
      '<22>Mar 17 18:24:37 gw.example.com mail_logs: Info: MID 6 ready 100 bytes from <a@example.org>',
    );
    // The default pipeline of Elastic's integration for this kind of gateway, and what its `mail_logs` pipeline gets.
    const grok =
      /^<(?<priority>[0-9]+)>(?<time>[A-Z][a-z]{2} +[0-9]{1,2} [0-9:]{8}) (?<category>.*?): (?<level>\w+): (?<message>.*)$/;
    const groups = grok.exec(plain.messages[0] ?? '')?.groups;
    assert.deepEqual(
      { ...groups },
      {
        priority: '166',
        time: 'Mar 17 18:24:37',
        category: 'mail_logs',
        level: 'Info',
        message: 'MID 6 ready 100 bytes from <a@example.org>',
      },
    );
  });

  test('holds 8192 octets at most, cut at a character', async (t) => {
    const collector = await streamCollector(t);
    const { syslog, state } = start(t, [collectorSettings({ port: collector.port })]);
    await until('it', () => state() === 'connected');
    for (const shift of ['', 'a', 'ab']) syslog.line('mail', 'Info', time, `Info: ${shift}${'日'.repeat(5000)}`);
    await until('the messages', () => collector.messages.length === 3);
    for (const message of collector.messages) {
      assert.ok(Buffer.byteLength(message) <= 8192 && Buffer.byteLength(message) > 8186);
      assert.match(message, /日\.\.\.$/);
    }
  });
});

describe('over TCP', () => {
  test('many lines arrive once, in order, whatever their number', async (t) => {
    const collector = await streamCollector(t);
    const { say, directory, state } = start(t, [collectorSettings({ port: collector.port })]);
    await until('it', () => state() === 'connected');
    for (let i = 0; i < 50; i++) {
      say(1000);
      await sleep(1);
    }
    await until('all', () => collector.messages.length === 50_000);
    assert.deepEqual(numbers(collector.messages), upTo(50_000));
    assert.deepEqual(
      existsSync(join(directory, 'siem'))
        ? readdirSync(join(directory, 'siem')).filter((name) => name.endsWith('.log'))
        : [],
      [],
    );
  });

  test('a collector that is away gets its lines when it returns; the log says both', async (t) => {
    const first = await streamCollector(t);
    const { say, log, directory, state } = start(t, [collectorSettings({ port: first.port })]);
    await until('it', () => state() === 'connected');
    say(100);
    await until('the first lines', () => first.messages.length === 100);
    await first.close();
    await until('its absence', () => state() !== 'connected');
    say(30_000);
    await until('lines on disk', () => readdirSync(join(directory, 'siem')).some((name) => name.endsWith('.log')));
    await sleep(300);
    say(100);
    const second = await streamCollector(t, { port: first.port });
    say(100);
    await until('all', () => second.messages.length >= 30_200);
    say(10);
    await until('live lines', () => second.messages.length >= 30_210);
    assert.deepEqual(numbers([...first.messages, ...second.messages]), upTo(30_310));
    assert.match(
      log.texts[0] ?? '',
      /^Syslog collector siem: tcp:\/\/127\.0\.0\.1:[0-9]+: connection closed by the collector; lines are buffered on disk$/,
    );
    assert.ok(
      log.texts.some((text) => /^Syslog collector siem: connected; [0-9]+ lines waited$/.test(text)),
      log.texts.join('\n'),
    );
    assert.ok(log.texts.length <= 4, log.texts.join('\n'));
    await until('no file left', () => readdirSync(join(directory, 'siem')).every((name) => !name.endsWith('.log')));
  });

  test('lines survive restarts, also in the middle of sending', async (t) => {
    const directory = join(temporaryDirectory(t), 'syslog');
    const closed = await streamCollector(t);
    await closed.close();
    const settings = [collectorSettings({ port: closed.port })];
    const received: string[] = [];
    let sent = 0;
    const session = async (count: number, during: () => Promise<void>): Promise<void> => {
      const { syslog } = start(t, settings, directory);
      for (let i = 0; i < count; i++) syslog.line('mail', 'Info', time, `Info: MID ${sent++} queued for delivery`);
      await during();
      await syslog.stop();
    };
    await session(20_000, () => sleep(150));
    await session(20_000, () => sleep(20));
    // Back, but only for a part of it.
    const collector = await streamCollector(t, { port: closed.port });
    await session(500, () => until('a part', () => collector.messages.length > 1000));
    await sleep(100);
    received.push(...collector.messages.splice(0));
    await session(500, () => until('the rest', () => received.length + collector.messages.length >= sent));
    received.push(...collector.messages);
    assert.deepEqual(numbers(received), upTo(41_000));
  });

  test('lines survive kill -9: none missing, and what repeats is a batch at most', async (t) => {
    const { spawn } = await import('node:child_process');
    const directory = join(temporaryDirectory(t), 'syslog');
    const gone = await streamCollector(t);
    await gone.close();
    const source = join(import.meta.dirname, '../../src/ledger/syslog.ts');
    const snapshot = snapshotWith({ syslog: [collectorSettings({ port: gone.port })] });
    const program = `
      import { prepareSyslog, Syslog } from ${JSON.stringify(source)};
      const syslog = new Syslog({ directory: ${JSON.stringify(directory)}, log: { record() {} }, firstPause: 20, longestPause: 20 }, prepareSyslog(${JSON.stringify(snapshot)}));
      if (process.argv[1] === 'write') for (let i = 0; i < 20000; i++) syslog.line('mail', 'Info', ${time}, 'Info: MID ' + i + ' queued for delivery');
      setInterval(() => process.stdout.write(JSON.stringify(syslog.status()) + '\\n'), 20);`;
    const run = (mode: string) => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', program, mode], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
      const kill = async (): Promise<void> => {
        child.kill('SIGKILL');
        await new Promise((resolve) => child.on('exit', resolve));
      };
      t.after(() => child.kill('SIGKILL'));
      return { kill, output: () => output };
    };
    const writer = run('write');
    // All of them in the status: 100 ms after the last one was logged.
    await until('lines on disk', () => /"waiting":1[0-9]{6}/.test(writer.output()));
    await sleep(100);
    await writer.kill();
    const collector = await streamCollector(t, { port: gone.port });
    for (const share of [2000, 9000]) {
      const sender = run('send');
      await until('a part', () => collector.messages.length > share);
      await sender.kill();
    }
    const last = run('send');
    await until('the rest', () => numbers(collector.messages).includes(19_999));
    await last.kill();
    const got = numbers(collector.messages);
    assert.deepEqual(
      [...new Set(got)].toSorted((a, b) => a - b),
      upTo(20_000),
    );
    // 64 KiB of lines of about 60 octets, at each of two kills.
    assert.ok(got.length - 20_000 < 2 * 1200, `${got.length - 20_000} repeated`);
  });

  test('a full buffer drops the oldest lines and says how many', async (t) => {
    const gone = await streamCollector(t);
    await gone.close();
    const { say, log, syslog } = start(t, [collectorSettings({ port: gone.port, buffer: 100_000 })]);
    for (let i = 0; i < 20; i++) {
      say(500);
      await sleep(110);
    }
    assert.ok((syslog.status()[0]?.waiting ?? 0) <= 100_000);
    const collector = await streamCollector(t, { port: gone.port });
    await until('the newest', () => numbers(collector.messages).includes(9999));
    await until('the report', () => log.texts.filter((text) => text.includes('were lost')).length >= 2);
    const got = numbers(collector.messages);
    assert.deepEqual(got, upTo(10_000).slice(-got.length));
    const told = log.texts.map((text) => Number(/siem: ([0-9]+) of the oldest lines were lost/.exec(text)?.[1] ?? 0));
    assert.equal(
      told.reduce((sum, count) => sum + count, 0),
      10_000 - got.length,
    );
  });

  test('a collector that stops reading does not fill the memory', async (t) => {
    const server = createServer((socket) => {
      socket.pause();
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const { say, syslog, log, state } = start(t, [collectorSettings({ port: (server.address() as AddressInfo).port })]);
    await until('it', () => state() === 'connected');
    for (let i = 0; i < 200; i++) {
      say(1000);
      await sleep(1);
    }
    // 200,000 lines of about 60 octets: what the kernel does not hold is on disk.
    await until('the disk', () => (syslog.status()[0]?.waiting ?? 0) > 3_000_000);
    assert.ok(log.texts.every((text) => !text.includes('lost')));
  });

  test('settings that change take effect at once, and a removed collector leaves nothing behind', async (t) => {
    const old = await streamCollector(t);
    const fresh = await streamCollector(t);
    const { syslog, say, state, directory, log } = start(t, [
      collectorSettings({ port: old.port }),
      collectorSettings({ name: 'other', port: 1 }),
    ]);
    await until('it', () => state() === 'connected');
    say(5);
    await until('them', () => old.messages.length === 5);
    syslog.activate(prepareSyslog(snapshotWith({ syslog: [collectorSettings({ port: fresh.port })] })));
    say(5);
    await until('them there', () => fresh.messages.length === 5);
    assert.deepEqual(numbers([...old.messages, ...fresh.messages]), upTo(10));
    await until('the removal', () =>
      log.texts.some((text) =>
        /^Syslog collector other removed; [0-9]+ lines that waited for it are dropped$/.test(text),
      ),
    );
    assert.ok(!existsSync(join(directory, 'other')));
    syslog.activate(prepareSyslog(snapshotWith()));
    assert.ok(syslog.idle);
  });
});

describe('over UDP', () => {
  test('one datagram a message', async (t) => {
    const collector = await udpCollector(t);
    const { say, state } = start(t, [collectorSettings({ port: collector.port, protocol: 'udp' })]);
    await until('it', () => state() === 'connected');
    say(2000);
    await until('all', () => collector.messages.length === 2000);
    assert.deepEqual(numbers(collector.messages), upTo(2000));
    assert.equal(collector.messages[0], '<166>Mar 17 18:24:37 mail_logs: Info: MID 0 queued for delivery');
  });

  test('while nobody listens lines are kept, as far as the network tells', async (t) => {
    const first = await udpCollector(t);
    const { say, state, log } = start(t, [collectorSettings({ port: first.port, protocol: 'udp' })]);
    await until('it', () => state() === 'connected');
    say(10);
    await until('them', () => first.messages.length === 10);
    await first.close();
    say(1);
    await until('the refusal', () => log.texts.some((text) => text.includes('ECONNREFUSED')));
    say(3000);
    await sleep(500);
    const second = await udpCollector(t, first.port);
    await until('all', () => numbers(second.messages).includes(3010));
    assert.deepEqual(numbers(second.messages).slice(-3000), upTo(3011).slice(-3000));
  });

  test('a name without an address is a reason to wait', async (t) => {
    const { say, log, syslog } = start(t, [
      collectorSettings({ port: 514, protocol: 'udp', host: 'collector.invalid' }),
    ]);
    say(10);
    await until('the warning', () => log.texts.length > 0);
    assert.match(log.texts[0] ?? '', /collector\.invalid/);
    await until('the disk', () => (syslog.status()[0]?.waiting ?? 0) > 0);
  });
});

test('the buffers of collectors that are configured no more go at the start', async (t) => {
  const gone = await streamCollector(t);
  await gone.close();
  const first = start(t, [collectorSettings({ port: gone.port }), collectorSettings({ name: 'old', port: gone.port })]);
  first.say(10);
  await first.syslog.stop();
  assert.deepEqual(readdirSync(first.directory).sort(), ['old', 'siem']);
  const second = start(t, [collectorSettings({ port: gone.port })], first.directory);
  await second.syslog.stop();
  assert.deepEqual(readdirSync(first.directory), ['siem']);
  assert.match(
    readFileSync(join(first.directory, 'siem', '0000000001.log'), 'utf8'),
    /^(<166>.*MID [0-9] queued for delivery\n){10}$/,
  );
});
