// Who could not connect any more: real hellos of the OpenSSL client, before OpenSSL under the new settings and certificate.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkWebChange } from '../../src/admin/lock-out.ts';
import type { Snapshot } from '../../src/config/snapshot.ts';
import { CertificateDirectory, opensslClient } from '../tls/peers.ts';
import { HelloCatcher } from '../tls/recording.ts';
import { TestHost } from './host.ts';

test('versions, suites, kind of certificate, HSTS; who was out before is not counted; said twice, it is done', async () => {
  const certificates = new CertificateDirectory();
  const host = await TestHost.open();
  const catcher = new HelloCatcher();
  const port = await catcher.listen();
  const recordHello = async (args: readonly string[]): Promise<Uint8Array> => {
    await opensslClient(port, args);
    const [flight] = await catcher.wait(1, 10_000);
    assert.ok(flight !== undefined);
    return flight;
  };
  try {
    const [ec, rsa] = [certificates.make('ec'), certificates.make('rsa:2048')];
    const given = await host.config.snapshot();
    const present: Snapshot = {
      ...given,
      gui: { ...given.gui, certificate: 'both' },
      tls: { ...given.tls, gui: { ...given.tls.gui, versions: ['TLSv1.2', 'TLSv1.3'] } },
      certificates: [
        { name: 'both', pairs: [ec, rsa] },
        { name: 'ec', pairs: [ec] },
      ],
    };
    const with_ = (gui: object, tls: object): Snapshot => ({
      ...present,
      gui: { ...present.gui, ...gui },
      tls: { ...present.tls, gui: { ...present.tls.gui, ...tls } },
    });
    const old = await recordHello(['-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256']);
    const modern = await recordHello([]);
    const actor = { user: 'anna', role: 'administrator', face: 'UI', address: '192.0.2.7', connected: 0 } as const;
    const last = (user: string, flight: Uint8Array) => ({ user, flight, address: '192.0.2.8', time: 0 });
    const check = (
      next: Snapshot,
      flight: Uint8Array | null,
      hellos: readonly ReturnType<typeof last>[],
      force = false,
    ) => checkWebChange({ next, present, actor: { ...actor, flight }, hellos, force });

    const only13 = with_({}, { versions: ['TLSv1.3'] });
    assert.deepEqual(await check(only13, modern, []), []);
    await assert.rejects(check(only13, old, []), {
      code: 'lock-out',
      message: /by you, .*192\.0\.2\.7.*TLS v1\.2 at most/,
    });
    await assert.rejects(check(only13, modern, [last('olga', old)]), { code: 'lock-out', message: /by olga, as of/ });
    assert.deepEqual(await check(only13, old, [last('olga', old)], true), []);
    await assert.rejects(check(with_({}, { ciphers: 'ECDHE+AES256+AESGCM' }), old, []), {
      code: 'lock-out',
      message: /add /,
    });
    // The same suites, but no certificate for them any more.
    await assert.rejects(check(with_({ certificate: 'ec' }, {}), old, []), {
      code: 'lock-out',
      message: /certificate/,
    });
    assert.match((await check(with_({ certificate: 'ec' }, {}), modern, [])).join(), /has another certificate/);
    assert.match((await check(with_({ ports: [1, 2] }, {}), old, [])).join(), /is at https:\/\/127\.0\.0\.1:1 and/);
    assert.match((await check(with_({ ports: [] }, {}), old, [])).join(), /no port any more/);

    const ancient = await recordHello(['-tls1_1', '-cipher', 'DEFAULT:@SECLEVEL=0']);
    assert.deepEqual(await check(only13, null, [last('otto', ancient)]), [], 'he could not connect before either');
    await assert.rejects(check(with_({ hsts: true }, {}), modern, []), {
      code: 'bad-configuration',
      message: /gui\.hsts/,
    });
    const remembered = { ...present, gui: { ...present.gui, hsts: true } };
    await assert.rejects(
      checkWebChange({
        next: with_({ certificate: 'ec' }, {}),
        present: remembered,
        actor: { ...actor, flight: modern },
        hellos: [],
        force: false,
      }),
      { code: 'lock-out', message: /every browser that was here in the last 7 days/ },
    );
  } finally {
    host.remove();
    certificates.remove();
    await catcher.close();
  }
});
