// A compiled configuration with one listener, for tests of the preview.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Snapshot } from '../../src/config/snapshot.ts';
import { ConfigStore } from '../../src/config/store.ts';
import type { TlsVersion } from '../../src/tls/versions.ts';

/** One listener `inbound`, with the demo certificate. */
export async function testSettings(inbound: readonly TlsVersion[], more = ''): Promise<Snapshot> {
  const directory = mkdtempSync(join(tmpdir(), 'postern-preview-settings-'));
  try {
    const initial = `hostname: gw.example.com
listeners: [{ name: inbound, address: 127.0.0.1, port: 2525, tls: preferred }]
tls: { inbound: { versions: [${inbound.join(', ')}] } }
${more}`;
    return await (await ConfigStore.open(directory, { initial })).snapshot();
  } finally {
    rmSync(directory, { recursive: true });
  }
}
