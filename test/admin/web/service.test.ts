// The web service on the wire: TLS versions on both ports, HTTP/2 and 1.1, commits, files, headers.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect as connectTcp, createServer } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import type { Routes } from '../../../src/admin/web/app.ts';
import type { EventStream } from '../../../src/admin/web/event-stream.ts';
import { logName, type TlsVersion, tlsVersions } from '../../../src/tls/versions.ts';
import { anyLevel, legalSelections, negotiated, opensslClient, versionFlag } from '../../tls/peers.ts';
import {
  type Ask,
  askHttp1,
  askHttp2,
  Browser,
  goodPassword,
  openHttp2,
  startWeb,
  startWithAdministrator,
} from './fixture.ts';

test('every selection of versions, on both ports, as the OpenSSL client sees it', async (t) => {
  const { ports, commit } = await startWeb(t);
  for (const versions of legalSelections) {
    await commit((config) => ({
      ...config,
      tls: { ...config.tls, gui: { ...config.tls.gui, versions: [...versions] } },
    }));
    for (const version of tlsVersions) {
      for (const port of ports) {
        const output = await opensslClient(port, [versionFlag[version], ...anyLevel]);
        const expected = versions.includes(version) ? logName(version) : null;
        assert.equal(negotiated(output.output)?.protocol ?? null, expected, `${version} with ${versions.join(' ')}`);
      }
    }
  }
});

test('both ports answer in HTTP/2 and in HTTP/1.1', async (t) => {
  const { ports } = await startWeb(t);
  for (const port of ports) {
    const first = await askHttp1(port, '/healthz');
    assert.deepEqual([first.status, first.http, first.body], [200, '1.1', '{"status":"ok"}']);
    const second = await askHttp2(openHttp2(t, port), '/healthz');
    assert.deepEqual([second.status, second.body], [200, '{"status":"ok"}']);
  }
});

test('a commit whose port is in use is refused and changes nothing', async (t) => {
  const { host, ports, commit } = await startWeb(t);
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  t.after(() => other.close());
  const address = other.address();
  const taken = typeof address === 'object' && address !== null ? address.port : 0;
  await assert.rejects(
    commit((config) => ({ ...config, gui: { ...config.gui, ports: [ports[0], taken] } })),
    /EADDRINUSE/,
  );
  assert.equal(host.config.committed().number, 1);
  for (const port of ports) assert.equal((await askHttp1(port, '/healthz')).status, 200);
});

test('200 commits of GUI TLS settings: open event streams and a slow download see no interruption', async (t) => {
  const download = randomBytes(4 * 1024 * 1024);
  const opened: EventStream[] = [];
  const { ports, commit, browser } = await startWithAdministrator(t, {
    assets: { 'assets/big.txt': download },
    routes: [
      (app, { streams }) => {
        app.get('/test/events', { config: { access: 'read' } }, async (request, reply) => {
          if (request.caller !== null) opened.push(streams.open(request, reply, request.caller));
        });
      },
    ],
  });
  const headers = { cookie: browser.cookie ?? '' };
  const second = openHttp2(t, ports[0]).request({ ':path': '/test/events', ...headers });
  const first = requestHttps({ port: ports[1], host: '127.0.0.1', path: '/test/events', headers, ...insecure });
  first.end();
  const [response] = (await once(first, 'response')) as [IncomingMessage];
  const received = [collect(second), collect(response)];
  await until(() => opened.length === 2);

  // Reads nothing but what it asks for: the server's end is full all the time.
  const slow = openHttp2(t, ports[1]).request({ ':path': '/assets/big.txt' });
  slow.pause();
  let got = 0;
  const hash = createHash('sha256');

  const rounds = 200;
  for (let round = 1; round <= rounds; round++) {
    const versions: readonly TlsVersion[] = round % 2 === 0 ? ['TLSv1.3'] : ['TLSv1.2'];
    await commit((config) => ({
      ...config,
      tls: { ...config.tls, gui: { ...config.tls.gui, versions: [...versions] } },
    }));
    for (const stream of opened) assert.ok(stream.send('round', { round }));
    const piece = slow.read(download.length / rounds / 2) as Buffer | null;
    if (piece !== null) {
      hash.update(piece);
      got += piece.length;
    }
    if (round % 20 === 0) {
      const answer = await askHttp1(ports[round % 40 === 0 ? 0 : 1], '/healthz');
      assert.equal(answer.tls, versions[0], `a new handshake after commit ${round}`);
    }
  }
  assert.ok(got < download.length, 'the download was over before the commits were');
  for await (const piece of slow) {
    hash.update(piece as Buffer);
    got += (piece as Buffer).length;
  }
  assert.equal(got, download.length);
  assert.equal(hash.digest('hex'), createHash('sha256').update(download).digest('hex'));
  for (const text of received) {
    await until(() => text().includes(`{"round":${rounds}}`));
    const seen = Array.from(text().matchAll(/"round":(\d+)/g), (found) => Number(found[1]));
    assert.deepEqual(
      seen,
      Array.from({ length: rounds }, (_, index) => index + 1),
    );
  }
});

