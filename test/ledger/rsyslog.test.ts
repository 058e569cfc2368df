// A real collector: rsyslog, over UDP, TCP and TLS (its GnuTLS driver).
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { prepareSyslog, Syslog } from '../../src/ledger/syslog.ts';
import { CertificateDirectory } from '../tls/peers.ts';
import { collectorSettings, recordingSink, snapshotWith, temporaryDirectory, until } from './fixture.ts';

const program = ['/usr/sbin/rsyslogd', '/sbin/rsyslogd'].find((path) => spawnSync(path, ['-v']).status === 0);

async function freePorts(): Promise<{ readonly udp: number; readonly tcp: number; readonly tls: number }> {
  const servers = [createServer(), createServer()];
  const [tcp = 0, tls = 0] = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) =>
          server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
        ),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const udp = socket.address().port;
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return { udp, tcp, tls };
}

const time = new Date(2026, 2, 17, 18, 24, 37).getTime();
const line = (index: number) => `Info: MID ${index} ready 280 bytes from <grüße@example.org>`;

test('rsyslog takes our lines over UDP, TCP and TLS, also after it was away', {
  skip: program === undefined && 'rsyslogd is not installed',
}, async (t) => {
  const directory = temporaryDirectory(t);
  const certificates = new CertificateDirectory();
  t.after(() => certificates.remove());
  const pair = certificates.make('rsa:2048', 'localhost');
  const ports = await freePorts();
  const files = { udp: join(directory, 'udp.log'), tcp: join(directory, 'tcp.log'), tls: join(directory, 'tls.log') };
  const ruleset = (name: keyof typeof files) =>
    `ruleset(name="${name}") { action(type="omfile" file="${files[name]}" template="whole") }`;
  writeFileSync(
    join(directory, 'rsyslog.conf'),
    `global(workDirectory="${directory}" parser.escapeControlCharactersOnReceive="on"
  defaultNetstreamDriverCAFile="${pair.certFile}" defaultNetstreamDriverCertFile="${pair.certFile}" defaultNetstreamDriverKeyFile="${pair.keyFile}")
module(load="imudp")
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
module(load="imptcp")
template(name="whole" type="string" string="%pri%|%timereported%|%hostname%|%syslogtag%|%msg%\\n")
${ruleset('udp')}
${ruleset('tcp')}
${ruleset('tls')}
input(type="imudp" address="127.0.0.1" port="${ports.udp}" ruleset="udp" rcvbufSize="1m")
input(type="imptcp" address="127.0.0.1" port="${ports.tcp}" ruleset="tcp")
input(type="imtcp" address="127.0.0.1" port="${ports.tls}" ruleset="tls")
`,
  );
  let daemon = startDaemon(t, directory);
  const log = recordingSink();
  const collector = (name: keyof typeof files) =>
    collectorSettings({
      name,
      host: 'localhost',
      protocol: name,
      port: ports[name],
      hostname: name !== 'udp',
      ca: pair.cert,
    });
  const snapshot = snapshotWith({ syslog: [collector('udp'), collector('tcp'), collector('tls')] });
  const options = { directory: join(directory, 'buffer'), log, firstPause: 50, longestPause: 200 };
  const syslog = new Syslog(options, prepareSyslog(snapshot));
  t.after(() => syslog.stop());
  const lines = (name: keyof typeof files): string[] => {
    try {
      return readFileSync(files[name], 'utf8').split('\n').slice(0, -1);
    } catch {
      // Not written yet.
      return [];
    }
  };
  const connected = () => syslog.status().every((status) => status.state === 'connected');
  await until(`connections\n${log.texts.join('\n')}`, connected, 20_000);
  let next = 0;
  const say = (count: number): void => {
    for (let i = 0; i < count; i++) syslog.line('mail', 'Info', time, line(next++));
  };
  // Connected UDP says nothing about whether rsyslog listens yet; TCP and TLS do.
  say(500);
  const arrived = (count: number) => () =>
    (['udp', 'tcp', 'tls'] as const).every((name) => lines(name).length >= count);
  await until('the lines', arrived(500), 20_000);

  daemon.kill('SIGTERM');
  await new Promise((resolve) => daemon.on('exit', resolve));
  await until('its absence', () =>
    syslog.status().every((status) => status.name === 'udp' || status.state !== 'connected'),
  );
  say(300);
  daemon = startDaemon(t, directory);
  const complete = () => (['tcp', 'tls'] as const).every((name) => lines(name).length >= 800);
  await until(`what waited\n${log.texts.join('\n')}`, complete, 20_000);

  for (const name of ['tcp', 'tls'] as const) {
    const expected = Array.from(
      { length: 800 },
      (_, index) => `166|Mar 17 18:24:37|gw.example.com|mail_logs:| ${line(index)}`,
    );
    assert.deepEqual(lines(name), expected, name);
  }
  // Without a host name in the message rsyslog takes the sender's.
  assert.match(
    lines('udp')[0] ?? '',
    /^166\|Mar 17 18:24:37\|[^|]+\|mail_logs:\| Info: MID 0 ready 280 bytes from <grüße@example\.org>$/,
  );
  assert.equal(lines('udp').slice(0, 500).length, 500);
});

function startDaemon(t: TestContext, directory: string): ChildProcess {
  const args = ['-n', '-f', join(directory, 'rsyslog.conf'), '-i', join(directory, 'rsyslog.pid')];
  const child = spawn(program ?? '', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  return child;
}
