import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DestinationTls } from '../../src/delivery/host-policy.ts';
import {
  destinationOf,
  destinationOfRecipient,
  ownReports,
  type Route,
  resolveRoute,
} from '../../src/delivery/route.ts';
import { DestinationSides } from '../../src/delivery/sides.ts';
import { PosternError } from '../../src/errors.ts';
import { snapshotOf, TableResolver } from './fixture.ts';

const snapshot = snapshotOf({
  routes: [
    { domain: 'example.com', to: ['mx1.inside.example:2525', '192.0.2.7'] },
    { domain: '.example.com', to: ['192.0.2.8:26'] },
    { domain: '.deep.example.com', to: ['[2001:db8::1]:25'] },
    { domain: 'direct.example', to: ['USEDNS'] },
    { domain: 'special.example', to: ['192.0.2.7'] },
    { domain: '*', to: ['192.0.2.9'] },
  ],
  destinations: [{ domain: 'special.example', tls: 'required' }],
});
const soft = (name: string) =>
  new PosternError('dns', `DNS Soft Error looking up ${name} (A):  Timeout`, { temporary: true });

describe('the key of a domain', () => {
  const table: [string, string][] = [
    ['example.com', 'route:mx1.inside.example:2525,192.0.2.7:25'],
    ['EXAMPLE.com.', 'route:mx1.inside.example:2525,192.0.2.7:25'],
    ['sub.example.com', 'route:192.0.2.8:26'],
    ['a.b.example.com', 'route:192.0.2.8:26'],
    ['x.deep.example.com', 'route:[2001:db8::1]:25'],
    ['deep.example.com', 'route:192.0.2.8:26'],
    ['notexample.com', 'route:192.0.2.9:25'],
    ['direct.example', 'direct.example'],
    ['special.example', 'special.example'],
    ['[192.0.2.1]', 'route:192.0.2.9:25'],
  ];
  for (const [domain, key] of table) test(domain, () => assert.equal(destinationOf(domain, snapshot), key));

  test('without a route: the domain, as A-labels', () => {
    assert.equal(destinationOf('Bücher.example', snapshotOf()), 'xn--bcher-kva.example');
    assert.equal(destinationOf('[IPv6:2001:DB8::1]', snapshotOf()), '[ipv6:2001:db8::1]');
  });
});

function textOf(route: Route): string {
  if (route.kind === 'hosts')
    return route.hosts.map(({ host, address, port }) => `${host}=${address}:${port}`).join(' ');
  const { permanent, status, text } = route.failure;
  return `${permanent ? 'bounce' : 'defer'} ${status} ${text}`;
}

describe('routes', () => {
  const resolve = async (key: string, hosts: TableResolver['hosts'] = {}, own: string[] = []) => {
    const resolver = new TableResolver();
    Object.assign(resolver.hosts, hosts);
    return textOf(await resolveRoute(key, snapshot, resolver, (address, port) => own.includes(`${address} ${port}`)));
  };

  test('all addresses of all targets, in order', async () => {
    assert.equal(
      await resolve(destinationOf('example.com', snapshot), { 'mx1.inside.example': ['2001:db8::5', '192.0.2.5'] }),
      'mx1.inside.example=2001:db8::5:2525 mx1.inside.example=192.0.2.5:2525 192.0.2.7=192.0.2.7:25',
    );
    assert.equal(await resolve('special.example'), '192.0.2.7=192.0.2.7:25');
    assert.equal(await resolve('route:[2001:db8::1]:25'), '2001:db8::1=2001:db8::1:25');
  });

  test("a target that cannot be found leaves the others; a wrong one defers, it is not the sender's fault", async () => {
    const key = destinationOf('example.com', snapshot);
    assert.equal(await resolve(key), '192.0.2.7=192.0.2.7:25');
    assert.equal(
      await resolve('route:nowhere.example:25'),
      'defer 4.4.4 DNS Hard Error looking up nowhere.example (A):  NXDomain',
    );
    assert.equal(
      await resolve('route:slow.example:25', { 'slow.example': soft('slow.example') }),
      'defer 4.4.3 DNS Soft Error looking up slow.example (A):  Timeout',
    );
  });

  test('a route back to us is a loop', async () => {
    assert.equal(
      await resolve('route:192.0.2.9:25', {}, ['192.0.2.9 25']),
      'bounce 5.4.6 mail loop: the route of 192.0.2.9:25 leads back to us',
    );
    assert.equal(await resolve('route:192.0.2.9:25', {}, ['192.0.2.9 26']), '192.0.2.9=192.0.2.9:25');
  });
});

