// TLS of outgoing connections: the contexts in force, and which hosts needed the old versions lately.
import type { TlsServiceSettings } from '../config/snapshot.ts';
import { type ClientTls, compileClientTls } from '../tls/contexts.ts';

const remembered = 24 * 3600 * 1000;
const mostHosts = 10_000;

export class OutboundTls {
  #client: ClientTls;
  #stamp: string;
  /** Host → until when (ms since the epoch); oldest first. */
  readonly #legacy = new Map<string, number>();

  constructor(settings: TlsServiceSettings) {
    this.#client = compileClientTls(settings);
    this.#stamp = stampOf(settings);
  }

  get client(): ClientTls {
    return this.#client;
  }

  /** Equal stamps: the same settings. */
  get stamp(): string {
    return this.#stamp;
  }

  update(settings: TlsServiceSettings): void {
    const stamp = stampOf(settings);
    if (stamp === this.#stamp) return;
    this.#client = compileClientTls(settings);
    this.#stamp = stamp;
    // What was learnt under other settings is no reason to offer less under these.
    this.#legacy.clear();
  }

  needsLegacy(host: string, now: number): boolean {
    const until = this.#legacy.get(host);
    if (until === undefined) return false;
    if (until > now && this.#client.legacy !== null) return true;
    this.#legacy.delete(host);
    return false;
  }

  rememberLegacy(host: string, now: number): void {
    this.#legacy.delete(host);
    if (this.#legacy.size >= mostHosts) {
      const oldest = this.#legacy.keys().next();
      if (oldest.done !== true) this.#legacy.delete(oldest.value);
    }
    this.#legacy.set(host, now + remembered);
  }

  forgetLegacy(host: string): void {
    this.#legacy.delete(host);
  }
}

function stampOf(settings: TlsServiceSettings): string {
  return `${settings.versions.join(' ')}|${settings.ciphers}`;
}
