import assert from 'node:assert/strict';
import { appendFileSync, closeSync, ftruncateSync, openSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LogFile } from '../../src/ledger/file.ts';
import { grepLog, type TailOptions, tailLog } from '../../src/ledger/follow.ts';
import { closedName } from '../../src/ledger/rotation.ts';
import { temporaryDirectory, until } from './fixture.ts';

/** Follows the mail log in the background. */
function follow(t: TestContext, directory: string, options: TailOptions = {}) {
  const controller = new AbortController();
  const lines: string[] = [];
  const end = (async () => {
    for await (const line of tailLog(directory, 'mail', { interval: 5, ...options }, controller.signal))
      lines.push(line);
  })();
  t.after(async () => {
    controller.abort();
    await end;
  });
  return { lines, stop: () => controller.abort(), end };
}

async function all(lines: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const line of lines) found.push(line);
  return found;
}

describe('tail', () => {
  test('shows the last lines, then those that come, and ends when it is told to', async (t) => {
    const directory = temporaryDirectory(t);
    const path = join(directory, 'mail.current');
    writeFileSync(path, Array.from({ length: 5000 }, (_, index) => `old ${index} ${'x'.repeat(50)}\n`).join(''));
    const { lines, stop, end } = follow(t, directory, { lines: 2000 });
    await until('the old lines', () => lines.length === 2000);
    assert.match(lines[0] ?? '', /^old 3000 /);
    appendFileSync(path, 'new 1\nnew 2\nhalf');
    await until('new lines', () => lines.length === 2002);
    appendFileSync(path, ' a line, Grüße\n');
    await until('the whole line', () => lines.length === 2003);
    assert.deepEqual(lines.slice(2000), ['new 1', 'new 2', 'half a line, Grüße']);
    stop();
    await end;
  });

  for (const [name, options, expected] of [
    ['no old line', { lines: 0 }, []],
    ['one old line', { lines: 1 }, ['b']],
    ['more than there are', { lines: 50 }, ['a', 'b']],
    ['all', { fromStart: true }, ['a', 'b']],
  ] as const) {
    test(name, async (t) => {
      const directory = temporaryDirectory(t);
      writeFileSync(join(directory, 'mail.current'), 'a\nb\n');
      const { lines } = follow(t, directory, options);
      await sleep(60);
      appendFileSync(join(directory, 'mail.current'), 'c\n');
      await until('the new line', () => lines.includes('c'));
      assert.deepEqual(lines, [...expected, 'c']);
    });
  }

  test('waits for a log that is not there yet', async (t) => {
    const directory = temporaryDirectory(t);
    const { lines } = follow(t, directory);
    await sleep(30);
    writeFileSync(join(directory, 'mail.current'), 'first\n');
    await until('the line', () => lines.length === 1);
  });

  test('leaves no line out across rotations, slow or many at once', async (t) => {
    const directory = temporaryDirectory(t);
    const file = new LogFile({
      directory,
      log: 'mail',
      rotateSize: 20_000,
      keep: 1000,
      begin: () => 'Begin Logfile\n',
      end: () => 'End Logfile\n',
      warn: () => undefined,
    });
    // Looks less often than the file is rotated.
    const { lines } = follow(t, directory, { fromStart: true, interval: 100 });
    for (let line = 0; line < 4000; ) {
      for (let i = 0; i < 100; i++) file.append(`line ${line++} ${'x'.repeat(100)}\n`, 1);
      file.flush();
      await sleep(5);
    }
    await file.stop();
    await until('the last line', () => lines.some((line) => line.startsWith('line 3999')));
    const numbers = lines.filter((line) => line.startsWith('line')).map((line) => Number.parseInt(line.slice(5), 10));
    assert.deepEqual(
      numbers,
      Array.from({ length: 4000 }, (_, index) => index),
    );
    assert.ok(lines.filter((line) => line === 'End Logfile').length >= 10);
  });

  test('leaves no file out that is closed while the next one is looked for', async (t) => {
    const directory = temporaryDirectory(t);
    const path = join(directory, 'mail.current');
    // To look through them takes longer than from one rotation to the next.
    for (let old = 0; old < 3000; old++) {
      const time = new Date(Date.UTC(2025, 0, 1) + 1000 * old).toISOString().replaceAll(/[-:]|\.000Z/g, '');
      writeFileSync(join(directory, `mail.@${time}.s`), '');
    }
    writeFileSync(path, 'line 0\n');
    const { lines } = follow(t, directory, { fromStart: true, interval: 0 });
    await until('the first line', () => lines.length === 1);
    for (let line = 1; line < 30; line++) {
      renameSync(path, join(directory, closedName(directory, 'mail', Date.now())));
      writeFileSync(path, `line ${line}\n`);
      await sleep(3);
    }
    await until('the last line', () => lines.at(-1) === 'line 29');
    assert.deepEqual(
      lines,
      Array.from({ length: 30 }, (_, index) => `line ${index}`),
    );
  });

  test('goes on after the file was cut short or its predecessor thrown away', async (t) => {
    const directory = temporaryDirectory(t);
    const path = join(directory, 'mail.current');
    writeFileSync(path, 'one\n');
    const { lines } = follow(t, directory, { fromStart: true });
    await until('one', () => lines.length === 1);
    const fd = openSync(path, 'r+');
    ftruncateSync(fd, 0);
    closeSync(fd);
    await sleep(50);
    appendFileSync(path, 'two\n');
    await until('two', () => lines.length === 2);
    renameSync(path, join(directory, 'elsewhere'));
    unlinkSync(join(directory, 'elsewhere'));
    writeFileSync(path, 'three\n');
    await until('three', () => lines.length === 3);
    assert.deepEqual(lines, ['one', 'two', 'three']);
  });
});

