// Pages of a log, backwards: every line once, in order, across files, whatever the sizes.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { logPage } from '../../src/ledger/page.ts';

const directory = mkdtempSync(join(tmpdir(), 'postern-page-'));
after(() => rmSync(directory, { recursive: true, force: true }));

function write(files: readonly (readonly string[])[]): void {
  for (const [index, lines] of files.entries()) {
    const last = index === files.length - 1;
    const name = last ? 'mail.current' : `mail.@20260101T00000${index}.s`;
    writeFileSync(join(directory, name), lines.map((line) => `${line}\n`).join(''));
  }
}

async function all(lines: number, filter?: string): Promise<string[]> {
  const found: string[] = [];
  let before: string | undefined;
  for (let pages = 0; pages < 10_000; pages++) {
    const page = await logPage(directory, 'mail', {
      lines,
      ...(before === undefined ? {} : { before }),
      ...(filter === undefined ? {} : { filter }),
    });
    assert.ok(page.lines.length <= lines);
    found.unshift(...page.lines);
    if (page.before === null) return found;
    before = page.before;
  }
  return assert.fail('the pages never end');
}

test('any page size gives every line once, in order', async () => {
  const line = fc.oneof(fc.string({ maxLength: 20 }), fc.constant('x'.repeat(200_000)), fc.constant('ä'.repeat(300)));
  const text = line.map((value) => value.replaceAll('\n', ' ').toWellFormed());
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(text, { maxLength: 12 }), { minLength: 3, maxLength: 3 }),
      fc.integer({ min: 1, max: 7 }),
      async (files, lines) => {
        write(files);
        assert.deepEqual(await all(lines), files.flat());
      },
    ),
    { numRuns: 60 },
  );
});

test('words: all of them, in capitals or not', async () => {
  const many = Array.from(
    { length: 30_000 },
    (_, index) => `Info: MID ${index} ICID ${index % 7} From: <a@Example.org>`,
  );
  write([many.slice(0, 10_000), many.slice(10_000, 20_000), many.slice(20_000)]);
  const words = ['icid', '3', '11', 'example.org'];
  const wanted = many.filter((line) => words.every((word) => line.toLowerCase().includes(word)));
  assert.ok(wanted.length > 100);
  assert.deepEqual(await all(50, ' ICID 3  11 example.ORG'), wanted);
  assert.deepEqual(await all(50, 'no such words'), []);
});

test('a file that was thrown away ends the log; a wrong place is refused', async () => {
  write([['a', 'b'], ['c'], ['d']]);
  const first = await logPage(directory, 'mail', { lines: 3 });
  assert.deepEqual(first.lines, ['b', 'c', 'd']);
  assert.ok(first.before !== null);
  unlinkSync(join(directory, 'mail.@20260101T000000.s'));
  assert.deepEqual(await logPage(directory, 'mail', { lines: 3, before: first.before }), { lines: [], before: null });
  for (const before of ['x', '1', '-', '1-', '1-2-3', '../etc'])
    await assert.rejects(logPage(directory, 'mail', { lines: 3, before }), { code: 'bad-request' });
});
