import assert from 'node:assert/strict';
import { test } from 'node:test';
import { upgradeDocument } from '../../src/config/upgrade.ts';
import { parseConfig, printConfig } from '../../src/config/yaml.ts';

const services = ['gui', 'inbound', 'outbound'] as const;

test('a file of schema 1 gets exactly 1.1 and 1.2 on all services, 1.0 off, 1.3 opt-in', () => {
  const files = [
    'schema: 1\n',
    'schema: 1\ntls:\n',
    'schema: 1\ntls: {inbound: {versions: [TLSv1.0]}}\n',
    'schema: 1\ntls: {gui: {versions: [TLSv1.2]}, inbound: {}, outbound: {versions: [TLSv1.0, TLSv1.1, TLSv1.2]}}\n',
    'schema: 1\ntls: {otherClients: {allowTLSv1_0: true}}\n',
  ];
  for (const file of files) {
    const result = parseConfig(file);
    assert.ok(result.ok, file);
    assert.equal(result.config.schema, 2);
    for (const service of services) assert.deepEqual(result.config.tls[service].versions, ['TLSv1.1', 'TLSv1.2'], file);
    assert.deepEqual(result.config.tls.otherClients, { allowTLSv1_1: true, allowTLSv1_0: false });
  }
});

test('it says what it changed', () => {
  const result = parseConfig(
    'schema: 1\ntls: {gui: {versions: [TLSv1.0, TLSv1.1]}, otherClients: {allowTLSv1_0: true}}\nhostname: gw.example.com\n',
  );
  assert.ok(result.ok);
  assert.deepEqual(result.changes, [
    'schema: 1 -> 2',
    'tls.gui.versions: TLSv1.0, TLSv1.1 -> TLSv1.1, TLSv1.2',
    'tls.inbound.versions: (not set) -> TLSv1.1, TLSv1.2',
    'tls.outbound.versions: (not set) -> TLSv1.1, TLSv1.2',
    'tls.otherClients.allowTLSv1_1: (not set) -> true',
    'tls.otherClients.allowTLSv1_0: true -> false',
  ]);
});

test('everything else in it stays, ciphers too', () => {
  const rest =
    'hostname: gw.example.com\naccept: [example.com]\ntls: {inbound: {ciphers: "AES128:AES256:!aNULL:!eNULL"}}\n';
  const result = parseConfig(`schema: 1\n${rest}`);
  const plain = parseConfig(rest);
  assert.ok(result.ok && plain.ok);
  const { tls, ...others } = result.config;
  const { tls: plainTls, ...plainOthers } = plain.config;
  assert.deepEqual(others, plainOthers);
  assert.equal(tls.inbound.ciphers, 'AES128:AES256:!aNULL:!eNULL');
  assert.equal(tls.outbound.ciphers, plainTls.outbound.ciphers);
});

test('once upgraded, its export is of schema 2 and upgrades no more', () => {
  const first = parseConfig('schema: 1\n');
  assert.ok(first.ok);
  assert.deepEqual(parseConfig(printConfig(first.config)), { ok: true, config: first.config, changes: [] });
});

test('TLS 1.3 in a file from before it is refused where it stands', () => {
  const result = parseConfig('schema: 1\ntls:\n  inbound:\n    versions: [TLSv1.2, TLSv1.3]\n');
  assert.ok(!result.ok);
  assert.deepEqual(
    result.issues.map(({ line, column, key }) => [line, column, key]),
    [[4, 15, 'tls.inbound.versions']],
  );
  assert.match(result.issues[0]?.remedy ?? '', /schema: 2/);
});

test('a broken file of schema 1 is refused by line as any other', () => {
  for (const [file, line, key] of [
    ['schema: 1\ntls: yes\n', 2, 'tls'],
    ['schema: 1\ntls:\n  gui: []\n', 3, 'tls.gui'],
    ['schema: 1\ntls:\n  gui: {version: [TLSv1.2]}\n', 3, 'tls.gui.version'],
    ['schema: 1\ntls:\n  otherClients: 3\n', 3, 'tls.otherClients'],
  ] as const) {
    const result = parseConfig(file);
    assert.ok(!result.ok, file);
    assert.deepEqual([result.issues[0]?.line, result.issues[0]?.key], [line, key], file);
  }
});

test('a present document is handed through untouched', () => {
  for (const document of [{ schema: 2 }, {}, { schema: '1' }, null, 3, []]) {
    const upgrade = upgradeDocument(document);
    assert.equal(upgrade.document, document);
    assert.deepEqual(upgrade.changes, []);
  }
});
