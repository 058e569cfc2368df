// The administrator's side of the whole gateway: dialogues that change what is spoken on the wire, configurations that are
// refused, and the command line.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { negotiated, opensslClient } from '../tls/peers.ts';
import { sendMail } from './client.ts';
import { freePort, startGateway, temporaryDirectory } from './harness.ts';

const launcher = new URL('../../bin/postern.mjs', import.meta.url).pathname;

interface Ran {
  readonly status: number | null;
  readonly output: string;
  readonly errors: string;
}

/** `postern` with these words, as from a shell. */
async function postern(words: readonly string[], input = ''): Promise<Ran> {
  const child = spawn(process.execPath, [launcher, ...words], { stdio: ['pipe', 'pipe', 'pipe'] });
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  child.stdin.on('error', () => undefined); // it may end before it has read what it was given
  child.stdin.end(input);
  const { promise, resolve } = Promise.withResolvers<number | null>();
  const patience = setTimeout(() => child.kill('SIGKILL'), 120_000);
  child.once('close', (status) => resolve(status));
  const status = await promise;
  clearTimeout(patience);
  return { status, output, errors };
}

function configuration(port: number, more = ''): string {
  return `hostname: gw.example.com
gui: { ports: [] }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${port} }
relay: [127.0.0.1]
routes:
  - { domain: "*", to: ["127.0.0.1:9"] }
tls:
  gui: { versions: [TLSv1.1, TLSv1.2], ciphers: AES128:AES256 }
  inbound: { versions: [TLSv1.1, TLSv1.2], ciphers: AES128:AES256 }
  outbound: { versions: [TLSv1.1, TLSv1.2], ciphers: AES128:AES256 }
spool: { reserve: 1MiB, lowWater: 16MiB, lowWaterShare: 0.001 }
dns: { reverse: false }
${more}`;
}

async function speaks13(port: number): Promise<boolean> {
  const { output } = await opensslClient(port, ['-starttls', 'smtp', '-tls1_3']);
  return negotiated(output)?.protocol === 'TLSv1.3';
}

const sections = (inbound: string) => `sslconfig settings:
  GUI HTTPS method:  tlsv1_1tlsv1_2
  GUI HTTPS ciphers:
        AES128
        AES256
        !aNULL
        !eNULL
  Inbound SMTP method:  ${inbound}
  Inbound SMTP ciphers:
        AES128
        AES256
        !aNULL
        !eNULL
  Outbound SMTP method:  tlsv1_1tlsv1_2
  Outbound SMTP ciphers:
        AES128
        AES256
        !aNULL
        !eNULL

Choose the operation you want to perform:
- GUI - Edit GUI HTTPS ssl settings.
- INBOUND - Edit Inbound SMTP ssl settings.
- OUTBOUND - Edit Outbound SMTP ssl settings.
- VERIFY - Verify and show ssl cipher list.
- OTHER_CLIENT_TLSV10 - Edit TLS v1.0 for other client services.
[]> `;

