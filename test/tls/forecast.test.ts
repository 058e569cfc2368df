// 200 random pairs of settings and client; `npm run forecast` runs 2,000.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forecastTable, runForecast, shares } from './forecast.ts';
import { CertificateDirectory } from './peers.ts';
import { tlsClients } from './tls-clients.ts';

test('the forecast by replay is what really happens', async (context) => {
  const directory = new CertificateDirectory();
  try {
    for (const { name, missing } of tlsClients(directory.path)) {
      if (missing !== false) context.diagnostic(`without ${name}: ${missing}`);
    }
    const pairs = await runForecast(directory, 200, 26_000, () => {});
    context.diagnostic(`\n${forecastTable(pairs)}`);
    assert.deepEqual(
      pairs.filter(({ agrees }) => !agrees),
      [],
    );
    assert.equal(pairs.length, 200);
    // The pairs are of all kinds, else they show nothing.
    for (const version of [0x0301, 0x0302, 0x0303, 0x0304]) {
      assert.ok(
        pairs.some((pair) => pair.version === version),
        `nobody was served with ${version}`,
      );
    }
    for (const kind of ['alert protocol version', 'alert handshake failure']) {
      assert.ok(
        pairs.some(({ real }) => real === kind),
        `nobody got ${kind}`,
      );
    }
    assert.ok(pairs.some(({ retry }) => retry));
    assert.ok(new Set(pairs.map(({ client }) => client)).size >= Object.keys(shares).length - 1);
  } finally {
    directory.remove();
  }
});
