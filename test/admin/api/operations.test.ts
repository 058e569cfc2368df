// Queue, tracking, reports, logs, certificates, status through the API of a running gateway with mail in it; each answer is what its
// schema says.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { Check } from 'typebox/value';
import { routes } from '../../../src/admin/api/routes/index.ts';
import { freePort, temporaryDirectory } from '../../gateway/harness.ts';
import { type ApiAsk, type ApiGateway, startApi } from './gateway.ts';

/** Asks, and holds the answer against the schema of its route. */
async function use(api: ApiGateway, method: string, path: string, ask: ApiAsk & { readonly at?: string } = {}) {
  const answer = await api.ask(method, path, ask);
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.text}`);
  const pattern = ask.at ?? path.split('?')[0];
  const route = routes.find((one) => one.method === method && one.path === pattern);
  assert.ok(route !== undefined, `${method} ${pattern}`);
  if (route.response !== undefined) assert.ok(Check(route.response, answer.json), `${method} ${path}: ${answer.text}`);
  return answer.json;
}

async function withMail(t: TestContext) {
  const [smtp, closed] = [await freePort(), await freePort()];
  const config = `hostname: gw.example.com
listeners: [{ name: inbound, address: 127.0.0.1, port: ${smtp} }]
accept: [example.com]
routes: [{ domain: example.com, to: ["127.0.0.1:${closed}"] }]
`;
  const api = await startApi(t, { config });
  for (const subject of ['first', 'second', 'third']) {
    const words = [
      '--server',
      `127.0.0.1:${smtp}`,
      '--from',
      `${subject}@example.org`,
      '--to',
      'b@example.com',
      '-tls',
    ];
    const { status, stdout, stderr } = spawnSync('swaks', [...words, '--header', `Subject: ${subject}`], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stdout + stderr);
  }
  return { api, smtp };
}

interface Queue {
  readonly items: readonly { readonly mid: number; readonly reason: string }[];
  readonly total: number;
}

/** Asks until the answer fits: the mail path does not wait for what is asked here. */
async function until<T>(work: () => Promise<T>, fits: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await work();
    if (fits(value)) return value;
    await sleep(50);
  }
}

test('queue, tracking, reports, logs, status', { timeout: 240_000 }, async (t) => {
  const { api } = await withMail(t);
  const failed = (page: Queue) => page.items.length === 3 && page.items.some(({ reason }) => reason !== '');
  const queue = await until<Queue>(() => use(api, 'GET', '/queue'), failed);
  assert.equal(queue.total, 3);
  const [first, second, third] = queue.items.map((row: { mid: number }) => row.mid);
  const page = await use(api, 'GET', '/queue?limit=2');
  assert.deepEqual(
    (await use(api, 'GET', `/queue?limit=2&cursor=${page.next}`)).items.map((row: { mid: number }) => row.mid),
    [third],
  );
  assert.equal((await use(api, 'GET', '/queue?sender=second@example.org')).items[0].mid, second);
  assert.equal((await use(api, 'GET', '/queue/destinations')).items[0].state, 'down');
  const act = (body: object) => use(api, 'POST', '/queue/actions', { as: 'operator', body });
  assert.equal((await act({ action: 'hold', mids: [first, third] })).count, 2);
  assert.deepEqual(
    (await use(api, 'GET', '/queue?held=true')).items.map((row: { state: string }) => row.state),
    ['held', 'held'],
  );
  assert.equal((await act({ action: 'release', filter: { mid: first } })).count, 1);
  assert.equal((await act({ action: 'delete', filter: { sender: '@example.org', held: true } })).count, 1);
  assert.equal((await use(api, 'GET', '/queue')).total, 2);

  const wanted = `/tracking?subject=second&recipient=@example.com`;
  const tracked = await until(
    () => use(api, 'GET', wanted),
    ({ items }) => items.length === 1,
  );
  assert.deepEqual([tracked.items[0].mid, tracked.items[0].state, tracked.items[0].tls], [second, 'queued', 'TLSv1.3']);
  const story = await use(api, 'GET', `/tracking/${second}`, { at: '/tracking/{mid}' });
  assert.equal(story.incoming.tls.protocol, 'TLSv1.3');
  assert.ok(story.events.some(({ kind }: { kind: string }) => kind === 'queued'));
  assert.equal((await api.ask('GET', '/tracking/999999')).status, 404);
  await until(
    () => use(api, 'GET', '/tracking?state=deleted'),
    ({ items }) => items[0]?.mid === third,
  );

  const report = await use(api, 'GET', '/reports/tls-connections?direction=incoming');
  assert.ok(report.domains >= 0);
  await use(api, 'GET', '/reports/tls-connections?direction=outgoing&sort=domain&domain=example');
  await use(api, 'GET', '/reports/failures');
  await use(api, 'GET', '/reports/overview');
  const series = await until(
    () => use(api, 'GET', '/reports/series'),
    ({ values }) => Math.max(...values.accepted) > 0,
  );
  assert.equal(series.step, 60_000);
  assert.equal((await api.ask('GET', '/reports/series?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z')).status, 400);

  const log = await use(api, 'GET', '/logs/mail?filter=second@+FROM:&lines=5', { at: '/logs/{log}' });
  assert.match(log.lines[0], /From: <second@example\.org>/);
  const last = await use(api, 'GET', '/logs/mail?lines=3', { at: '/logs/{log}' });
  const before = await use(api, 'GET', `/logs/mail?lines=3&before=${last.before}`, { at: '/logs/{log}' });
  assert.equal(new Set([...last.lines, ...before.lines]).size, 6);

  assert.equal((await use(api, 'GET', '/status')).queue.messages, 2);
  assert.equal((await use(api, 'GET', '/version')).hostname, 'gw.example.com');
  await use(api, 'GET', '/tls');
  const expanded = await use(api, 'POST', '/tls/expand', { as: 'auditor', body: { ciphers: 'AES128:nothing' } });
  assert.deepEqual([expanded.usable, expanded.unknown[0].token], [false, 'nothing']);
});

test('certificates: PKCS#12, request and its certificate, choice, commit, the new one on the wire, refused while in use', {
  timeout: 240_000,
}, async (t) => {
  const api = await startApi(t);
  const directory = temporaryDirectory(t);
  const openssl = (...words: readonly string[]) => {
    const { status, stderr } = spawnSync('openssl', words, { cwd: directory, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  };
  const read = (name: string) => readFileSync(join(directory, name));
  const names = ['-addext', 'subjectAltName=DNS:mx.example.com,IP:127.0.0.1'];
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '20',
    '-keyout',
    'a.key',
    '-out',
    'a.crt',
    '-subj',
    '/CN=mx.example.com',
    ...names,
  );
  openssl('pkcs12', '-export', '-inkey', 'a.key', '-in', 'a.crt', '-out', 'a.p12', '-passout', 'pass:secret');
  const pkcs12 = { data: read('a.p12').toString('base64'), passphrase: 'secret' };
  const wrong = await api.ask('POST', '/certificates', {
    body: { name: 'mx', pkcs12: { ...pkcs12, passphrase: 'x' } },
  });
  assert.deepEqual([wrong.status, wrong.json.code], [422, 'bad-certificate']);
  const uploaded = await use(api, 'POST', '/certificates', { body: { name: 'mx', pkcs12, use: { gui: true } } });
  assert.deepEqual(uploaded.certificate.pairs[0].names, ['mx.example.com', '127.0.0.1']);
  assert.equal(uploaded.certificate.pending, true);

  const request = await use(api, 'POST', '/certificates/csr', {
    body: { name: 'mx', commonName: 'mx.example.com', names: ['*.example.com'] },
  });
  writeFileSync(join(directory, 'a.csr'), request.csr);
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '90',
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-subj',
    '/CN=ca',
  );
  openssl(
    'x509',
    '-req',
    '-in',
    'a.csr',
    '-CA',
    'ca.crt',
    '-CAkey',
    'ca.key',
    '-days',
    '60',
    '-copy_extensions',
    'copyall',
    '-out',
    'b.crt',
  );
  assert.equal((await use(api, 'GET', '/certificates')).requests.length, 1);
  const second = await use(api, 'POST', '/certificates', {
    body: { name: 'mx', pem: { certificate: read('b.crt').toString() } },
  });
  assert.deepEqual(second.certificate.pairs.map((pair: { keyKind: string }) => pair.keyKind).toSorted(), [
    'ECDSA',
    'RSA',
  ]);
  const twice = await api.ask('POST', '/certificates', { body: { name: 'mx', pkcs12 } });
  assert.equal(twice.status, 422, 'a second RSA pair of the name only with "replace"');
  await use(api, 'POST', '/certificates', { body: { name: 'mx', pkcs12, replace: true } });

  const committed = await use(api, 'POST', '/configuration/commit', { body: { comment: 'certificate', force: true } });
  assert.equal(committed.revision, 2);
  const socket = connect({ host: '127.0.0.1', port: api.port, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const shown = new X509Certificate(socket.getPeerCertificate().raw);
  socket.destroy();
  assert.ok(
    [read('a.crt'), read('b.crt')].map((pem) => new X509Certificate(pem).fingerprint256).includes(shown.fingerprint256),
  );

  const all = await use(api, 'GET', '/certificates');
  assert.deepEqual(
    all.items.map((one: { name: string }) => one.name),
    ['demo', 'mx'],
  );
  assert.equal(all.requests.length, 0);
  assert.match(all.warnings.join(), /Certificate "mx" expires on /);
  for (const name of ['mx', 'demo'])
    assert.equal((await api.ask('DELETE', `/certificates/${name}`)).json.code, 'in-use');
  await use(api, 'PUT', '/certificates/demo/use', { at: '/certificates/{name}/use', body: { gui: true } });
  await use(api, 'DELETE', '/certificates/mx', { at: '/certificates/{name}' });
  assert.equal((await api.ask('DELETE', '/certificates/mx')).status, 404);
});

test('the description and its page: public, complete, nothing from anywhere else', { timeout: 60_000 }, async (t) => {
  const api = await startApi(t);
  const description = await api.ask('GET', '/openapi.json', { as: null });
  assert.equal(
    Object.values(description.json.paths as object).flatMap((item) => Object.keys(item)).length,
    routes.length,
  );
  const page = await api.ask('GET', '/api/docs', { as: null });
  assert.match(
    String(page.headers['content-security-policy']),
    /default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'/,
  );
  for (const found of page.text.matchAll(/(?:src|href)="([^"]*)"/g)) {
    assert.match(found[1] ?? '', /^\/api\/docs\//);
    assert.equal((await api.ask('GET', found[1] ?? '', { as: null })).status, 200);
  }
  assert.doesNotMatch(page.text, /<script(?![^>]*src=)|style=|https?:/);
});
