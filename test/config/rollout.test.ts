// A revision that is rolled out: who belongs to the share, and what is left of it after whatever goes wrong.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { checkRollOut } from '../../src/config/rollout.ts';
import { Share } from '../../src/config/share.ts';
import type { Snapshot } from '../../src/config/snapshot.ts';
import { ConfigStore } from '../../src/config/store.ts';
import { requireValid } from '../../src/config/validate.ts';
import { demo, ecdsa, makeCertificate, recorder, temporaryDirectory } from './directory.ts';

const secret = '00112233445566778899aabbccddeeff';

test('a share is of networks, stable, of its size, and another one with each secret', () => {
  const networks = Array.from({ length: 5000 }, (_, number) => `10.${number >> 8}.${number & 255}`);
  const held = (share: number, by = secret) => {
    const drawn = new Share({ share, secret: by });
    return networks.filter((network) => drawn.holds(`${network}.7`));
  };
  const twenty = held(20);
  assert.ok(Math.abs(twenty.length - 1000) < 150, `${twenty.length} of 5000`);
  assert.deepEqual(held(20), twenty);
  const share = new Share({ share: 20, secret });
  for (const network of twenty) assert.ok(share.holds(`${network}.255`), 'all of a /24');
  const wider = new Set(held(40));
  assert.ok(
    twenty.every((network) => wider.has(network)),
    'who was in a smaller share is in a larger one',
  );
  const other = held(20, 'ff'.repeat(16)).filter((network) => twenty.includes(network));
  assert.ok(other.length < 300, 'another roll-out meets others');
  assert.equal(share.holds('2001:db8::1'), share.holds('2001:db8:0:0:ffff::2'), 'all of a /64');
});

test('only what can be one thing for some and another for the rest is rolled out', () => {
  const before = requireValid({ destinations: [{ domain: 'a.example', tls: 'required' }] });
  const keys = (change: (config: Record<string, unknown>) => void) => {
    const config = structuredClone(before) as unknown as Record<string, unknown>;
    change(config);
    try {
      checkRollOut(before, requireValid(config));
      return null;
    } catch (error) {
      return String(error);
    }
  };
  assert.equal(
    keys((config) => Object.assign(config['tls'] as object, { gui: { versions: ['TLSv1.3'] } })),
    null,
  );
  assert.equal(
    keys((config) => Object.assign(config, { destinations: [{ domain: 'b.example', tls: 'required-verify' }] })),
    null,
  );
  const refused = keys((config) =>
    Object.assign(config, { accept: ['x.example'], destinations: [{ domain: 'a.example', connections: 3 }] }),
  );
  assert.match(refused ?? '', /this changes as well: accept, destinations\[a\.example\]\.connections$/);
  assert.match(
    keys((config) => Object.assign(config['tls'] as object, { otherClients: { allowTLSv1_1: true } })) ?? '',
    /tls\.otherClients/,
  );
});

const rollOut = { share: 20, duration: 60_000, bound: 0, foretold: () => ({ incoming: ['192.0.2.1'], outgoing: [] }) };

async function rolledOut(t: TestContext) {
  const directory = temporaryDirectory(t);
  const { cert } = makeCertificate(directory, 'mx', ecdsa);
  const initial =
    'certificates: [{name: mx, cert: mx.crt, key: mx.key}]\nlisteners: [{name: a, port: 25, certificate: mx}]\n';
  const store = await ConfigStore.open(directory, { initial, demo });
  await store.snapshot();
  const without = (config: ReturnType<typeof requireValid>) => ({
    ...config,
    certificates: [],
    listeners: config.listeners.map((listener) => ({ ...listener, certificate: 'demo' })),
  });
  await store.edit('anna', without);
  const apply = recorder();
  await store.commit('anna', '', apply, { rollOut });
  return { directory, store, apply, cert, record: join(directory, 'config', 'rollout.json') };
}

