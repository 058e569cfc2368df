// The program is killed at any moment: what was said to be committed is, and what is there is whole.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ConfigStore } from '../../src/config/store.ts';
import { demo, temporaryDirectory } from './directory.ts';

const program = fileURLToPath(new URL('./committing.ts', import.meta.url));

function lastCommitted(output: string): number {
  const numbers = output.matchAll(/^committed (\d+)$/gm);
  return Math.max(1, ...[...numbers].map((found) => Number(found[1])));
}

/** Opens the directory after a crash. Returns the revision in force. */
async function inspect(directory: string, output: string, where: string): Promise<number> {
  const store = await ConfigStore.open(directory, { demo, keep: 20 });
  const { number, config } = store.committed();
  assert.deepEqual(store.warnings, [], where);
  const told = lastCommitted(output);
  assert.ok(number === told || number === told + 1, `${where}: told of ${told}, found ${number}`);
  assert.equal(config.hostname, number === 1 ? 'gw1.example.com' : `gw${number}.example.com`, where);
  const numbers = store.history().map((entry) => entry.number);
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => number - index),
    where,
  );
  // A candidate is the next revision's change or none; never a committed one's.
  const pending = store.pending('admin');
  if (pending.length > 0) {
    assert.deepEqual(pending, [`hostname: gw${number}.example.com -> gw${number + 1}.example.com`], where);
  } else if (/edited\s*$/.test(output)) {
    assert.equal(number, told + 1, `${where}: the edit was told of and is lost`);
  }
  for (const entry of store.history()) await store.revision(entry.number);
  return number;
}

async function begin(context: TestContext): Promise<string> {
  const directory = temporaryDirectory(context);
  await ConfigStore.open(directory, { initial: 'hostname: gw1.example.com\n', demo });
  return directory;
}

test('killed at any time, again and again', async (context) => {
  const directory = await begin(context);
  let highest = 1;
  for (let round = 0; round < 8; round++) {
    const child = spawn(process.execPath, [program, directory, 'loop'], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8');
    const committing = new Promise<void>((resolve) => {
      child.stdout.on('data', (text: string) => {
        output += text;
        if (output.includes('committed')) resolve();
      });
    });
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    await Promise.race([committing, ended]);
    await new Promise((resolve) => setTimeout(resolve, 5 + Math.random() * 60));
    child.kill('SIGKILL');
    await ended;
    assert.ok(output.includes('committed'), `round ${round}: it ended before it was killed`);
    const number = await inspect(directory, output, `round ${round}`);
    assert.ok(number > highest);
    highest = number;
  }
});

const strace = spawnSync('strace', ['-V']).status === 0;

// One thread for files, so that the calls of the program come in one order.
for (const [call, times] of [
  ['fsync', 5],
  ['rename', 2],
  ['unlink', 1],
] as const) {
  test(`killed at each ${call} of an edit and a commit`, {
    skip: strace ? false : 'strace is not installed',
  }, async (context) => {
    const found = new Set<string>();
    for (let when = 1; when <= times; when++) {
      const directory = await begin(context);
      const inject = [
        '-f',
        '-qq',
        '-o',
        '/dev/null',
        '-e',
        `trace=${call}`,
        '-e',
        `inject=${call}:signal=SIGKILL:when=${when}`,
      ];
      const run = spawnSync('strace', [...inject, process.execPath, program, directory, 'once'], {
        encoding: 'utf8',
        env: { ...process.env, UV_THREADPOOL_SIZE: '1' },
      });
      assert.equal(run.signal, 'SIGKILL', `${call} ${when} did not come: ${run.stdout}${run.stderr}`);
      const number = await inspect(directory, run.stdout, `${call} ${when}`);
      found.add(`${/edited/.test(run.stdout)} ${number}`);
    }
    // The kills did fall on both sides of what they are to tell apart.
    if (call === 'fsync') assert.deepEqual([...found].toSorted(), ['false 1', 'true 1', 'true 2']);
  });
}
