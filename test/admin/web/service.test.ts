// The web service on the wire: TLS versions on both ports, HTTP/2 and 1.1, commits, files, headers.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { logName, tlsVersions } from '../../../src/tls/versions.ts';
import { anyLevel, legalSelections, negotiated, opensslClient, versionFlag } from '../../tls/peers.ts';
import { askHttp1, askHttp2, openHttp2, startWeb } from './fixture.ts';

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
