// Log files with real disks: rotation, restarts, full file systems.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LogFile, type LogFileOptions } from '../../src/ledger/file.ts';
import { closedFiles, closedName, removeOldest } from '../../src/ledger/rotation.ts';
import { temporaryDirectory, until } from './fixture.ts';

interface TestFile {
  readonly file: LogFile;
  readonly warnings: string[];
}

function openFile(directory: string, options: Partial<LogFileOptions> = {}): TestFile {
  const warnings: string[] = [];
  const file = new LogFile({
    directory,
    log: 'mail',
    rotateSize: 1024 * 1024,
    keep: 100,
    begin: () => 'Begin Logfile\n',
    end: () => 'End Logfile\n',
    warn: (text) => warnings.push(text),
    ...options,
  });
  return { file, warnings };
}

/** All lines of the log in their order, its closed files first. */
function allLines(directory: string): string[] {
  return [...closedFiles(directory, 'mail'), 'mail.current'].flatMap((name) => {
    const lines = readFileSync(join(directory, name), 'utf8').split('\n');
    assert.equal(lines.pop(), '', `${name} ends with a whole line`);
    return lines;
  });
}

const numbered = (lines: readonly string[]): number[] =>
  lines.filter((line) => /^line [0-9]+/.test(line)).map((line) => Number.parseInt(line.slice(5), 10));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe('a log file', () => {
  test('has its beginning and end, and goes on in the same file after a restart and after a crash', async (t) => {
    const directory = temporaryDirectory(t);
    const first = openFile(directory).file;
    first.append('line 0\n', 1);
    await first.stop();
    assert.deepEqual(allLines(directory), ['Begin Logfile', 'line 0', 'End Logfile']);
    // A crash: no end, and half a line.
    writeFileSync(join(directory, 'mail.current'), 'Begin Logfile\nline 0\nline 1 is cut sh');
    const second = openFile(directory).file;
    second.append('line 2\n', 1);
    await second.stop();
    assert.deepEqual(allLines(directory), [
      'Begin Logfile',
      'line 0',
      'line 1 is cut sh',
      'Begin Logfile',
      'line 2',
      'End Logfile',
    ]);
  });

  test('is written without being asked', async (t) => {
    const directory = temporaryDirectory(t);
    const { file } = openFile(directory);
    file.append('line 0\n', 1);
    await until('the line', () => allLines(directory).length === 2);
    assert.deepEqual(allLines(directory), ['Begin Logfile', 'line 0']);
    await file.stop();
  });

  test('rotates by size under load without losing or repeating a line', async (t) => {
    const directory = temporaryDirectory(t);
    const { file, warnings } = openFile(directory, { rotateSize: 200_000 });
    const filler = 'x'.repeat(90);
    for (let line = 0; line < 40_000; ) {
      let text = '';
      for (let i = 0; i < 50; i++) text += `line ${line++} ${filler}\n`;
      file.append(text, 50);
      if (line % 2000 === 0) await sleep(1);
    }
    await file.stop();
    assert.deepEqual(numbered(allLines(directory)), upTo(40_000));
    const closed = closedFiles(directory, 'mail');
    assert.ok(closed.length >= 3, `${closed.length} files`);
    for (const name of closed) {
      const text = readFileSync(join(directory, name), 'utf8');
      assert.ok(text.startsWith('Begin Logfile\n') && text.endsWith('\nEnd Logfile\n'), name);
      assert.ok(text.length >= 200_000, name);
    }
    assert.deepEqual(warnings, []);
  });

  test('keeps the newest closed files only', async (t) => {
    const directory = temporaryDirectory(t);
    const { file } = openFile(directory, { rotateSize: 10, keep: 3 });
    for (let line = 0; line < 10; line++) {
      file.append(`line ${line}\n`, 1);
      file.flush();
      await until('the line to be written', () => file.size > 14);
      await sleep(5);
    }
    await file.stop();
    assert.equal(closedFiles(directory, 'mail').length, 3);
    assert.deepEqual(numbered(allLines(directory)), [6, 7, 8, 9]);
    // Fewer by configuration, and nothing else in the directory is touched.
    writeFileSync(join(directory, 'mail.@notes.s'), 'mine');
    const again = openFile(directory, { rotateSize: 1_000_000, keep: 3 }).file;
    again.apply({ rotateSize: 1_000_000, keep: 1 });
    await again.stop();
    assert.equal(closedFiles(directory, 'mail').length, 1);
    assert.ok(existsSync(join(directory, 'mail.@notes.s')));
  });

  test('of an earlier day is closed at the start, under the time at which it was begun', async (t) => {
    const directory = temporaryDirectory(t);
    mkdirSync(directory, { recursive: true });
    writeFileSync(
      join(directory, 'mail.current'),
      'Tue Mar 17 18:24:37 2026 Info: Begin Logfile\nTue Mar 17 18:24:38 2026 Info: x\n',
    );
    const { file } = openFile(directory);
    await file.stop();
    assert.deepEqual(closedFiles(directory, 'mail'), ['mail.@20260317T182437.s']);
    assert.ok(readFileSync(join(directory, 'mail.@20260317T182437.s'), 'utf8').endsWith('x\nEnd Logfile\n'));
    assert.equal(readFileSync(join(directory, 'mail.current'), 'utf8'), 'Begin Logfile\nEnd Logfile\n');
  });

  test('of yesterday is closed at midnight, with nothing to write and with something', async (t) => {
    const directory = temporaryDirectory(t);
    const now = Date.now();
    const { file } = openFile(directory);
    file.tick(now + 86_400_000);
    assert.deepEqual(closedFiles(directory, 'mail'), [], 'a file with nothing in it stays');
    file.append('line 0\n', 1);
    file.flush();
    await until('the line', () => file.size > 20);
    file.tick(now);
    assert.deepEqual(closedFiles(directory, 'mail'), []);
    t.mock.timers.enable({ apis: ['Date'], now: now + 86_400_000 });
    file.append('line 1\n', 1);
    await file.stop();
    t.mock.timers.reset();
    assert.equal(closedFiles(directory, 'mail').length, 1);
    assert.deepEqual(allLines(directory), [
      'Begin Logfile',
      'line 0',
      'End Logfile',
      'Begin Logfile',
      'line 1',
      'End Logfile',
    ]);
  });

  test('is opened anew when something else has renamed or removed it', async (t) => {
    const directory = temporaryDirectory(t);
    const path = join(directory, 'mail.current');
    const { file } = openFile(directory);
    file.append('line 0\n', 1);
    file.reopen();
    await until('the line', () => readFileSync(path, 'utf8').includes('line 0'));
    assert.equal(readFileSync(path, 'utf8'), 'Begin Logfile\nline 0\n', 'the same file goes on');
    renameSync(path, join(directory, 'moved'));
    file.append('line 1\n', 1);
    file.reopen();
    await until('a new file', () => existsSync(path));
    unlinkSync(path);
    file.reopen();
    await until('another new file', () => existsSync(path));
    await file.stop();
    const moved = readFileSync(join(directory, 'moved'), 'utf8');
    assert.ok(moved.endsWith('\nEnd Logfile\n'), moved);
    assert.equal(readFileSync(path, 'utf8'), 'Begin Logfile\nEnd Logfile\n');
  });

  test('that cannot be opened is refused with a remedy', (t) => {
    const directory = temporaryDirectory(t);
    mkdirSync(join(directory, 'mail.current'));
    assert.throws(() => openFile(directory), { name: 'PosternError', code: 'io', remedy: /writable/ });
  });

  test('goes on where a rotation fails', async (t) => {
    const directory = join(temporaryDirectory(t), 'logs');
    const { file, warnings } = openFile(directory, { rotateSize: 10 });
    file.append('line 0\n', 1);
    file.flush();
    await until('the line', () => file.size > 14);
    renameSync(directory, `${directory}-away`);
    file.append('line 1\n', 1);
    file.append('line 2\n', 1);
    await file.stop();
    assert.match(warnings[0] ?? '', /cannot be rotated/);
    assert.deepEqual(numbered(allLines(`${directory}-away`)), [0, 1, 2]);
  });
});

