// What counts against a roll-out: peers, not handshakes; what the former settings would refuse as well, and what happens to the
// others too, does not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PeerFate } from '../../src/gateway/roll-out-judge.ts';
import { RollOutProgress } from '../../src/gateway/roll-out-progress.ts';
import { RollOuts, type RollOutsOptions } from '../../src/gateway/roll-outs.ts';
import type { RollOutPeer } from '../../src/ledger/protocol.ts';

const rollOut = {
  ...{ revision: 2, replaces: 1, user: 'anna', since: 0, until: 3_600_000, share: 20, secret: 'ab', bound: 0 },
  ...{ confirmWithin: 0, foretold: { incoming: [], outgoing: [] } },
};

function peer(address: string, inside: boolean, failed: number): RollOutPeer {
  const failure = failed === 0 ? null : { detail: 'x', explanation: null, flight: '', time: 5 };
  const succeeded = failed === 0 ? 1 : 0;
  return {
    service: 'inbound',
    listener: 'a',
    address,
    name: '',
    inside,
    succeeded,
    failed,
    run: failed,
    last: 5,
    failure,
  };
}

interface Row {
  readonly address: string;
  readonly inside?: boolean;
  readonly fate?: PeerFate;
  readonly failed?: number;
}

function judged(rows: readonly Row[]) {
  const progress = RollOutProgress.begin(rollOut, ['inbound'], 0);
  for (const { address, inside = true, fate, failed = fate === undefined ? 0 : 1 } of rows) {
    const seen = peer(address, inside, failed);
    progress.add(seen);
    if (fate !== undefined) progress.judged(seen, fate);
  }
  return progress;
}

const fine = (count: number, inside: boolean): Row[] =>
  Array.from({ length: count }, (_, net) => ({ address: `10.${inside ? 1 : 2}.${net}.1`, inside }));

const cases: readonly (readonly [string, readonly Row[], unforeseen: number, excess: number])[] = [
  ['nobody', [], 0, 0],
  ['one refused that the former settings serve', [{ address: '192.0.2.1', fate: 'refused', failed: 50 }], 1, 1],
  [
    'two addresses of one network are one peer',
    [
      { address: '192.0.2.1', fate: 'refused' },
      { address: '192.0.2.2', fate: 'broken-off' },
    ],
    1,
    1,
  ],
  [
    'foretold, failing before, without a hello, lost once',
    (['foretold', 'before', 'no-hello', 'pending'] as const).map((fate, net) => ({ address: `192.0.${net}.1`, fate })),
    0,
    0,
  ],
  ['one that breaks off, and nobody to compare with', [{ address: '192.0.2.1', fate: 'broken-off' }], 1, 1],
  [
    'the others break off at the same rate',
    [
      ...fine(9, true),
      { address: '192.0.2.1', fate: 'broken-off' },
      ...fine(39, false),
      ...[1, 2, 3, 4].map((net): Row => ({ address: `198.51.${net}.1`, inside: false, fate: 'broken-off' })),
    ],
    1,
    1 - (4 * 10) / 43,
  ],
];

for (const [name, rows, unforeseen, excess] of cases) {
  test(name, () => {
    const progress = judged(rows);
    assert.equal(progress.judge().unforeseen, unforeseen);
    assert.ok(Math.abs(progress.judge().excess - excess) < 1e-9, String(progress.judge().excess));
    const again = RollOutProgress.restore(JSON.parse(JSON.stringify(progress.save())));
    assert.deepEqual(again?.judge(), progress.judge(), 'kept');
  });
}

test('who breaks off and comes back is no failure; who was refused by the new settings alone stays one', () => {
  const progress = judged([
    { address: '192.0.2.1', fate: 'broken-off' },
    { address: '192.0.3.1', fate: 'refused' },
  ]);
  assert.equal(progress.judge().excess, 2);
  progress.add(peer('192.0.2.1', true, 0));
  progress.add(peer('192.0.3.1', true, 0));
  assert.deepEqual(
    progress.unforeseen.map(({ address }) => address),
    ['192.0.3.1'],
  );
  assert.equal(progress.judge().excess, 1);
});

test('what strangers can fill has a bound', () => {
  const progress = RollOutProgress.begin(rollOut, ['inbound'], 0);
  for (let host = 0; host < 50; host++) progress.add(peer(`192.0.2.${host}`, true, 1));
  assert.equal(progress.failing.length, 4, 'of one network');
  for (let net = 0; net < 30_000; net++) progress.add(peer(`10.${net >> 8}.${net & 255}.1`, true, 0));
  assert.equal(progress.side('inside').peers, 20_000);
  for (let time = 0; time < 3_600_000; time += 1000) progress.mark(time);
  assert.ok(progress.points.length <= 241, String(progress.points.length));
});

test('a roll-out is shown from the answer to its commit on, however long its start takes', (t) => {
  const never = new Promise<never>(() => undefined);
  const snapshot = { rollOut: { services: ['inbound'] } };
  const store = { rollOut: () => rollOut, current: () => snapshot, snapshot: () => never };
  const rollOuts = new RollOuts({
    dataDirectory: '/nonexistent',
    store,
    log: { record: () => undefined },
  } as unknown as RollOutsOptions);
  t.after(() => rollOuts.stop());
  rollOuts.begun();
  const { revision, state, services } = rollOuts.view() ?? {};
  assert.deepEqual({ revision, state, services }, { revision: 2, state: 'running', services: ['inbound'] });
});
