// What an operating system meets: the systemd unit, the user, and the launcher under whatever Node there is.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { missing } from '../tls/peers.ts';
import { freePort, temporaryDirectory } from './harness.ts';

const root = resolve(import.meta.dirname, '../..');
const unit = readFileSync(join(root, 'packaging/postern.service'), 'utf8');

test('systemd accepts the unit', { skip: missing('systemd-analyze') }, (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'postern.service');
  // The program is where the unit says only on a machine on which it is installed.
  writeFileSync(file, unit.replaceAll('/opt/postern', root));
  const verified = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' });
  assert.equal(verified.stderr, '');
  assert.equal(verified.status, 0);
  // Its own measure of hardening, in tenths: 0 is closed, 100 open.
  const judged = spawnSync('systemd-analyze', ['security', '--offline=true', '--threshold=20', file], {
    encoding: 'utf8',
  });
  assert.equal(judged.status, 0, judged.stdout.slice(-200));
});

test('the unit runs as a user of its own that may bind port 25, and no more', () => {
  for (const line of [
    'User=postern',
    'AmbientCapabilities=CAP_NET_BIND_SERVICE',
    'CapabilityBoundingSet=CAP_NET_BIND_SERVICE',
    'NoNewPrivileges=yes',
    'StandardOutput=journal',
  ]) {
    assert.ok(unit.split('\n').includes(line), line);
  }
  assert.match(unit, /^ExecStart=\S+ serve .*--print-logs$/m);
  assert.match(readFileSync(join(root, 'packaging/postern.sysusers'), 'utf8'), /^u postern /m);
});

/** The machine's own Node, which may be any. */
function otherNode(): string | null {
  const path = (process.env['PATH'] ?? '')
    .split(':')
    .filter((part) => !part.includes('node_modules'))
    .join(':');
  const found = spawnSync('sh', ['-c', 'command -v node'], { encoding: 'utf8', env: { ...process.env, PATH: path } });
  return found.status === 0 ? found.stdout.trim() : null;
}

test('the launcher finds the right Node from another one, and passes signals and status on', {
  skip: otherNode() === null ? 'no node on the path beside the one that is installed here' : false,
}, async (t) => {
  const node = otherNode() ?? '';
  const launcher = join(root, 'bin/postern.mjs');
  const version = spawnSync(node, [launcher, 'version'], { encoding: 'utf8' });
  assert.equal(version.status, 0, version.stderr);
  assert.match(version.stdout, /^Postern \S+ \(Node\.js (2[6-9]|[3-9]\d)\./);
  assert.equal(spawnSync(node, [launcher, 'nonsense']).status, 2);

  const directory = temporaryDirectory(t);
  const file = join(directory, 'gateway.yaml');
  writeFileSync(
    file,
    `gui: { ports: [] }\nlisteners: [{ name: inbound, address: 127.0.0.1, port: ${await freePort()} }]\nspool: { reserve: 1MiB, lowWater: 16MiB, lowWaterShare: 0.001 }\n`,
  );
  const words = ['serve', '--data', join(directory, 'data'), '--config', file, '--print-logs', '--workers', '1'];
  const child = spawn(node, [launcher, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  let output = '';
  const { promise: ready, resolve: isReady } = Promise.withResolvers<void>();
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (output.includes(' is ready')) isReady();
  });
  const { promise: ended, resolve: end } = Promise.withResolvers<readonly [number | null, string | null]>();
  child.once('close', (code, signal) => end([code, signal]));
  await Promise.race([ready, ended]);
  const asked = performance.now();
  child.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null], output);
  assert.ok(performance.now() - asked < 10_000, 'it took longer than 10 s to end');
});