test('an event stream ends with its logon, and when the service stops', async (t) => {
  const { browser, ports, web } = await startWithAdministrator(t, { routes: [testEvents] });
  const listen = async (who: Browser) => {
    const stream = openHttp2(t, ports[0]).request({ ':path': '/test/events', cookie: who.cookie ?? '' });
    const text = collect(stream);
    await until(() => text().includes('event: hello'));
    return { text, ended: once(stream, 'end') };
  };
  const other = new Browser(ports[0]);
  await other.logOn('anna', goodPassword);
  const [mine, others] = [await listen(browser), await listen(other)];
  assert.equal((await other.ask('POST', '/logout')).status, 204);
  await others.ended;
  assert.match(others.text(), /event: end\n/);
  assert.ok(!mine.text().includes('event: end'), 'the other logon goes on');
  const half = connectTls({ port: ports[0], host: '127.0.0.1', rejectUnauthorized: false });
  await once(half, 'secureConnect');
  half.write('POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf');
  half.on('error', () => undefined);
  const gone = once(half, 'close');
  const asked = performance.now();
  await web.stop(500);
  await mine.ended;
  await gone;
  assert.match(mine.text(), /event: end\n/);
  assert.ok(performance.now() - asked < 10_000);
});

test('a client that reads nothing loses events, is told how many, and holds nobody up', async (t) => {
  const opened: EventStream[] = [];
  const { browser, ports } = await startWithAdministrator(t, {
    routes: [
      (app, { streams }) => {
        app.get('/test/events', { config: { access: 'read' } }, async (request, reply) => {
          if (request.caller !== null) opened.push(streams.open(request, reply, request.caller));
        });
      },
    ],
  });
  const stream = openHttp2(t, ports[0]).request({ ':path': '/test/events', cookie: browser.cookie ?? '' });
  await once(stream, 'response');
  const [own] = opened;
  assert.ok(own !== undefined);
  const filler = 'x'.repeat(10_000);
  let lost = 0;
  for (let i = 0; i < 200; i++) if (!own.send('filler', { filler })) lost++;
  assert.ok(lost > 50, `${lost} were lost`);
  const text = collect(stream);
  // Only when there is room again is there anything to say.
  await until(() => own.send('again', {}));
  await until(() => text().includes('event: again'));
  const told = Array.from(text().matchAll(/event: lost\ndata: \{"count":(\d+)\}/g), (found) => Number(found[1]));
  assert.ok(told.reduce((sum, count) => sum + count, 0) >= lost);
});

