// TLS of outgoing connections: the contexts in force, and which hosts needed the old versions lately.
import type { TlsServiceSettings } from '../config/snapshot.ts';
import { type ClientCredentials, type ClientTls, compileClientTls } from '../tls/contexts.ts';
import type { TlsVersion } from '../tls/versions.ts';

const remembered = 24 * 3600 * 1000;
const mostHosts = 10_000;
/** Contexts with other versions, authorities or certificates than the usual one. */
const mostContexts = 1000;

export class OutboundTls {
  #settings: TlsServiceSettings;
  #client: ClientTls;
  #stamp: string;
  readonly #special = new Map<string, ClientTls>();
  /** Host → until when (ms since the epoch); oldest first. */
  readonly #legacy = new Map<string, number>();

  constructor(settings: TlsServiceSettings) {
    this.#settings = settings;
    this.#client = compileClientTls(settings);
    this.#stamp = stampOf(settings);
  }

  /** The contexts for these versions, credentials (null: the usual ones) and ciphers (not given: the usual ones). */
  clientFor(
    versions: readonly TlsVersion[],
    credentials: ClientCredentials | null,
    ciphers = this.#settings.ciphers,
  ): ClientTls {
    const usual = ciphers === this.#settings.ciphers && versions.length === this.#settings.versions.length;
    if (credentials === null && usual) return this.#client;
    const key = `${versions.join()} ${credentials?.stamp ?? ''} ${ciphers}`;
    let client = this.#special.get(key);
    if (client === undefined) {
      if (this.#special.size >= mostContexts) this.#special.clear();
      client = compileClientTls({ versions, ciphers }, credentials ?? {});
      this.#special.set(key, client);
    }
    return client;
  }

  /** Equal stamps: the same settings. */
  get stamp(): string {
    return this.#stamp;
  }

  update(settings: TlsServiceSettings): void {
    const stamp = stampOf(settings);
    if (stamp === this.#stamp) return;
    this.#settings = settings;
    this.#client = compileClientTls(settings);
    this.#stamp = stamp;
    this.#special.clear();
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
