import net from 'node:net';
import type { Snapshot } from '../config/snapshot.ts';
import { PosternError } from '../errors.ts';

/**
 * Tests that an address is free with a plain bind. The mail workers bind with `reusePort`, under which a second program
 * would share the port in silence (measured). Throws `in-use` or `bad-configuration`.
 */
async function probeAddress(address: string, port: number, what: string): Promise<void> {
  const server = net.createServer();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ host: address, port, exclusive: true }, resolve);
  try {
    await promise;
  } catch (error) {
    throw bindError(error, address, port, what);
  }
  await new Promise<void>((done) => server.close(() => done()));
}

function bindError(error: unknown, address: string, port: number, what: string): PosternError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const where = `${what}: ${address} port ${port}`;
  if (code === 'EADDRINUSE') {
    return new PosternError('in-use', `${where} is in use by another program`, {
      remedy: 'stop that program or choose another port',
      cause: error,
    });
  }
  if (code === 'EACCES') {
    return new PosternError('bad-configuration', `${where}: no right to bind it`, {
      remedy: 'ports below 1024 need root or the capability CAP_NET_BIND_SERVICE (docs/port-25.md)',
      cause: error,
    });
  }
  if (code === 'EADDRNOTAVAIL') {
    return new PosternError('bad-configuration', `${where}: this machine has no such address`, {
      remedy: 'write an address of this machine, or 0.0.0.0 or :: for all of them',
      cause: error,
    });
  }
  return new PosternError('bad-configuration', `${where}: ${String(error)}`, { cause: error });
}

/** A port of the loopback that is free at this moment. */
export async function freePort(): Promise<number> {
  const server = net.createServer();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  const address = server.address();
  await new Promise<void>((done) => server.close(() => done()));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/**
 * Tests the addresses of a snapshot's listeners and of its web UI, except on ports where `running` listens already (there
 * another address of ours may be what a plain bind meets). Throws as `probeAddress`.
 */
export async function probeNewAddresses(snapshot: Snapshot, running: Snapshot | null): Promise<void> {
  const ours = new Set([...(running?.listeners.map(({ port }) => port) ?? []), ...(running?.gui.ports ?? [])]);
  for (const { name, address, port } of snapshot.listeners) {
    if (!ours.has(port)) await probeAddress(address, port, `listener "${name}"`);
  }
  for (const port of snapshot.gui.ports) {
    if (!ours.has(port)) await probeAddress(snapshot.gui.address, port, 'web UI (gui.ports)');
  }
}
