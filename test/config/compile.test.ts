import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileConfig } from '../../src/config/compile.ts';
import { readMaterial } from '../../src/config/material.ts';
import { ConfigStore } from '../../src/config/store.ts';
import { readConfigWithPlaces } from '../../src/config/yaml.ts';
import { PosternError } from '../../src/errors.ts';
import { checkSelection } from '../../src/tls/versions.ts';
import { anyConfig } from './arbitrary.ts';
import { demo, ecdsa, makeCertificate, recorder, rsa1024, rsa2048, temporaryDirectory } from './directory.ts';

function config(text: string) {
  return readConfigWithPlaces(text, 'gateway.yaml').config;
}

test('units, names and addresses come out canonical', async (context) => {
  const dataDirectory = temporaryDirectory(context);
  const { snapshot } = await compileConfig(
    config(`hostname: Gw.Bücher.example
accept: [EXAMPLE.com, Bücher.example, .Sub.example]
relay: ["2001:DB8:0:0::/32", 192.0.2.1/32, 10.0.0.0/8]
routes: [{domain: .Bücher.example, to: [MX.example, "192.0.2.1:2600", "[2001:DB8::1]", "[::1]:26"]}, {domain: "*", to: [USEDNS]}]
destinations: [{domain: Bücher.example, tls: required}]
recipients: {patterns: ["Sales-*@Bücher.example"], callAhead: true, cache: 90s}
limits: {messageSize: 1GiB, dataRate: 0B}
timeouts: {command: 1500ms, data: 1h}
retry: {delayNotice: 0s, lifetime: 2d}
privacy: {keepObservations: 12h}
`),
    7,
    { dataDirectory, demo },
  );
  assert.equal(snapshot.revision, 7);
  assert.equal(snapshot.hostname, 'gw.xn--bcher-kva.example');
  assert.deepEqual(snapshot.accept, ['example.com', 'xn--bcher-kva.example', '.sub.example']);
  assert.deepEqual(snapshot.relay, ['2001:db8::/32', '192.0.2.1', '10.0.0.0/8']);
  assert.deepEqual(snapshot.routes, [
    { domain: '.xn--bcher-kva.example', to: ['mx.example:25', '192.0.2.1:2600', '[2001:db8::1]:25', '[::1]:26'] },
    { domain: '*', to: ['USEDNS'] },
  ]);
  assert.deepEqual(snapshot.destinations, [{ domain: 'xn--bcher-kva.example', tls: 'required' }]);
  assert.deepEqual(snapshot.recipients, {
    patterns: ['sales-*@xn--bcher-kva.example'],
    callAhead: true,
    cache: 90_000,
  });
  assert.deepEqual([snapshot.limits.messageSize, snapshot.limits.dataRate, snapshot.limits.hops], [1024 ** 3, 0, 100]);
  assert.deepEqual([snapshot.timeouts.command, snapshot.timeouts.data], [1500, 3_600_000]);
  assert.deepEqual(snapshot.retry, {
    first: 300_000,
    maximum: 14_400_000,
    jitter: 0.1,
    lifetime: 172_800_000,
    bounceLifetime: 86_400_000,
    delayNotice: 0,
    probe: 60_000,
  });
  assert.equal(snapshot.privacy.keepObservations, 43_200_000);
  assert.deepEqual(snapshot.certificates, [demo]);
});

test('the built-in sender groups stand at the end, unless they are written out', async (context) => {
  const dataDirectory = temporaryDirectory(context);
  const groups = async (text: string) => {
    const { snapshot } = await compileConfig(config(text), 1, { dataDirectory, demo });
    return snapshot.senderGroups.map(({ name, match, action }) => `${name} ${match.join(',')} ${action}`);
  };
  assert.deepEqual(await groups(''), ['RELAYLIST relay RELAY', 'ALL ALL ACCEPT']);
  assert.deepEqual(await groups('senderGroups: [{name: BAD, match: [192.0.2.0/24, .Bad.example], action: REJECT}]'), [
    'BAD 192.0.2.0/24,.bad.example REJECT',
    'RELAYLIST relay RELAY',
    'ALL ALL ACCEPT',
  ]);
  assert.deepEqual(await groups('senderGroups: [{name: ALL, match: ALL, action: REJECT}]'), [
    'RELAYLIST relay RELAY',
    'ALL ALL REJECT',
  ]);
  assert.deepEqual(
    await groups(
      'senderGroups: [{name: RELAYLIST, match: [relay, 192.0.2.1], action: RELAY}, {name: ALL, match: ALL, action: ACCEPT}]',
    ),
    ['RELAYLIST relay,192.0.2.1 RELAY', 'ALL ALL ACCEPT'],
  );
});

