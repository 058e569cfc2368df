// From a configuration and the files that it names to a snapshot.
import { join } from 'node:path';
import { ensureDemoCertificate } from '../tls/certificates.ts';
import { assembleSnapshot } from './compile.ts';
import { refuse } from './drafts.ts';
import { formerSettings } from './former.ts';
import { type FileStamp, readMaterial } from './material.ts';
import { type RollOut, servicesThatDiffer } from './rollout.ts';
import type { GatewayConfig } from './schema.ts';
import type { CertificateSettings, Snapshot } from './snapshot.ts';

export interface Compiled {
  readonly snapshot: Snapshot;
  /** Of the files that were read. */
  readonly stamps: readonly FileStamp[];
}

export class SnapshotCompiler {
  readonly #directory: string;
  readonly #now: () => number;
  #demo: CertificateSettings | null;

  /** `demo`: null: read from, or made in, `certificates` in the data directory when it is first needed. */
  constructor(dataDirectory: string, now: () => number, demo: CertificateSettings | null) {
    this.#directory = dataDirectory;
    this.#now = now;
    this.#demo = demo;
  }

  /** Throws `bad-configuration` for what is wrong with the files. */
  async compile(config: GatewayConfig, number: number): Promise<Compiled> {
    this.#demo ??= await ensureDemoCertificate(join(this.#directory, 'certificates'), config.hostname);
    const material = await readMaterial(config, this.#directory);
    refuse(material.issues, config);
    return { snapshot: assembleSnapshot(config, number, material, this.#demo, this.#now()), stamps: material.stamps };
  }
}

/** `before`: for those outside the share. */
export function withFormer(
  next: Snapshot,
  { share, secret }: Pick<RollOut, 'share' | 'secret'>,
  before: Snapshot,
): Snapshot {
  const former = formerSettings(before);
  return { ...next, rollOut: { share, secret, services: servicesThatDiffer(former, formerSettings(next)), former } };
}
