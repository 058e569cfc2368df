import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import YAML from 'yaml';
import { defaultConfig } from '../../src/config/defaults.ts';
import type { LocatedIssue } from '../../src/config/issue.ts';
import { requireValid } from '../../src/config/validate.ts';
import { parseConfig, printConfig, readConfigWithPlaces } from '../../src/config/yaml.ts';
import { PosternError } from '../../src/errors.ts';
import { anyConfig } from './arbitrary.ts';

test('any configuration comes back from its text', () => {
  fc.assert(
    fc.property(anyConfig, fc.boolean(), (config, comments) => {
      const text = printConfig(config, { comments, heading: 'any\nheading' });
      const back = parseConfig(text);
      assert.deepEqual(back, { ok: true, config, changes: [] });
    }),
    { numRuns: 150 },
  );
});

test('a document that another YAML reader wrote anew is still the same', () => {
  fc.assert(
    fc.property(anyConfig, fc.constantFrom('json', 'flow', 'quoted'), (config, style) => {
      const text =
        style === 'json'
          ? JSON.stringify(config)
          : style === 'flow'
            ? YAML.stringify(config, { collectionStyle: 'flow' })
            : YAML.stringify(config, { defaultStringType: 'QUOTE_DOUBLE' });
      assert.deepEqual(parseConfig(text), { ok: true, config, changes: [] });
    }),
    { numRuns: 60 },
  );
});

