// Syslog over TLS: the first service behind "Other TLS Client Services".
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { KeyObject, webcrypto } from 'node:crypto';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TlsOptions } from 'node:tls';
import type { Snapshot } from '../../src/config/snapshot.ts';
import { prepareSyslog, Syslog } from '../../src/ledger/syslog.ts';
import type { TlsVersion } from '../../src/tls/versions.ts';
import { anyLevel, CertificateDirectory, type KeyPair, versionFlag } from '../tls/peers.ts';
import {
  collectorSettings,
  FrameReader,
  recordingSink,
  snapshotWith,
  streamCollector,
  temporaryDirectory,
  until,
} from './fixture.ts';

const certificates = new CertificateDirectory();
let pair: KeyPair;
before(() => {
  pair = certificates.make('rsa:2048', 'localhost');
});
after(() => certificates.remove());

const time = 1_773_771_877_042;
const current: readonly TlsVersion[] = ['TLSv1.2', 'TLSv1.3'];
const all: readonly TlsVersion[] = ['TLSv1.0', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];

function start(
  t: TestContext,
  settings: Partial<Snapshot['syslog'][number]> & { readonly port: number },
  versions = current,
) {
  const log = recordingSink();
  const snapshot = (otherClients: readonly TlsVersion[]) =>
    snapshotWith({
      otherClients,
      syslog: [collectorSettings({ protocol: 'tls', host: 'localhost', ca: pair.cert, ...settings })],
    });
  const directory = join(temporaryDirectory(t), 'syslog');
  const syslog = new Syslog({ directory, log, firstPause: 50, longestPause: 100 }, prepareSyslog(snapshot(versions)));
  t.after(() => syslog.stop());
  let next = 0;
  const say = (count: number): void => {
    for (let i = 0; i < count; i++) syslog.line('mail', 'Info', time, `Info: MID ${next++} queued for delivery`);
  };
  const commit = (otherClients: readonly TlsVersion[]) => syslog.activate(prepareSyslog(snapshot(otherClients)));
  const logged = (pattern: RegExp) =>
    until(`${pattern}\n${log.texts.join('\n')}`, () => log.texts.some((text) => pattern.test(text)));
  return { syslog, log, say, commit, logged, state: () => syslog.status()[0]?.state };
}

/** A collector that speaks one version of TLS only. */
const only = (version: TlsVersion): TlsOptions => {
  const name = version === 'TLSv1.0' ? 'TLSv1' : version;
  return { cert: pair.cert, key: pair.key, minVersion: name, maxVersion: name, ciphers: 'DEFAULT:@SECLEVEL=0' };
};