test('the dialogue of the reference changes what is spoken, and rollbackconfig brings it back', async (t) => {
  const port = await freePort();
  const gateway = await startGateway(t, { config: configuration(port) });
  assert.equal(await speaks13(port), false);

  await t.test('sslconfig, Inbound, 1-3, Enter keeps the ciphers; commit with a comment', async () => {
    const answers = [
      'sslconfig',
      'Inbound',
      '1-3',
      '',
      '',
      'commit',
      'enable TLS 1.3 for inbound',
      'Y',
      'commit',
      'quit',
    ];
    const { status, output } = await gateway.shell(answers);
    assert.equal(status, 0, output);
    const expected = `gw.example.com> sslconfig

${sections('tlsv1_1tlsv1_2')}Inbound

Enter the inbound SMTP ssl method you want to use.
1. TLS v1.3
2. TLS v1.2
3. TLS v1.1
4. TLS v1.0
[2-3]> 1-3

Enter the inbound SMTP ssl cipher you want to use.
[AES128:AES256:!aNULL:!eNULL]>${' '}

${sections('tlsv1_1tlsv1_2tlsv1_3')}

gw.example.com> commit

Please enter some comments describing your changes:
[]> enable TLS 1.3 for inbound
Do you want to save the current configuration for rollback? [Y]> Y
Changes committed: DATE

gw.example.com> commit

There is no data to commit.

gw.example.com> quit
`;
    // What the preview says before a commit depends on which handshakes history has by now.
    const dialogue = output.replace(
      /\n(Inbound SMTP, listener "inbound": [^\n]*\n)[\s\S]*?(?=Changes committed: )/,
      '',
    );
    assert.equal(dialogue.replace(/\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} GMT/, 'DATE'), expected);
    assert.equal(await speaks13(port), true);
    const committed =
      /^\w{3} \w{3} [ \d]\d [\d:]{8} \d{4} Info: PID \d+: User \w+ commit changes: enable TLS 1\.3 for inbound$/m;
    const system = () => readFileSync(join(gateway.data, 'logs', 'system.current'), 'utf8');
    const deadline = Date.now() + 5000; // lines are written in batches
    while (!committed.test(system()) && Date.now() < deadline) await sleep(50);
    assert.match(system(), committed);
  });

  await t.test('a selection with a hole is refused by name, and the question comes again', async () => {
    const { status, output } = await gateway.shell(['sslconfig', 'INBOUND', '2,4', '1,3', '5', '4-', '', '', '']);
    assert.equal(status, 1, output);
    assert.match(output, /TLS v1\.1 is missing/);
    assert.match(output, /TLS v1\.2 is missing/);
    // Four refused answers, and the one that is kept.
    assert.equal(output.match(/Enter the inbound SMTP ssl method you want to use\./g)?.length, 5);
    assert.match((await gateway.shell('showchanges')).output, /No changes are pending\./);
  });

  await t.test('rollbackconfig', async () => {
    const { status, output } = await gateway.shell(['rollbackconfig', '1', 'y', 'y']);
    assert.equal(status, 0, output);
    assert.match(output, /^1\. \w{3} \w{3} [ \d]\d [\d:]{8} \d{4} GMT +postern +Initial configuration/m);
    assert.match(output, /tls\.inbound\.versions: TLSv1\.1, TLSv1\.2, TLSv1\.3 -> TLSv1\.1, TLSv1\.2/);
    assert.equal(await speaks13(port), false);
  });

  await t.test('loadconfig of a broken text names line, key, reason and remedy, and the gateway goes on', async () => {
    const broken = configuration(port).replace(
      'inbound: { versions: [TLSv1.1, TLSv1.2]',
      'inbound: { versions: [TLSv1.0, TLSv1.2]',
    );
    const { status, output } = await gateway.shell(['loadconfig 1', ...broken.split('\n'), '.']);
    assert.equal(status, 1, output);
    assert.match(
      output,
      /^The pasted text:10:\d+: tls\.inbound\.versions: TLS v1\.1 is missing: [^\n]+\nChoose one unbroken run, such as \[TLSv1\.2, TLSv1\.3\]\.$/m,
    );
    const file = join(gateway.data, 'typo.yaml');
    writeFileSync(file, configuration(port).replace('relay:', 'rellay:'));
    const typo = await gateway.shell(['loadconfig', '2', 'typo.yaml']);
    assert.equal(typo.status, 1);
    assert.match(typo.output, /typo\.yaml:5:1: rellay: unknown key "rellay"\nDid you mean "relay"\?/);
    const circle = await gateway.shell([
      'loadconfig 1',
      ...configuration(port).replace('127.0.0.1:9', `127.0.0.1:${port}`).split('\n'),
      '.',
    ]);
    assert.match(circle.output, /is our own listener "inbound": mail would go round in a circle/);
    assert.match((await gateway.shell('showchanges')).output, /No changes are pending\./);
    assert.ok((await sendMail(port, { to: 'x@example.net' })) > 0);
  });

  await t.test('a port that another program has: the commit is refused as a whole', async () => {
    const taken = await startGateway(t, { config: configuration(await freePort()) });
    const port2 = /127\.0\.0\.1 port (\d+)/.exec(taken.output())?.[1];
    const { status, output } = await gateway.shell([
      ...['listenerconfig', 'new', 'second', '127.0.0.1', `${port2}`, '', '', ''],
      ...['sslconfig inbound 1', '', '', 'commit', 'x', 'Y', 'clearchanges', 'Y'],
    ]);
    assert.equal(status, 1, output);
    assert.match(output, new RegExp(`127\\.0\\.0\\.1 port ${port2} is in use by another program`));
    assert.doesNotMatch(output, /^Changes committed/m);
    assert.equal(await speaks13(port), false);
    assert.match((await gateway.shell('showchanges')).output, /No changes are pending\./);
    await taken.stop();
  });

  await t.test('VERIFY shows what the listener accepts', async () => {
    const { output } = await gateway.shell(['sslconfig', 'verify', 'ECDHE+AESGCM:AES128', '']);
    const lines = output.match(/^\S+ +(TLSv1\.\d|TLSv1|SSLv3) +Kx=\S+ +Au=\S+ +Enc=\S+ +Mac=\S+$/gm) ?? [];
    assert.ok(lines.length > 5, output);
    assert.ok(lines.some((line) => line.startsWith('TLS_AES_256_GCM_SHA384')));
    assert.ok(lines.some((line) => line.startsWith('AES128-SHA ')));
    assert.doesNotMatch(output, /Au=None|Enc=None/);
  });

  await t.test('an administrator looks round', async () => {
    const words = [
      'status',
      'hoststatus all',
      'showrecipients 5',
      'version',
      'showconfig',
      'grep "queued for delivery"',
      'help',
      'Frobnicate',
    ];
    const { status, output } = await gateway.shell(words);
    assert.equal(status, 1);
    assert.match(output, /^Unknown command.*Frobnicate/m);
    assert.match(output, /^System status: +Online$/m);
    assert.match(output, /^hostname: gw\.example\.com # /m);
    assert.match(output, /Info: MID \d+ queued for delivery$/m);
    assert.match(output, /\[Errno 111\] Connection refused/);
    assert.match(output, /x@example\.net/);
    const version = await gateway.shell('version');
    assert.match(version.output, /OpenSSL 3\.5/);
  });
  assert.equal(await gateway.stop(), 0);
});

