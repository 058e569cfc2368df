// Jobs behind the API: begun once, bounded, what they found stays.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Jobs } from '../../../src/admin/api/jobs.ts';

const asked = (by: string) => ({ by, request: null });

/** Ends when it is told to. */
function work(most = 1, check?: () => Promise<unknown>) {
  const { promise, resolve, reject } = Promise.withResolvers<{ readonly all: number }>();
  let aborted = false;
  return {
    most,
    ...(check === undefined ? {} : { check }),
    run: (signal: AbortSignal, tell: (row: string, told: number, all: number) => void) => {
      signal.onabort = () => {
        aborted = true;
        resolve({ all: 2 });
      };
      tell('first', 1, 2);
      return promise;
    },
    end: async (error?: Error) => {
      if (error === undefined) resolve({ all: 2 });
      else reject(error);
      await setImmediate();
    },
    aborted: () => aborted,
  };
}

test('two requests at once begin one job, however long the check takes', async () => {
  const jobs = new Jobs<null, string>('rehearsal');
  const checked = Promise.withResolvers<void>();
  const [first, second] = [work(1, () => checked.promise), work(1, () => checked.promise)];
  const both = [jobs.begin('', asked('anna'), first), jobs.begin('', asked('otto'), second)];
  checked.resolve();
  const [one, two] = await Promise.allSettled(both);
  assert.equal(one?.status, 'fulfilled');
  assert.ok(two?.status === 'rejected');
  assert.match(String(two.reason), /a rehearsal of anna is running/);
  await first.end();
  assert.equal(jobs.present('')?.by, 'anna');
});

test('a check that fails leaves what was there, and the way free', async () => {
  const jobs = new Jobs<null, string>('rehearsal');
  const wrong = work(1, () => Promise.reject(new Error('no configuration')));
  await assert.rejects(jobs.begin('', asked('anna'), wrong), /no configuration/);
  assert.equal(jobs.present(''), null);
  const good = work();
  await jobs.begin('', asked('anna'), good);
  await good.end();
  await assert.rejects(jobs.begin('', asked('otto'), wrong), /no configuration/);
  assert.equal(jobs.present('')?.by, 'anna', 'the last one is still there');
  await jobs.begin('', asked('otto'), work());
});

test('rows and progress while it runs; its end, its failure, and an end on purpose', async () => {
  const jobs = new Jobs<null, string>('verification');
  const long = work();
  await jobs.begin('anna', asked('anna'), long);
  const running = jobs.present('anna');
  assert.deepEqual([running?.rows, running?.told, running?.all, running?.ended], [['first'], 1, 2, null]);
  jobs.end('anna');
  await setImmediate();
  assert.ok(long.aborted());
  assert.notEqual(jobs.present('anna')?.ended, null);
  assert.throws(() => jobs.end('anna'), /no verification is running/);
  const broken = work();
  await jobs.begin('anna', asked('anna'), broken);
  await broken.end(new Error('the history is gone'));
  assert.equal(jobs.present('anna')?.failure, 'the history is gone');
});

test('so many at a time, and no more are kept', async () => {
  const jobs = new Jobs<null, string>('verification');
  const two = [work(2), work(2)] as const;
  await jobs.begin('anna', asked('anna'), two[0]);
  await jobs.begin('otto', asked('otto'), two[1]);
  await assert.rejects(jobs.begin('eva', asked('eva'), work(2)), /2 verifications are running.*\(anna, otto\)/);
  await two[0].end();
  const third = work(2);
  await jobs.begin('eva', asked('eva'), third);
  assert.equal(jobs.present('anna'), null, 'the oldest that has ended makes room');
  assert.equal(jobs.present('otto')?.ended, null);
  await Promise.all([two[1].end(), third.end()]);
});
