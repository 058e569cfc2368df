import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createResolver, type Resolver } from '../../src/dns/stub.ts';
import { PosternError } from '../../src/errors.ts';
import { snapshotOf } from '../delivery/fixture.ts';
import { missing } from '../tls/peers.ts';
import { startUnbound, type Unbound } from './unbound.ts';

const skip = missing('unbound') || missing('ldns-signzone');

describe('a validating unbound with a signed zone', { skip }, () => {
  let unbound: Unbound;
  let resolver: Resolver;
  before(async () => {
    unbound = await startUnbound();
    resolver = createResolver(snapshotOf({ dns: { servers: [`127.0.0.1:${unbound.port}`] } }));
  });
  after(() => unbound.stop());

  const hosts = async (domain: string) => {
    const answer = await resolver.mailHosts(domain);
    return answer.hosts.map((host) => `${host.preference} ${host.name}`);
  };
  const refused = (promise: Promise<unknown>, text: RegExp, temporary: boolean) =>
    assert.rejects(promise, (error) => {
      assert.ok(error instanceof PosternError);
      assert.equal(error.code, 'dns');
      assert.equal(error.temporary, temporary);
      assert.match(error.message, text);
      return true;
    });

  test('the AD bit: signed, unsigned', async () => {
    assert.equal((await resolver.mailHosts('signed.test')).secure, true);
    assert.equal((await resolver.mailHosts('plain.test')).secure, false);
    assert.equal((await resolver.addresses('mx1.signed.test')).secure, true);
    assert.equal((await resolver.addresses('mx1.plain.test')).secure, false);
    assert.equal((await resolver.mailHosts('implicit.signed.test')).secure, true);
    assert.equal((await resolver.ask('chain.signed.test', 'A')).secure, true);
  });

  test('an answer has the name at the end of its aliases', async () => {
    assert.equal((await resolver.ask('chain.signed.test', 'A')).name, 'implicit.signed.test');
    assert.equal((await resolver.ask('chain.signed.test', 'TXT')).name, 'implicit.signed.test');
    const alias = await resolver.ask('alias.signed.test', 'CNAME');
    assert.deepEqual([alias.kind, alias.secure, alias.name], ['records', true, 'alias.signed.test']);
    assert.equal((await resolver.mailHosts('mxalias.signed.test')).name, 'mxtarget.signed.test');
  });

  test('whether the resolver validates: seen by its answers; not believed elsewhere', async () => {
    await resolver.mailHosts('signed.test');
    assert.deepEqual(await resolver.validation(), {
      state: 'validating',
      text: 'the resolver 127.0.0.1 validates DNSSEC',
    });
    const untrusted = createResolver(snapshotOf({ dns: { servers: ['192.0.2.1'] } }));
    assert.equal((await untrusted.validation()).state, 'untrusted');
    assert.equal(untrusted.trusted, false);
    const silent = createResolver(snapshotOf({ dns: { servers: ['127.0.0.1:1'] } }));
    assert.equal((await silent.validation()).state, 'unreachable');
    // Its root is not signed: this unbound knows the zones of the test only.
    const fresh = createResolver(
      snapshotOf({ dns: { servers: [`127.0.0.1:${unbound.port}`] }, timeouts: { dns: '1s' } }),
    );
    assert.match((await fresh.validation()).state, /^(not-validating|unreachable)$/);
  });

  test('MX by preference, equal ones in random order', async () => {
    const orders = new Set<string>();
    for (let i = 0; i < 60; i++) orders.add((await hosts('signed.test')).join(' '));
    assert.deepEqual([...orders].toSorted(), [
      '10 mx1.signed.test 20 mx2.signed.test 20 mx3.signed.test',
      '10 mx1.signed.test 20 mx3.signed.test 20 mx2.signed.test',
    ]);
  });

  test('null MX, the domain itself, CNAMEs', async () => {
    assert.equal((await resolver.mailHosts('null.signed.test')).nullMx, true);
    assert.deepEqual(await hosts('implicit.signed.test'), ['0 implicit.signed.test']);
    assert.deepEqual(await hosts('mxalias.signed.test'), ['10 mx1.signed.test']);
    assert.deepEqual((await resolver.addresses('chain.signed.test')).addresses, ['192.0.2.9']);
  });

  test('an answer that does not fit comes over TCP', async () => {
    const answer = await resolver.mailHosts('many.signed.test');
    assert.equal(answer.hosts.length, 90);
    assert.equal(answer.secure, true);
  });

  test('addresses of both families', async () => {
    assert.deepEqual((await resolver.addresses('mx1.signed.test')).addresses.toSorted(), ['192.0.2.1', '2001:db8::1']);
    assert.deepEqual((await resolver.addresses('mx3.signed.test')).addresses, ['2001:db8::3']);
    assert.deepEqual((await resolver.addresses('192.0.2.44')).addresses, ['192.0.2.44']);
  });

  test('names that are not there', async () => {
    await refused(
      resolver.mailHosts('missing.signed.test'),
      /^DNS Hard Error looking up missing\.signed\.test \(MX\): {2}NXDomain$/,
      false,
    );
    await refused(
      resolver.mailHosts('nothing.signed.test'),
      /^DNS Hard Error looking up nothing\.signed\.test \(A\): {2}NoData$/,
      false,
    );
    await refused(resolver.addresses('missing.plain.test'), /NXDomain$/, false);
    await refused(resolver.mailHosts('a..b'), /NXDomain$/, false);
    await refused(
      resolver.mailHosts('bogus.test'),
      /^DNS Soft Error looking up bogus\.test \(MX\): {2}SERVFAIL$/,
      true,
    );
  });

  test('reverse names: confirmed, contradicted, none, not a name', async () => {
    assert.deepEqual(await resolver.reverse('192.0.2.1'), { name: 'mx1.signed.test', verified: true });
    assert.deepEqual(await resolver.reverse('::ffff:192.0.2.1'), { name: 'mx1.signed.test', verified: true });
    assert.deepEqual(await resolver.reverse('192.0.2.2'), { name: 'liar.plain.test', verified: false });
    assert.deepEqual(await resolver.reverse('192.0.2.77'), { name: 'short.signed.test', verified: true });
    assert.deepEqual(await resolver.reverse('192.0.2.9'), { name: null, verified: false });
    const odd = await resolver.reverse('192.0.2.3');
    assert.deepEqual(odd, { name: null, verified: false });
    // Known now: no promise.
    assert.deepEqual(resolver.reverse('192.0.2.1'), { name: 'mx1.signed.test', verified: true });
    assert.deepEqual(resolver.reverse('127.0.0.1'), { name: 'localhost', verified: true });
  });

  test('one that has stopped validates no more, whatever it said before', async () => {
    assert.equal((await resolver.validation()).state, 'validating');
    unbound.stop();
    assert.equal((await resolver.validation()).state, 'unreachable');
  });
});
