// The web service's part in commits. It is loaded when a snapshot first gives it a port: 900 modules that a gateway without one
// never needs.
import type { AdminHost } from '../admin/host.ts';
import { webCertificate } from '../admin/lock-out.ts';
import type { WebService } from '../admin/web/service.ts';
import type { Snapshot } from '../config/snapshot.ts';
import { compileServerTls } from '../tls/contexts.ts';
import type { CommitPart } from './control-host.ts';

export interface WebPartOptions {
  readonly host: AdminHost;
  /** The directory of the built UI. */
  readonly assets: string;
}

export class WebPart implements CommitPart {
  readonly #options: WebPartOptions;
  #service: WebService | null = null;

  constructor(options: WebPartOptions) {
    this.#options = options;
  }

  async prepare(snapshot: Snapshot): Promise<void> {
    if (this.#service === null && snapshot.gui.ports.length === 0) {
      // What cannot be used is refused now, not when a port comes.
      compileServerTls(snapshot.tls.gui, webCertificate(snapshot));
      return;
    }
    if (this.#service === null) {
      const { WebService } = await import('../admin/web/service.ts');
      this.#service = await WebService.create({ ...this.#options, snapshot });
    }
    await this.#service.prepare(snapshot);
  }

  activate(): void {
    this.#service?.activate();
  }

  abandon(): void {
    this.#service?.abandon();
  }

  /** Requests in flight have `grace` ms. */
  async stop(grace: number): Promise<void> {
    await this.#service?.stop(grace);
  }
}