test('serve with a configuration that is wrong: exit status 1, and what, where and why', async (t) => {
  const directory = temporaryDirectory(t);
  const port = await freePort();
  const cases: readonly [string, string, RegExp][] = [
    [
      'hole',
      'tls: { inbound: { versions: [TLSv1.0, TLSv1.2] } }',
      /hole\.yaml:1:\d+: tls\.inbound\.versions: TLS v1\.1 is missing.*\n\w.*run/,
    ],
    ['key', 'hostnme: gw.example.com', /key\.yaml:1:1: hostnme: unknown key "hostnme"\n[Dd]id you mean "hostname"\?/],
    [
      'type',
      'limits:\n  recipients: many',
      /type\.yaml:2:\d+: limits\.recipients: must be a whole number from 1 to 100000, not the text "many"\n/,
    ],
    ['duration', 'timeouts: { command: 5 parsecs }', /duration\.yaml:1:\d+: timeouts\.command: /],
    ['syntax', 'hostname: gw\n  bad: [', /syntax\.yaml:\d+:\d+: /],
    ['tab', 'tls:\n\tinbound: 1', /tab\.yaml:2:\d+: .*[Tt]ab/],
    [
      'cipher',
      'tls: { inbound: { ciphers: "AES128:@SECLEVEL=0" } }',
      /cipher\.yaml:1:\d+: tls\.inbound\.ciphers: .*SECLEVEL/,
    ],
    [
      'file',
      'certificates: [{ name: mx, cert: /nonexistent.crt, key: /nonexistent.key }]',
      /file\.yaml:1:\d+: certificates\[mx\]\.cert: .*there is no such file/,
    ],
  ];
  for (const [name, text, message] of cases) {
    const file = join(directory, `${name}.yaml`);
    writeFileSync(file, `${text}\n`);
    const { status, output, errors } = await postern(['serve', '--data', join(directory, name), '--config', file]);
    assert.equal(status, 1, `${name}: ${output}${errors}`);
    assert.match(errors, message, name);
    assert.doesNotMatch(errors, /\n {4}at /, 'a stack is no message');
    assert.ok(errors.trim().split('\n').length >= 2, `${name}: no remedy in ${errors}`);
  }
  const absent = await postern(['serve', '--data', join(directory, 'x'), '--config', join(directory, 'absent.yaml')]);
  assert.equal(absent.status, 1);
  assert.match(absent.errors, /there is no configuration file .*absent\.yaml/);

  await t.test('a second gateway on the same directory is refused', async () => {
    const data = join(directory, 'data');
    const first = await startGateway(t, { data, config: configuration(port) });
    const second = await postern(['serve', '--data', data]);
    assert.equal(second.status, 1);
    assert.match(second.errors, /in use|is running|runs/);
    assert.equal(await first.stop(), 0);
  });
});

