// From a configuration and the files that it names to a snapshot.
import { join } from 'node:path';
import { ensureDemoCertificate } from '../tls/certificates.ts';
import { type Compiled, compileConfig } from './compile.ts';
import { formerSettings } from './former.ts';
import { type RollOut, servicesThatDiffer } from './rollout.ts';
import type { GatewayConfig } from './schema.ts';
import type { CertificateSettings, Snapshot } from './snapshot.ts';

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
    return await compileConfig(config, number, {
      dataDirectory: this.#directory,
      demo: this.#demo,
      now: this.#now(),
    });
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