test('other client services: 1.2 and 1.3 always, older ones by box, always a run', async (context) => {
  const dataDirectory = temporaryDirectory(context);
  for (const [boxes, versions] of [
    ['', ['TLSv1.2', 'TLSv1.3']],
    ['allowTLSv1_1: true', ['TLSv1.1', 'TLSv1.2', 'TLSv1.3']],
    ['allowTLSv1_1: true, allowTLSv1_0: true', ['TLSv1.0', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3']],
  ] as const) {
    const { snapshot } = await compileConfig(config(`tls: {otherClients: {${boxes}}}`), 1, { dataDirectory, demo });
    assert.deepEqual(snapshot.tls.otherClients.versions, versions);
    assert.ok(checkSelection(snapshot.tls.otherClients.versions).ok);
  }
});

test('any valid configuration without files compiles to values that a thread can be sent', async (context) => {
  const dataDirectory = temporaryDirectory(context);
  await fc.assert(
    fc.asyncProperty(anyConfig, async (any) => {
      const { snapshot } = await compileConfig({ ...any, certificates: [] }, 1, { dataDirectory, demo });
      assert.deepEqual(structuredClone(snapshot), snapshot);
    }),
    { numRuns: 50 },
  );
});

test('certificates are read and checked; an ECDSA and an RSA pair of one name go together', async (context) => {
  const dataDirectory = temporaryDirectory(context);
  makeCertificate(dataDirectory, 'ec', ecdsa);
  const rsa = makeCertificate(dataDirectory, 'rsa', rsa2048);
  const text = `certificates:
  - {name: mx, cert: ec.crt, key: ec.key}
  - {name: mx, cert: ${rsa.cert}, key: ${rsa.key}}
listeners: [{name: a, port: 25, certificate: mx}]
`;
  const { snapshot } = await compileConfig(config(text), 1, { dataDirectory, demo });
  assert.deepEqual(
    snapshot.certificates.map(({ name, pairs }) => [name, pairs.length]),
    [
      ['demo', 0],
      ['mx', 2],
    ],
  );
  assert.match(snapshot.certificates[1]?.pairs[0]?.key ?? '', /BEGIN PRIVATE KEY/);
});

test('what is wrong with a file is told with its key, its name and a remedy', async (context) => {
  const dataDirectory = temporaryDirectory(context);
  makeCertificate(dataDirectory, 'ec', ecdsa);
  makeCertificate(dataDirectory, 'ec2', ecdsa);
  makeCertificate(dataDirectory, 'weak', rsa1024);
  mkdirSync(join(dataDirectory, 'directory'));
  writeFileSync(join(dataDirectory, 'text'), 'hello\n');
  writeFileSync(
    join(dataDirectory, 'list'),
    'a@example.com\nno address\n# comment\n@example.org\nb@@c\nx*@example.com\n',
  );
  const cases: readonly (readonly [string, RegExp, RegExp])[] = [
    [
      'certificates: [{name: a, cert: none, key: ec.key}]',
      /certificates\[a\]\.cert: cannot read .*\/none: there is no such file/,
      /may read/,
    ],
    [
      'certificates: [{name: a, cert: ec.crt, key: directory}]',
      /certificates\[a\]\.key: cannot read .*directory: it is not a regular file/,
      /./,
    ],
    ['certificates: [{name: a, cert: ec.crt, key: ec2.key}]', /certificates\[a\]\.cert: ec\.crt: /, /./],
    ['certificates: [{name: a, cert: text, key: ec.key}]', /certificates\[a\]\.cert: text: /, /./],
    [
      'certificates: [{name: a, cert: weak.crt, key: weak.key}]',
      /certificates\[a\]\.cert: weak\.crt: .*1024/,
      /2048|ECDSA|P-256/,
    ],
    [
      'certificates: [{name: a, cert: ec.crt, key: ec.key}, {name: a, cert: ec2.crt, key: ec2.key}]',
      /certificates\[a\]\.name: "a" has two certificates with keys of type ec/,
      /another name/,
    ],
    ['recipients: {file: none}', /recipients\.file: cannot read .*none/, /./],
    [
      'recipients: {file: list}',
      /recipients\.file: list line 2: "no address" has no "@".*\n.*list line 5: .*\n.*list line 6: "x\*@example\.com" has a "\*" \(.*recipients\.patterns\)$/,
      /info@example\.com/,
    ],
    [
      'syslog: [{name: a, host: x, port: 6514, protocol: tls, ca: text}]',
      /syslog\[a\]\.ca: text has no certificate/,
      /PEM/,
    ],
  ];
  for (const [text, message, remedy] of cases) {
    await assert.rejects(compileConfig(config(text), 1, { dataDirectory, demo }), (error) => {
      assert.ok(error instanceof PosternError, String(error));
      assert.equal(error.code, 'bad-configuration');
      assert.match(error.message, message);
      assert.match(error.remedy ?? '', remedy);
      assert.doesNotMatch(error.message, /PRIVATE KEY/);
      return true;
    });
  }
});

test('a recipient file: comments, case, whole domains, CRLF, a byte order mark', async (context) => {
  const dataDirectory = temporaryDirectory(context);
  writeFileSync(
    join(dataDirectory, 'list'),
    '\ufeff# people\r\nInfo@Example.com  # the office\r\n\r\n@Bücher.example\r\ninfo@example.com\r\nwith#hash@example.com',
  );
  const { snapshot } = await compileConfig(config('recipients: {file: list}'), 1, { dataDirectory, demo });
  assert.deepEqual(snapshot.recipients.addresses, [
    'info@example.com',
    '@xn--bcher-kva.example',
    'with#hash@example.com',
  ]);
});

test('an empty recipient file allows nobody, which is not the same as none', async (context) => {
  const dataDirectory = temporaryDirectory(context);
  writeFileSync(join(dataDirectory, 'list'), '');
  const { snapshot } = await compileConfig(config('recipients: {file: list}'), 1, { dataDirectory, demo });
  assert.deepEqual(snapshot.recipients.addresses, []);
});

test('a pipe or a device is not waited for', async (context) => {
  const dataDirectory = temporaryDirectory(context);
  execFileSync('mkfifo', [join(dataDirectory, 'pipe')]);
  symlinkSync('/dev/zero', join(dataDirectory, 'zero'));
  for (const file of ['pipe', 'zero']) {
    const { issues } = await readMaterial(config(`recipients: {file: ${file}}`), dataDirectory);
    assert.match(issues[0]?.reason ?? '', /it is not a regular file/);
  }
});

const twoCertificates =
  'certificates: [{name: mx, cert: mx.crt, key: mx.key}]\nlisteners: [{name: a, port: 25, certificate: mx}]\n';

test('a renewed certificate is handed over without a new revision', async (context) => {
  const dataDirectory = temporaryDirectory(context);
  makeCertificate(dataDirectory, 'mx', ecdsa);
  const store = await ConfigStore.open(dataDirectory, { initial: twoCertificates, demo });
  const before = await store.snapshot();
  const apply = recorder();
  assert.deepEqual(await store.reload(apply), []);
  // Touched, but the same: no hand-over.
  copyFileSync(join(dataDirectory, 'mx.crt'), join(dataDirectory, 'copy'));
  renameSync(join(dataDirectory, 'copy'), join(dataDirectory, 'mx.crt'));
  assert.deepEqual(await store.reload(apply), []);
  assert.deepEqual(apply.steps, []);

  const { cert, key } = makeCertificate(dataDirectory, 'next', ecdsa);
  renameSync(cert, join(dataDirectory, 'mx.crt'));
  // Between the two renames the pair does not match: the old one stays in use, and the next look tries again.
  await assert.rejects(store.reload(apply), /certificates\[mx\]\.cert: mx\.crt: /);
  assert.equal(store.current(), before);
  await assert.rejects(store.reload(apply), /certificates\[mx\]/);
  assert.deepEqual(apply.steps, []);
  renameSync(key, join(dataDirectory, 'mx.key'));
  assert.deepEqual(await store.reload(apply), ['files']);
  assert.deepEqual(apply.steps, ['prepare 1', 'activate 1']);
  assert.notDeepEqual(store.current().certificates, before.certificates);
  assert.equal(store.current(), apply.snapshots[0]);
  assert.deepEqual(await store.reload(apply), []);
  assert.equal(store.history().length, 1);
});

test('a reload that a thread refuses leaves the old files in use and is tried again', async (context) => {
  const dataDirectory = temporaryDirectory(context);
  writeFileSync(join(dataDirectory, 'list'), 'a@example.com\n');
  const store = await ConfigStore.open(dataDirectory, { initial: 'recipients: {file: list}\n', demo });
  const before = await store.snapshot();
  writeFileSync(join(dataDirectory, 'list'), 'a@example.com\nb@example.com\n');
  const refusing = recorder({
    prepare: async () => {
      throw new Error('no');
    },
  });
  await assert.rejects(store.reload(refusing), /no/);
  assert.deepEqual(refusing.steps, ['prepare 1', 'abandon 1']);
  assert.equal(store.current(), before);
  assert.deepEqual(await store.reload(recorder()), ['files']);
  assert.deepEqual(store.current().recipients.addresses, ['a@example.com', 'b@example.com']);
});

test('an own RSA-1024 certificate is refused when it is entered', async (context) => {
  const dataDirectory = temporaryDirectory(context);
  makeCertificate(dataDirectory, 'weak', rsa1024);
  const store = await ConfigStore.open(dataDirectory, { demo });
  const certificates = [{ name: 'weak', cert: 'weak.crt', key: 'weak.key' }];
  await assert.rejects(
    store.edit('admin', (present) => ({ ...present, certificates })),
    /certificates\[weak\]\.cert: .*1024/,
  );
  assert.deepEqual(store.pending('admin'), []);
});

test('a file that broke after its commit hinders no other edit, but no commit takes it over', async (context) => {
  const dataDirectory = temporaryDirectory(context);
  makeCertificate(dataDirectory, 'mx', ecdsa);
  const store = await ConfigStore.open(dataDirectory, { initial: twoCertificates, demo });
  writeFileSync(join(dataDirectory, 'mx.crt'), 'broken\n');
  assert.deepEqual(await store.edit('admin', (present) => ({ ...present, accept: ['example.com'] })), [
    'accept: added example.com',
  ]);
  const apply = recorder();
  await assert.rejects(store.commit('admin', '', apply), /certificates\[mx\]\.cert: mx\.crt: /);
  assert.deepEqual(apply.steps, []);
  makeCertificate(dataDirectory, 'mx', ecdsa);
  assert.equal((await store.commit('admin', '', apply)).number, 2);
});

test('the demo certificate is made where none is given', async (context) => {
  const dataDirectory = temporaryDirectory(context);
  const store = await ConfigStore.open(dataDirectory, { initial: 'hostname: gw.example.com\n' });
  const snapshot = await store.snapshot();
  assert.deepEqual(
    snapshot.certificates.map(({ name, pairs }) => [name, pairs.length]),
    [['demo', 2]],
  );
  const again = await (await ConfigStore.open(dataDirectory)).snapshot();
  assert.deepEqual(again.certificates, snapshot.certificates);
});

test('a file that may not be read is told as such', async (context) => {
  const dataDirectory = temporaryDirectory(context);
  writeFileSync(join(dataDirectory, 'list'), '');
  chmodSync(join(dataDirectory, 'list'), 0);
  chmodSync(dataDirectory, 0o755);
  // Root may read everything: as nobody then, for this one call.
  const root = process.geteuid?.() === 0;
  if (root) process.seteuid?.(65_534);
  try {
    const { issues } = await readMaterial(config('recipients: {file: list}'), dataDirectory);
    assert.match(issues[0]?.reason ?? '', /no right to read it/);
  } finally {
    if (root) process.seteuid?.(0);
  }
});

test('an exception counts until the end of its last day; then the threads get a snapshot without it', async (context) => {
  const directory = temporaryDirectory(context);
  const day = 24 * 3600 * 1000;
  let clock = Date.now();
  const expires = new Date(clock + day).toISOString().slice(0, 10);
  const exception = `{ peer: 10.0.0.0/8, service: inbound, versions: [TLSv1.1], owner: A, reason: B, expires: ${expires} }`;
  const initial = `hostname: gw.example.com\nexceptions: [${exception}]\n`;
  const store = await ConfigStore.open(directory, { initial, demo, now: () => clock });
  const apply = recorder();
  const [counted] = (await store.snapshot()).exceptions;
  assert.deepEqual(counted?.settings.versions, ['TLSv1.1', 'TLSv1.2', 'TLSv1.3']);
  assert.equal(counted?.until, Date.parse(expires) + day);
  assert.deepEqual(await store.reload(apply), []);
  clock = Date.parse(expires) + day;
  assert.deepEqual(await store.reload(apply), ['exceptions']);
  assert.deepEqual(store.current().exceptions, []);
  assert.deepEqual(await store.reload(apply), [], 'once');
});

test('a file that is broken meanwhile keeps no exception in force that has ended', async (context) => {
  const dataDirectory = temporaryDirectory(context);
  makeCertificate(dataDirectory, 'mx', ecdsa);
  let clock = Date.now();
  const day = 24 * 3600 * 1000;
  const until = (days: number) =>
    `owner: A, reason: B, expires: ${new Date(clock + days * day).toISOString().slice(0, 10)}`;
  const initial = `${twoCertificates}
destinations: [{ domain: kept.example, tls: required }]
exceptions:
  - { peer: 10.0.0.0/8, service: inbound, versions: [TLSv1.1], ${until(1)} }
  - { peer: 10.1.0.0/16, service: inbound, versions: [TLSv1.1], ${until(9)} }
  - { peer: kept.example, service: outbound, versions: [TLSv1.1], ${until(1)} }
  - { peer: brought.example, service: outbound, versions: [TLSv1.1], ${until(1)} }
  - { peer: later.example, service: outbound, versions: [TLSv1.1], ${until(9)} }
`;
  const store = await ConfigStore.open(dataDirectory, { initial, demo, now: () => clock });
  assert.equal((await store.snapshot()).exceptions.length, 5);
  writeFileSync(join(dataDirectory, 'mx.crt'), 'broken\n');
  clock += 3 * day;
  const apply = recorder();
  await assert.rejects(store.reload(apply), /certificates\[mx\]\.cert: mx\.crt: /);
  assert.deepEqual(apply.steps, ['prepare 1', 'activate 1']);
  const { exceptions, destinations, certificates } = store.current();
  assert.deepEqual(
    exceptions.map(({ peer }) => peer),
    ['10.1.0.0/16', 'later.example'],
  );
  const left = destinations.map(({ domain, tls, tlsException }) => [domain, tls, tlsException?.versions[0]]);
  assert.deepEqual(left, [
    ['kept.example', 'required', undefined],
    ['later.example', undefined, 'TLSv1.1'],
  ]);
  assert.equal(certificates.length, 2, 'the old certificate stays in use');
  await assert.rejects(store.reload(apply), /mx\.crt/);
  assert.equal(apply.steps.length, 2, 'once');
  makeCertificate(dataDirectory, 'mx', ecdsa);
  assert.deepEqual(await store.reload(apply), ['files']);
  assert.deepEqual(store.current().destinations, destinations, 'as compiled from the files');
});
