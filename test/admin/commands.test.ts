// The pure operations of the command layer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { withoutCertificate } from '../../src/admin/commands/certconfig.ts';
import { usersOf } from '../../src/admin/commands/certificates.ts';
import { parseGrep } from '../../src/admin/commands/logs.ts';
import { errorText } from '../../src/admin/commands/question.ts';
import { checkAddress, checkDestination, checkMid } from '../../src/admin/commands/queue.ts';
import { commands, completions, findCommand, unknownCommand } from '../../src/admin/commands/registry.ts';
import { checkRouteDomain, checkRouteHosts, withoutRoute, withRoute } from '../../src/admin/commands/smtproutes.ts';
import { describeTls, withOtherClients, withService } from '../../src/admin/commands/sslconfig.ts';
import { statusText } from '../../src/admin/commands/status.ts';
import { formatSize, formatSpan, formatTime } from '../../src/admin/commands/time.ts';
import { splitWords } from '../../src/admin/commands/words.ts';
import { parseClientFrame, parseServerFrame } from '../../src/admin/shell/protocol.ts';
import { completeLine } from '../../src/admin/shell/terminal-input.ts';
import { defaultConfig } from '../../src/config/defaults.ts';
import { PosternError } from '../../src/errors.ts';
import { TestHost } from './host.ts';

process.env['TZ'] = 'UTC';

test('words of a command line', () => {
  const table: readonly (readonly [string, readonly string[]])[] = [
    ['', []],
    ['  a  b\tc ', ['a', 'b', 'c']],
    ['commit "two words" n', ['commit', 'two words', 'n']],
    ["grep 'MID \\d+' mail_logs", ['grep', 'MID \\d+', 'mail_logs']],
    ['x "a \\" b" ""', ['x', 'a " b', '']],
    ["it's", ["it's"]],
    ['a"b c"', ['a"b', 'c"']],
  ];
  for (const [line, words] of table) assert.deepEqual(splitWords(line), words, line);
  assert.throws(() => splitWords('a "b'), { code: 'bad-usage' });
  // A backslash before a quotation mark is what the quoting itself uses.
  const word = fc.string({ maxLength: 30 }).map((text) => text.replaceAll('\\', '/'));
  fc.assert(
    fc.property(fc.array(word, { maxLength: 6 }), (words) => {
      const line = words.map((text) => `"${text.replaceAll('"', '\\"')}"`).join(' ');
      assert.deepEqual(splitWords(line), words);
    }),
  );
});

test('every command of the reference is there, in any case, with help', () => {
  const wanted =
    'sslconfig commit clearchanges showchanges commitdetail rollbackconfig showconfig loadconfig listenerconfig smtproutes certconfig status hoststatus showrecipients delivernow delete hold release tail grep version help quit exit';
  for (const name of wanted.split(' ')) {
    const found = findCommand([name.toUpperCase(), 'rest']);
    assert.ok(found !== null, name);
    assert.deepEqual(found.rest, ['rest']);
    assert.ok(
      found.command.summary.length > 10 &&
        found.command.help.length > 10 &&
        found.command.usage.startsWith(found.command.name),
    );
    assert.ok(completions.includes(found.command.name));
  }
  assert.deepEqual(findCommand(['Deliver', 'NOW', '3'])?.rest, ['3']);
  assert.equal(findCommand(['deliver']), null);
  assert.equal(new Set(commands.map((command) => command.name)).size, commands.length);
  assert.match(unknownCommand('sslconfg'), /^Unknown command: sslconfg\. Did you mean "sslconfig"\?/);
  assert.match(unknownCommand('\u001b[2J'.repeat(100)), /^Unknown command: [^\u001b]{1,60}\n/);
});

test('Tab: up to the end of the next word, in any case', () => {
  assert.deepEqual(completeLine('ssl', completions), [['sslconfig'], 'ssl']);
  assert.deepEqual(completeLine('SSLCONFIG in', completions), [['sslconfig INBOUND'], 'SSLCONFIG in']);
  assert.deepEqual(completeLine('  deliver n', completions), [['deliver now'], 'deliver n']);
  assert.deepEqual(completeLine('xyz', completions), [[], 'xyz']);
  assert.equal(completeLine('', completions)[0].length > 20, true);
});

test('settings of a service: ciphers are checked, Enter changes nothing', () => {
  const config = defaultConfig();
  const kept = withService(config, 'inbound', config.tls.inbound);
  assert.deepEqual(kept, config);
  const changed = withService(config, 'gui', { versions: ['TLSv1.2'], ciphers: 'AES128 AES256' });
  assert.equal(changed.tls.gui.ciphers, 'AES128:AES256:!aNULL:!eNULL');
  assert.deepEqual(changed.tls.inbound, config.tls.inbound);
  assert.throws(() => withService(config, 'gui', { versions: ['TLSv1.2'], ciphers: 'nothing' }), {
    code: 'bad-ciphers',
  });
  assert.match(
    describeTls(changed),
    /^ {2}GUI HTTPS method: {2}tlsv1_2\n {2}GUI HTTPS ciphers:\n {8}AES128\n {8}AES256$/m,
  );
  const { tls } = withOtherClients(config, { allowTLSv1_0: true, allowTLSv1_1: false });
  assert.deepEqual(tls.otherClients, { allowTLSv1_0: true, allowTLSv1_1: true });
});

