import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createIds, IdReservation, nextId, openIds } from '../../src/spool/ids.ts';
import {
  isExpired,
  noticeAge,
  probeWait,
  type RetrySettings,
  recordedNext,
  retryWait,
} from '../../src/spool/schedule.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const usual: RetrySettings = {
  first: 5 * minute,
  maximum: 4 * hour,
  jitter: 0.1,
  lifetime: 5 * day,
  bounceLifetime: day,
  delayNotice: 4 * hour,
  probe: minute,
};

const settings = fc
  .record({
    first: fc.integer({ min: 1, max: 10 * day }),
    maximum: fc.integer({ min: 1, max: 10 * day }),
    jitter: fc.double({ min: 0, max: 0.5, noNaN: true }),
    probe: fc.integer({ min: 1, max: day }),
  })
  .map((some): RetrySettings => ({ ...usual, ...some }));
const random = fc.double({ min: 0, max: 1, noNaN: true });

test('five minutes, doubling to four hours', () => {
  const waits = [1, 2, 3, 4, 5, 6, 7, 8].map((attempt) => retryWait(attempt, usual, 0.5) / minute);
  assert.deepEqual(waits, [5, 10, 20, 40, 80, 160, 240, 240]);
});

test('a wait is within the jitter of its nominal length, positive, and never grows past the maximum and its jitter', () => {
  fc.assert(
    fc.property(settings, fc.integer({ min: 1, max: 100_000 }), random, (retry, attempt, chance) => {
      const wait = retryWait(attempt, retry, chance);
      const nominal = Math.min(retry.first * 2 ** Math.min(attempt - 1, 40), retry.maximum);
      assert.ok(Number.isSafeInteger(wait) && wait >= 1);
      assert.ok(
        wait >= Math.floor(nominal * (1 - retry.jitter)) && wait <= Math.ceil(nominal * (1 + retry.jitter)) + 1,
      );
    }),
  );
});

test('nominal waits never shrink from one attempt to the next', () => {
  fc.assert(
    fc.property(settings, fc.integer({ min: 1, max: 1000 }), (retry, attempt) => {
      assert.ok(retryWait(attempt + 1, retry, 0.5) >= retryWait(attempt, retry, 0.5));
      assert.ok(probeWait(attempt + 1, retry, 0.5) >= probeWait(attempt, retry, 0.5));
    }),
  );
});

test('an interrupted first attempt is due at once, a later one waits as if it had failed', () => {
  fc.assert(
    fc.property(settings, fc.integer({ min: 1, max: 50 }), random, fc.nat(), (retry, attempt, chance, now) => {
      const next = recordedNext(attempt, now, retry, chance);
      assert.equal(next, attempt === 1 ? now : now + retryWait(attempt, retry, chance));
    }),
  );
});

test('the attempts of five days: a bounded number, however often the program is killed', () => {
  let now = 0;
  let attempt = 0;
  while (!isExpired(0, false, now, usual)) {
    attempt++;
    now = recordedNext(attempt, now, usual, 0); // every attempt is interrupted by a crash, waits are the shortest
  }
  assert.ok(attempt < 45, `${attempt} attempts`);
});

test('bounces live a day, other mail five; the notice comes before the end or never', () => {
  assert.equal(isExpired(0, false, 5 * day - 1, usual), false);
  assert.equal(isExpired(0, false, 5 * day, usual), true);
  assert.equal(isExpired(0, true, day - 1, usual), false);
  assert.equal(isExpired(0, true, day, usual), true);
  assert.equal(noticeAge(usual), 4 * hour);
  assert.equal(noticeAge({ ...usual, delayNotice: 0 }), null);
  assert.equal(noticeAge({ ...usual, delayNotice: 5 * day }), null);
});

test('no ID repeats over crashes and stops, and none is used before its mark is written', () => {
  const run = fc.record({
    uses: fc.integer({ min: 0, max: 30_000 }),
    every: fc.integer({ min: 1, max: 4000 }),
    clean: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(run, { minLength: 1, maxLength: 6 }), (runs) => {
      let disk = { icid: 0, mid: 0, dcid: 0 };
      let last = 0;
      for (const { uses, every, clean } of runs) {
        const ids = openIds(createIds());
        const reservation = new IdReservation(ids, disk);
        const renew = () => {
          const marks = reservation.due();
          if (marks === null) return;
          disk = marks;
          reservation.written(marks);
        };
        renew();
        for (let i = 0; i < uses; i++) {
          const id = nextId(ids, 'mid');
          assert.ok(id > last, `${id} after ${last}`);
          assert.ok(id <= disk.mid, 'its mark is on disk');
          last = id;
          if (i % every === 0) renew();
        }
        if (clean) {
          disk = reservation.exact();
          assert.equal(disk.mid, Math.max(last, disk.mid));
        }
      }
    }),
    { numRuns: 30 },
  );
});

test('a spool thread that is started anew never sets the counters back', () => {
  const ids = openIds(createIds());
  new IdReservation(ids, { icid: 5, mid: 10, dcid: 0 });
  assert.equal(nextId(ids, 'mid'), 11);
  assert.equal(nextId(ids, 'icid'), 6);
  new IdReservation(ids, { icid: 5, mid: 10, dcid: 0 });
  assert.equal(nextId(ids, 'mid'), 12);
  assert.equal(nextId(ids, 'dcid'), 1);
});
