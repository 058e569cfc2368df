import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { defaultConfig } from '../../src/config/defaults.ts';
import { rootNode, type SchemaNode } from '../../src/config/node.ts';
import { defaultCiphers } from '../../src/config/schema.ts';
import { structureIssues } from '../../src/config/structure.ts';
import { parseConfig } from '../../src/config/yaml.ts';
import { documentation, keys, withTable } from './reference.ts';

test('docs/configuration.md has the keys, units and defaults of the schema', () => {
  const document = readFileSync(documentation, 'utf8');
  assert.equal(document, withTable(document), 'run: node test/config/reference.ts');
  assert.ok(document.includes(defaultCiphers));
});

test('every key has a meaning, and a default unless its section is an element of a list or it may be absent', () => {
  for (const { key, preset, meaning } of keys()) {
    assert.notEqual(meaning, '', key);
    if (preset === '**required**') assert.match(key, /\[\]/);
  }
});

test('the example in it is a configuration', () => {
  const example = /```yaml\n([\s\S]*?)```/.exec(readFileSync(documentation, 'utf8'))?.[1] ?? '';
  const result = parseConfig(example);
  assert.ok(result.ok, JSON.stringify(result));
  assert.equal(result.config.hostname, 'gw.example.com');
});

test('every default is itself allowed', () => {
  assert.deepEqual(structureIssues(defaultConfig()), []);
  const check = (node: SchemaNode, key: string) => {
    for (const [name, property] of Object.entries(node.properties ?? {})) check(property, `${key}.${name}`);
    if (node.items !== undefined) check(node.items, `${key}[]`);
    if (node.unit === 'duration' || node.unit === 'size') assert.equal(typeof node.default, 'string', key);
  };
  check(rootNode, '');
});