test('config export, import, diff and history, on a running and on a stopped gateway', async (t) => {
  const port = await freePort();
  const directory = temporaryDirectory(t);
  const data = join(directory, 'data');
  const config = (...words: string[]) => postern(['config', ...words, '--data', data]);
  const write = (name: string, text: string) => {
    const file = join(directory, name);
    writeFileSync(file, text);
    return file;
  };
  const broken = write('broken.yaml', configuration(port).replace('relay: [127.0.0.1]', 'relay: [127.0.0.300]'));

  await t.test('nothing there yet', async () => {
    for (const words of [['export'], ['history'], ['diff']]) {
      const { status, errors } = await config(...words);
      assert.equal(status, 1);
      assert.match(errors, /holds no configuration\n/);
    }
    const refused = await postern(['serve', '--data', data, '--config', broken]);
    assert.equal(refused.status, 1);
    assert.match((await config('history')).errors, /holds no configuration\n/);
    const { status, output } = await config('import', write('first.yaml', configuration(port)));
    assert.equal(status, 0);
    assert.match(output, /^Changes committed: revision 1\.$/m);
  });

  const gateway = await startGateway(t, { data });
  await t.test('running', async () => {
    const exported = await config('export');
    assert.equal(exported.status, 0);
    assert.match(exported.output, /^hostname: gw\.example\.com # /m);
    const text = configuration(port).replace(
      'inbound: { versions: [TLSv1.1, TLSv1.2]',
      'inbound: { versions: [TLSv1.1, TLSv1.2, TLSv1.3]',
    );
    const imported = await config('import', write('second.yaml', text));
    assert.equal(imported.status, 0, imported.errors);
    assert.match(imported.output, /^Changes committed: /);
    assert.doesNotMatch(imported.output, /Paste|\[\]>/);
    assert.equal(await speaks13(port), true);
    const again = await config('import', join(directory, 'second.yaml'));
    assert.equal(again.status, 0);
    assert.equal(again.output, 'Nothing would change.\n');
    // A script that runs twice fails the second time no more than the first.
    const idle = await postern(['shell', '--data', data, '-c', 'commit "TLS 1.2 and 1.3 only" Y Y']);
    assert.deepEqual([idle.status, idle.output.trim(), idle.errors], [0, 'There is no data to commit.', '']);
    const diff = await config('diff', '1', '2');
    assert.equal(diff.output, 'tls.inbound.versions: TLSv1.1, TLSv1.2 -> TLSv1.1, TLSv1.2, TLSv1.3\n');
    assert.equal((await config('diff')).output, diff.output);
    const history = (await config('history')).output.trim().split('\n');
    assert.match(history[0] ?? '', /^revision 2, \d{4}-\d\d-\d\dT[\d:.]+Z, by \w+: import of .*second\.yaml$/);
    assert.match(history[1] ?? '', /^revision 1, /);
  });

  await t.test('a broken file changes nothing, nor what is pending', async () => {
    assert.equal((await gateway.shell('sslconfig inbound 1')).status, 0);
    const pending = (await gateway.shell('showchanges')).output;
    assert.match(pending, /TLSv1\.3$/m);
    const { status, output, errors } = await config('import', broken);
    assert.equal(status, 1);
    assert.equal(output, '');
    assert.match(errors, /^postern config: .*broken\.yaml:5:\d+: relay\S*: .*127\.0\.0\.300/m);
    assert.equal((await gateway.shell('showchanges')).output, pending);
    assert.equal((await config('history')).output.trim().split('\n').length, 2);
    assert.equal((await gateway.shell(['clearchanges', 'Y'])).status, 0);
  });
  assert.equal(await gateway.stop(), 0);

  await t.test('stopped', async () => {
    const refused = await config('import', broken);
    assert.equal(refused.status, 1);
    assert.match(refused.errors, /^postern config: .*broken\.yaml:5:\d+: relay\S*: .*127\.0\.0\.300/m);
    const imported = await config('import', join(directory, 'first.yaml'));
    assert.equal(imported.status, 0);
    assert.match(imported.output, /^Changes committed: revision 3\.$/m);
    const back = await config('export');
    assert.equal(back.status, 0);
    assert.match((await config('diff', '1', '3')).output, /^No difference\.$/m);
    assert.match((await config('diff', '1', '99')).errors, /99/);
    assert.equal((await config('import', join(directory, 'absent.yaml'))).status, 1);
    // What was exported is what the next gateway runs with.
    const copy = await startGateway(t, { config: back.output });
    assert.equal((await copy.shell('showconfig')).status, 0);
    assert.equal(await speaks13(port), false);
    assert.equal(await copy.stop(), 0);
  });
});

test('a configuration from before TLS 1.3 is upgraded as the reference does it', async (t) => {
  const port = await freePort();
  const gateway = await startGateway(t, {
    config: `schema: 1
hostname: gw.example.com
gui: { ports: [] }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${port} }
spool: { reserve: 1MiB, lowWater: 16MiB, lowWaterShare: 0.001 }
`,
  });
  const { output } = await gateway.shell(['sslconfig', '']);
  for (const service of ['GUI HTTPS', 'Inbound SMTP', 'Outbound SMTP']) {
    assert.match(output, new RegExp(`^  ${service} method:  tlsv1_1tlsv1_2$`, 'm'));
  }
  assert.equal(await speaks13(port), false);
  const { output: yaml } = await gateway.shell('showconfig');
  assert.match(yaml, /allowTLSv1_1: true/);
  assert.match(yaml, /allowTLSv1_0: false/);
  assert.equal(await gateway.stop(), 0);
});

async function withoutData(t: TestContext, words: readonly string[]): Promise<Ran> {
  return postern([...words, '--data', join(temporaryDirectory(t), 'none')]);
}

test('wrong use ends with 2 and says what would be right; every command has --help', async (t) => {
  const wrong: readonly (readonly string[])[] = [
    [],
    ['nonsense'],
    ['serve', '--frob'],
    ['serve', 'stray'],
    ['serve', '--workers', 'many'],
    ['serve', '--workers', '0'],
    ['serve', '--config'],
    ['shell', 'stray'],
    ['shell', '--frob'],
    ['config'],
    ['config', 'frobnicate'],
    ['config', 'export', 'stray'],
    ['config', 'import'],
    ['config', 'import', 'a', 'b'],
    ['config', 'export', '--force'],
    ['config', 'diff', '1'],
    ['config', 'diff', 'a', 'b'],
    ['config', 'diff', '1', '2', '3'],
    ['demo', '--frob'],
    ['demo', 'stray'],
    ['version', 'stray'],
  ];
  const results = await Promise.all(wrong.map((words) => postern(words)));
  for (const [index, { status, output, errors }] of results.entries()) {
    const words = (wrong[index] ?? []).join(' ');
    assert.equal(status, 2, `postern ${words}: ${output}${errors}`);
    assert.match(`${output}${errors}`, /usage: postern |"postern config history" lists them/, words);
  }
  const commands = ['serve', 'shell', 'config', 'demo', 'version'];
  const helps = await Promise.all(commands.map((command) => postern([command, '--help'])));
  for (const [index, { status, output, errors }] of helps.entries()) {
    assert.equal(status, 0);
    assert.equal(errors, '');
    assert.match(output, new RegExp(`^usage: postern ${commands[index]}`));
    assert.match(output, /--help/);
  }
  const overview = await postern(['--help']);
  assert.equal(overview.status, 0);
  for (const command of commands) assert.match(overview.output, new RegExp(`^  ${command} `, 'm'));

  const away = await withoutData(t, ['shell', '-c', 'status']);
  assert.equal(away.status, 1);
  assert.match(away.errors, /no gateway runs on the data directory .*none\n.*postern serve/);
  const version = await postern(['version']);
  assert.equal(version.status, 0);
  assert.match(version.output, /^Postern \d+\.\d+\.\d+ \(Node\.js 2\d\.\S+, OpenSSL 3\.\S+\)\n$/);
  assert.ok(!existsSync('./data'));
});