describe('names of closed files', () => {
  test('always sort after those there are', (t) => {
    const directory = temporaryDirectory(t);
    const begun = new Date(2026, 2, 17, 18, 24, 37).getTime();
    const names: string[] = [];
    for (let i = 0; i < 70; i++) {
      const name = closedName(directory, 'mail', begun - (i % 3) * 3_600_000);
      writeFileSync(join(directory, name), '');
      names.push(name);
    }
    assert.deepEqual(closedFiles(directory, 'mail'), names);
    assert.equal(names[0], 'mail.@20260317T182437.s');
    assert.equal(names[69], 'mail.@20260317T182546.s');
    removeOldest(directory, 'mail', 5);
    assert.deepEqual(closedFiles(directory, 'mail'), names.slice(-5));
  });

  test('the mail log, the JSON log and the system log do not mix', (t) => {
    const directory = temporaryDirectory(t);
    for (const name of [
      'mail.@20260317T182437.s',
      'mail.@20260317T182437.json',
      'system.@20260317T182437.s',
      'mail.@99999999T999999.s',
    ]) {
      writeFileSync(join(directory, name), '');
    }
    assert.deepEqual(closedFiles(directory, 'mail'), ['mail.@20260317T182437.s']);
    assert.deepEqual(closedFiles(directory, 'json'), ['mail.@20260317T182437.json']);
    assert.deepEqual(closedFiles(directory, 'system'), ['system.@20260317T182437.s']);
  });
});

