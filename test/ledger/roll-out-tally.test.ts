import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RollOutTally } from '../../src/ledger/history/roll-out-tally.ts';

const rollOut = {
  share: 0.2,
  secret: 'c2VjcmV0IG9mIHRoaXMgcm9sbC1vdXQ=',
  services: ['inbound'],
} as unknown as Parameters<RollOutTally['apply']>[0]['rollOut'];

const hello = (index: number, flight: string, failure: string | null = 'unsupported protocol') => ({
  service: 'inbound' as const,
  listener: 'public',
  address: `198.51.${index >> 8}.${index & 255}`,
  name: '',
  flight,
  failure,
  explanation: null,
});

test('first flights of strangers take 8 MiB between two questions; what is beyond is counted as lost', () => {
  const tally = new RollOutTally();
  tally.apply({ rollOut });
  const flight = 'x'.repeat(16 * 1024);
  for (let index = 0; index < 600; index++) tally.add(hello(index, flight), index);
  tally.add(hello(0, '', null), 600);
  const { peers, lost } = tally.take();
  const kept = peers.reduce((sum, { failure }) => sum + (failure?.flight.length ?? 0), 0);
  assert.equal(kept, 8 * 1024 * 1024);
  assert.equal(lost, 600 - 512);
  assert.equal(peers[0]?.succeeded, 1, 'what succeeds is counted all the same');

  // Asked again it has room again, and one peer that goes on failing holds one flight.
  for (let round = 0; round < 2000; round++) tally.add(hello(7, flight), 1000 + round);
  const again = tally.take();
  assert.deepEqual([again.lost, again.peers.length, again.peers[0]?.failed], [0, 1, 2000]);
});