describe('grep', () => {
  const prepare = (t: TestContext): string => {
    const directory = temporaryDirectory(t);
    const name = (day: number) => join(directory, `mail.@202603${day}T000000.s`);
    writeFileSync(name(17), 'MID 1 queued\nMID 2 queued\nmid 3 QUEUED\n');
    writeFileSync(name(18), 'MID 4 (queued)\n');
    writeFileSync(join(directory, 'mail.current'), 'MID 5 queued\nMID 6 Grüße\nno end');
    writeFileSync(join(directory, 'system.current'), 'MID 7 queued\n');
    return directory;
  };

  test('searches closed files and the present one, oldest first', async (t) => {
    const directory = prepare(t);
    assert.deepEqual(await all(grepLog(directory, 'mail', 'MID [0-9] queued')), [
      'MID 1 queued',
      'MID 2 queued',
      'MID 5 queued',
    ]);
    assert.deepEqual(await all(grepLog(directory, 'mail', 'MID [0-9] queued', { closed: false })), ['MID 5 queued']);
    assert.deepEqual(await all(grepLog(directory, 'mail', 'mid . queued$', { ignoreCase: true })), [
      'MID 1 queued',
      'MID 2 queued',
      'mid 3 QUEUED',
      'MID 5 queued',
    ]);
    assert.deepEqual(await all(grepLog(directory, 'mail', '(queued)', { literal: true })), ['MID 4 (queued)']);
    assert.deepEqual(await all(grepLog(directory, 'mail', '(QUEUED)', { literal: true, ignoreCase: true })), [
      'MID 4 (queued)',
    ]);
    assert.deepEqual(await all(grepLog(directory, 'mail', 'queued', { invert: true, ignoreCase: true })), [
      'MID 6 Grüße',
      'no end',
    ]);
    assert.deepEqual(await all(grepLog(directory, 'mail', 'MID', { limit: 2 })), ['MID 1 queued', 'MID 2 queued']);
    assert.deepEqual(await all(grepLog(directory, 'system', '')), ['MID 7 queued']);
    assert.deepEqual(await all(grepLog(join(directory, 'nowhere'), 'mail', 'x')), []);
  });

  test('a pattern that is none is refused', async (t) => {
    const directory = prepare(t);
    await assert.rejects(all(grepLog(directory, 'mail', '(')), {
      name: 'PosternError',
      code: 'bad-usage',
      remedy: /plain text/,
    });
    await assert.rejects(all(grepLog(directory, 'mail', 'x'.repeat(2000))), { code: 'bad-usage', remedy: /at most/ });
  });

  test('a pattern that never ends is stopped, and everything else goes on meanwhile', async (t) => {
    const directory = prepare(t);
    appendFileSync(join(directory, 'mail.current'), `\n${'a'.repeat(200)}!\n`);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 10);
    t.after(() => clearInterval(timer));
    const begun = Date.now();
    await assert.rejects(all(grepLog(directory, 'mail', '^(a+)+$', { lineTimeout: 300 })), {
      code: 'bad-usage',
      message: /more than 300 ms on one line/,
    });
    assert.ok(Date.now() - begun < 5000);
    assert.ok(ticks > 10);
  });

  test('a huge log streams: bounded while nobody reads on, ended by a signal', async (t) => {
    const directory = temporaryDirectory(t);
    const block = Array.from(
      { length: 10_000 },
      (_, index) => `MID ${index} queued for delivery ${'x'.repeat(60)}\n`,
    ).join('');
    for (let i = 0; i < 60; i++) appendFileSync(join(directory, 'mail.current'), block);
    const controller = new AbortController();
    let count = 0;
    const before = process.memoryUsage.rss();
    for await (const _ of grepLog(directory, 'mail', 'queued', {}, controller.signal)) {
      if (++count === 1000) await sleep(500);
      if (count === 100_000) controller.abort();
    }
    // What was on its way when it was aborted still comes.
    assert.ok(count >= 100_000 && count < 110_000, `${count}`);
    assert.ok(process.memoryUsage.rss() - before < 150 * 1024 * 1024);
    assert.equal((await all(grepLog(directory, 'mail', 'MID 9999 '))).length, 60);
  });
});
