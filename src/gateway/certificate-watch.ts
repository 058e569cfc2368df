// Certificates in use whose end is near: told once a day, and after each change of the configuration.
import { describeCertificates, expiryWarnings } from '../admin/commands/certificates.ts';
import type { Revision } from '../config/store.ts';
import { messageOf } from '../errors.ts';

const day = 24 * 3600 * 1000;

export class CertificateWatch {
  readonly #directory: string;
  readonly #warn: (text: string) => void;
  #told = 0;
  #revision = 0;
  #warnings: readonly string[] = [];

  constructor(dataDirectory: string, warn: (text: string) => void) {
    this.#directory = dataDirectory;
    this.#warn = warn;
  }

  /** Sentences, as of the last look. */
  get warnings(): readonly string[] {
    return this.#warnings;
  }

  /** Cheap where nothing is due. Never rejects. `files`: they may have changed. */
  async look({ number, config }: Revision, now: number, files = false): Promise<void> {
    const due = now - this.#told >= day;
    if (!due && !files && number === this.#revision) return;
    this.#revision = number;
    try {
      const warnings = expiryWarnings(await describeCertificates(this.#directory, config), now);
      for (const warning of warnings) if (due || !this.#warnings.includes(warning)) this.#warn(warning);
      this.#warnings = warnings;
      if (due) this.#told = now;
    } catch (error) {
      if (due) this.#warn(`certificates cannot be looked at: ${messageOf(error)}`);
      this.#told = now;
    }
  }
}