const certificateOf = (snapshot: Pick<Snapshot, 'listeners'> | undefined) => snapshot?.listeners[0]?.certificate;

test('both settings are handed over, again after a restart; at its end one', async (t) => {
  const { directory, store, apply } = await rolledOut(t);
  assert.deepEqual(apply.snapshots[0]?.rollOut?.services, ['inbound']);
  assert.equal(certificateOf(apply.snapshots[0]?.rollOut?.former), 'mx');
  assert.equal(certificateOf(store.current()), 'demo');
  const again = await ConfigStore.open(directory, { demo });
  assert.deepEqual(await again.snapshot(), store.current());
  assert.deepEqual(await again.reload(recorder()), [], 'nothing has changed');
  assert.equal(await again.completeRollOut(apply, Date.now()), null, 'its time is not over');
  const steps = recorder();
  assert.equal((await again.completeRollOut(steps))?.rollOut.revision, 2);
  assert.deepEqual(steps.steps, ['prepare 2', 'activate 2']);
  assert.equal(again.current().rollOut, null);
  assert.equal((await (await ConfigStore.open(directory, { demo })).snapshot()).rollOut, null);
});

test('taken back as a new revision; what others have pending stays', async (t) => {
  const { directory, store, record } = await rolledOut(t);
  await store.edit('ben', (config) => ({ ...config, accept: ['ben.example'] }));
  await assert.rejects(store.commit('ben', '', recorder()), /revision 2 is being rolled out to 20 %/);
  const committed = await store.takeBackRollOut(() => ({ user: 'ben', comment: 'back' }), recorder());
  assert.equal(committed?.number, 3);
  assert.deepEqual([certificateOf(committed?.config as never), store.current().rollOut], ['mx', null]);
  assert.deepEqual(store.pending('ben'), ['accept: added ben.example']);
  assert.ok(!existsSync(record));
  assert.equal((await ConfigStore.open(directory, { demo })).rollOut(), null);
});

test('whatever dies in between: no revision without its share, no share without its revision', async (t) => {
  const { directory, store, record } = await rolledOut(t);
  const written = readFileSync(record, 'utf8');
  // Killed before the revision was there.
  rmSync(join(directory, 'config', 'revisions', '00000002.json'));
  assert.equal((await ConfigStore.open(directory, { demo })).rollOut(), null);
  assert.ok(!existsSync(record), 'what was written for a revision that never came is forgotten');
  // Damage: everybody has the settings of the revision, and that is said.
  writeFileSync(record, '{"revision":1}');
  const damaged = await ConfigStore.open(directory, { demo });
  assert.match(damaged.warnings.join(), /rollout\.json is damaged .*: no revision is rolled out to a share/);
  // Refused while it is stored: nothing is left.
  rmSync(record);
  const fresh = await ConfigStore.open(directory, { demo });
  await fresh.snapshot();
  await fresh.edit('anna', (config) => ({
    ...config,
    tls: { ...config.tls, inbound: { ...config.tls.inbound, versions: ['TLSv1.3' as const] } },
  }));
  mkdirSync(join(directory, 'config', 'revisions', '00000002.json'));
  await assert.rejects(fresh.commit('anna', '', recorder(), { rollOut }));
  assert.deepEqual([fresh.rollOut(), existsSync(record)], [null, false]);
  assert.ok(store.rollOut() !== null && written.includes(store.rollOut()?.secret ?? '-'));
});

test('former settings that cannot be used any more: the gateway starts, with the new ones for everybody', async (t) => {
  const { directory, store, cert, record } = await rolledOut(t);
  renameSync(cert, `${cert}.away`);
  await assert.rejects(store.reload(recorder()), /mx\.crt/, 'while it runs the old ones stay in use');
  const again = await ConfigStore.open(directory, { demo });
  assert.equal((await again.snapshot()).rollOut, null);
  assert.match(again.warnings.join(), /revision 2 is rolled out no more: the former settings cannot be used .*mx\.crt/);
  assert.ok(!existsSync(record));
});