test('routes', () => {
  const value = (checked: ReturnType<typeof checkRouteHosts> | ReturnType<typeof checkRouteDomain>) =>
    checked.ok ? checked.value : null;
  assert.equal(value(checkRouteDomain('ALL')), '*');
  assert.equal(value(checkRouteDomain('.Example.COM')), '.example.com');
  assert.equal(value(checkRouteDomain('bücher.example')), 'xn--bcher-kva.example');
  for (const bad of ['', '*.example.com', '192.0.2.1', 'a b', 'example.com.'])
    assert.equal(value(checkRouteDomain(bad)), null);
  assert.deepEqual(value(checkRouteHosts('a.example:25,  [2001:db8::1]:2525')), ['a.example:25', '[2001:db8::1]:2525']);
  assert.deepEqual(value(checkRouteHosts('USEDNS')), ['USEDNS']);
  for (const bad of ['', 'a:0', 'USEDNS, a', 'a b:x', Array(33).fill('a').join()])
    assert.equal(value(checkRouteHosts(bad)), null);
  const one = withRoute(defaultConfig(), { domain: '*', to: ['a'] });
  assert.deepEqual(withRoute(one, { domain: '*', to: ['b'] }).routes, [{ domain: '*', to: ['b'] }]);
  assert.deepEqual(withoutRoute(one, '*').routes, []);
  assert.throws(() => withoutRoute(one, 'example.com'), { code: 'not-found' });
});

test('who uses a certificate: a client certificate and a served policy count, for warnings of its end too', () => {
  const config = {
    ...defaultConfig(),
    destinations: [{ domain: 'partner.example', certificate: 'mx' }, { domain: 'other.example' }],
    mtaSts: {
      ...defaultConfig().mtaSts,
      domains: [{ domain: 'own.example', mode: 'testing' as const, mx: [], maxAge: '7d', certificate: 'mx' }],
    },
  };
  assert.deepEqual(usersOf(config, 'mx'), [
    { kind: 'destination', name: 'partner.example' },
    { kind: 'mta-sts', name: 'own.example' },
  ]);
  const entry = { name: 'mx', cert: 'mx.crt', key: 'mx.key' };
  assert.throws(() => withoutCertificate({ ...config, certificates: [entry] }, entry), {
    code: 'in-use',
    message: 'certificate "mx" is used by the destination partner.example, the MTA-STS policy of own.example',
  });
});

test('what names messages', () => {
  assert.deepEqual(checkMid('MID 12'), { ok: true, value: 12 });
  for (const bad of ['', '-1', '1.5', '1e3', '9'.repeat(16), 'x']) assert.equal(checkMid(bad).ok, false, bad);
  assert.deepEqual(checkAddress('<A@Example.org>'), { ok: true, value: 'a@example.org' });
  assert.deepEqual(checkAddress('<>'), { ok: true, value: '' });
  assert.equal(checkAddress('').ok, false);
  assert.deepEqual(checkDestination('EXAMPLE.net'), { ok: true, value: 'example.net' });
  assert.deepEqual(checkDestination('route:127.0.0.1:25'), { ok: true, value: 'route:127.0.0.1:25' });
});

test('words of grep', () => {
  const { pattern, log, ignoreCase, invert } = parseGrep(['-iv', '-e', '-x', 'SYSTEM_LOGS']);
  assert.deepEqual([pattern, log?.log, ignoreCase, invert], ['-x', 'system', true, true]);
  assert.equal(parseGrep(['-i']).pattern, '-i');
  assert.throws(() => parseGrep(['a', 'b']), { code: 'bad-usage' });
});

test('times and amounts', () => {
  assert.equal(formatTime(Date.UTC(2026, 10, 3, 4, 5, 6)), 'Tue Nov  3 04:05:06 2026 GMT');
  assert.equal(formatSpan(81_929_000), '22h 45m 29s');
  assert.equal(formatSpan(86_400_000), '1d 0h 0m 0s');
  assert.equal(formatSpan(-5), '0s');
  assert.equal(formatSize(1023), '1023 B');
  assert.equal(formatSize(1536), '1.5 KiB');
  assert.equal(formatSize(250 * 1024 ** 3), '250 GiB');
});

test('status says what is not as it should be', async () => {
  const host = await TestHost.open();
  const text = statusText({ ...host.statusNow, revision: 2 }, Date.now());
  assert.match(text, /^System status: +Online, but new mail is refused: the disk is full \(452\); /m);
  assert.match(text, /mail worker 1 is silent/);
  assert.match(text, /mail worker 0 runs under revision 1/);
  assert.match(text, /^ {4}Incoming Connections {14}62,049,822$/m);
  assert.match(
    text,
    /siem \(tls 192\.0\.2\.9:6514\): away \(\[Errno 111\] Connection refused\), 4\.0 KiB waiting, 7 lines given up/,
  );
  host.remove();
});

test('errors as sentences', () => {
  assert.equal(
    errorText(new PosternError('io', 'cannot read x', { remedy: 'try another' })),
    'Cannot read x.\nTry another.',
  );
  assert.equal(errorText(new PosternError('io', 'tls.gui: bad')), 'tls.gui: bad.');
});

test('frames: whatever comes, the reader answers with a frame or null', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.object().map((value) => JSON.stringify(value)),
      ),
      (text) => {
        const [client, server] = [parseClientFrame(text), parseServerFrame(text)];
        assert.ok(client === null || typeof client.type === 'string');
        assert.ok(server === null || typeof server.type === 'string');
      },
    ),
  );
  assert.equal(parseClientFrame('{"type":"line","id":1,"text":"x","__proto__":{}}')?.type, 'line');
  assert.equal(parseClientFrame(JSON.stringify({ type: 'line', id: 1, text: 'x'.repeat(70_000) })), null);
  const hello = parseClientFrame('{"type":"hello","version":1,"mode":"script","user":"","rows":0,"columns":1e9}');
  assert.deepEqual(hello, { type: 'hello', version: 1, mode: 'script', user: '', rows: 1, columns: 10_000 });
});