test('what any text does is parse or be refused with a line in it', () => {
  const fragment = fc.constantFrom(
    'a',
    'tls',
    ':',
    ' ',
    '\n',
    '  ',
    '- ',
    '[',
    ']',
    '{',
    '}',
    '"',
    "'",
    '#',
    '&x',
    '*x',
    '!!',
    '|',
    '\t',
    '<<',
    '?',
    ',',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.array(fragment, { maxLength: 40 }).map((parts) => parts.join('')),
      ),
      (text) => {
        const result = parseConfig(text);
        if (result.ok) return;
        assert.ok(result.issues.length > 0);
        for (const issue of result.issues) {
          assert.ok((issue.line ?? 0) >= 1 && (issue.line ?? 0) <= text.split('\n').length, JSON.stringify(issue));
          assert.ok(issue.reason !== '' && issue.remedy !== '');
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test('an empty document is all defaults; sections without content too', () => {
  const all = requireValid({});
  for (const text of ['', '\n', '# nothing\n', '---\n', '{}', 'schema: 2\nlisteners:\nlimits:\ntls:\n  inbound:\n']) {
    assert.deepEqual(parseConfig(text), { ok: true, config: all, changes: [] }, text);
  }
  assert.deepEqual(all, defaultConfig());
});

test('a partial document keeps what it says and gets the rest', () => {
  const { config } = readConfigWithPlaces('timeouts: {command: 10s}\nlisteners: [{name: a, port: 25}]\n', 'x');
  assert.equal(config.timeouts.command, '10s');
  assert.equal(config.timeouts.data, '3m');
  assert.deepEqual(config.listeners, [
    { name: 'a', address: '127.0.0.1', port: 25, tls: 'preferred', certificate: 'demo', interface: 'Management' },
  ]);
});

test('words that YAML 1.1 reads otherwise are printed in quotes', () => {
  const config = requireValid({ listeners: [{ name: 'no', port: 25, tls: 'off' }] });
  const text = printConfig(config);
  assert.match(text, /name: "no"/);
  assert.match(text, /tls: "off"/);
});

test('every section and every short value carries its description', () => {
  const text = printConfig(defaultConfig());
  assert.match(text, /^# Deadlines\.\ntimeouts:\n {2}command: 5m # Incoming: wait for a command/m);
  assert.match(text, /^# Addresses that take mail in\.\nlisteners: \[\]$/m);
});

test('a heading cannot smuggle a key into the document', () => {
  const text = printConfig(defaultConfig(), { heading: 'by admin\nhostname: evil\r\nrelay: [x]\u2028y' });
  assert.deepEqual(parseConfig(text), { ok: true, config: requireValid({}), changes: [] });
});

type Expected = readonly [line: number, column: number, key: string, reason: RegExp, remedy: RegExp];
const refused: readonly (readonly [name: string, text: string, ...issues: Expected[]])[] = [
  ['unknown key, near one', 'hostnam: gw\n', [1, 1, 'hostnam', /unknown key "hostnam"/, /did you mean "hostname"/]],
  ['unknown key, letters swapped', 'tls:\n  inbonud: {}\n', [2, 3, 'tls.inbonud', /unknown key/, /"inbound"/]],
  [
    'unknown key of another section',
    'limits:\n  command: 5m\n',
    [2, 3, 'limits.command', /unknown key/, /"timeouts\.command"/],
  ],
  ['unknown key, near none', 'logs: {quux: 1}\n', [1, 8, 'logs.quux', /unknown key/, /rotateSize, keep, json/]],
  [
    'unknown key in a list element',
    'listeners:\n  - name: a\n    port: 25\n    cert: x\n',
    [4, 5, 'listeners[a].cert', /unknown key/, /name, address/],
  ],
  ['__proto__ is an unknown key', '__proto__: {hostname: x}\n', [1, 1, '__proto__', /unknown key/, /schema, hostname/]],
  ['constructor is an unknown key', 'dns: {constructor: 1}\n', [1, 7, 'dns.constructor', /unknown key/, /servers/]],
  [
    'duplicate key',
    'hostname: a.example\naccept: []\nhostname: b.example\n',
    [3, 1, 'hostname', /stands twice/, /remove one/],
  ],
  [
    'duplicate key, nested',
    'tls:\n  gui: {}\n  inbound: {}\n  gui: {}\n',
    [4, 3, 'tls.gui', /stands twice/, /remove one/],
  ],
  ['tab', 'tls:\n\tinbound: {}\n', [2, 1, 'tls', /a tab/, /spaces/]],
  ['unclosed list', 'accept: [a.example\nhostname: b\n', [1, 9, 'accept', /"\[" here is never closed/, /"\]"/]],
  ['unclosed mapping', 'tls:\n  gui: {versions: [TLSv1.3]\n', [2, 8, 'tls.gui', /"\{" here is never closed/, /"\}"/]],
  ['unclosed quote', 'hostname: "gw\n', [1, 11, 'hostname', /Missing closing/, /missing character/]],
  ['two keys on a line', 'hostname: a: b\n', [1, 11, 'hostname', /second "key:"/, /new line/]],
  [
    'second document',
    'hostname: a.example\n---\nhostname: b.example\n',
    [2, 1, '', /second document/, /remove the line/],
  ],
  ['tag', 'hostname: !env HOST\n', [1, 11, 'hostname', /tag/, /remove it/]],
  ['alias', 'accept: &x [a.example]\nrelay: *x\n', [2, 8, 'relay', /alias/, /write the value out/]],
  [
    'merge key',
    'tls:\n  gui: &g {}\n  inbound:\n    <<: *g\n',
    [4, 9, 'tls.inbound.<<', /alias/, /write the value out/],
  ],
  ['not a mapping', '- a\n', [1, 1, '', /must be a mapping of keys to values, not a list/, /schema, hostname/]],
  ['plain text', 'hello\n', [1, 1, '', /not the text "hello"/, /schema, hostname/]],
  ['key that is a list', '? [a, b]\n: 1\n', [1, 1, '', /a key that is not a word/, /key: value/]],
  [
    'text for a number',
    'listeners:\n  - name: a\n    port: smtp\n',
    [3, 11, 'listeners[a].port', /whole number from 1 to 65535, not the text "smtp"/, /whole number/],
  ],
  [
    'quoted number',
    'listeners: [{name: a, port: "25"}]\n',
    [1, 29, 'listeners[a].port', /not the text "25"/, /without quotes/],
  ],
  [
    'number for a text',
    'listeners:\n  - {name: 12, port: 25}\n',
    [2, 12, 'listeners[#1].name', /not the number 12/, /in quotes: "12"/],
  ],
  ['number out of range', 'limits:\n  hops: 0\n', [2, 9, 'limits.hops', /from 1 to 1000000, not 0/, /such as 100/]],
  ['fraction', 'limits: {hops: 1.5}\n', [1, 16, 'limits.hops', /whole number .* not 1\.5/, /whole number/]],
  ['not a number', 'retry: {jitter: .nan}\n', [1, 17, 'retry.jitter', /from 0 to 0\.5, not NaN/, /0\.1/]],
  [
    'duration without unit',
    'timeouts:\n  command: 300\n',
    [2, 12, 'timeouts.command', /duration.*not the number 300/, /such as 5m/],
  ],
  [
    'duration with an unknown unit',
    'timeouts:\n  command: 5min\n',
    [2, 12, 'timeouts.command', /"5min" is not a duration/, /5m/],
  ],
  ['duration too small', 'timeouts: {dns: 0s}\n', [1, 17, 'timeouts.dns', /"0s" is too small/, /from 100ms to 24h/]],
  ['duration too large', 'timeouts: {dns: 25d}\n', [1, 17, 'timeouts.dns', /"25d" is too large/, /from 100ms to 24h/]],
  [
    'size in decimal units',
    'limits: {messageSize: 32MB}\n',
    [1, 23, 'limits.messageSize', /"32MB" is not a size/, /32MiB/],
  ],
  ['size too small', 'limits: {messageSize: 1KiB}\n', [1, 23, 'limits.messageSize', /too small/, /from 64KiB/]],
  [
    'word not in the list',
    'listeners:\n  - {name: a, port: 25, tls: require}\n',
    [2, 30, 'listeners[a].tls', /"require" is not one of off, preferred, required/, /did you mean "required"/],
  ],
  [
    'off without quotes, rewritten by a YAML 1.1 tool',
    'listeners: [{name: a, port: 25, tls: false}]\n',
    [1, 38, 'listeners[a].tls', /false is not one of/, /did you mean "off"/],
  ],
  ['text for a boolean', 'logs:\n  json: "yes"\n', [2, 9, 'logs.json', /true or false, not "yes"/, /without quotes/]],
  [
    'one value for a list',
    'accept: example.com\n',
    [1, 9, 'accept', /must be a list, not the text/, /\["example\.com"\]/],
  ],
  [
    'mapping for a list',
    'listeners:\n  name: a\n  port: 25\n',
    [1, 1, 'listeners', /must be a list, not a mapping/, /begin each element with "- "/],
  ],
  ['list for a mapping', 'limits:\n  - hops: 3\n', [1, 1, 'limits', /must be a mapping.*not a list/, /messageSize/]],
  [
    'list too short',
    'routes:\n  - domain: a.example\n    to: []\n',
    [3, 9, 'routes[a.example].to', /has 0 elements/, /add what is missing/],
  ],
  ['value missing', 'hostname:\n', [1, 10, 'hostname', /has no value/, /a text, such as localhost/]],
  [
    'key missing',
    'accept: []\nlisteners:\n  - name: a\n    tls: off\n',
    [3, 5, 'listeners[a].port', /is missing/, /add "port:"/],
  ],
  ['element missing', 'accept:\n  - a.example\n  -\n', [3, 4, 'accept[#2]', /has no value/, /a text/]],
  ['empty text', 'accept: ["", b.example]\n', [1, 10, 'accept[#1]', /is empty/, /a text/]],
  ['control character', 'hostname: "a\\u0007b"\n', [1, 11, 'hostname', /control character/, /one line/]],
  [
    'name with a blank',
    'certificates:\n  - {name: my cert, cert: a, key: b}\n',
    [2, 12, 'certificates[my cert].name', /is not a name/, /characters/],
  ],
  ['newer schema', 'schema: 3\n', [1, 9, 'schema', /schema 3.*knows schema 1 and 2/, /newer/]],
  ['nonsense schema', 'schema: two\n', [1, 9, 'schema', /must be 2/, /write 2/]],
  [
    'several at once, in the order of the text',
    'limits: {hops: 0}\nhostnam: x\naccept: 1\n',
    [1, 16, 'limits.hops', /not 0/, /./],
    [2, 1, 'hostnam', /unknown/, /./],
    [3, 9, 'accept', /must be a list/, /./],
  ],
];

for (const [name, text, ...expected] of refused) {
  test(`refused: ${name}`, () => {
    const result = parseConfig(text);
    assert.ok(!result.ok, 'it was taken');
    check(result.issues, expected);
  });
}

function check(issues: readonly LocatedIssue[], expected: readonly Expected[]): void {
  assert.deepEqual(
    issues.map((issue) => [issue.line, issue.column, issue.key]),
    expected.map(([line, column, key]) => [line, column, key]),
    JSON.stringify(issues),
  );
  for (const [index, [, , , reason, remedy]] of expected.entries()) {
    assert.match(issues[index]?.reason ?? '', reason);
    assert.match(issues[index]?.remedy ?? '', remedy);
  }
}

test('the error has every issue with its place, and the first remedy apart', () => {
  assert.throws(
    () => readConfigWithPlaces('hostnam: x\nlimits: {hops: 0}\n', 'gateway.yaml'),
    (error) => {
      assert.ok(error instanceof PosternError);
      assert.equal(error.code, 'bad-configuration');
      assert.equal(
        error.message,
        'gateway.yaml:1:1: hostnam: unknown key "hostnam"\n' +
          'gateway.yaml:2:16: limits.hops: must be a whole number from 1 to 1000000, not 0 ' +
          '(write a whole number from 1 to 1000000, such as 100)',
      );
      assert.equal(error.remedy, 'did you mean "hostname"?');
      return true;
    },
  );
});

test('a private key in the wrong place does not come back in an error', () => {
  const pem = '-----BEGIN PRIVATE KEY-----\\nMIIsecret\\n-----END PRIVATE KEY-----';
  for (const text of [
    `hostname: "${pem}"\n`,
    `certificates: [{name: a, cert: x, key: "${pem}"}]\n`,
    `listeners: [{name: a, port: "${pem}"}]\n`,
    `accept: "${pem}"\n`,
    `tls: {gui: {ciphers: "${pem}"}}\n`,
    `relay: ["${pem.replaceAll('\\n', '')}"]\n`,
    `hostname: "${pem.replaceAll('\\n', '')}"\n`,
    `dns: {servers: ["${pem.replaceAll('\\n', '')}"]}\n`,
    `accept: ["${pem.replaceAll('\\n', '')}"]\nrecipients: {patterns: ["${pem.replaceAll('\\n', '')}"]}\n`,
    `relay: ["${pem}"]\nroutes: [{domain: x.example, to: ["${pem}"]}]\n`,
  ]) {
    const result = parseConfig(text);
    assert.ok(!result.ok);
    assert.doesNotMatch(JSON.stringify(result.issues), /MIIsecret/, text);
  }
});

test('hostile documents end quickly', () => {
  const texts = [
    '['.repeat(100_000),
    '- '.repeat(100_000),
    '{a: '.repeat(50_000),
    Array.from({ length: 50_000 }, (_, index) => `k${index}: 1`).join('\n'),
    `a: &a [x]\n${Array.from({ length: 30 }, (_, index) => `b${index}: [*a, *a, *a, *a]`).join('\n')}`,
    `accept: [${'x, '.repeat(200_000)}x]`,
    'x'.repeat(9 * 1024 * 1024),
    '\n'.repeat(4 * 1024 * 1024),
  ];
  for (const text of texts) {
    const start = process.cpuUsage();
    const result = parseConfig(text);
    const { user } = process.cpuUsage(start);
    assert.ok(!result.ok, text.slice(0, 20));
    assert.ok(result.issues.length <= 100);
    assert.ok(user < 10_000_000, `${text.slice(0, 20)}: ${user} µs`);
  }
});
