// The group that a client met, by replay: real hellos and real OpenSSL, under the settings of who asks.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formerSettings } from '../../src/config/former.ts';
import { Share } from '../../src/config/share.ts';
import type { DerivedAnswer } from '../../src/ledger/observations/groups.ts';
import { ReplayedGroups } from '../../src/preview/groups.ts';
import { neutralHello } from '../../src/tls/neutral.ts';
import { clientFlight } from './population.ts';
import { testSettings } from './settings.ts';

const x25519 = 29;
const x25519MlKem768 = 0x11ec;

test('during a roll-out each side has its own answer; an exception counts; what is asked again is not replayed again', async (t) => {
  const exception =
    '{ service: inbound, peer: 192.0.2.0/24, versions: [TLSv1.3], owner: anna, reason: new, expires: 2099-01-01 }';
  const former = await testSettings(['TLSv1.2'], `exceptions: [${exception}]`);
  const next = await testSettings(['TLSv1.2', 'TLSv1.3']);
  const share = { share: 50, secret: '5ec7e7'.repeat(8) };
  const groups = new ReplayedGroups(former);
  t.after(() => groups.stop());
  const bytes = neutralHello(clientFlight({ ecdhCurve: 'X25519MLKEM768:X25519' }));
  assert.ok(bytes !== null);
  const ask = (address: string, service: 'inbound' | 'gui' = 'inbound') =>
    new Promise<DerivedAnswer>((resolve) => {
      groups.derive({ service, listener: service === 'gui' ? '' : 'inbound', address, hello: 1, bytes }, resolve);
    });
  const addresses = Array.from({ length: 20 }, (_, index) => `198.51.${index}.7`);
  const sides = new Share(share);
  const inside = addresses.find((address) => sides.holds(address)) ?? '';
  const outside = addresses.find((address) => !sides.holds(address)) ?? '';

  assert.deepEqual([(await ask(inside)).version, (await ask(inside)).group], [0x0303, x25519]);
  assert.equal((await ask('192.0.2.7')).group, x25519MlKem768, 'the exception');
  groups.apply({ ...next, rollOut: { ...share, services: ['inbound'], former: formerSettings(former) } });
  assert.equal((await ask(inside)).group, x25519MlKem768);
  assert.deepEqual([(await ask(outside)).version, (await ask(outside)).group], [0x0303, x25519]);
  assert.equal((await ask('198.51.100.1', 'gui')).group, x25519MlKem768);

  let told = 0;
  const known = { service: 'inbound', listener: 'inbound', address: outside, hello: 1, bytes } as const;
  groups.derive(known, () => told++);
  assert.equal(told, 1, 'at once');
  groups.derive({ ...known, listener: 'gone' }, () => told++);
  groups.derive({ ...known, bytes: bytes.subarray(0, 60), hello: 2 }, () => told++);
  assert.equal(told, 1);
});