describe('versions', () => {
  test('a current collector is reached over TLS 1.3', async (t) => {
    const collector = await streamCollector(t, { tls: { cert: pair.cert, key: pair.key } });
    const { say, log } = start(t, { port: collector.port });
    say(5000);
    await until('all', () => collector.messages.length === 5000);
    assert.deepEqual(collector.versions, ['TLSv1.3']);
    assert.equal(collector.messages[4999], '<166>Mar 17 18:24:37 mail_logs: Info: MID 4999 queued for delivery');
    assert.deepEqual(log.texts, []);
  });

  for (const version of ['TLSv1.0', 'TLSv1.1'] as const) {
    test(`one that speaks ${version} only is refused until the setting allows it, then gets what waited`, async (t) => {
      const collector = await streamCollector(t, { tls: only(version) });
      const { say, commit, logged, log, state } = start(t, { port: collector.port });
      say(2000);
      await logged(
        /^Syslog collector siem: tls:\/\/localhost:[0-9]+: TLS failed: \([0-9]+, 'error:.*; lines are buffered on disk\. ./,
      );
      await sleep(400);
      assert.deepEqual(collector.versions, []);
      assert.match(
        log.texts[0] ?? '',
        /Other TLS Client Services allow TLS v1\.2, TLS v1\.3\. If the collector speaks only an older version/,
      );
      assert.equal(log.texts.length, 1, log.texts.join('\n'));
      // A commit, without a restart.
      commit(version === 'TLSv1.0' ? all : all.slice(1));
      await until('what waited', () => collector.messages.length === 2000);
      say(10);
      await until('what came then', () => collector.messages.length === 2010);
      assert.deepEqual(collector.versions, [version === 'TLSv1.0' ? 'TLSv1' : version]);
      await logged(new RegExp(`connected \\(${version === 'TLSv1.0' ? 'TLSv1' : version} [A-Z0-9-]+\\)`));
      // And back: the connection of the old settings ends.
      commit(current);
      await until('the end of the old connection', () => state() !== 'connected');
      say(10);
      await sleep(300);
      assert.equal(collector.messages.length, 2010);
      assert.ok(log.texts.filter((text) => text.includes('TLS failed')).length >= 2, log.texts.join('\n'));
    });
  }

  test('with all versions allowed a current collector still gets TLS 1.3, and none is tried twice', async (t) => {
    const collector = await streamCollector(t, { tls: { cert: pair.cert, key: pair.key } });
    const { say } = start(t, { port: collector.port }, all);
    say(10);
    await until('all', () => collector.messages.length === 10);
    assert.deepEqual(collector.versions, ['TLSv1.3']);
  });
});

describe('certificates', () => {
  test('of an unknown authority: refused with the reason, taken where verify is off', async (t) => {
    const collector = await streamCollector(t, { tls: { cert: pair.cert, key: pair.key } });
    const other = certificates.make('ec', 'authority');
    const refused = start(t, { port: collector.port, ca: other.cert });
    refused.say(10);
    await refused.logged(
      /the certificate of the collector does not verify: DEPTH_ZERO_SELF_SIGNED_CERT; lines are buffered on disk\. set "ca"/,
    );
    assert.equal(collector.messages.length, 0);
    const taken = start(t, { port: collector.port, ca: other.cert, verify: false });
    taken.say(10);
    await until('the lines', () => collector.messages.length === 10);
  });

  test('for another name: refused', async (t) => {
    const wrong = certificates.make('ec', 'other.example');
    const collector = await streamCollector(t, { tls: { cert: wrong.cert, key: wrong.key } });
    const { say, logged } = start(t, { port: collector.port, ca: wrong.cert });
    say(10);
    await logged(/the certificate of the collector is for another name: .*localhost.*other\.example/);
    assert.equal(collector.messages.length, 0);
  });

  test('for an address, where the host is one', async (t) => {
    const byAddress = certificates.make('ec', 'collector', ['-addext', 'basicConstraints=CA:TRUE']);
    const named = await streamCollector(t, { tls: { cert: byAddress.cert, key: byAddress.key } });
    const refused = start(t, { port: named.port, ca: byAddress.cert, host: '127.0.0.1' });
    refused.say(1);
    await refused.logged(/is for another name: .*127\.0\.0\.1/);
  });

  test('expired: refused', async (t) => {
    const expired = await makeExpired();
    const collector = await streamCollector(t, { tls: { cert: expired.cert, key: expired.key } });
    const { say, logged } = start(t, { port: collector.port, ca: expired.cert });
    say(1);
    await logged(/does not verify: CERT_HAS_EXPIRED/);
    assert.equal(collector.messages.length, 0);
  });
});

/** OpenSSL 3.0's `req` makes none. */
async function makeExpired(): Promise<{ readonly cert: string; readonly key: string }> {
  await import('reflect-metadata');
  const { SubjectAlternativeNameExtension, X509CertificateGenerator } = await import('@peculiar/x509');
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=localhost',
    notBefore: new Date('2020-01-01'),
    notAfter: new Date('2020-02-01'),
    keys,
    signingAlgorithm: algorithm,
    extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }])],
  });
  const key = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' });
  return { cert: certificate.toString('pem'), key: key.toString() };
}

test('a port that speaks no TLS is a failure in plain words, not a silence', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write('220 something else\r\n');
  });
  const port = await listen(server);
  t.after(() => server.close());
  const { say, logged } = start(t, { port });
  say(1);
  await logged(
    /^Syslog collector siem: tls:\/\/localhost:[0-9]+: TLS failed: \([0-9]+, 'error:.*wrong version number'\).*\. What listens there speaks no TLS/,
  );
});

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)));
}

describe("OpenSSL's own server as collector", () => {
  for (const [version, allowed] of [
    ['TLSv1.3', current],
    ['TLSv1.2', current],
    ['TLSv1.0', all],
  ] as const) {
    test(version, async (t) => {
      const placeholder = createServer();
      const port = await listen(placeholder);
      await new Promise((resolve) => placeholder.close(resolve));
      const args = ['s_server', '-accept', `127.0.0.1:${port}`, '-quiet', '-naccept', '10', versionFlag[version]];
      const child = spawn('openssl', [...args, ...anyLevel, '-cert', pair.certFile, '-key', pair.keyFile]);
      t.after(() => child.kill('SIGKILL'));
      child.stderr.resume();
      const reader = new FrameReader();
      child.stdout.on('data', (chunk: Buffer) => reader.push(chunk));
      const { say } = start(t, { port }, allowed);
      say(300);
      await until('the lines', () => reader.messages.length === 300);
      assert.equal(reader.messages[299], '<166>Mar 17 18:24:37 mail_logs: Info: MID 299 queued for delivery');
    });
  }
});