/** A file system of `size` bytes; null where this user may not mount one. */
function smallDisk(t: TestContext, size: string): string | null {
  const path = mkdtempSync(join(tmpdir(), 'postern-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    // Not root, or no right to mount in this container.
    rmSync(path, { recursive: true });
    return null;
  }
  t.after(() => {
    execFileSync('umount', ['-l', path]);
    rmSync(path, { recursive: true });
  });
  return path;
}

describe('a full disk', () => {
  test('loses nothing while memory lasts, and lines go on by themselves', async (t) => {
    const disk = smallDisk(t, '256k');
    if (disk === null) return t.skip('no right to mount a small file system');
    const directory = join(disk, 'logs');
    const { file, warnings } = openFile(directory);
    writeFileSync(join(disk, 'foreign'), Buffer.alloc(180 * 1024));
    const line = (index: number) => `line ${index} ${'y'.repeat(100)}\n`;
    for (let index = 0; index < 1500; index++) file.append(line(index), 1);
    file.flush();
    await until('the disk to be full', () => file.failure !== null);
    assert.match(file.failure ?? '', /ENOSPC/);
    assert.match(warnings[0] ?? '', /cannot be written.*kept in memory/);
    for (let index = 1500; index < 1600; index++) file.append(line(index), 1);
    unlinkSync(join(disk, 'foreign'));
    await until('writing to work again', () => file.failure === null);
    await file.stop();
    assert.deepEqual(numbered(allLines(directory)), upTo(1600));
    assert.match(warnings[1] ?? '', /can be written again; no line was lost/);
    assert.equal(warnings.length, 2);
  });

  test('beyond the memory, the newest lines are lost, counted and told', async (t) => {
    const disk = smallDisk(t, '256k');
    if (disk === null) return t.skip('no right to mount a small file system');
    const directory = join(disk, 'logs');
    const { file, warnings } = openFile(directory, { mostHeld: 100_000 });
    writeFileSync(join(disk, 'foreign'), Buffer.alloc(230 * 1024));
    let written = 0;
    const add = () => file.append(`line ${written++} ${'y'.repeat(100)}\n`, 1);
    while (file.failure === null) {
      for (let i = 0; i < 20; i++) add();
      file.flush();
      await sleep(2);
    }
    for (let i = 0; i < 2000; i++) add();
    const { lost } = file;
    assert.ok(lost > 500, `${lost} lost`);
    unlinkSync(join(disk, 'foreign'));
    await until('writing to work again', () => file.failure === null);
    add();
    await file.stop();
    const numbers = numbered(allLines(directory));
    assert.deepEqual(numbers, [...upTo(written - 1 - lost), written - 1]);
    assert.match(warnings[1] ?? '', new RegExp(`${lost} lines were lost`));
  });

  test('does not hold up the end of the program', async (t) => {
    const disk = smallDisk(t, '64k');
    if (disk === null) return t.skip('no right to mount a small file system');
    const { file } = openFile(join(disk, 'logs'));
    const body = `${'z'.repeat(99)}\n`;
    for (let i = 0; i < 2000; i++) file.append(body, 1);
    const begun = Date.now();
    await file.stop();
    assert.ok(Date.now() - begun < 3000);
    assert.ok(file.lost > 1000 && file.lost < 2000, `${file.lost}`);
  });
});

test('a process that is killed leaves whole lines, and the next begins the log again', async (t) => {
  const directory = temporaryDirectory(t);
  const program = `
    import { LogFile } from ${JSON.stringify(join(import.meta.dirname, '../../src/ledger/file.ts'))};
    const file = new LogFile({ directory: ${JSON.stringify(directory)}, log: 'mail', rotateSize: 1e9, keep: 3, begin: () => 'Begin Logfile\\n', end: () => 'End Logfile\\n', warn: () => {} });
    let line = 0;
    setInterval(() => { for (let i = 0; i < 100; i++) file.append('line ' + line++ + '\\n', 1); }, 1);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'ignore' });
  await until(
    'lines',
    () => existsSync(join(directory, 'mail.current')) && statSync(join(directory, 'mail.current')).size > 100_000,
  );
  child.kill('SIGKILL');
  await new Promise((resolve) => child.on('exit', resolve));
  const { file } = openFile(directory);
  await file.stop();
  const lines = allLines(directory);
  const again = lines.lastIndexOf('Begin Logfile');
  assert.deepEqual(lines.slice(again), ['Begin Logfile', 'End Logfile']);
  const numbers = numbered(lines);
  assert.deepEqual(numbers, upTo(numbers.length));
  assert.deepEqual(readdirSync(directory), ['mail.current']);
});