test('slow clients: no first byte, half a hello, half a head, half a body; each is over in time and others are served', async (t) => {
  const { ports, host } = await startWeb(t, {
    config: 'timeouts: { hello: 300ms, guiRequest: 500ms, guiIdle: 1s }',
  });
  const [port] = ports;
  const hello = Buffer.from('160301', 'hex');
  const raw = (bytes: Buffer | null) => {
    const socket = connectTcp(port, '127.0.0.1');
    if (bytes !== null) socket.write(bytes);
    return socket;
  };
  const secure = async (protocol: string, text: string | Buffer) => {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: [protocol] });
    await once(socket, 'secureConnect');
    socket.write(text);
    return socket;
  };
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  const settings = Buffer.from('000000040000000000', 'hex');
  // HEADERS without END_HEADERS: the rest never comes (RFC 9113 6.2).
  const halfHeaders = Buffer.from('000001010100000001' + '82', 'hex');
  const clients = [
    raw(null),
    raw(hello),
    await secure('http/1.1', ''),
    await secure('http/1.1', 'GET /healthz HTTP/1.1\r\nHost: x\r\nX-'),
    await secure('http/1.1', 'POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{'),
    await secure('h2', preface),
    await secure('h2', Buffer.concat([preface, settings, halfHeaders])),
  ];
  const ends = clients.map((client) => {
    client.on('error', () => undefined);
    client.resume();
    return once(client, 'close');
  });
  assert.equal((await askHttp1(port, '/healthz')).status, 200);
  await Promise.all(ends);
  assert.ok(host.events.some((line) => /^SSL error with client 127\.0\.0\.1:\d+ - no complete ClientHello/.test(line)));
});

test('limits: connections of one client, bodies, heads', async (t) => {
  const { browser, ports } = await startWithAdministrator(t, {
    config: 'limits: { guiConnectionsPerClient: 5, guiBody: 64KiB }',
  });
  const [port] = ports;
  const large = await browser.ask('POST', '/tokens', { label: 'x'.repeat(70_000), scopes: ['read'] });
  assert.deepEqual([large.status, large.json['code']], [413, 'too-large']);
  const chunked = await browser.ask('POST', '/tokens', { label: 'x'.repeat(70_000) }, { 'content-length': '' });
  assert.ok([400, 413].includes(chunked.status), String(chunked.status));
  const head = await browser.ask('GET', '/session', undefined, { 'x-large': 'x'.repeat(20_000) }).catch(() => null);
  assert.equal(head?.status ?? 431, 431);
  const open = Array.from({ length: 5 }, () => connectTcp(port, '127.0.0.1'));
  await Promise.all(open.map((socket) => once(socket, 'connect')));
  const sixth = connectTcp(port, '127.0.0.1');
  sixth.on('error', () => undefined);
  sixth.resume();
  await once(sixth, 'close');
  for (const socket of open) socket.destroy();
  await until(async () => (await askHttp1(port, '/healthz').catch(() => null))?.status === 200);
});

test('files: types, caching, compression, and a policy with a nonce of its own for each page', async (t) => {
  const { ports } = await startWeb(t, {
    assets: {
      'assets/app-1a2b.js': 'export const x = 1;',
      'assets/app-1a2b.js.br': 'BROTLI',
      'assets/app-1a2b.js.gz': 'GZIP',
      'favicon.svg': '<svg/>',
      'index.html': '<meta property="csp-nonce" nonce="__CSP_NONCE__"><script src="/assets/app-1a2b.js"></script>',
    },
  });
  const get = (path: string, headers: Readonly<Record<string, string>> = {}) => askHttp1(ports[0], path, { headers });
  const script = await get('/assets/app-1a2b.js', { 'accept-encoding': 'gzip, br' });
  assert.deepEqual(
    [script.body, script.headers['content-encoding'], script.headers['cache-control']],
    ['BROTLI', 'br', 'public, max-age=31536000, immutable'],
  );
  assert.equal(script.headers['content-type'], 'text/javascript; charset=utf-8');
  assert.equal((await get('/assets/app-1a2b.js', { 'accept-encoding': 'br;q=0, gzip' })).body, 'GZIP');
  assert.equal((await get('/assets/app-1a2b.js')).body, 'export const x = 1;');
  const icon = await get('/favicon.svg');
  assert.equal(icon.headers['cache-control'], 'no-cache');
  assert.equal((await get('/favicon.svg', { 'if-none-match': String(icon.headers.etag) })).status, 304);
  const nonces = new Set<string>();
  for (const path of ['/', '/index.html', '/system/ssl', '/']) {
    const page = await get(path);
    const policy = String(page.headers['content-security-policy']);
    const nonce = /style-src 'self' 'nonce-([^']+)'/.exec(policy)?.[1] ?? '';
    assert.ok(page.body.includes(`nonce="${nonce}"`) && nonce.length >= 22, path);
    assert.match(policy, /default-src 'none'; script-src 'self';/);
    assert.doesNotMatch(policy, /unsafe/);
    assert.equal(page.headers['cache-control'], 'no-store');
    nonces.add(nonce);
  }
  assert.equal(nonces.size, 4);
  for (const path of ['/assets/../../etc/passwd', '/assets/%2e%2e/x.js', '/missing.js', '/api/v1/missing']) {
    const answer = await get(path);
    assert.equal(answer.status, 404, path);
    assert.match(String(answer.headers['content-type']), /^application\/problem\+json/, path);
    assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    assert.equal(answer.headers['strict-transport-security'], undefined, 'HSTS is off');
  }
});

