// The hour after a commit: failures that nobody foretold raise an alert, in the log, in the list and by mail; foretold ones do not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { anyLevel, negotiated, opensslClient } from '../tls/peers.ts';
import { freePort, startGateway } from './harness.ts';
import { startSink } from './sink.ts';
import { systemLog } from './web-gateway.ts';

test('failures that follow a commit are compared with the forecast', async (t) => {
  const port = await freePort();
  const sink = await startSink(t);
  const gateway = await startGateway(t, {
    config: `hostname: gw.example.com
gui: { ports: [] }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${port} }
relay: [127.0.0.1]
routes:
  - { domain: "*", to: ["127.0.0.1:${sink.port}"] }
alerts: { to: [ops@example.net] }
timeouts: { commitWatch: 60s }
dns: { reverse: false }
spool: { reserve: 1MiB, lowWater: 16MiB, lowWaterShare: 0.001 }
`,
    arguments: ['--workers', '1'],
  });
  const from = async (address: string) => {
    const args = ['-starttls', 'smtp', '-bind', `${address}:0`, '-tls1_2', ...anyLevel];
    return negotiated((await opensslClient(port, args)).output)?.protocol;
  };
  // Known before, so that its failing is foretold.
  assert.equal(await from('127.0.0.41'), 'TLSv1.2');
  await gateway.shell(['sslconfig inbound 1', '', '', 'commit "TLS 1.3 alone" Y Y']);
  for (let count = 0; count < 8; count++) assert.equal(await from('127.0.0.41'), undefined);
  await sleep(2500);
  assert.match((await gateway.shell('displayalerts')).output, /There were no alerts since the start\./);

  for (let count = 0; count < 8; count++) assert.equal(await from('127.0.0.42'), undefined);
  const line = await systemLog(gateway, /Alert: TLS failures that nobody foretold since revision 2: /);
  assert.match(
    line,
    /[6-8] incoming TLS handshakes have failed in 1 min, \d+ in the hour before; most: .*127\.0\.0\.42/,
  );
  assert.doesNotMatch(line, /127\.0\.0\.41/);
  assert.match((await gateway.shell('displayalerts')).output, /TLS failures that nobody foretold since revision 2\n/);
  const deadline = Date.now() + 20_000;
  while (sink.total < 1 && Date.now() < deadline) await sleep(50);
  assert.equal(sink.total, 1, 'the mail');

  // One client's observations and failures can be deleted; another's stay.
  assert.match((await gateway.shell('forgetaddress 127.0.0.')).output, /is not one address/);
  assert.match((await gateway.shell('forgetaddress 127.0.0.42 Y')).output, /^[1-9]\d* rows were deleted\.$/m);
  assert.match((await gateway.shell('forgetaddress 127.0.0.42 Y')).output, /^0 rows were deleted\.$/m);
  assert.match((await gateway.shell('forgetaddress 127.0.0.41 Y')).output, /^[1-9]\d* rows were deleted\.$/m);
});
