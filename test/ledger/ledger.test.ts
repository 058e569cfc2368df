// Events from several threads to the log files.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { MessageChannel, Worker } from 'node:worker_threads';
import { deliveryResponse, messageQueued, messageTo, subject, systemNotice } from '../../src/ledger/events.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { closedFiles } from '../../src/ledger/rotation.ts';
import { createEventSink } from '../../src/ledger/sink.ts';
import { collectorSettings, snapshotWith, temporaryDirectory, until } from './fixture.ts';

function open(t: TestContext, snapshot = snapshotWith()) {
  const directory = join(temporaryDirectory(t), 'logs');
  const ledger = new Ledger({ directory, snapshot, version: '1.2.3', serial: 'ABC-DEF' });
  const { port1, port2 } = new MessageChannel();
  ledger.attach(port2);
  const sink = createEventSink(port1);
  t.after(() => port1.close());
  const read = (name: string) => readFileSync(join(directory, name), 'utf8');
  const closed = new Promise((resolve) => port1.on('close', resolve));
  return { directory, ledger, sink, read, closed };
}

describe('the ledger', () => {
  test('writes the mail log, the JSON log and the system log', async (t) => {
    const { ledger, sink, read } = open(t);
    sink.record(messageTo, 14, 30, 0, 'b@example.com');
    sink.record(systemNotice, 'started');
    sink.flush();
    await ledger.stop();
    const frame = '[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} [0-9]{4} Info: ';
    const begin = `${frame}Begin Logfile\n${frame}Version: 1.2.3 SN: ABC-DEF\n${frame}Time offset from UTC: 0 seconds\n`;
    const end = `${frame}End Logfile\n`;
    assert.match(
      read('mail.current'),
      new RegExp(`^${begin}${frame}MID 14 ICID 30 RID 0 To: <b@example.com>\n${end}$`),
    );
    assert.match(read('system.current'), new RegExp(`^${begin}${frame}started\n${end}$`));
    const { time, ...rest } = JSON.parse(read('mail.json')) as { time: string };
    assert.deepEqual(rest, {
      level: 'Info',
      event: 'message.to',
      mid: 14,
      icid: 30,
      rid: 0,
      recipient: 'b@example.com',
    });
    assert.ok(Math.abs(Date.parse(time) - Date.now()) < 5000);
  });

  test('takes what several threads recorded, each in its order, up to their end', async (t) => {
    const { ledger, read } = open(t);
    const source = join(import.meta.dirname, '../../src/ledger');
    // The last events are recorded as the thread ends, one of them by an error that nobody catches.
    const program = `
      const { workerData } = require('node:worker_threads');
      const { createEventSink } = require(${JSON.stringify(join(source, 'sink.ts'))});
      const { messageQueued } = require(${JSON.stringify(join(source, 'events.ts'))});
      const sink = createEventSink(workerData.port);
      let n = 0;
      const turn = () => {
        for (let i = 0; i < 37; i++) sink.record(messageQueued, workerData.base + n++);
        if (n < 3700) setImmediate(turn);
        else if (workerData.crash) throw new Error('as asked');
      };
      turn();`;
    const workers = [0, 1, 2].map((index) => {
      const { port1, port2 } = new MessageChannel();
      ledger.attach(port2);
      const workerData = { port: port1, base: index * 10_000, crash: index === 2 };
      const worker = new Worker(program, { eval: true, workerData, transferList: [port1] });
      worker.on('error', () => undefined);
      return new Promise((resolve) => worker.on('exit', resolve));
    });
    await Promise.all(workers);
    await ledger.stop();
    const mids = [...read('mail.current').matchAll(/MID ([0-9]+) queued/g)].map((found) => Number(found[1]));
    for (const base of [0, 10_000, 20_000]) {
      const own = mids.filter((mid) => mid >= base && mid < base + 10_000);
      assert.deepEqual(
        own,
        Array.from({ length: 3700 }, (_, index) => base + index),
      );
    }
    assert.equal(read('mail.json').split('\n').length - 1, 3 * 3700);
  });

  test('keeps events while another ledger takes over', async (t) => {
    const { ledger, sink, closed } = open(t);
    await ledger.stop();
    await closed;
    const second = open(t);
    sink.record(messageQueued, 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const { port1, port2 } = new MessageChannel();
    t.after(() => port1.close());
    second.ledger.attach(port2);
    sink.reconnect(port1);
    sink.record(messageQueued, 2);
    sink.flush();
    await second.ledger.stop();
    assert.deepEqual(second.read('mail.current').match(/MID [0-9]+ queued/g), ['MID 1 queued', 'MID 2 queued']);
  });

  test('a commit changes privacy, size and the JSON log at once', async (t) => {
    const { directory, ledger, sink, read } = open(t);
    sink.record(subject, 1, 'seen');
    sink.flush();
    await until('the first line', () => ledger.status().events === 1);
    ledger.apply(
      snapshotWith({ privacy: { logSubjects: false, logAddresses: false }, logs: { json: false, rotateSize: 100 } }),
    );
    sink.record(subject, 2, 'hidden');
    sink.record(deliveryResponse, 2, '0', '2.0.0 OK for bob@example.com');
    sink.flush();
    await ledger.stop();
    const mail = [...closedFiles(directory, 'mail'), 'mail.current'].map(read).join('');
    assert.ok(mail.includes('MID 1 Subject "seen"'));
    assert.ok(mail.includes("MID 2 RID [0] Response '2.0.0 OK for redacted'"));
    assert.ok(!mail.includes('hidden'));
    assert.equal(read('mail.json').split('\n').length, 2);
  });

  test('opens its files anew when asked to', async (t) => {
    const { directory, ledger, sink, read } = open(t);
    for (const name of ['mail.current', 'system.current', 'mail.json'])
      renameSync(join(directory, name), join(directory, `${name}.1`));
    ledger.reopen();
    await until('new files', () =>
      ['mail.current', 'system.current', 'mail.json'].every((name) => existsSync(join(directory, name))),
    );
    sink.record(messageQueued, 1);
    sink.flush();
    await ledger.stop();
    assert.ok(read('mail.current.1').endsWith('End Logfile\n'));
    assert.match(read('mail.current'), /Begin Logfile\n[\s\S]*MID 1 queued for delivery\n[\s\S]*End Logfile\n$/);
  });

  test('refuses a snapshot whose collector has no usable authority, and changes nothing', async (t) => {
    const { ledger } = open(t);
    const bad = snapshotWith({
      logs: { json: false },
      syslog: [collectorSettings({ name: 'siem', port: 6514, protocol: 'tls', ca: 'no certificate' })],
    });
    assert.throws(() => ledger.prepare(bad), { name: 'PosternError', message: /syslog collector "siem"/ });
    assert.deepEqual(ledger.status().collectors, []);
    assert.equal(ledger.status().logs.length, 3);
    await ledger.stop();
  });
});
