// What a cipher string stands for, as the form shows it while somebody types.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Check } from 'typebox/value';
import { mergePatch } from '../../../src/admin/api/merge-patch.ts';
import { expand } from '../../../src/admin/api/routes/tls.ts';
import { expandedSchema } from '../../../src/admin/api/schemas/tls.ts';

test('a usable string: kept form, suites, the three of TLS 1.3 fixed', () => {
  const { usable, ciphers, suites, unknown, problem, fixedSuites } = expand({ ciphers: 'AES128-SHA, ECDHE+AESGCM' });
  assert.ok(usable);
  assert.equal(ciphers, 'AES128-SHA:ECDHE+AESGCM:!aNULL:!eNULL');
  assert.deepEqual([unknown, problem], [[], null]);
  assert.deepEqual(
    fixedSuites.map(({ name }) => name),
    ['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256'],
  );
  assert.deepEqual(suites.slice(0, 3), fixedSuites);
  assert.ok(suites.some(({ name, fixed }) => name === 'AES128-SHA' && !fixed));
});

test('unknown words are named with their place; the others still show what they stand for', () => {
  const text = 'AES128:nothing: aes256 ,TLS_AES_128_GCM_SHA256';
  const { usable, ciphers, suites, unknown } = expand({ ciphers: text, versions: ['TLSv1.2'] });
  assert.deepEqual([usable, ciphers], [false, null]);
  assert.deepEqual(
    unknown.map(({ token, start }) => [token, start]),
    [
      ['nothing', text.indexOf('nothing')],
      ['aes256', text.indexOf('aes256')],
      ['TLS_AES_128_GCM_SHA256', text.indexOf('TLS_')],
    ],
  );
  assert.match(unknown[1]?.remedy ?? '', /AES256/);
  assert.ok(suites.some(({ name }) => name === 'AES128-SHA256'));
});

test('a string that leaves nothing says so, and one that leaves a version nothing warns', () => {
  assert.match(expand({ ciphers: '' }).problem?.detail ?? '', /empty/);
  assert.match(expand({ ciphers: 'AES128:!AES', versions: ['TLSv1.2'] }).problem?.detail ?? '', /no suite|no cipher/);
  const { usable, warnings } = expand({ ciphers: 'ECDHE+AESGCM', versions: ['TLSv1.1', 'TLSv1.2'] });
  assert.ok(usable);
  assert.match(warnings.join(), /TLS v1\.1 is selected/);
  assert.throws(() => expand({ ciphers: 'AES', versions: ['TLSv1.4'] }), { code: 'bad-request' });
});

test('whatever is typed, there is an answer of the documented form', () => {
  const word = fc.constantFrom(
    'AES128',
    '!AES',
    'ECDHE+AESGCM',
    '@SECLEVEL=0',
    '@STRENGTH',
    ':',
    ' ',
    'ü',
    '+',
    '-',
    '!',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ maxLength: 60 }),
        fc.array(word).map((words) => words.join(':')),
      ),
      (ciphers) => {
        const answer = expand({ ciphers });
        assert.ok(Check(expandedSchema, answer));
        assert.equal(answer.usable, answer.unknown.length === 0 && answer.problem === null);
        for (const { token, start } of answer.unknown) assert.equal(ciphers.slice(start, start + token.length), token);
      },
    ),
    { numRuns: 60 },
  );
});

test('merge patches: the table of RFC 7396, appendix A', () => {
  const table: readonly (readonly [string, string, string])[] = [
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', '{}'],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['["a","b"]', '["c","d"]', '["c","d"]'],
    ['{"a":"b"}', '["c"]', '["c"]'],
    ['{"a":"foo"}', 'null', 'null'],
    ['{"a":"foo"}', '"bar"', '"bar"'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
    ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
    ['{}', '{"__proto__":{"x":1}}', '{"__proto__":{"x":1}}'],
  ];
  for (const [target, patch, result] of table) {
    assert.equal(JSON.stringify(mergePatch(JSON.parse(target), JSON.parse(patch))), result, `${target} ${patch}`);
  }
});