describe('MX', () => {
  const plain = snapshotOf();
  const resolve = async (
    domain: string,
    mx: Record<string, number> | 'null' | PosternError,
    hosts: TableResolver['hosts'] = {},
    own: string[] = [],
  ) => {
    const resolver = new TableResolver();
    resolver.mx[domain] =
      mx === 'null' || mx instanceof PosternError
        ? mx
        : Object.entries(mx).map(([name, preference]) => ({ name, preference }));
    Object.assign(resolver.hosts, hosts);
    return textOf(await resolveRoute(domain, plain, resolver, (address, port) => own.includes(`${address} ${port}`)));
  };
  const hosts = {
    a: ['192.0.2.1'],
    b: ['2001:db8::2', '192.0.2.2'],
    c: ['192.0.2.3'],
    'gw.example.com': ['192.0.2.99'],
  };

  test('hosts in order with all their addresses', async () => {
    assert.equal(await resolve('d.example', { a: 10, b: 20 }, hosts), 'a=192.0.2.1:25 b=2001:db8::2:25 b=192.0.2.2:25');
  });
  test('null MX', async () =>
    assert.equal(await resolve('d.example', 'null'), 'bounce 5.1.10 d.example does not accept mail (null MX)'));
  test('no such domain; no answer', async () => {
    assert.equal(
      await resolve('d.example', new PosternError('dns', 'DNS Hard Error looking up d.example (MX):  NXDomain')),
      'bounce 5.1.2 DNS Hard Error looking up d.example (MX):  NXDomain',
    );
    assert.equal(
      await resolve('d.example', soft('d.example')),
      'defer 4.4.3 DNS Soft Error looking up d.example (A):  Timeout',
    );
  });
  test('hosts that cannot be found: others serve; none: a bounce, or deferred if one may come back', async () => {
    assert.equal(await resolve('d.example', { x: 10, c: 20 }, hosts), 'c=192.0.2.3:25');
    assert.equal(
      await resolve('d.example', { x: 10, y: 20 }),
      'bounce 5.4.4 DNS Hard Error looking up x (A):  NXDomain',
    );
    assert.equal(
      await resolve('d.example', { x: 10, y: 20 }, { y: soft('y') }),
      'defer 4.4.3 DNS Soft Error looking up y (A):  Timeout',
    );
  });
  test('RFC 5321 5.1: only hosts better than ourselves, by name', async () => {
    assert.equal(await resolve('d.example', { a: 10, 'GW.example.com': 20, b: 20, c: 30 }, hosts), 'a=192.0.2.1:25');
    assert.equal(
      await resolve('d.example', { 'gw.example.com': 10, c: 30 }, hosts),
      'bounce 5.4.6 mail loop: we are the best mail host of d.example',
    );
  });
  test('RFC 5321 5.1: only hosts better than ourselves, by address', async () => {
    assert.equal(await resolve('d.example', { a: 10, b: 20, c: 30 }, hosts, ['192.0.2.2 25']), 'a=192.0.2.1:25');
    assert.equal(
      await resolve('d.example', { a: 10 }, hosts, ['192.0.2.1 25']),
      'bounce 5.4.6 mail loop: the mail hosts of d.example are ourselves',
    );
  });
  test('address literals', async () => {
    assert.equal(await resolve('[192.0.2.1]', {}), '192.0.2.1=192.0.2.1:25');
    assert.equal(await resolve('[ipv6:2001:db8::1]', {}), '2001:db8::1=2001:db8::1:25');
    assert.equal(
      await resolve('[192.0.2.1]', {}, {}, ['192.0.2.1 25']),
      'bounce 5.4.6 mail loop: [192.0.2.1] is our own address',
    );
    for (const wrong of ['[2001:db8::1]', '[192.0.2.1', '[x]', '[]'])
      assert.match(await resolve(wrong, {}), /^bounce 5\.1\.3/);
  });
});

test('an address of our own is one however it is written', () => {
  const own = snapshotOf({ tlsReports: { receive: ['tls-reports@example.com'] } });
  for (const address of ['TLS-Reports@Example.com', '"tls-reports"@example.com', '"tls\\-reports"@example.com']) {
    assert.equal(destinationOfRecipient(address, { sender: '' }, own), ownReports, address);
  }
  assert.notEqual(destinationOfRecipient('tls-reports@example.net', { sender: '' }, own), ownReports);
});

test('a host whose name was not signed, and is by now, gets another policy', async () => {
  const level = snapshotOf({ destinations: [{ domain: 'example.com', tls: 'required-verify' }] });
  const destination = new DestinationTls('example.com requiretls', level);
  const sources = { resolver: new TableResolver() };
  const refusal = async (secure: boolean) => {
    const target = { host: 'mx.example.com', address: '192.0.2.1', port: 25, secure };
    return (await destination.policy(target, ['example.com'], sources)).refusal;
  };
  assert.match((await refusal(false)) ?? '', /nothing proves that mx\.example\.com is a mail host/);
  assert.equal(await refusal(true), null);
});

test('a roll-out of other services leaves outgoing connections alone', () => {
  const plain = snapshotOf();
  const rolledOut = (services: readonly ('inbound' | 'outbound')[]) =>
    new DestinationSides('example.com', {
      ...plain,
      rollOut: { secret: 'ab', share: 20, until: 0, services, former: plain },
    } as unknown as typeof plain).stamp;
  const { stamp } = new DestinationSides('example.com', plain);
  assert.equal(rolledOut(['inbound']), stamp);
  assert.notEqual(rolledOut(['outbound']), stamp);
});
