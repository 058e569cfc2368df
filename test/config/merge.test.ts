import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { defaultConfig } from '../../src/config/defaults.ts';
import { differenceLines, differences } from '../../src/config/difference.ts';
import { mergeConfigs } from '../../src/config/merge.ts';
import type { GatewayConfig } from '../../src/config/schema.ts';
import { requireValid } from '../../src/config/validate.ts';
import { anyConfig } from './arbitrary.ts';

const base = requireValid({
  ...defaultConfig(),
  accept: ['a.example', 'b.example'],
  listeners: [
    { name: 'in', port: 25 },
    { name: 'sub', port: 587 },
  ],
  senderGroups: [
    { name: 'ONE', match: '192.0.2.1', action: 'REJECT' },
    { name: 'TWO', match: '192.0.2.2', action: 'REJECT' },
    { name: 'THREE', match: '192.0.2.3', action: 'REJECT' },
  ],
  destinations: [{ domain: 'p.example', tls: 'required' }],
});

function edited(change: (config: GatewayConfig) => void): GatewayConfig {
  const copy = structuredClone(base);
  change(copy);
  return requireValid(copy);
}

function at<T>(list: readonly T[], index: number): T {
  const element = list[index];
  assert.ok(element !== undefined);
  return element;
}

const group = (name: string) => ({ name, match: '198.51.100.1', action: 'REJECT' as const });
const names = (config: GatewayConfig) => config.senderGroups.map((one) => one.name);

test('changes to different keys are put together', () => {
  const mine = edited((config) => {
    config.tls.inbound.versions = ['TLSv1.3'];
    config.accept.push('c.example');
    at(config.listeners, 0).tls = 'required';
    config.senderGroups.push(group('FOUR'));
  });
  const theirs = edited((config) => {
    config.tls.outbound.versions = ['TLSv1.3'];
    config.tls.inbound.ciphers = 'HIGH:!aNULL:!eNULL';
    config.accept = ['d.example', 'a.example'];
    config.listeners.splice(1, 1, { ...at(config.listeners, 1), name: 'new' });
    at(config.listeners, 0).interface = 'Data';
    config.senderGroups.unshift(group('ZERO'));
  });
  const { config, conflicts } = mergeConfigs(base, mine, theirs);
  assert.deepEqual(conflicts, []);
  assert.deepEqual(config.tls.inbound, { versions: ['TLSv1.3'], ciphers: 'HIGH:!aNULL:!eNULL' });
  assert.deepEqual(config.tls.outbound.versions, ['TLSv1.3']);
  assert.deepEqual(config.accept.toSorted(), ['a.example', 'c.example', 'd.example']);
  assert.deepEqual(
    config.listeners.map((one) => [one.name, one.tls, one.interface]),
    [
      ['in', 'required', 'Data'],
      ['new', 'preferred', 'Management'],
    ],
  );
  assert.deepEqual(names(config), ['ZERO', 'ONE', 'TWO', 'THREE', 'FOUR']);
});

const conflicting: readonly (readonly [
  key: string,
  mine: (config: GatewayConfig) => void,
  theirs: (config: GatewayConfig) => void,
])[] = [
  [
    'tls.inbound.versions',
    (config) => {
      config.tls.inbound.versions = ['TLSv1.3'];
    },
    (config) => {
      config.tls.inbound.versions = ['TLSv1.2'];
    },
  ],
  [
    'hostname',
    (config) => {
      config.hostname = 'x.example';
    },
    (config) => {
      config.hostname = 'y.example';
    },
  ],
  [
    'listeners[in].port',
    (config) => {
      at(config.listeners, 0).port = 26;
    },
    (config) => {
      at(config.listeners, 0).port = 27;
    },
  ],
  [
    'listeners[in]',
    (config) => void config.listeners.shift(),
    (config) => {
      at(config.listeners, 0).port = 27;
    },
  ],
  [
    'listeners[in]',
    (config) => {
      at(config.listeners, 0).port = 27;
    },
    (config) => void config.listeners.shift(),
  ],
  [
    'senderGroups[NEW]',
    (config) => void config.senderGroups.push(group('NEW')),
    (config) => void config.senderGroups.push({ ...group('NEW'), action: 'ACCEPT' }),
  ],
  [
    'destinations[p.example].tls',
    (config) => void delete at(config.destinations, 0).tls,
    (config) => {
      at(config.destinations, 0).tls = 'none';
    },
  ],
  [
    'senderGroups (order)',
    (config) => void config.senderGroups.reverse(),
    (config) => void config.senderGroups.push(...config.senderGroups.splice(0, 1)),
  ],
  ['gui.ports', (config) => void config.gui.ports.push(9443), (config) => void config.gui.ports.pop()],
];

