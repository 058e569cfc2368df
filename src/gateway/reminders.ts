// What will end soon: certificates in use, exceptions of TLS. Told once a day, and after each change of the configuration.
import { describeCertificates, expiryWarnings } from '../admin/commands/certificates.ts';
import { endOf, exceptionText } from '../config/exceptions.ts';
import type { GatewayConfig } from '../config/schema.ts';
import type { Revision } from '../config/store.ts';
import { messageOf } from '../errors.ts';

const day = 24 * 3600 * 1000;
/** An exception is spoken of so long before its end. */
const soon = 14 * day;

export class Reminders {
  readonly #directory: string;
  readonly #warn: (text: string) => void;
  #told = 0;
  #looked = 0;
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

  /** Cheap where nothing is due. Never rejects. `changed`: files were read anew, or an exception has ended. */
  async look({ number, config }: Revision, now: number, changed = false): Promise<void> {
    const due = now - this.#told >= day;
    if (!due && !changed && number === this.#revision) return;
    this.#revision = number;
    // At the start: what ended in the last day.
    for (const text of ended(config, Math.max(this.#looked, now - day), now)) this.#warn(text);
    this.#looked = now;
    try {
      const certificates = expiryWarnings(await describeCertificates(this.#directory, config), now);
      const warnings = [...certificates, ...ending(config, now)];
      for (const warning of warnings) if (due || !this.#warnings.includes(warning)) this.#warn(warning);
      this.#warnings = warnings;
    } catch (error) {
      if (due) this.#warn(`certificates cannot be looked at: ${messageOf(error)}`);
    }
    if (due) this.#told = now;
  }
}

function ending({ exceptions }: GatewayConfig, now: number): string[] {
  return exceptions.flatMap((exception) => {
    const end = endOf(exception);
    if (end === null || end <= now || end - now > soon) return [];
    return [`Exception ends soon: ${exceptionText(exception)}.`];
  });
}

function ended({ exceptions }: GatewayConfig, since: number, now: number): string[] {
  return exceptions.flatMap((exception) => {
    const end = endOf(exception);
    return end !== null && end > since && end <= now ? [`Exception has ended: ${exceptionText(exception)}.`] : [];
  });
}
