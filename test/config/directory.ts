// Throw-away data directories, certificates by openssl, and a gateway that only notes what it is told.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Snapshot } from '../../src/config/snapshot.ts';
import type { ConfigApply } from '../../src/config/store.ts';

export function temporaryDirectory(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'postern-config-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Files `<name>.crt` and `<name>.key` in the directory, made by the real openssl. */
export function makeCertificate(
  directory: string,
  name: string,
  algorithm: readonly string[],
): { cert: string; key: string } {
  const cert = join(directory, `${name}.crt`);
  const key = join(directory, `${name}.key`);
  const subject = ['-subj', `/CN=${name}.example.com`, '-days', '30', '-out', cert];
  execFileSync('openssl', ['req', '-x509', '-nodes', '-newkey', ...algorithm, '-keyout', key, ...subject], {
    stdio: 'pipe',
  });
  return { cert, key };
}

export const ecdsa = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
export const rsa2048 = ['rsa:2048'];
export const rsa1024 = ['rsa:1024'];

/** Stands for the built-in certificate where nobody uses it. */
export const demo = { name: 'demo', pairs: [] };

export interface Recorder extends ConfigApply {
  readonly steps: string[];
  readonly snapshots: Snapshot[];
}

export function recorder(overrides: Partial<ConfigApply> = {}): Recorder {
  const steps: string[] = [];
  const snapshots: Snapshot[] = [];
  return {
    steps,
    snapshots,
    prepare: async (snapshot) => {
      steps.push(`prepare ${snapshot.revision}`);
      snapshots.push(snapshot);
      await overrides.prepare?.(snapshot);
    },
    activate: async (number) => {
      steps.push(`activate ${number}`);
      await overrides.activate?.(number);
    },
    abandon: async (number) => {
      steps.push(`abandon ${number}`);
      await overrides.abandon?.(number);
    },
  };
}