for (const [key, one, other] of conflicting) {
  test(`a conflict that names ${key}`, () => {
    const mine = edited(one);
    const theirs = edited(other);
    assert.deepEqual(mergeConfigs(base, mine, theirs).conflicts, [key]);
    // With nothing else changed, whoever is preferred gets exactly what they had.
    assert.deepEqual(differences(mergeConfigs(base, mine, theirs, 'mine').config, mine), []);
    assert.deepEqual(differences(mergeConfigs(base, mine, theirs, 'theirs').config, theirs), []);
  });
}

test('the same change by both is none', () => {
  const both = edited((config) => {
    config.hostname = 'x.example';
    config.senderGroups.reverse();
    config.listeners.pop();
  });
  assert.deepEqual(mergeConfigs(base, both, structuredClone(both)), { config: both, conflicts: [] });
});

test('an order that one changed takes in what the other added', () => {
  const mine = edited((config) => void config.senderGroups.reverse());
  const theirs = edited((config) => void config.senderGroups.splice(2, 0, group('NEW')));
  const { config, conflicts } = mergeConfigs(base, mine, theirs);
  assert.deepEqual(conflicts, []);
  assert.deepEqual(names(config), ['THREE', 'TWO', 'NEW', 'ONE']);
});

test('properties of a merge', () => {
  fc.assert(
    fc.property(anyConfig, anyConfig, anyConfig, (one, two, three) => {
      // Who changed nothing is not heard.
      assert.deepEqual(mergeConfigs(one, one, two), { config: two, conflicts: [] });
      assert.deepEqual(mergeConfigs(one, two, one), { config: two, conflicts: [] });
      assert.deepEqual(mergeConfigs(one, two, two), { config: two, conflicts: [] });
      // Conflicts do not depend on who asks; nothing that nobody changed changes.
      const there = mergeConfigs(one, two, three);
      const back = mergeConfigs(one, three, two);
      assert.deepEqual(there.conflicts.toSorted(), back.conflicts.toSorted());
      const touched = new Set([...differences(one, two), ...differences(one, three)].map(({ key }) => top(key)));
      for (const { key } of differences(one, there.config)) assert.ok(touched.has(top(key)), key);
      if (there.conflicts.length === 0)
        assert.deepEqual(
          differences(there.config, back.config).filter((d) => d.kind !== 'order'),
          [],
        );
    }),
    { numRuns: 100 },
  );
});

function top(key: string): string {
  return key.replace(/[.[].*$/, '');
}

test('differences are empty exactly where nothing differs', () => {
  fc.assert(
    fc.property(anyConfig, anyConfig, (one, two) => {
      assert.deepEqual(differences(one, structuredClone(one)), []);
      const sorted = (config: GatewayConfig) => JSON.stringify({ ...config, ...unordered(config) });
      assert.equal(differences(one, two).length === 0, sorted(one) === sorted(two));
    }),
    { numRuns: 100 },
  );
});

function unordered({ accept, relay, listeners, certificates, routes, destinations }: GatewayConfig): object {
  const bySelf = (list: readonly unknown[]) => list.map((one) => JSON.stringify(one)).toSorted();
  return {
    accept: bySelf(accept),
    relay: bySelf(relay),
    listeners: bySelf(listeners),
    certificates: bySelf(certificates),
    routes: bySelf(routes),
    destinations: bySelf(destinations),
  };
}

test('differences in words', () => {
  const after = edited((config) => {
    config.tls.inbound.versions = ['TLSv1.1', 'TLSv1.2'];
    config.accept = ['b.example', 'c.example'];
    at(config.listeners, 0).port = 26;
    at(config.listeners, 1).name = 'backup';
    config.senderGroups.reverse();
    delete at(config.destinations, 0).tls;
    config.dns.servers = ['192.0.2.53'];
    config.certificates.push(
      { name: 'mx', cert: '/ec.crt', key: '/ec.key' },
      { name: 'mx', cert: '/rsa.crt', key: '/rsa.key' },
    );
    config.routes.push({ domain: '*', to: ['a.example:25', 'b.example:25'] });
  });
  assert.deepEqual(differenceLines(base, after), [
    'listeners[sub]: removed',
    'listeners[in].port: 25 -> 26',
    'listeners[backup]: added address 127.0.0.1, port 587, tls preferred, certificate demo, interface Management',
    'certificates[mx]: added cert /ec.crt, key /ec.key',
    'certificates[mx#2]: added cert /rsa.crt, key /rsa.key',
    'accept: removed a.example',
    'accept: added c.example',
    'senderGroups: order ONE, TWO, THREE -> THREE, TWO, ONE',
    'routes[*]: added to [a.example:25, b.example:25]',
    'tls.inbound.versions: TLSv1.2, TLSv1.3 -> TLSv1.1, TLSv1.2',
    'destinations[p.example].tls: required -> (not set)',
    'dns.servers: (empty) -> 192.0.2.53',
  ]);
});