test('HTTP/2 is not offered where its suite would be forbidden (RFC 9113 9.2.2)', async (t) => {
  const { ports, commit } = await startWeb(t);
  const protocol = async (options: object) => {
    const socket = connectTls({
      port: ports[0],
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ALPNProtocols: ['h2', 'http/1.1'],
      ...options,
    });
    await once(socket, 'secureConnect');
    const { alpnProtocol } = socket;
    socket.destroy();
    return alpnProtocol;
  };
  assert.equal(await protocol({}), 'h2');
  assert.equal(await protocol({ maxVersion: 'TLSv1.2' }), 'h2');
  await commit((config) => ({
    ...config,
    tls: { ...config.tls, gui: { versions: ['TLSv1.1', 'TLSv1.2'], ciphers: 'ECDHE+AES256+SHA' } },
  }));
  assert.equal(await protocol({}), 'http/1.1');
  assert.equal(
    await protocol({ maxVersion: 'TLSv1.1', minVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' }),
    'http/1.1',
  );
});

test('a rejected handshake stands in the log, with the plain words', async (t) => {
  const { host, ports, commit } = await startWeb(t);
  await commit((config) => ({ ...config, tls: { ...config.tls, gui: { ...config.tls.gui, versions: ['TLSv1.3'] } } }));
  for (const port of ports) {
    host.events.length = 0;
    await opensslClient(port, ['-tls1_2', ...anyLevel]);
    const logged = () => host.events.filter((line) => line.startsWith('SSL '));
    await until(() => logged().length >= 2);
    const [error, words] = logged();
    assert.match(
      error ?? '',
      /^SSL error with client 127\.0\.0\.1:\d+ - \(\d+, 'error:0A000102:SSL routines:\w*:unsupported protocol'\)$/,
    );
    assert.match(
      words ?? '',
      /The peer offered TLS v1\.2 at most; GUI HTTPS allows TLS v1\.3\. To serve it, also select/,
    );
  }
  host.events.length = 0;
  const plain = connectTcp(ports[0], '127.0.0.1');
  plain.write('GET / HTTP/1.1\r\n\r\n');
  plain.on('error', () => undefined);
  await until(() => host.events.some((line) => line.includes('https://')));
});

test('an address may become wider while its ports stay open', async (t) => {
  const { ports, commit } = await startWeb(t);
  await commit((config) => ({ ...config, gui: { ...config.gui, address: '0.0.0.0' } }));
  for (const port of ports) assert.equal((await askHttp1(port, '/healthz')).status, 200);
  await commit((config) => ({ ...config, gui: { ...config.gui, address: '127.0.0.1', ports: [ports[0]] } }));
  assert.equal((await askHttp1(ports[0], '/healthz')).status, 200);
  await assert.rejects(askHttp1(ports[1], '/healthz'), /ECONNREFUSED/);
});

test('metrics: from this machine without a token', async (t) => {
  const { ports } = await startWeb(t);
  const { status, body, headers } = await askHttp1(ports[0], '/metrics');
  assert.equal(status, 200);
  assert.match(String(headers['content-type']), /^text\/plain; version=0\.0\.4/);
  assert.match(body, /^postern_smtp_connections_total\{direction="in"\} 62049822$/m);
  assert.match(body, /^postern_tls_outgoing_total\{wanted="mta-sts",got="verified"\} 17$/m);
  for (const line of body.trimEnd().split('\n')) {
    assert.match(line, /^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? -?\d[\d.e+-]*)$/);
  }
  assert.equal((await askHttp1(ports[0], '/metrics', { headers: { authorization: 'Bearer wrong' } })).status, 401);
  assert.equal((await askHttp1(ports[0], '/readyz')).status, 503, 'one of its threads is silent');
});

test('nonsense gets a problem in the 400s, with the headers of every answer', async (t) => {
  const { browser, ports } = await startWithAdministrator(t);
  const bare = { cookie: browser.cookie ?? '', origin: browser.origin, 'x-csrf-token': browser.csrf ?? '' };
  const headers = { ...bare, 'content-type': 'application/json' };
  const table: readonly (readonly [string, string, Ask, number])[] = [
    ['no JSON', '/api/v1/tokens', { method: 'POST', headers, body: '{"label":' }, 400],
    ['nothing', '/api/v1/tokens', { method: 'POST', headers, body: '' }, 400],
    ['a prototype', '/api/v1/tokens', { method: 'POST', headers, body: '{"__proto__":{"scopes":[]}}' }, 400],
    ['a constructor', '/api/v1/tokens', { method: 'POST', headers, body: '{"constructor":{"prototype":{}}}' }, 400],
    [
      'XML',
      '/api/v1/tokens',
      { method: 'POST', headers: { ...headers, 'content-type': 'text/xml' }, body: '<a/>' },
      415,
    ],
    [
      'another text',
      '/api/v1/tokens',
      { method: 'POST', headers: { ...headers, 'content-type': 'application/yaml' }, body: 'a: 1' },
      400,
    ],
    ['bad escapes', '/api/v1/%zz', { headers }, 400],
    ['a NUL', '/api/v1/users/%00', { method: 'DELETE', headers: bare }, 404],
    ['a method that is not there', '/api/v1/tokens', { method: 'PUT', headers, body: '{}' }, 404],
    ['a strange method', '/api/v1/tokens', { method: 'PROPFIND', headers: {} }, 404],
    ['a wrong number', '/api/v1/configuration/revisions/NaN', { headers }, 400],
    ['a wrong limit', '/api/v1/queue?limit=many', { headers }, 400],
    ['an unknown parameter', '/api/v1/queue?__proto__=1&x=1', { headers }, 400],
    ['two of one parameter', '/api/v1/queue?limit=1&limit=2', { headers }, 400],
  ];
  for (const [what, path, ask, status] of table) {
    const answer = await askHttp1(ports[0], path, ask);
    assert.equal(answer.status, status, `${what}: ${answer.body}`);
    assert.match(String(answer.headers['content-type']), /^application\/problem\+json/, what);
    assert.equal(answer.headers['x-content-type-options'], 'nosniff', what);
    const problem = JSON.parse(answer.body);
    assert.ok(problem.code !== undefined && problem.detail.length > 5, `${what}: ${answer.body}`);
  }
  assert.equal((await browser.ask('GET', '/session')).status, 200);
});

const insecure = { rejectUnauthorized: false, agent: false } as const;

const testEvents: Routes = (app, { streams }) => {
  app.get('/test/events', { config: { access: 'read' } }, async (request, reply) => {
    if (request.caller !== null) streams.open(request, reply, request.caller).send('hello', {});
  });
};

/** What arrived so far. */
function collect(stream: NodeJS.ReadableStream): () => string {
  let text = '';
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  return () => text;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`never came true: ${condition}`);
    await sleep(20);
  }
}
