import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

export type FileSystem = 'tmpfs' | 'ext4';

/** Runs `work` in a file system of `megabytes` of its own; skips the test, saying so, where none can be mounted. */
export async function withSmallDisk(
  t: TestContext,
  megabytes: number,
  work: (directory: string) => Promise<void>,
  type: FileSystem = 'tmpfs',
): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'postern-disk-'));
  const directory = join(home, 'mount');
  const image = join(home, 'image');
  const setup =
    type === 'tmpfs'
      ? `mkdir ${directory} && mount -t tmpfs -o size=${megabytes}M tmpfs ${directory}`
      : `mkdir ${directory} && truncate -s ${megabytes}M ${image} && mkfs.ext4 -q -m 0 ${image} && mount -o loop ${image} ${directory}`;
  const mounted = spawnSync('sh', ['-c', setup], { encoding: 'utf8', timeout: 30_000 });
  try {
    if (mounted.status !== 0) {
      t.skip(`SKIPPED: no ${type} of ${megabytes} MB can be mounted here (run as root): ${mounted.stderr.trim()}`);
      return;
    }
    await work(directory);
  } finally {
    // Lazily: a directory may still be open in this process.
    spawnSync('umount', ['-l', directory]);
    spawnSync('rm', ['-f', image]);
    spawnSync('rmdir', [directory]);
    rmdirSync(home);
  }
}
